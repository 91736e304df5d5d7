"""The table of docs/mechanics.md: which worked case shows which row of what is wanted."""

from __future__ import annotations

from typing import NamedTuple

from tests.drivers.documents import ROOT

PAGE = ROOT / "docs" / "mechanics.md"


class Row(NamedTuple):
    """A line of the table. `test` is file::function below tests/mission."""

    name: str
    wanted: str
    by: str
    number: str
    test: str


def rows() -> list[Row]:
    """Every row, in the order of the page."""
    cells = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| M")]
    return [Row(*(cell.strip().strip("`") if n != 2 else cell.strip() for n, cell in enumerate(row))) for row in cells]
