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


ROWS = (
    ("receipts", "receipts"),
    ("  of guests", "guest_receipts"),
    ("lines", "lines"),
    ("  of guests", "guest_lines"),
    ("members", "members"),
    ("points earned", "earned"),
    ("points reversed", "reversed"),
    ("points redeemed", "redeemed"),
    ("redemptions declined", "declined"),
    ("points expired", "expired"),
    ("net", "net"),
    ("tier standard", "tier_0"),
    ("tier silver", "tier_1"),
    ("tier gold", "tier_2"),
    ("set aside (parked)", "parked"),
    ("receipts per second", "receipts_per_s"),
)
"""Label and key of each line of the table; partners follow."""


def show_table(report: dict[str, Any]) -> None:
    """The two houses side by side, then the partners."""
    houses = report["houses"]
    table = Table(title="A year of receipts, in two houses", title_justify="left")
    table.add_column("")
    for name in houses:
        table.add_column(name, justify="right")
    for label, key in ROWS:
        table.add_row(label, *(_number(house.get(key)) for house in houses.values()))
    for partner in sorted({partner for house in houses.values() for partner in house.get("partners", {})}):
        for kind in ("earned", "reversed"):
            told = [house.get("partners", {}).get(partner, {}).get(kind) for house in houses.values()]
            table.add_row(f"{partner}: {kind}", *map(_number, told))
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def show_verdict(differences: list[str]) -> None:
    """One line, or what differs."""
    if not differences:
        print("Everything equals the independent count, customer by customer.", flush=True)
        return
    print(f"{len(differences)} differences from the independent count:", flush=True)
    for line in differences[:20]:
        print(f"  {line}", flush=True)
