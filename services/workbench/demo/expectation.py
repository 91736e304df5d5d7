"""What the demo must come to, as two independent programs counted it, and every difference from that.

Owns the comparison. Does not own the counting: tests/oracles wrote the files, with no code of the engine.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.workbench.demo.receipts import DATA

Row = dict[str, Any]


class Expectation:
    """The committed files."""

    def __init__(self, data: Path = DATA) -> None:
        self.totals: dict[str, Row] = json.loads((data / "expected-totals.json").read_bytes())
        self.club: dict[str, Row] = json.loads(gzip.decompress((data / "expected-club.json.gz").read_bytes()))
        with gzip.open(data / "expected-by-customer.csv.gz", "rt", encoding="utf-8", newline="") as text:
            self.plain: dict[str, Row] = {row["CustomerID"]: _plain(row) for row in csv.DictReader(text)}


def _plain(row: Mapping[str, str]) -> Row:
    return {
        "earned": int(row["points_earned"]),
        "reversed": int(row["points_reversed"]),
        "net": int(row["points_net"]),
    }


def of_customers(house: str, expected: Mapping[str, Row], found: Mapping[str, Row]) -> list[str]:
    """A sentence for each customer who is missing, too many, or has another value in a column of the expectation."""
    differences = [f"{house}: customer {number} is not there" for number in sorted(expected.keys() - found.keys())]
    differences += [f"{house}: customer {number} is not expected" for number in sorted(found.keys() - expected.keys())]
    for number in sorted(expected.keys() & found.keys()):
        for column, value in expected[number].items():
            if (there := found[number].get(column)) != value:
                differences.append(f"{house}: customer {number}: {column} is {there}, expected {value}")
    return differences


def of_totals(house: str, expected: Row, found: Row) -> list[str]:
    """A sentence for each total that is expected and differs."""
    return [
        f"{house}: {name} is {found.get(name)}, expected {value}"
        for name, value in expected.items()
        if found.get(name) != value
    ]
