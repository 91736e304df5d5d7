"""Where a process spends its CPU: a sampler inside it, and the table that names the step of each sample.

A sample is taken every millisecond of CPU time, not of the clock, so waiting costs nothing and is not seen. It counts
for the innermost of our functions that the table knows; what C does, it does for whoever called it. A file that is
renamed shows up under "other", not under a wrong name.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping
from types import FrameType

from infra.stack.house import REPOSITORY

EVERY_S = 0.001

STEPS: tuple[tuple[str, str, str], ...] = (
    ("ledger/reading.py", "digest", "hash of the body"),
    ("ledger/reading.py", "", "decode"),
    ("events/decode.py", "", "decode"),
    ("ledger/duplicates.py", "", "duplicates"),
    ("ledger/cold.py", "", "load"),
    ("book/needs.py", "", "load"),
    ("book/ahead.py", "", "load"),
    ("ledger/fold.py", "_load_members", "load"),
    ("ledger/fold.py", "_prefetch", "load"),
    ("programme/calendar.py", "instant_ms", "decode"),
    ("programme/", "", "rate"),
    ("book/member.py", "encode", "encode members"),
    ("book/rewards.py", "", "rewards"),
    ("events/rewards.py", "", "rewards"),
    ("ledger/fold.py", "_reward", "rewards"),
    ("book/", "", "post"),
    ("ledger/rows.py", "", "rows"),
    ("ledger/published.py", "", "encode records"),
    ("events/", "", "encode records"),
    ("ledger/fold.py", "_member_rows", "encode members"),
    ("ledger/fold.py", "_member_row", "encode members"),
    ("ledger/fold.py", "_book", "rows"),
    ("ledger/fold.py", "", "fold, around it"),
    ("ledger/store.py", "", "commit"),
    ("asyncpg/", "", "commit"),
    ("ledger/relay.py", "", "publish"),
    ("kafka/writer.py", "", "publish"),
    ("aiokafka/producer/", "", "publish"),
    ("kafka/reader.py", "", "fetch"),
    ("kafka/records.py", "", "fetch"),
    ("aiokafka/consumer/", "", "fetch"),
    ("aiokafka/record/", "", "fetch"),
    ("aiokafka/", "", "Kafka's connections"),
    ("intake/core/reading.py", "", "check and hash"),
    ("intake/core/faults.py", "", "check and hash"),
    ("intake/core/dialects/", "", "decode"),
    ("intake/core/facts.py", "", "make facts"),
    ("intake/core/", "", "decide"),
    ("intake/directory.py", "", "directory"),
    ("intake/worker.py", "_produce", "publish"),
    ("intake/worker.py", "", "loop"),
    ("ledger/garbage.py", "", "garbage"),
    ("ledger/worker.py", "", "loop"),
    ("infra/", "", "loop"),
    ("asyncio/", "", "event loop and drivers"),
    ("uvloop/", "", "event loop and drivers"),
)
"""(part of the path, function or "" for any, step): the first row that fits a frame names it."""


class Sampler:
    """Samples of this process from `start` to `stop`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._known: dict[tuple[str, str], str] = {}

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)

    def stop(self) -> dict[str, int]:
        """Step -> samples."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return dict(self._seen)

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        while frame is not None:
            code = frame.f_code
            key = code.co_filename, code.co_name
            step = self._known.get(key)
            if step is None:
                step = self._known[key] = step_of(*key)
            if step:
                self._seen[step] += 1
                return
            frame = frame.f_back
        self._seen["other"] += 1


def step_of(path: str, function: str) -> str:
    """The step that a function belongs to; empty: ask its caller. Where the checkout lies says nothing."""
    path = path.removeprefix(str(REPOSITORY))
    return next((step for part, name, step in STEPS if part in path and name in ("", function)), "")


def shared_out(samples: Mapping[str, int], cpu_us: float) -> dict[str, float]:
    """Step -> microseconds per event, most first, of a process that took `cpu_us` an event."""
    total = sum(samples.values()) or 1
    return {name: round(cpu_us * n / total, 2) for name, n in sorted(samples.items(), key=lambda one: -one[1])}
