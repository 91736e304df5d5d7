"""M30, M08 and M18, rights that come with a level, a group, an invitation or years: yes or no, with the reason."""

from __future__ import annotations

import pytest

from tests.drivers.prices import Till

PROGRAMME = """
programme: club
version: club-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
tier:
  lowest: red
  levels: [{name: silver, from_minor: 50000}, {name: gold, from_minor: 100000}]
  window_months: 1
entitlements:
  - {id: lounge, what: the lounge, when: {tiers: [gold]}}
  - {id: free-delivery, any: [{when: {tiers: [silver, gold]}}, {when: {groups: [students]}}]}
  - {id: closed-pages, when: {groups: [invited]}}
  - {id: warranty, what: five years of warranty, when: {groups: [owners], tenure_months: 24}}
  - {id: priority, when: {tiers: [gold]}, unless: {groups: [blocked]}}
  - {id: everybody}
rules: []
"""


def test_the_lounge_is_for_gold_and_gone_after_a_month_without_a_visit() -> None:
    till = Till(PROGRAMME)
    till.tell("2026-03-01 buy A 999.99")
    assert till.may("lounge", "2026-03-02") == (False, "the level is not gold")
    till.tell("2026-03-03 buy B 0.01")
    assert till.may("lounge", "2026-03-04") == (True, "the level is gold")
    assert till.may("lounge", "2026-04-02T23:30:00") == (False, "the level is not gold")


@pytest.mark.parametrize(
    ("told", "granted", "why"),
    [
        ("2026-03-01 enrol e1", False, "the level is not silver or gold; the member is not in students"),
        ("2026-03-01 set s1 students", True, "the member is in students"),
        ("2026-03-01 buy A 500.00", True, "the level is silver or gold"),
    ],
)
def test_one_of_several_ways_is_enough(told: str, granted: bool, why: str) -> None:
    till = Till(PROGRAMME)
    till.tell(told)
    assert till.may("free-delivery", "2026-03-02") == (granted, why)


def test_an_invitation_opens_closed_pages_until_it_ends() -> None:
    till = Till(PROGRAMME)
    till.tell("2026-03-02 set s1 invited until 2026-03-09")
    assert [till.may("closed-pages", f"2026-03-0{day}")[0] for day in (1, 2, 8, 9)] == [False, True, True, False]


def test_every_key_must_hold() -> None:
    till = Till(PROGRAMME)
    till.tell_all("""
        2024-03-01 enrol e1
        2026-01-01 set s1 owners
    """)
    assert till.may("warranty", "2026-02-28") == (False, "not yet a member for 24 months")
    assert till.may("warranty", "2026-03-01") == (True, "the member is in owners, a member for 24 months")


def test_unless_takes_a_right_away_and_a_right_without_keys_is_everybodys() -> None:
    till = Till(PROGRAMME)
    till.tell_all("""
        2026-03-01 buy A 1000.00
        2026-03-02 set s1 blocked
    """)
    assert till.may("priority", "2026-03-01T13:00") == (True, "the level is gold")
    assert till.may("priority", "2026-03-03") == (False, "the member is in blocked")
    assert till.may("everybody", "2026-03-03") == (True, "everybody has it")
    assert till.may("everybody", "2026-03-03", "stranger") == (True, "everybody has it")
