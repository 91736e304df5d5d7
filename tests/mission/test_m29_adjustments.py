"""Points by hand: given into a lot of their own, taken from the lots in spending order; opening balances (M29)."""

from __future__ import annotations

from events.values import millis
from tests.drivers.rating import Rating

PROGRAMME = """
programme: adjusted
version: adjusted-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules: []
"""


def test_points_given_by_hand_are_a_lot_in_every_programme() -> None:
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10 adjust a1 50")
    rules.tell("2026-03-10 adjust a2 70 until 2026-12-31T00:00")
    assert rules.lots() == {"a:a1": 50, "a:a2": 70}
    given = millis("2026-03-10T12:00:00Z")
    assert rules.instants("a:a1") == [(given, -1)]
    assert rules.instants("a:a2") == [(given, millis("2026-12-31T00:00:00Z"))]
    assert rules.cells == {}  # nothing takes an adjustment back, so nothing is kept


def test_points_taken_by_hand_are_a_draw() -> None:
    rules = Rating(PROGRAMME)
    assert rules.tell("2026-03-10 adjust a1 -50") == [("adjustment@0", "pts", (0, 0, 0, "-a:a1"), -50, "")]


def test_the_programme_may_say_how_long_they_last() -> None:
    rules = Rating(PROGRAMME.replace("[]", "[{id: hand, adjustment: {valid_months: 12}}]"))
    (award,) = rules.tell("2028-02-29 adjust a1 50")
    assert (award[0], award[2][0]) == ("hand@0", millis("2029-03-01T00:00:00Z"))
