"""M04, a fixed discount card: a first purchase over 1,500 gives 5 % for ever, on 5,000 as on 50,000; more on the
birthday; nothing while there are sales."""

from __future__ import annotations

from tests.drivers.prices import Till

PROGRAMME = """
programme: card
version: card-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
conditions:
  sales: {dates: [2026-01-05..2026-01-31, 2026-07-01..2026-07-31]}
groups: {card: sum}
price:
  - {id: card, group: card, holds: [card], unless: {conditions: [sales]}, percent_off: {percent: 5}}
  - id: birthday
    group: card
    holds: [card]
    when: {birthday: {days_before: 3, days_after: 3}}
    unless: {conditions: [sales]}
    percent_off: {percent: 5}
rules:
  - {id: issue, gift: {unit: card, from_minor: 150000}}
"""


def test_a_first_purchase_over_the_threshold_gives_five_per_cent_for_ever() -> None:
    till = Till(PROGRAMME)
    till.tell("2026-03-01 buy A 1499.99")
    assert till.pays("2026-03-02 100.00") == 10000
    assert till.why("card", "2026-03-02 100.00") == "the member has no card"
    till.tell("2026-03-03 buy B 1500.00")
    assert till.pays("2026-03-04 5000.00") == 475000  # 5 % of 5,000 is 250
    assert till.pays("2026-03-04 50000.00") == 4750000  # and of 50,000, 2,500


def test_the_card_goes_back_with_the_purchase_that_gave_it() -> None:
    till = Till(PROGRAMME)
    till.tell("2026-03-03 buy B 1500.00")
    till.tell("2026-03-05 back b of B 0.01")
    assert till.pays("2026-03-06 100.00") == 10000


def test_the_card_sleeps_while_there_are_sales() -> None:
    """The first and the last day of the July sales, by the programme's own days: midnight in London is 23:00Z."""
    till = Till(PROGRAMME)
    till.tell("2026-03-03 buy B 1500.00")
    assert till.pays("2026-06-30T22:59:59 100.00") == 9500
    assert till.pays("2026-06-30T23:00:00 100.00") == 10000
    assert till.why("card", "2026-07-31T22:59:59 100.00").startswith("the day is in 2026-01-05..2026-01-31 or")
    assert till.pays("2026-07-31T23:00:00 100.00") == 9500


def test_around_the_birthday_the_card_gives_ten() -> None:
    till = Till(PROGRAMME)
    till.tell_all("""
        2026-03-01 set s1 birthday=05-14
        2026-03-03 buy B 1500.00
    """)
    paid = [till.pays(f"2026-05-{day} 100.00") for day in ("10", "11", "17", "18")]
    assert paid == [9500, 9000, 9000, 9500]
