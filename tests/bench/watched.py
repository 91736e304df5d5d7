"""`python -m tests.bench.watched MODULE FILE`: a process of ours as it is, with two meters beside it.

One says where its CPU goes (steps.py), the other how long its event loop could not turn. Its own code runs unchanged;
what was seen is written to FILE when it ends. Both begin with SIGUSR1, so that the start is not in it.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from infra.clock import monotonic
from tests.bench.steps import Sampler

TURN_S = 0.002


class Turns:
    """Pauses of the event loop: how much later than asked for it turned, since `start`."""

    def __init__(self) -> None:
        self._late_ms: list[float] = []
        self._started = False

    def start(self) -> None:
        self._started = True

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            asked = monotonic() + TURN_S
            await asyncio.sleep(TURN_S)
            if self._started:
                self._late_ms.append((monotonic() - asked) * 1_000)

    def figures(self) -> dict[str, float]:
        """Milliseconds, and how many pauses were longer than 20."""
        late = sorted(self._late_ms) or [0.0]
        return {
            "turns": len(late),
            "p99_ms": round(late[int(len(late) * 0.99)], 2),
            "longest_ms": round(late[-1], 2),
            "over_20_ms": sum(one > 20 for one in late),
        }


def main(module: str, file: str) -> None:
    sampler, turns, run = Sampler(), Turns(), uvloop.run

    def start(*_: object) -> None:
        sampler.start()
        turns.start()

    def run_beside(body: Coroutine[Any, Any, Any]) -> Any:
        async def both() -> Any:
            watching = asyncio.create_task(turns.watch())
            try:
                return await body
            finally:
                watching.cancel()

        return run(both())

    signal.signal(signal.SIGUSR1, start)
    uvloop.run = run_beside  # type: ignore[assignment]  # of the calls there are
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        Path(file).write_text(json.dumps({"samples": sampler.stop(), "pauses": turns.figures()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
