"""Every mechanic in the whole book: any order of arrival, with repeats, gives the same member; and when everything has
come back, nothing is left of what was given for it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from events.values import millis
from services.workbench.simulate import Simulation, report
from tests.drivers.facts import fact

PROGRAMME = """
programme: all
version: all-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
zone: Europe/London
tier: {levels: [{name: silver, from_minor: 9000}, {name: gold, from_minor: 20000}]}
groups: {offers: best}
currencies: {miles: {decimals: 1}}
price: [{id: grown, by_spend: {steps: [{from_minor: 100, percent: 5}]}}]
rules:
  - {id: base, share: {points: 1, per_minor: 100, tier_percent: [100, 150, 200], valid_months: 1}}
  - {id: student, share: {points: 1, per_minor: 100}, when: {groups: [students]}}
  - {id: miles, gives: miles, share: {points: 3, per_minor: 100}}
  - {id: fruit, group: offers, share: {points: 1, per_minor: 30, only: [fruit]}}
  - {id: large, group: offers, bonus: {points: 40, from_minor: 2000, only: [fruit], valid_months: 2}}
  - {id: pair, bundle: {together: [coffee, cake], points: 10}}
  - {id: cap, daily_cap: {points: 120}}
  - {id: often, visits: {every: 2, points: 25, from_minor: 500, valid_months: 1}}
  - {id: card, gift: {unit: card, from_minor: 4000}}
  - {id: first, gift: {points: 70, from_minor: 3000, times: 2, valid_months: 1}}
  - {id: coffee, stamps: {every: 3, unit: free-coffee, only: [coffee]}}
  - {id: jars, stamps: {every: 5, unit: mask, deed: jar}}
  - {id: birthday, reward: {deed: birthday, points: 50, valid_days: 10}}
  - {id: cheaper, price_guarantee: {within_days: 14, only: [cake, fruit], valid_months: 1}}
  - {id: month, ladder: {per_minor: 1000, steps: [{from_minor: 1000, points: 1}, {from_minor: 6000, points: 2}]}}
  - {id: hello, welcome: {points: 30, valid_months: 1}}
  - {id: five-off, voucher: {per_points: 200, unit: five-off}}
  - {id: cause, share: {points: 1, per_minor: 1000, to: red-cross}}
