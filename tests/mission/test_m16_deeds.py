"""M16, rewards for acts that are no purchase: five empty jars brought back, a fresh mask; and points for a birthday."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: deeds
version: deeds-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: jars, stamps: {every: 5, unit: mask, deed: empty-jar}}
  - {id: birthday, reward: {deed: birthday, points: 500, valid_days: 14}}
"""


def test_five_empty_jars_are_a_fresh_mask() -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-01 deed d1 empty-jar 3")
    assert world.member().units == {}
    world.tell("2026-03-02 deed d2 empty-jar 2")
    assert world.member().units == {"mask": 1}
    world.tell("2026-03-03 use u1 mask")
    world.tell("2026-03-04 deed d3 empty-jar 4")
    assert world.member().units == {}
    world.tell("2026-03-05 deed d4 empty-jar")
    assert world.member().units == {"mask": 1}


def test_jars_that_were_counted_twice_are_taken_back() -> None:
    """Ten were said, five were there: one mask, not two."""
    world = World(PROGRAMME)
    world.tell("2026-03-01 deed d1 empty-jar 10")
    world.tell("2026-03-02 deed d2 empty-jar -5")
    assert world.member().units == {"mask": 1}


def test_stamps_for_deeds_have_a_condition_as_points_for_them_have() -> None:
    """Of 12 jars the chemist's 7 count: one mask of five; and of three cups her two are worth 5 each."""
    where = PROGRAMME.replace("deed: empty-jar}", "deed: empty-jar}, when: {partners: [chemist]}")
    where = where.replace("rules:", "partners: [chemist, florist]\nrules:")
    where += "  - {id: cups, reward: {deed: cup, points: 5}, when: {partners: [chemist]}}\n"
    world = World(where)
    world.tell("2026-03-01 deed d1 empty-jar 4")
    world.tell("2026-03-02 deed d2 empty-jar 3 partner:chemist")
    world.tell("2026-03-03 deed d3 empty-jar partner:florist")
    world.tell("2026-03-04 deed d4 empty-jar 4 partner:chemist")
    assert world.member().units == {"mask": 1}
    world.tell("2026-03-05 deed d5 cup 2 partner:chemist")
    world.tell("2026-03-06 deed d6 cup")
    assert world.member().available == 10


def test_a_purchase_is_no_deed_and_another_deed_is_no_jar() -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-01 buy A 9*cream=90.00")
    world.tell("2026-03-02 deed d1 review 5")
    assert (world.member().units, world.member().available) == ({}, 90)


@pytest.mark.parametrize("late", [False, True])
def test_a_birthday_is_points_for_a_fortnight(late: bool) -> None:
    """500 on 1 March, to the end of 15 March. The same when the purchase of the day before is told first or last."""
    world = World(PROGRAMME)
    story = ["2026-02-28 buy A 10.00", "2026-03-01 deed d1 birthday"]
    for line in reversed(story) if late else story:
        world.tell(line)
    assert world.lots() == {"d:d1": 500, "A": 10}
    world.until("2026-03-15T23:59:59")
    assert world.member().available == 510
    world.until("2026-03-16T00:00:00")
    assert world.member().available == 10
