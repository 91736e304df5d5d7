"""The demo's committed expectation is what the independent oracles count; rule A is also what came with the data."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ORACLES = Path(__file__).parents[1] / "oracles"
DATA = Path(__file__).parents[2] / "data" / "uci-online-retail"


def run(name: str) -> dict[str, Any]:
    """The JSON that an oracle prints, run alone as a person would."""
    done = subprocess.run([sys.executable, "-I", ORACLES / f"{name}.py"], capture_output=True, check=True)
    counted: dict[str, Any] = json.loads(done.stdout)
    return counted


@pytest.fixture(scope="module")
def totals() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DATA / "expected-totals.json").read_bytes())
    return read


def test_rule_a_equals_the_expectation_that_came_with_the_data(totals: dict[str, Any]) -> None:
    counted = run("plain")
    customers = counted.pop("customers")
    with gzip.open(DATA / "expected-by-customer.csv.gz", "rt", newline="") as text:
        given = {
            row["CustomerID"]: [int(row["points_earned"]), int(row["points_reversed"]), int(row["points_net"])]
            for row in csv.DictReader(text)
        }
    assert customers == given
    assert counted == totals["plain"]
    rule_a = json.loads((DATA / "oracle.json").read_bytes())["oracle_rule_A"]
    assert (counted["earned"], counted["reversed"], counted["net"]) == (8_902_670, -609_431, 8_293_239)
    assert (counted["earned"], counted["reversed"], counted["net"]) == (
        rule_a["points_earned"],
        rule_a["points_reversed"],
        rule_a["net"],
    )


def test_the_club_counts_again_to_its_committed_expectation(totals: dict[str, Any]) -> None:
    counted = run("club")
    assert counted.pop("customers") == json.loads(gzip.decompress((DATA / "expected-club.json.gz").read_bytes()))
    assert counted == totals["club"]


def test_the_oracles_import_nothing_of_ours() -> None:
    ours = ("events", "services", "projections", "infra")
    lines = [
        f"{path.name}:{number}: {line.strip()}; an oracle that shares code with the engine shares its mistakes"
        for path in sorted(ORACLES.glob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.lstrip().startswith(tuple(f"{word} {room}" for word in ("import", "from") for room in ours))
    ]
    assert not lines, "\n".join(lines)
