"""Recounts a house that is at rest: nothing lost, doubled or overdrawn, and every topic and table says the same.

A program of its own: it shares no code with the product, so that a mistake there cannot be a mistake here too. Each
member is counted fact by fact, in the order of the journal, under the rules of rules.py.

    python -m tests.oracles.recount <where.json       prints one JSON object; exit code 1 when anything differs
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.oracles.recount.between import between
from tests.oracles.recount.booked import changed, directory, doubled, gaps, journal, lost, set_aside
from tests.oracles.recount.books import Books
from tests.oracles.recount.house import House, read
from tests.oracles.recount.models import projections
from tests.oracles.recount.money import chart, decisions, double_entry, overdrawn
from tests.oracles.recount.told import answers, publication, rewards

SHOWN = 5
"""Sentences of each kind that are printed."""

CHECKS: dict[str, Callable[[Books], Iterator[str]]] = {
    "lost": lost,
    "doubled": doubled,
    "overdrawn": overdrawn,
    "changed on the way": changed,
    "directory": directory,
    "set aside": set_aside,
    "journal": journal,
    "gaps in seq": gaps,
    "decisions": decisions,
    "between members": between,
    "double entry": double_entry,
    "accounts of the house": chart,
    "entries.v1 against the tables": publication,
    "rewards": rewards,
    "answers": answers,
    "projections against a rebuild": projections,
}


def report(house: House) -> dict[str, Any]:
    """How much there was, and the sentences of each check that found something."""
    books = Books(house)
    differences = {name: list(check(books)) for name, check in CHECKS.items()}
    kinds = Counter(row["type"] for row in books.facts)
    declined = sum(json.loads(row["outcome"])["status"] == "declined" for row in books.facts)
    return {
        "exact": not any(differences.values()),
        "differences": {name: found[:SHOWN] for name, found in differences.items() if found},
        "found": {name: len(differences[name]) for name in CHECKS},
        "records": len(house.said),
        "facts": dict(kinds),
        "declined": declined,
        "answers": len(house.answers),
        "repeats": sum(len(r) for r in house.entries.values()) - sum(len(r) for r in books.published.values()),
        "members": len(house.tables["member"]),
    }


def main() -> int:
    found = report(asyncio.run(read(json.load(sys.stdin))))
    print(json.dumps(found))
    return 0 if found["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
