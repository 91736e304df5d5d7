"""Processes ended in the middle of the stream, by SIGTERM and by kill -9 in turn, and held apart so that each counts.

Owns when a process is ended and when the stream may go on. Does not own the starting again: infra/stack does that, as
it would for any process that died.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence

from infra.stack.stack import Stack

SIGNALS = (signal.SIGTERM, signal.SIGKILL)
"""In turn; a second house takes them the other way round, so that both have had each process equally often."""


class Restarts:
    """`times` ends for each of a house's processes, spread over its stream.

    The stream is cut into equal parts. When a part is half answered, one process is ended; the stream may run to the
    end of that part meanwhile, and the next part begins when the process is ready again.
    """

    def __init__(
        self,
        stack: Stack,
        processes: Sequence[str],
        times: int,
        total: int,
        signals: Sequence[signal.Signals] = SIGNALS,
    ) -> None:
        """processes: names in the stack. times: ends of each; 0 lets everything pass. total: receipts of the stream."""
        self._stack = stack
        self._plan = [(name, signals[(i + n) % 2]) for i in range(times) for n, name in enumerate(processes)]
        self._part = total / (len(self._plan) + 1)
        self._done = 0
        self._answered = 0
        self._changed = asyncio.Condition()
        self.ended: Counter[tuple[str, str]] = Counter()
        """(process, signal) -> how often."""

    async def may_say(self, number: int) -> None:
        """Returns when receipt `number` (from 0) of the stream may be said."""
        if self._done < len(self._plan) and number >= self._part * (self._done + 1):
            async with self._changed:
                await self._changed.wait_for(lambda: number < self._part * (self._done + 1))

    async def answered(self, count: int) -> None:
        """So many receipts of the stream have been answered."""
        self._answered = count
        if self._done < len(self._plan):
            async with self._changed:
                self._changed.notify_all()

    async def run(self) -> None:
        """Ends process after process; returns when the last one is ready again."""
        for number, (name, how) in enumerate(self._plan):
            half = self._part * (number + 0.5)
            async with self._changed:
                await self._changed.wait_for(lambda half=half: self._answered >= half)  # type: ignore[misc]
            await self._end(name, how)
            async with self._changed:
                self._done = number + 1
                self._changed.notify_all()

    async def _end(self, name: str, how: signal.Signals) -> None:
        pid = self._stack.pid(name)
        if pid is None:
            raise RuntimeError(f"{name} is not running, so it cannot be ended")
        os.kill(pid, how)
        await self._stack.restarted(name, pid)
        self.ended[name, how.name] += 1
