"""Real receipts whose returns name their sale: equal to the on-time reference, and the same in any order of arrival.

Goal: on a year of a real shop's receipts, with levels, points that end, offline redemptions and returns of single
lines, lots, debt, levels and sums are those of a second program (tests/oracles/on_time.py), whatever comes late.
Method: tests/oracles/linked.py links the returns; each customer's facts are folded as they come and in five other
orders. In CI one customer in twenty is told; with `--soak` all of them.
"""

from __future__ import annotations

import csv
import gzip
import random
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from events.values import millis
from services.workbench.simulate import Simulation
from tests.drivers.facts import fact
from tests.oracles.linked import DATA, Linked, linked
from tests.oracles.on_time import on_time

PROGRAMME = """
programme: linked
version: linked-1
effective_from: 2010-01-01T00:00:00Z
currency: GBP
zone: Europe/London
returns: {policy: %s, shortfall: %s}
tier:
  levels: [{name: silver, from_minor: 50000}, {name: gold, from_minor: 200000}]
  window_months: 6
rules:
  - {id: base, share: {points: 1, per_minor: 100, tier_percent: [100, 125, 150], valid_months: 3}}
"""
END = "2012-01-01T00:00:00Z"
PART = 20


@cache
def receipts() -> Linked:
    return linked()


def told(request: pytest.FixtureRequest, share: int) -> list[str]:
    """The customers of this share of the test."""
    part = 1 if request.config.getoption("--soak", default=False) else PART
    return [name for name in sorted(receipts().customers) if int(name) % part == 0 and int(name) // part % 4 == share]


def stands(programme: str, facts: list[dict[str, Any]]) -> dict[str, Any]:
    simulation = Simulation([programme], ["linked.yaml"])
    for said in facts:
        simulation.add(fact(**said))
    simulation.advance(millis(END))
    (member,) = simulation.members.values()
    member.check()
    names = ("debt", "issued", "spent", "held", "expired", "reversed", "written_off")
    return {
        "lots": {lot[:4]: lot[4] for lot in simulation.lots(member.id)},
        "level": member.tier,
        "aside": sorted(member.aside),
        "waiting": dict(member.waiting),
    } | {name: getattr(member, name) for name in names}


def test_how_much_of_what_came_back_is_linked() -> None:
    found = receipts()
    assert (len(found.customers), found.lines, found.left_out) == (CUSTOMERS, LINES, LEFT_OUT)


def test_as_much_is_left_out_by_the_stock_that_a_customer_has() -> None:
    """Counted again with no receipt and no link: each customer has a stock of each item at each price, and a line that
    brings back more than the stock holds empties it and is left out in part or in whole."""
    stock: dict[tuple[str, str, Decimal], int] = {}
    customers, lines, left_out = set(), 0, 0
    with gzip.open(DATA / "online-retail.csv.gz", "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            price, units = Decimal(row["UnitPrice"]), int(row["Quantity"])
            if not row["CustomerID"] or not price or price * 100 % 1:
                continue
            goods = row["CustomerID"], row["StockCode"], price
            there = stock.get(goods, 0)
            if row["InvoiceNo"].startswith("C"):
                lines += 1
                left_out += -units > there
            else:
                customers.add(row["CustomerID"])
            stock[goods] = max(there + units, 0)
    assert (len(customers), lines, left_out) == (CUSTOMERS, LINES, LEFT_OUT)


CUSTOMERS, LINES, LEFT_OUT = 4_338, 8_905, 1_724
"""Customers with a line that costs whole pence; lines of their C-invoices; those of which something found no sale."""


@pytest.mark.parametrize("share", range(4))
@pytest.mark.parametrize(("policy", "shortfall"), [("protected", "debt"), ("strict", "write_off")])
def test_each_customer_is_as_the_reference_counts(
    policy: str, shortfall: str, share: int, request: pytest.FixtureRequest
) -> None:
    programme = PROGRAMME % (policy, shortfall)
    for name in told(request, share):
        facts = receipts().customers[name]
        wanted = on_time([programme], facts, set(), millis(END)).position()
        found = stands(programme, facts)
        assert found == {key: wanted[key] for key in found}, f"customer {name}"


@pytest.mark.parametrize("share", range(4))
def test_each_customer_is_the_same_in_five_other_orders(share: int, request: pytest.FixtureRequest) -> None:
    programme = PROGRAMME % ("strict", "write_off")
    for name in told(request, share):
        facts = receipts().customers[name]
        wanted, dice = stands(programme, facts), random.Random(name)
        for _ in range(5):
            assert stands(programme, dice.sample(facts, len(facts))) == wanted, f"customer {name}"
