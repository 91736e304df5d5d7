"""M18, groups that may: students and professionals earn more, while they are that; owners alone have their offer."""

from __future__ import annotations

from tests.drivers.facts import World

PROGRAMME = """
programme: groups
version: groups-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
groups: {who: best}
rules:
  - {id: base, group: who, share: {points: 1, per_minor: 100}}
  - {id: student, group: who, share: {points: 2, per_minor: 100}, when: {groups: [students]}}
  - {id: trade, group: who, share: {points: 3, per_minor: 100, only: [tools]}, when: {groups: [professionals]}}
  - {id: filter, gift: {unit: free-filter, only: [machine]}, when: {groups: [owners]}}
"""


def test_who_is_a_student_earns_as_one_until_the_card_ends() -> None:
    world = World(PROGRAMME)
    world.tell_all("""
        2026-01-01 buy A 10.00
        2026-02-01 set s1 students until 2026-09-01
        2026-03-01 buy B 10.00
        2026-10-01 buy C 10.00
    """)
    assert world.lots() == {"A": 10, "B": 20, "C": 10}


def test_the_better_of_two_groups_counts_basket_by_basket() -> None:
    """Tools for 10.00 of 12.00: 30 as a professional, 24 as a student. Without them 2.00: 4 as a student."""
    world = World(PROGRAMME)
    world.tell_all("""
        2026-02-01 set s1 students
        2026-02-01 set s2 professionals
        2026-03-01 buy A 1*drill/tools=10.00 1*tea=2.00
    """)
    assert world.member().available == 30
    world.tell("2026-03-02 back b of A 1*drill=10.00")
    assert world.member().available == 4


def test_an_offer_for_owners_only() -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-01 buy A 1*press/machine=100.00")
    assert world.member().units == {}
    world.tell("2026-03-02 set s1 owners")
    world.tell("2026-03-03 buy B 1*press/machine=100.00")
    assert world.member().units == {"free-filter": 1}