"""
GOODS = (("latte", "coffee"), ("tart", "cake"), ("apple", "fruit"), ("nail", "iron"))


def day(rnd: random.Random, after: int = 0) -> tuple[int, str]:
    number = after + rnd.randrange(70 - min(after, 69))
    month, of_month = (3, number + 1) if number < 31 else (4, number - 30) if number < 61 else (5, number - 60)
    return number, f"2026-{month:02d}-{of_month:02d}T{rnd.randrange(8, 20):02d}:{rnd.randrange(60):02d}:00Z"


def history(seed: int, *, all_back: bool) -> list[dict[str, Any]]:
    """Facts of one member: purchases, what comes back of them, deeds, finds, statuses. No decision of a till."""
    rnd = random.Random(seed)
    told: list[dict[str, Any]] = []
    for n in range(rnd.randrange(1, 9)):
        number, at = day(rnd)
        lines = [
            {"item": item, "quantity": (units := rnd.randrange(1, 5)), "categories": [kind],
             "total_minor": units * rnd.choice([99, 450, 1999])}
            for item, kind in rnd.sample(GOODS, rnd.randrange(1, 5))
        ]  # fmt: skip
        told.append({"type": "purchase", "id": f"p{n}", "occurred_at": at, "lines": lines})
        for part, line in enumerate(lines):
            later = day(rnd, number)[1]
            later = max(later, at)
            back: dict[str, Any] = {"type": "return", "purchase": f"p{n}", "id": f"b{n}{part}", "occurred_at": later}
            units = line["quantity"] if all_back else rnd.randrange(line["quantity"] + 1)
            if units:
                each = line["total_minor"] // line["quantity"]
                gone = {"item": line["item"], "categories": line["categories"], "quantity": units}
                told.append(back | {"lines": [gone | {"total_minor": units * each}]})
        if rnd.random() < 0.4:
            told.append({"type": "price_found", "id": f"f{n}", "purchase": f"p{n}",
                         "item": rnd.choice(["tart", "apple"]), "found_minor": rnd.randrange(500), "evidence": "seen",
                         "occurred_at": max(day(rnd, number)[1], at)})  # fmt: skip
    if not all_back:
        told += [
            {"type": "deed", "id": f"d{n}", "occurred_at": day(rnd)[1], "count": rnd.randrange(1, 4),
             "what": rnd.choice(["jar", "birthday"])}
            for n in range(rnd.randrange(4))
        ]  # fmt: skip
        told += [
            {
                "type": "used",
                "id": f"u{n}",
                "occurred_at": day(rnd)[1],
                "what": rnd.choice(["mask", "free-coffee", "five-off"]),
            }
            for n in range(rnd.randrange(3))
        ]
        for n in range(rnd.randrange(3)):  # without their receipt
            item, kind = rnd.choice(GOODS)
            gone = {"item": item, "categories": [kind], "total_minor": rnd.choice([450, 5000])}
            told.append({"type": "return", "id": f"r{n}", "occurred_at": day(rnd)[1], "lines": [gone]})
        told.append({"type": "enrolled", "id": "e", "occurred_at": day(rnd)[1]})
        told.append({"type": "status_set", "id": "s", "status": "students", "occurred_at": day(rnd)[1]})
    return told


def booked(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Every member at the end of June, as the report has them, without the way that led there."""
    simulation = Simulation([PROGRAMME], ["all.yaml"])
    for value in told:
        simulation.add(fact(**value))
        for member in simulation.members.values():
            member.check()
    assert not simulation.parked
    simulation.advance(millis("2026-06-30T12:00:00Z"))
    found = {}
    for member in report(simulation)["members"]:
        del member["entries"]
        member["currencies"] = {
            name: {key: value for key, value in purse.items() if key != "entries"}
            for name, purse in member["currencies"].items()
        }
        found[member["member"]] = member
    return found


@pytest.mark.parametrize("part", range(8))
def test_any_order_gives_the_same(part: int, soak: int) -> None:
    for seed in range(part * 10 * soak, (part + 1) * 10 * soak):
        told = history(seed, all_back=False)
        rnd = random.Random(seed + 1)
        on_time = booked(sorted(told, key=lambda value: value["occurred_at"]))
        shuffled = told + rnd.sample(told, len(told) // 3)
        rnd.shuffle(shuffled)
        assert booked(shuffled) == on_time, seed


@pytest.mark.parametrize("part", range(6))
def test_when_all_has_come_back_nothing_is_left(part: int, soak: int) -> None:
    """Nothing to spend, nothing owed, no thing, no qualifying spend, and no cell: also of the cause, also of miles.

    Without vouchers: while one has drawn a lot, goods that come back are taken from another, and what the voucher gives
    back may have ended by then.
    """
    without = "\n".join(line for line in PROGRAMME.splitlines() if "voucher:" not in line)
    for seed in range(part * 10 * soak, (part + 1) * 10 * soak):
        told = history(seed, all_back=True)
        simulation = Simulation([without], ["all.yaml"])
        for value in sorted(told, key=lambda value: value["occurred_at"]):
            simulation.add(fact(**value))
        for member in simulation.members.values():
            assert (member.available, member.pending, member.debt, member.qualifying_minor) == (0, 0, 0, 0), seed
            assert member.units == {}, seed
            assert all(purse.available == purse.debt == 0 for purse in member.purses.values()), seed
            assert set(member.cells) <= {"cheaper@0"}, seed  # what was found stays said, and is worth nothing
