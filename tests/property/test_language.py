"""Conditions, groups, caps, steps and currencies together: the same facts in any order come to the same member.

Random histories of one member, with statuses that come late and returns that come early. What they must come to, the
worked cases say (tests/core/test_conditions.py, tests/mission/test_stacking.py, test_currencies.py).
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.book.member import decode, encode
from services.workbench.simulate import report
from tests.drivers.facts import MEMBER, World, fact

SHARES = 4
PROGRAMME = """programme: p
version: p-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
zone: Europe/London
currencies: {promo: {decimals: 1, valid_months: 1}}
stores: {s1: {region: north}}
groups: {g: {stack: best, at_most: 40}, x: exclusive}
tier: {levels: [{name: silver, from_minor: 20000}]}
rules:
  - id: base
    when: {groups: [students]}
    share: {points: 1, per_minor: 100, tier_percent: [100, 150], valid_months: 2}
  - id: seg
    gives: promo
    when: {segments: [a, b]}
    unless: {stores: [s1]}
    share: {points: 3, per_minor: 100, only: [tea]}
  - {id: b1, group: g, when: {basket: {from_minor: 3000}}, share: {points: 1, per_minor: 100}}
  - {id: b2, group: g, when: {codes: [C]}, share: {points: 2, per_minor: 100, only: [tea]}}
  - {id: x1, group: x, share: {points: 1, per_minor: 300, only: [tea]}}
  - {id: x2, group: x, when: {tenure_months: 1}, share: {points: 1, per_minor: 200}}
  - {id: capm, cap: {points: 60, per: month, of: [base, x]}}
  - {id: capp, gives: promo, cap: {points: 100, per: week}}
  - {id: st, when: {status: {segment: [a]}}, stamps: {every: 2, unit: cup, only: [tea]}}
"""
Said = dict[str, Any]


def history(seed: int) -> list[Said]:
    """Facts in the order of time."""
    dice = random.Random(seed)
    told: list[Said] = []
    bought: list[Said] = []
    for n in range(dice.randrange(6, 18)):
        hour = n * 37 + dice.randrange(30)
        month, day = divmod(hour // 24, 28)
        base = {"id": f"f{n}", "occurred_at": f"2026-{month + 1:02d}-{day + 1:02d}T{hour % 24:02d}:00:00Z"}
        verb = dice.choice(["buy"] * 5 + ["back"] * 3 + ["loose", "set", "set", "end", "segment", "enrol"])
        if verb == "buy" or (verb == "back" and not bought):
            rows = [
                {"item": item, "total_minor": dice.randrange(100, 4000), "quantity": dice.randrange(1, 4),
                 "categories": dice.choice([["tea"], [], ["cup"]])}
                for item in dice.sample(["i1", "i2", "i3"], 2)
            ]  # fmt: skip
            said = {
                "type": "purchase",
                "lines": rows,
                "codes": dice.choice([[], ["C"]]),
                "store": dice.choice(["s1", "s2"]),
            }
            bought.append(base | said)
            told.append(base | said)
        elif verb == "back":
            purchase = dice.choice(bought)
            row = dice.choice(purchase["lines"])
            back = row | {
                "total_minor": dice.randrange(1, row["total_minor"] + 1),
                "quantity": dice.choice([0, row["quantity"]]),
            }
            told.append(base | {"type": "return", "purchase": purchase["id"], "lines": [back]})
        elif verb == "loose":
            row = {"item": "z", "total_minor": dice.randrange(1, 900), "categories": ["tea"]}
            told.append(base | {"type": "return", "lines": [row]})
        elif verb == "set":
            ends = {"until": "2026-02-10T00:00:00Z"} if month == 0 and dice.random() < 0.4 else {}
            told.append(base | ends | {"type": "status_set", "status": "students"})
        elif verb == "end":
            told.append(base | {"type": "status_ended", "status": "students"})
        elif verb == "segment":
            told.append(base | {"type": "status_set", "status": "segment", "value": dice.choice("abc")})
        else:
            told.append(base | {"type": "enrolled"})
    return told


def come_to(order: list[Said]) -> list[Any]:
    """How the member stands at two instants after everything; its row goes through its bytes after each fact."""
    world = World(PROGRAMME)
    for said in order:
        world.simulation.add(fact(**said))
        member = world.member()
        member.check()
        world.simulation.members[MEMBER] = decode(MEMBER, encode(member))
    found = []
    for until in ("2026-06-01", "2030-01-01"):
        world.until(until)
        (stands,) = report(world.simulation)["members"]
        found.append({key: stands[key] for key in ("available", "debt", "totals", "lots", "units", "tier")})
        for currency, purse in stands["currencies"].items():
            if any(purse["totals"].values()):
                found[-1][currency] = {key: purse[key] for key in ("available", "debt", "totals", "lots")}
    return found


@pytest.fixture
def tries(soak: int) -> int:
    return 10 * soak


@pytest.mark.parametrize("share", range(SHARES))
def test_any_order_of_facts_comes_to_the_same(share: int, tries: int) -> None:
    for seed in range(share * 10_000, share * 10_000 + tries):
        told = history(seed)
        shuffled = random.Random(seed).sample(told, len(told))
        assert come_to(told) == come_to(shuffled), f"seed {seed}"
