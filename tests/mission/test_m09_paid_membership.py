"""M09, a fee buys privileges for a term: 99 a year; a card for 220 gives 50 % off for a year, even at 1,833.3 km of
0.24 each."""

from __future__ import annotations

from tests.drivers.prices import Till

PROGRAMME = """
programme: paid
version: paid-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
entitlements:
  - {id: free-delivery, what: free delivery, paid: {status: club-fee, months: 12, fee_minor: 9900}}
  - {id: half-fare, paid: {status: rail-fee, months: 12, fee_minor: 22000}}
price:
  - {id: rail, entitled: [half-fare], percent_off: {percent: 50, only: [ticket]}}
rules: []
"""


def test_ninety_nine_a_year() -> None:
    till = Till(PROGRAMME)
    assert till.may("free-delivery", "2026-03-01") == (False, "club-fee (99.00 GBP) was not paid")
    till.tell("2026-03-10 set s1 club-fee=r1")
    assert till.may("free-delivery", "2026-03-10") == (True, "club-fee was paid, to 2027-03-11T00:00:00Z")
    assert till.may("free-delivery", "2027-03-10T23:59:59")[0]
    assert till.may("free-delivery", "2027-03-11T00:00:00") == (
        False, "the term of club-fee (99.00 GBP) ended at 2027-03-11T00:00:00Z",
    )  # fmt: skip


def test_a_card_of_220_pays_from_1833_3_kilometres_on() -> None:
    """1,833.3 km at 0.24 are 440.00 (439.992): at half, the 220.00 that the card costs are saved."""
    till = Till(PROGRAMME)
    assert till.pays("2026-03-01 1*trip/ticket=440.00") == 44000
    till.tell("2026-03-10 set s1 rail-fee=r1")
    assert till.pays("2026-03-11 1*trip/ticket=440.00") == 22000
    assert till.pays("2026-03-11 1*trip/ticket=0.25") == 12  # 0.125 off is 0.13: half up
    assert till.pays("2027-03-11 1*trip/ticket=440.00") == 44000
    assert till.why("rail", "2027-03-11 1.00").startswith("no half-fare: the term of rail-fee")


def test_paid_again_before_the_end_the_next_term_begins_there() -> None:
    till = Till(PROGRAMME)
    till.tell_all("""
        2026-03-10 set s1 club-fee=r1
        2027-02-01 set s2 club-fee=r2
    """)
    assert till.may("free-delivery", "2027-02-01")[0]
    assert till.may("free-delivery", "2028-03-10T23:00:00")[0]
    assert not till.may("free-delivery", "2028-03-11T00:00:00")[0]


def test_terms_that_follow_are_counted_from_the_first_day() -> None:
    """Half-years from 31 August 2026: to 28 February, 31 August, and 29 February 2028, whenever they are paid."""
    till = Till(PROGRAMME.replace("months: 12", "months: 6"))
    till.tell_all("""
        2026-08-31 set s1 club-fee=r1
        2027-02-27 set s2 club-fee=r2
    """)
    assert till.may("free-delivery", "2027-02-28")[1] == "club-fee was paid, to 2027-08-31T23:00:00Z"
    till.tell("2027-03-01 set s3 club-fee=r3")
    for when, has in (("2027-08-31T22:59:59", True), ("2028-02-29T23:59:59", True), ("2028-03-01T00:00:00", False)):
        assert till.may("free-delivery", when)[0] is has, when


def test_paid_back_it_ends_at_once() -> None:
    till = Till(PROGRAMME)
    till.tell_all("""
        2026-03-10 set s1 club-fee=r1
        2026-03-20 end s2 club-fee
    """)
    assert till.may("free-delivery", "2026-03-19")[0]
    assert not till.may("free-delivery", "2026-03-21")[0]
