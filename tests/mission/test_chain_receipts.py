"""A chain's two months of receipts against a count of its own: the rate goes by the basket's size, tenths of a point
are cut off, promotional points stand beside, goods come back. In order, and shuffled with three in ten told twice."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.workbench.simulate import Simulation, report
from tests.drivers.facts import fact

ZONE = ZoneInfo("Asia/Almaty")
PROGRAMME = """programme: chain
version: chain-1
effective_from: 2025-01-01T00:00:00Z
currency: KZT
zone: Asia/Almaty
points_decimals: 1
currencies: {express: {decimals: 1, valid_months: 24}}
rules:
  - id: base
    share:
      per_minor: 2000
      steps: [{from_minor: 0, points: 1}, {from_minor: 55500, points: 2}]
      exclude: [tobacco]
      valid_months: 24
  - id: week
    gives: express
    when: {dates: [2025-03-10..2025-03-20]}
    share: {points: 3, per_minor: 1000, only: [promo]}
"""
KINDS = ((), (), ("promo",), ("tobacco",), ("promo", "tobacco"))


def rows(dice: random.Random) -> list[dict[str, Any]]:
    """Of a receipt: at its edge of 555.00 one time in five."""
    found = [
        {"item": f"i{n}", "total_minor": dice.choice((dice.randrange(30_000), 100)), "categories": dice.choice(KINDS)}
        for n in range(dice.randrange(1, 8))
    ]
    short = 55_500 + dice.choice((-1, 0, 1)) - sum(one["total_minor"] for one in found if counts(one))
    return [*found, {"item": "rest", "total_minor": short}] if short >= 0 and dice.random() < 0.2 else found


def counts(row: dict[str, Any]) -> bool:
    return "tobacco" not in row.get("categories", ())


def worth(lines: list[dict[str, Any]], day: date) -> tuple[int, int]:
    """Tenths of regular and of express points: 0.5 %, or 1 % from 555.00, and 3 % of promo goods in the week."""
    money = sum(row["total_minor"] for row in lines if counts(row))
    promo = sum(row["total_minor"] for row in lines if "promo" in row.get("categories", ()))
    # 0.5 % of so many hundredths of money, in tenths of a point: / 100 * 10 * 0.005, cut
    regular = money // 2_000 if money < 55_500 else money // 1_000
    return regular, promo * 3 // 1_000 if date(2025, 3, 10) <= day <= date(2025, 3, 20) else 0


def told(dice: random.Random) -> tuple[list[dict[str, Any]], dict[str, tuple[int, int]]]:
    """Facts of 20 members, and what each receipt is worth in the end, by the receipt."""
    facts: list[dict[str, Any]] = []
    expected: dict[str, tuple[int, int]] = {}
    for number in range(600):
        at = datetime(2025, 2, 20, tzinfo=ZONE) + timedelta(minutes=dice.randrange(60 * 24 * 60))
        lines = rows(dice)
        of = {"member": f"c{number % 20}", "currency": "KZT"}
        facts.append(of | {"type": "purchase", "id": f"t{number}", "occurred_at": said(at), "lines": lines})
        if dice.random() < 0.2:
            back = [row for row in lines if dice.random() < 0.4]
            lines = [row for row in lines if row not in back]
            at_back = said(at + timedelta(hours=dice.randrange(1, 500)))
            of |= {"purchase": f"t{number}", "occurred_at": at_back}
            facts += [of | {"type": "return", "id": f"r{number}", "lines": back}] if back else []
        expected[f"t{number}"] = worth(lines, at.date())
    return facts, expected


def said(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def given(account: dict[str, Any], found: Counter[str]) -> None:
    """Adds what each purchase's lot was given less what was taken back."""
    for entry in account["entries"]:
        of = (entry["lot"] or "").rpartition("p:")[2]
        found[of] += entry["points"] * ((entry["debit"] == "issued") - (entry["credit"] == "reversed"))


@pytest.mark.parametrize("seed", range(3))
def test_every_receipt_gave_what_was_counted(seed: int) -> None:
    dice = random.Random(seed)
    facts, expected = told(dice)
    facts.sort(key=lambda one: (one["occurred_at"], one["id"]))
    if seed:
        facts += dice.sample(facts, len(facts) * 3 // 10)
        dice.shuffle(facts)
    simulation = Simulation([PROGRAMME], ["chain.yaml"])
    for one in facts:
        simulation.add(fact(**one))
    regular, express = Counter[str](), Counter[str]()
    nothing = {"available": 0, "entries": []}
    for member in report(simulation)["members"]:
        promotional = member["currencies"].get("express", nothing)
        given(member, regular)
        given(promotional, express)
        mine = [worth for name, worth in expected.items() if int(name[1:]) % 20 == int(member["member"][1:])]
        assert member["available"] == sum(worth[0] for worth in mine)
        assert promotional["available"] == sum(worth[1] for worth in mine)
    assert {name: (regular[name], express[name]) for name in expected} == expected
    assert simulation.duplicates == (len(facts) - len({one["id"] for one in facts}))
