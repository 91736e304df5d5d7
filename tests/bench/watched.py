"""`python -m tests.bench.watched MODULE FILE`: a process of ours as it is, with a sampler beside it (steps.py).

The process's own code runs unchanged; what was sampled is written to FILE when it ends. Sampling begins with SIGUSR1,
so that the start is not in it.
"""

from __future__ import annotations

import runpy
import signal
import sys
from pathlib import Path

from tests.bench.steps import Sampler


def main(module: str, file: str) -> None:
    sampler = Sampler()
    signal.signal(signal.SIGUSR1, lambda *_: sampler.start())
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sampler.write(Path(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
