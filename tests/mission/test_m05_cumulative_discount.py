"""M05, a discount by what was spent in all: 10,000 gives 5 %, 20,000 7 %, 50,000 10 %. In the other shop 10,000 gives
5 %, 20,000 10 %, and the purchase itself counts: a coat for 22,000 costs 19,800."""

from __future__ import annotations

import pytest

from tests.drivers.prices import Till

PROGRAMME = """
programme: cumulative
version: cumulative-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
price:
  - id: spend
    by_spend:
      with_basket: %s
      exclude: [gift-card]
      spend: {exclude: [gift-card]}
      steps: [%s]
rules: []
"""
STEP = "{from_minor: %d, percent: %d}"
ONE = PROGRAMME % ("false", ", ".join([STEP % (1000000, 5), STEP % (2000000, 7), STEP % (5000000, 10)]))
OTHER = PROGRAMME % ("true", ", ".join([STEP % (1000000, 5), STEP % (2000000, 10)]))


def test_the_coat_costs_19800() -> None:
    assert Till(OTHER).pays("2026-03-01 1*coat=22000.00") == 1980000


@pytest.mark.parametrize(
    ("spent", "pays"),
    [("9999.99", 10000), ("10000.00", 9500), ("19999.99", 9500), ("20000.00", 9300), ("49999.99", 9300),
     ("50000.00", 9000), ("900000.00", 9000)],
)  # fmt: skip
def test_each_step_holds_from_its_amount_on(spent: str, pays: int) -> None:
    till = Till(ONE)
    till.tell(f"2026-03-01 buy A {spent}")
    assert till.pays("2026-03-02 100.00") == pays


def test_what_comes_back_is_not_spent_and_gift_cards_are_no_spend() -> None:
    till = Till(ONE)
    till.tell_all("""
        2026-03-01 buy A 1*coat=9000.00 1*scarf=2000.00
        2026-03-02 buy B 1*card/gift-card=20000.00
    """)
    assert till.pays("2026-03-03 100.00") == 9500
    assert till.pays("2026-03-03 1*card/gift-card=100.00") == 10000
    till.tell("2026-03-04 back b of A 1*scarf=2000.00")
    assert till.pays("2026-03-05 100.00") == 10000


def test_a_quote_at_an_earlier_instant_than_a_late_purchase_is_after_it_in_time() -> None:
    """A purchase of 1 March that comes on 3 March counts from 1 March on."""
    till = Till(ONE)
    till.tell("2026-03-02 buy B 1.00")
    till.tell("2026-03-01 buy A 10000.00")
    assert till.pays("2026-03-02T13:00 100.00") == 9500
