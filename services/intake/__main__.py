"""`python -m services.intake`: runs until SIGTERM or SIGINT, then finishes the batch and exits with 0."""

from __future__ import annotations

import asyncio
import gc
import sys

from infra.health import Health
from infra.metrics import Registry
from infra.process import run_process
from infra.settings import Settings
from services.intake.metrics import Metrics
from services.intake.recovery import Unrecoverable
from services.intake.worker import TopicMadeAnew, run


async def intake(settings: Settings, health: Health, registry: Registry, stopping: asyncio.Event) -> None:
    """The worker of a house."""
    gc.freeze()  # what is loaded by now stays for ever
    await run(settings, health, Metrics(registry), stopping)


if __name__ == "__main__":
    sys.exit(run_process("intake", intake, TopicMadeAnew, Unrecoverable))
