"""M14, a gift at enrolment: points with an end, or a thing; once."""

from __future__ import annotations

from events.values import millis
from tests.drivers.rating import Rating

PROGRAMME = """
programme: welcome
version: welcome-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - id: hello
    welcome: %s
"""


def test_a_weighty_welcome_gift() -> None:
    """500 points on 31 January, valid for a month: to the end of 28 February."""
    rules = Rating(PROGRAMME % "{points: 500, valid_months: 1}")
    rules.tell("2027-01-31 enrol e1")
    assert rules.lots() == {"welcome": 500}
    assert rules.instants("welcome") == [(millis("2027-01-31T12:00:00Z"), millis("2027-03-01T00:00:00Z"))]


def test_who_enrols_again_gets_no_second_gift() -> None:
    rules = Rating(PROGRAMME % "{points: 500}")
    rules.tell("2027-01-31 enrol e1")
    assert rules.tell("2027-05-01 enrol e2") == []
    assert rules.instants("welcome") == [(millis("2027-01-31T12:00:00Z"), -1)]


def test_a_thing_in_place_of_points() -> None:
    rules = Rating(PROGRAMME % "{unit: mug}")
    rules.tell("2027-01-31 enrol e1")
    assert rules.units() == {"mug": 1}
    rules.tell("2027-02-01 use u1 mug")
    assert rules.units() == {}
    rules.tell("2027-02-02 enrol e2")
    assert rules.units() == {}
