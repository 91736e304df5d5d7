"""`python -m projections`: keeps the read models up to date until SIGTERM or SIGINT, and exits with 0."""

from __future__ import annotations

import logging
import sys

from infra.process import run_process
from infra.runner.store import ModelStopped
from projections.app import run

if __name__ == "__main__":
    logging.getLogger("projections.app").setLevel(logging.CRITICAL)  # Faust's lifecycle; a crash is told in a sentence
    sys.exit(run_process("projections", run, ModelStopped))
