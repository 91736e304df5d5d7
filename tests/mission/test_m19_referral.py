"""M19, a member brings a friend: 200 points once the friend has spent 50.00, active when nothing can come back."""

from __future__ import annotations

from events.values import millis
from tests.drivers.rating import Rating

PROGRAMME = """
programme: referral
version: referral-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - id: friend
    referral: {points: 200, from_minor: 5000, within_days: 60, after_days: 30}
"""


def test_the_referrer_is_paid_when_the_friends_goods_can_no_longer_come_back() -> None:
    """30.00 on 5 March and 20.00 on 10 March: reached on the 10th, active from the beginning of 9 April."""
    rules = Rating(PROGRAMME)
    rules.tell_all("""
        2026-03-01 enrol e1 by bob
        2026-03-05 buy A 30.00
    """)
    assert rules.units() == {}
    rules.tell("2026-03-10 buy B 20.00")
    assert rules.units() == {"pts to bob": 200}
    assert rules.instants("friend") == [(millis("2026-04-08T23:00:00Z"), -1)]
    assert rules.lots() == {}  # nothing for the friend


def test_what_the_friend_brings_back_is_not_paid_for() -> None:
    """All of B comes back: 30.00 are not enough. 25.00 more on 20 March are, from 19 April on."""
    rules = Rating(PROGRAMME)
    rules.tell_all("""
        2026-03-01 enrol e1 by bob
        2026-03-05 buy A 30.00
        2026-03-10 buy B 20.00
        2026-03-12 back b1 of B 20.00
    """)
    assert rules.units() == {}
    rules.tell("2026-03-20 buy C 25.00")
    assert rules.units() == {"pts to bob": 200}
    assert rules.instants("friend") == [(millis("2026-04-18T23:00:00Z"), -1)]


def test_goods_without_a_receipt_are_not_paid_for_either() -> None:
    rules = Rating(PROGRAMME)
    rules.tell_all("""
        2026-03-01 enrol e1 by bob
        2026-03-05 buy A 60.00
        2026-03-06 back b1 20.00
    """)
    assert rules.units() == {}


def test_only_what_is_bought_after_joining_and_soon_enough_counts() -> None:
    """Bought the day before joining, and on the 61st day after: neither counts. On the 60th: it does."""
    rules = Rating(PROGRAMME)
    rules.tell_all("""
        2026-02-28 buy A 50.00
        2026-03-01 enrol e1 by bob
        2026-05-01 buy B 50.00
    """)
    assert rules.units() == {}
    rules.tell("2026-04-30 buy C 50.00")
    assert rules.units() == {"pts to bob": 200}


def test_who_joined_alone_was_brought_by_nobody() -> None:
    rules = Rating(PROGRAMME)
    rules.tell_all("""
        2026-03-01 enrol e1
        2026-03-02 enrol e2 by bob
        2026-03-10 buy A 50.00
    """)
    assert rules.units() == {}
