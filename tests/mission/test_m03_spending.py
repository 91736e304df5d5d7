"""M03, points are spent in part or whole, as a discount at the till or for a gift: 450 off the second purchase."""

from __future__ import annotations

from tests.drivers.facts import World

PROGRAMME = """
programme: spending
version: spending-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules:
  - {id: base, share: {points: 5, per_minor: 10000}}
"""


def world() -> World:
    """5 % of 9,000.00: 450 points."""
    found = World(PROGRAMME)
    found.tell("2026-03-01 buy A 9000.00")
    assert found.member().available == 450
    return found


def test_all_of_them_off_the_second_purchase() -> None:
    """9,000 less 450 are paid, of which 5 % are 427.5: 427."""
    book = world()
    book.tell("2026-03-02 redeem q 450")
    book.tell("2026-03-02T12:01 buy B 8550.00")
    assert (book.member().spent, book.member().available) == (450, 427)


def test_in_part_and_no_more_than_there_are() -> None:
    book = world()
    book.tell("2026-03-02 redeem q1 200")
    declined = book.tell("2026-03-02T12:01 redeem q2 251")
    assert (declined.outcome.status, book.stands()) == ("declined", "available 250 pending 0 held 0 debt 0")
    book.tell("2026-03-02T12:02 redeem q3 250")
    assert book.member().available == 0


def test_held_for_a_gift_and_taken_in_part() -> None:
    book = world()
    book.tell("2026-03-02 hold h 400 until 2026-03-03")
    assert book.stands() == "available 50 pending 0 held 400 debt 0"
    book.tell("2026-03-02T13:00 capture c of h 300")
    assert (book.stands(), book.member().spent) == ("available 150 pending 0 held 0 debt 0", 300)
