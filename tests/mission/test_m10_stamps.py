"""M10, stamps and free items: ten stamps make the eleventh pair free; buy two, get the third free."""

from __future__ import annotations

from tests.drivers.rating import Rating

PROGRAMME = """
programme: stamps
version: stamps-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules:
  - id: card
    stamps: {every: %d, only: [shoes], unit: free-pair}
"""


def test_ten_stamps_make_the_eleventh_pair_free() -> None:
    rules = Rating(PROGRAMME % 10)
    rules.tell("2026-03-10 buy A 9*boot/shoes=900.00 1*belt=20.00")
    assert rules.units() == {}
    rules.tell("2026-03-11 buy B 1*boot/shoes=100.00")
    assert rules.units() == {"free-pair": 1}
    rules.tell("2026-03-12 use u1 free-pair")
    rules.tell("2026-03-12 buy C 1*boot/shoes=0.00")  # the free pair itself gives no stamp
    assert rules.units() == {}
    rules.tell("2026-03-13 buy D 9*boot/shoes=900.00")
    assert rules.units() == {}
    rules.tell("2026-03-14 buy E 1*boot/shoes=100.00")
    assert rules.units() == {"free-pair": 1}


def test_buy_two_get_the_third_free() -> None:
    rules = Rating(PROGRAMME % 2)
    rules.tell("2026-03-10 buy A 5*boot/shoes=500.00")
    assert rules.units() == {"free-pair": 2}


def test_stamps_returned_after_the_free_pair_was_taken_are_repaid_by_the_next_card() -> None:
    """Ten bought, the free one taken, one of the ten comes back: nine stamps, one free pair too many. One more pair
    makes ten again and is even; ten more make a free one."""
    rules = Rating(PROGRAMME % 10)
    rules.tell_all("""
        2026-03-10 buy A 10*boot/shoes=1000.00
        2026-03-11 use u1 free-pair
        2026-03-12 back b1 of A 1*boot=100.00
    """)
    assert rules.units() == {"free-pair": -1}
    rules.tell("2026-03-13 buy B 1*boot/shoes=100.00")
    assert rules.units() == {}
    rules.tell("2026-03-14 buy C 10*boot/shoes=1000.00")
    assert rules.units() == {"free-pair": 1}


def test_an_unused_free_pair_goes_back_with_its_stamps() -> None:
    rules = Rating(PROGRAMME % 10)
    rules.tell("2026-03-10 buy A 10*boot/shoes=1000.00")
    rules.tell("2026-03-12 back b1 of A 10*boot=1000.00")
    assert (rules.units(), rules.cells) == ({}, {})
