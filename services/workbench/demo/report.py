"""What a person sees of the demo: progress while it runs, and the table at the end.

Owns the words and the layout. Does not own a number: they are counted in books.py and compared in expectation.py.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from infra.clock import monotonic

LINE_EVERY_S = 2.0


class Progress(Protocol):
    """How far each house has come in its receipts."""

    def show(self, house: str, done: int) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _OnTerminal:
    """Two bars."""

    def __init__(self, console: Console, totals: dict[str, int]) -> None:
        columns = TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._bars = Bars(*columns, console=console)
        self._tasks: dict[str, TaskID] = {house: self._bars.add_task(house, total=n) for house, n in totals.items()}

    def show(self, house: str, done: int) -> None:
        self._bars.update(self._tasks[house], completed=done)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


class _InLines:
    """A line every two seconds, and one when a house is through."""

    def __init__(self, totals: dict[str, int]) -> None:
        self._totals = totals
        self._done = dict.fromkeys(totals, 0)
        self._told = monotonic()

    def show(self, house: str, done: int) -> None:
        self._done[house] = done
        if done == self._totals[house] or monotonic() - self._told > LINE_EVERY_S:
            self._told = monotonic()
            print("  " + "   ".join(f"{h} {self._done[h]:,} of {n:,}" for h, n in self._totals.items()), flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def progress(totals: dict[str, int]) -> Progress:
    """Bars on a terminal, lines elsewhere. totals: receipts by house."""
    console = Console()
    return _OnTerminal(console, totals) if console.is_terminal else _InLines(totals)


REWARDS = ("earned", "reversed")
ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("receipts", ("receipts",)),
    ("  of guests", ("guest_receipts",)),
    ("lines", ("lines",)),
    ("  of guests", ("guest_lines",)),
    ("members", ("members",)),
    ("points earned", ("earned",)),
    ("points reversed", ("reversed",)),
    ("points redeemed", ("redeemed",)),
    ("points expired", ("expired",)),
    ("points net", ("net",)),
    ("redemptions declined", ("declined",)),
    ("tier standard", ("tiers", "0")),
    ("tier silver", ("tiers", "1")),
    ("tier gold", ("tiers", "2")),
    ("set aside", ("parked",)),
    ("receipts per second", ("receipts_per_s",)),
)
"""Label of each line of the table, and where its number stands in a house; partners follow."""


def show_table(report: dict[str, Any]) -> None:
    """The houses side by side, then the partners."""
    houses: dict[str, dict[str, Any]] = report["houses"]
    table = Table(title="A year of receipts, in two houses", title_justify="left")
    table.add_column("")
    for name in houses:
        table.add_column(name, justify="right")
    partners = sorted({partner for house in houses.values() for partner in house["partners"]})
    rewards = [(f"{partner} {kind}", ("partners", partner, kind)) for partner in partners for kind in REWARDS]
    for label, path in (*ROWS, *rewards):
        table.add_row(label, *(_number(house, *path) for house in houses.values()))
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def _number(house: dict[str, Any], *path: str) -> str:
    found: Any = house
    for step in path:
        found = found.get(step, {})
    return f"{found:,}" if isinstance(found, int) else ""


def show_verdict(differences: list[str]) -> None:
    """One line, or what differs."""
    if not differences:
        print("Everything equals the independent count, customer by customer.", flush=True)
        return
    print(f"{len(differences)} differences from the independent count:", flush=True)
    for line in differences[:20]:
        print(f"  {line}", flush=True)
