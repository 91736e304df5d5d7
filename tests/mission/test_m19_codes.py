"""M19, several people: a friend buys with the code at 30 % and later gives his own code back; who brought whom is paid
in the whole book; a companion flies free."""

from __future__ import annotations

import pytest

from tests.drivers.prices import Till

PROGRAMME = """
programme: friends
version: friends-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
price:
  - {id: code, when: {codes: [ANN-30, BOB-30]}, percent_off: {percent: 30}}
  - {id: companion, entitled: [companion], every_nth: {every: 2, times: 1, only: [flight]}}
entitlements:
  - {id: companion, when: {status: {card: [gold]}}}
rules:
  - {id: friend, referral: {points: 200, from_minor: 5000, within_days: 60, after_days: 30}}
"""


def test_a_code_goes_from_friend_to_friend() -> None:
    """Whoever shows it has 30 %: Bob with Ann's code, later Ann with Bob's."""
    till = Till(PROGRAMME)
    assert till.pays("2026-03-01 100.00 code:ANN-30", "bob") == 7000
    assert till.pays("2026-04-01 100.00 code:BOB-30", "ann") == 7000
    assert till.pays("2026-04-01 100.00", "ann") == 10000


@pytest.mark.parametrize("late", [False, True])
def test_the_one_who_brought_a_friend_is_paid_in_the_whole_book(late: bool) -> None:
    """70.00 on 5 March: 200 for Ann from 4 April on. In any order; and not when 30.00 of it come back."""
    till = Till(PROGRAMME)
    story = ["2026-03-01 enrol e by ann", "2026-03-05 buy A 1*tea=30.00 1*cup=40.00"]
    for line in reversed(story) if late else story:
        till.tell(line, "bob")
    assert till.stands("ann") == "available 0 pending 200 held 0 debt 0"
    till.until("2026-04-03T23:00:00")
    assert till.stands("ann") == "available 200 pending 0 held 0 debt 0"
    till.tell("2026-03-06 back b of A 1*tea=30.00", "bob")
    assert till.stands("ann") == "available 0 pending 0 held 0 debt 0"


def test_a_companion_flies_free() -> None:
    till = Till(PROGRAMME)
    assert till.pays("2026-03-01 2*lisbon/flight=400.00") == 40000
    till.tell("2026-03-02 set s card=gold")
    assert till.pays("2026-03-03 2*lisbon/flight=400.00") == 20000
    assert till.pays("2026-03-03 4*lisbon/flight=800.00") == 60000
    assert till.pays("2026-03-03 1*lisbon/flight=200.00") == 20000
