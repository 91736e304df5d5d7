"""The wall clock. The only file that reads it; everything else is told the time or takes it from a fact."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Epoch milliseconds, UTC."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds on a clock that never goes back: for intervals and deadlines, never for a record."""
    return time.monotonic()
