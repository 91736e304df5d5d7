"""M17, charity: 1 % of a purchase to a cause. The cause has an account like a member's."""

from __future__ import annotations

from tests.drivers.rating import Rating

PROGRAMME = """
programme: charity
version: charity-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
points_decimals: 2
rules:
  - {id: cause, share: {points: 1, per_minor: 100, to: red-cross}}
"""


def test_one_per_cent_of_a_purchase_goes_to_the_cause_and_comes_back_with_the_goods() -> None:
    """123.45 give 1.23; 100.00 brought back leave 23.45, of which 1 % is 0.23 (rounded down once)."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-01 buy A 1*coat=100.00 1*scarf=23.45")
    assert (rules.units(), rules.lots()) == ({"pts to red-cross": 123}, {})
    rules.tell("2026-03-02 back b of A 1*coat=100.00")
    assert rules.units() == {"pts to red-cross": 23}
