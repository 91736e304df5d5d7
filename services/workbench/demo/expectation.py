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
    """The committed files, by house: totals and customers. A total or column that they do not name is not compared."""

    def __init__(self, data: Path = DATA) -> None:
        self._totals: dict[str, Row] = json.loads((data / "expected-totals.json").read_bytes())
        with gzip.open(data / "expected-by-customer.csv.gz", "rt", encoding="utf-8", newline="") as text:
            plain = {row["CustomerID"]: _rule_a(row) for row in csv.DictReader(text)}
        club = json.loads(gzip.decompress((data / "expected-club.json.gz").read_bytes()))
        self._customers: dict[str, dict[str, Row]] = {"plain": plain, "club": club}

    def receipts(self) -> dict[str, int]:
        """How many are to come, by house: the club has no guests."""
        plain = self._totals["plain"]
        return {"plain": plain["receipts"], "club": plain["receipts"] - plain["guest_receipts"]}

    def differences(self, house: str, totals: Row, customers: Mapping[str, Row]) -> list[str]:
        """A sentence for each total and each customer's column that is not as expected; [] when all is exact."""
        wrong = _unlike(self._totals[house] | {"parked": 0, "projections_differ": 0}, totals)
        expected = self._customers[house]
        wrong += [f"customer {number} is not there" for number in sorted(expected.keys() - customers.keys())]
        wrong += [f"customer {number} is not expected" for number in sorted(customers.keys() - expected.keys())]
        for number in sorted(expected.keys() & customers.keys()):
            wrong += [f"customer {number}: {what}" for what in _unlike(expected[number], customers[number])]
        return [f"{house}: {what}" for what in wrong]


def _rule_a(row: Mapping[str, str]) -> Row:
    return {
        "earned": int(row["points_earned"]),
        "reversed": int(row["points_reversed"]),
        "net": int(row["points_net"]),
    }


def _unlike(expected: Row, found: Row) -> list[str]:
    return [
        f"{name} is {found.get(name)}, expected {value}" for name, value in expected.items() if found.get(name) != value
    ]
