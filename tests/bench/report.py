"""What a bench says: lines while it runs (on stderr), a table for a person, and one JSON object as the last line.

Owns the words, the medians and the exit code.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from infra.stack.supervisor import StackError
from tests.bench.house import BenchFailed, pace_now
from tests.bench.machine import cores, described

Result = dict[str, Any]
"""At least `bench`, `exact` (bool) and `differences` (words)."""


def say(line: str) -> None:
    """Progress."""
    print(f"  {line}", file=sys.stderr, flush=True)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most of several rounds; whole numbers stay whole."""
    middle = round(median(values), 3)
    whole = all(isinstance(value, int) for value in values)
    return {"median": round(middle) if whole else middle, "least": min(values), "most": max(values)}


def ratios(ours: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The rates of some rounds over those of others, round by round."""
    return spread([round(a["events_per_s"] / max(1, b["events_per_s"]), 3) for a, b in zip(ours, others, strict=True)])


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table."""
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def _text(cell: object) -> str:
    if isinstance(cell, dict):
        return f"{_text(cell['median'])} ({_text(cell['least'])}-{_text(cell['most'])})"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.2f}" if isinstance(cell, float) else str(cell)


def run(bench: Callable[[], Awaitable[Result]]) -> int:
    """Run a bench to its end. 0: exact, and what it promises is kept; 1: not so, or it could not run; 130 after
    Ctrl-C or SIGTERM."""
    cores()  # before anything is pinned
    logging.getLogger("infra.kafka").addHandler(logging.NullHandler())  # a new topic without a leader yet is no news
    machine = described()
    try:
        result = uvloop.run(_interruptible(bench))
    except asyncio.CancelledError:
        print("Stopped", file=sys.stderr)
        return 130
    except (BenchFailed, StackError) as why:
        print(f"error: {why}", file=sys.stderr)
        return 1
    result["machine"] = machine
    for line in result["differences"]:
        print(f"  not exact: {line}")
    before, after = machine["pace"] = result.pop("pace")
    print(f"{machine['cpu']}, {machine['cores']} cores; load {machine['load_average'][0]} before; {machine['pinned']}")
    print(f"pace {before:.2f} before and {after:.2f} after: so many times as slow as where the rates were promised")
    print(json.dumps(result), flush=True)
    return 0 if result["exact"] and all(one["kept"] for one in result.get("promises", ())) else 1


async def _interruptible(bench: Callable[[], Awaitable[Result]]) -> Result:
    me = asyncio.current_task()
    assert me is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    before = await pace_now()
    result = await bench()
    return {**result, "pace": [before, await pace_now()]}
