"""Cells that are put away against cells that all lie in the hot row: the same book after every fact.

Rules that count by day and month over three versions that take their cells over; goods that come back after a year,
finds, corrections, late facts and facts said twice. The shelves are as small as they can be, so that nearly all old
cells lie on one. The other book has none: it is the one that every other property of the book is about.
"""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import patch

import pytest

from services.book import shelves
from services.book.member import decode, encode
from services.book.retold import retell
from tests.drivers.accounts import account, account_again
from tests.drivers.facts import MEMBER, World, fact
from tests.drivers.histories import Said, hour

SHARES = 6
STRICT = "returns: {policy: strict}\n"


def programme(number: int, carry: str, policy: str) -> str:
    revision = f"revision: {number}, carry: {carry}, " if number else ""
    return f"""
programme: p
version: p-{number}
effective_from: {("2025-12-01", "2026-03-05", "2026-08-20")[number]}T00:00:00Z
currency: GBP
currencies: {{fuel: {{valid_months: 3}}}}
tier: {{levels: [{{name: silver, from_minor: 30000}}]}}
{policy}
rules:
  - {{id: base, share: {{points: 1, per_minor: 100, tier_percent: [100, 150], valid_months: 6}}}}
  - {{id: cap, {revision}cap: {{points: {(60, 90, 40)[number]}, per: day}}}}
  - {{id: week, cap: {{points: 150, per: week}}}}
  - {{id: often, {revision}visits: {{every: {(2, 3, 2)[number]}, points: 20, valid_months: 2}}}}
  - {{id: month, ladder: {{per_minor: 10000, steps: [{{from_minor: 0, points: 3}}, {{from_minor: 9000, points: 9}}]}}}}
  - {{id: drops, gives: fuel, share: {{points: 1, per_minor: 90}}}}
  - {{id: cheaper, {revision}price_guarantee: {{within_days: {(20, 30, 10)[number]}, per_minor: 10}}}}
  - {{id: cup, voucher: {{per_points: 70, unit: cup}}}}
"""


def history(seed: int) -> list[Said]:
    """A year's facts, and for some seeds some of them late or twice."""
    dice, now = random.Random(seed), 0
    told: list[Said] = []
    bought: list[Said] = []
    for number in range(dice.randrange(20, 70)):
        now += dice.choice([1, 20, 24, 24, 24 * 3, 24 * 25])
        lines = [{"item": "i", "quantity": 2, "total_minor": dice.randrange(500, 9000)}]
        said: Said = {"id": f"f{number}", "occurred_at": hour(now)}
        match dice.choice([*["buy"] * 8, "back", "back", "back", "found", "found", "fix", "spend"]):
            case "back" if bought:
                sale = dice.choice(bought)
                part = sale["lines"][0]["total_minor"] * dice.choice([30, 100]) // 100
                said |= {"type": "return", "purchase": sale["id"]}
                said |= {"lines": [{"item": "i", "quantity": 0, "total_minor": part}]}
            case "found" if bought:
                sale = dice.choice(bought[-4:])
                said |= {"type": "price_found", "purchase": sale["id"], "item": "i", "evidence": "a leaflet"}
                said |= {"found_minor": dice.randrange(1, 3000)}
            case "fix" if bought:
                sale = dice.choice(bought)
                at = dice.choice([sale["occurred_at"], hour(now)])
                said = {**sale, "type": "correction", "revision": number, "lines": lines, "occurred_at": at}
            case "spend":
                said |= {"type": "redemption_requested", "points": dice.randrange(1, 90)}
            case _:
                said |= {"type": "purchase", "lines": lines}
                bought.append(said)
        told.append(said)
    if dice.random() < 0.5:
        return told
    places = sorted((n + (dice.randrange(2, 12) if dice.random() < 0.2 else 0), n) for n in range(len(told)))
    return [told[n] for _, n in places for _ in range(1 + (dice.random() < 0.1))]


@pytest.mark.parametrize("share", range(SHARES))
def test_cells_on_shelves_change_nothing(share: int, soak: int) -> None:
    tries = 5 * soak
    put_away = 0
    for seed in range(share * 10_000, share * 10_000 + tries):
        dice = random.Random(seed)
        carry, policy = dice.choice(["migrate", "top_up", "freeze"]), dice.choice(["", STRICT])
        texts = [programme(number, carry, policy) for number in range(3)]
        whole, small = World(*texts), World(*texts)
        for said in history(seed):
            with patch.object(shelves, "HOT_CELLS_MAX", 10_000):
                whole.simulation.add(fact(**said))
            with patch.multiple(shelves, HOT_CELLS_MAX=2, TOGETHER=2):
                small.simulation.add(fact(**said))
                small.simulation.members[MEMBER] = decode(MEMBER, encode(small.member()))
            assert _last(small) == _last(whole), f"seed {seed}: {said['id']}"
            assert account(small.simulation, MEMBER) == account(whole.simulation, MEMBER), f"seed {seed}: {said['id']}"
        assert not whole.member().away
        put_away += sum(until - first for first, until in small.member().away.values())
        hot = small.member().cells
        assert all(len(hot.get(rule, ())) <= 6 for rule in ("cap@0", "week@0", "month@0")), f"seed {seed}"
        with patch.multiple(shelves, HOT_CELLS_MAX=2, TOGETHER=2):
            house = small.simulation
            assert small.counts_again(), f"seed {seed}"
            assert account_again(retell(house.members[MEMBER], house.plan, house.cold_of(MEMBER))) == account(
                house, MEMBER
            )
    assert put_away > 10 * tries


def _last(world: World) -> Any:
    """What the newest fact came to."""
    booked = world.simulation.booked[-1]
    return booked.fact.id, [(one.outcome, one.posting, one.elsewhere, one.messages) for one in booked.results]
