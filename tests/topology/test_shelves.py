"""Old cells in the ledger's tables: put away and brought back over crashes, as `simulate` does without any."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from events.facts import Fact
from services.book import shelves
from tests.drivers.facts import fact
from tests.drivers.ledger_play import Play, shuffled_marks
from tests.drivers.ledger_topics import Crash, Redeliver
from tests.topology.test_ledger import assert_bytes_of_repeats_are_equal, assert_topics_are_the_tables
from tests.topology.test_messages import published, simulated

PROGRAMME = """
programme: shelves
version: shelves-1
effective_from: 2024-01-01T00:00:00Z
currency: GBP
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: cap, cap: {points: 10, per: day}}
  - {id: cheaper, price_guarantee: {within_days: 366, per_minor: 100}}
"""
DAYS = 20


def year(member: str) -> list[Fact]:
    """15 points on each of 20 days, of which 5 are cut; then from every third day 8.00 come back."""
    told: list[Fact] = []
    for day in range(DAYS):
        for name, pence, hour in (("a", 800, 9), ("b", 700, 15)):
            lines = [{"item": "i", "total_minor": pence}]
            at = f"2026-01-{day + 1:02d}T{hour:02d}:00:00Z"
            told.append(fact(type="purchase", id=f"{member}-{name}{day}", member=member, occurred_at=at, lines=lines))
    for day in range(0, DAYS, 3):
        back = {"type": "return", "id": f"{member}-r{day}", "purchase": f"{member}-a{day}", "member": member}
        lines = [{"item": "i", "total_minor": 800, "quantity": 0}]
        told.append(fact(**back, occurred_at=f"2026-11-{day + 1:02d}T09:00:00Z", lines=lines))
    return told


@pytest.mark.parametrize("most", [1, 7, 10_000])
@pytest.mark.parametrize("at", ["before-commit", "after-commit", "before-mark"])
async def test_a_crash_anywhere_loses_no_cell(at: str, most: int) -> None:
    names = ("m1", "m2", "m3")
    facts = [one for rows in zip(*(year(name) for name in names), strict=True) for one in rows]
    script = shuffled_marks(facts, [Crash(at), Redeliver(5), Crash(at), Crash(at)], seed=most)
    with patch.multiple(shelves, HOT_CELLS_MAX=2, TOGETHER=2):
        play = await Play(most=most, members_cached=2).run([*published(PROGRAMME), *script])
    assert any(kind == "cells" for _, _, kind, _ in play.store.cold)
    assert play.balances() == simulated(facts, PROGRAMME) == dict.fromkeys(names, DAYS * 10 - 7 * 3)
    assert_topics_are_the_tables(play)
    assert_bytes_of_repeats_are_equal(play)
