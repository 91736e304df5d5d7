"""M08, how long a level lasts: terms, grace, soft landing, activation, and what a return takes back.

Silver from 500.00, gold from 1,000.00; every sum below is counted by hand.
"""

from __future__ import annotations

import msgspec
import pytest

from services.programme.days import each
from services.programme.timeline import Timeline
from tests.drivers.facts import World

PROGRAMME = """
programme: terms
version: terms-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
tier:
  levels:
    - {name: silver, from_minor: 50000}
    - {name: gold, from_minor: 100000}
  %s
rules:
  - id: base
    share: {points: 1, per_minor: 100, tier_percent: [100, 125, 150]}
"""
STANDARD, SILVER, GOLD = 0, 1, 2


def world(tier: str) -> World:
    return World(PROGRAMME % tier)


def levels(of: World, story: str) -> list[int]:
    """The level at each instant."""
    found = []
    for when in story.split():
        of.until(when)
        found.append(of.member().tier)
    return found


def test_rolling_twelve_months_with_thirty_days_of_grace() -> None:
    """600 of 10 Mar 2026 and 500 of 1 Jun: gold. The 600 leave after 10 Mar 2027: 500 are silver's, gold has its grace
    until the end of 9 April. The 500 leave after 1 Jun: silver until the end of 1 July."""
    club = world("window_months: 12\n  grace_days: 30")
    club.tell_all("""
        2026-03-10 buy P1 600.00
        2026-06-01 buy P2 500.00
    """)
    assert levels(club, "2027-03-10T23:59:59 2027-03-11T00:00:00 2027-04-09T22:59:59 2027-04-09T23:00:00") == [
        GOLD, GOLD, GOLD, SILVER,
    ]  # fmt: skip
    assert levels(club, "2027-06-01T23:30:00 2027-07-01T22:59:59 2027-07-01T23:00:00") == [SILVER, SILVER, STANDARD]


def test_gold_that_is_reached_again_within_its_grace_goes_on() -> None:
    club = world("window_months: 12\n  grace_days: 30")
    club.tell_all("""
        2026-03-10 buy P1 600.00
        2026-06-01 buy P2 500.00
        2027-04-05 buy P3 500.00
    """)
    assert club.tell("2027-05-01 buy P4 1.00").outcome.tier == GOLD
    # The 500 of June leave after 1 June; gold has its grace until the end of 1 July.
    assert levels(club, "2027-07-01T22:59:59 2027-07-01T23:00:00") == [GOLD, SILVER]


def test_a_year_reached_on_20_december_lasts_until_the_end_of_the_next() -> None:
    club = world("window_months: 0\n  hold: {years: 1}")
    club.tell_all("""
        2026-02-01 buy P1 700.00
        2026-12-20 buy P2 300.00
    """)
    assert levels(club, "2026-12-31T23:59:59 2027-01-01T00:00:00 2027-12-31T23:59:59 2028-01-01T00:00:00") == [
        GOLD, GOLD, GOLD, STANDARD,
    ]  # fmt: skip


def test_each_level_has_a_term_of_its_own() -> None:
    """Gold of 2026 lasts to the end of 2027; the 600 of 2027 earn silver to the end of 2028."""
    club = world("window_months: 0\n  hold: {years: 1}")
    club.tell_all("""
        2026-12-20 buy P1 1000.00
        2027-05-01 buy P2 600.00
    """)
    assert levels(club, "2027-12-31T23:59:59 2028-01-01T00:00:00 2028-12-31T23:59:59 2029-01-01T00:00:00") == [
        GOLD, SILVER, SILVER, STANDARD,
    ]  # fmt: skip


def test_a_term_in_months_begins_with_the_last_day_that_qualified() -> None:
    """Rolling 3 months. 1,000 on 15 Jan: gold to the end of 15 Jan next year; 10 more on 1 Feb qualify again."""
    club = world("window_months: 3\n  hold: {months: 12}")
    club.tell_all("""
        2026-01-15 buy P1 1000.00
        2026-02-01 buy P2 10.00
    """)
    assert levels(club, "2027-02-01T23:59:59 2027-02-02T00:00:00") == [GOLD, STANDARD]


def test_soft_landing_falls_by_one_level_which_lasts_a_term() -> None:
    """Gold of 2026 ends with 2027; silver is the landing and lasts to the end of 2029, a term of one year more."""
    club = world("window_months: 0\n  hold: {years: 1}\n  drop: soft")
    club.tell("2026-12-20 buy P1 1000.00")
    assert levels(club, "2027-12-31T23:59:59 2028-01-01T00:00:00 2029-12-31T23:59:59 2030-01-01T00:00:00") == [
        GOLD, SILVER, SILVER, STANDARD,
    ]  # fmt: skip


def test_soft_landing_without_a_term_lasts_as_long_as_a_days_spend_would() -> None:
    club = world("window_months: 12\n  drop: soft")
    club.tell("2026-03-10 buy P1 1000.00")
    assert levels(club, "2027-03-10T23:59:59 2027-03-11T00:00:00 2028-03-11T23:59:59 2028-03-12T00:00:00") == [
        GOLD, SILVER, SILVER, STANDARD,
    ]  # fmt: skip


def test_a_return_takes_the_qualification_back_at_once() -> None:
    """P2 made it gold, for two years. It comes back in January: 700 are left of 2026, and silver's term is theirs.
    Protected: P3 was bought as gold and keeps its 150."""
    club = world("window_months: 0\n  hold: {years: 1}")
    club.tell_all("""
        2026-02-01 buy P1 700.00
        2026-12-20 buy P2 300.00
        2027-01-05 buy P3 100.00
    """)
    assert club.lots()["P3"] == 150
    club.tell("2027-01-10 back b1 of P2 300.00")
    assert (club.member().tier, club.lots()["P3"]) == (SILVER, 150)
    assert levels(club, "2027-12-31T23:59:59 2028-01-01T00:00:00") == [SILVER, STANDARD]


def test_a_return_does_not_take_a_term_that_other_spend_has_earned() -> None:
    """Gold by the 1,000 of 2026, to the end of 2027, and by the 1,000 of 2027 once more, to the end of 2028. These come
    back: 2027 is as before. Had the first come back, gold would stand on the second."""
    first, second = (world("window_months: 0\n  hold: {years: 1}") for _ in range(2))
    for club in (first, second):
        club.tell_all("""
            2026-12-20 buy P1 1000.00
            2027-03-01 buy P2 1000.00
        """)
    second.tell("2027-04-01 back b1 of P2 1000.00")
    assert levels(second, "2027-04-02 2027-12-31T23:59:59 2028-01-01T00:00:00") == [GOLD, GOLD, STANDARD]
    first.tell("2027-04-01 back b1 of P1 1000.00")
    assert levels(first, "2027-04-02 2028-12-31T23:59:59 2029-01-01T00:00:00") == [GOLD, GOLD, STANDARD]


def test_goods_without_a_receipt_take_a_term_back_too() -> None:
    club = world("window_months: 0\n  hold: {years: 1}")
    club.tell_all("""
        2026-12-20 buy P1 1000.00
        2027-01-10 back b1 600.00
    """)
    assert (club.member().tier, club.member().timeline.until) == (STANDARD, [0, 0])


@pytest.mark.parametrize(
    ("tier", "at_new_year"),
    [("qualify_on: event", STANDARD), ("qualify_on: activation\n  pending_days: 14", GOLD)],
)
def test_spend_counts_when_its_points_become_active_if_the_programme_says_so(tier: str, at_new_year: int) -> None:
    """1,000 on 21 Dec 2026, pending to 4 Jan: the spend is 2026's by its event, 2027's by its activation."""
    club = world(f"window_months: 0\n  {tier}")
    club.tell("2026-12-21 buy P1 1000.00")
    assert club.member().tier == (GOLD if at_new_year == STANDARD else STANDARD)
    assert levels(club, "2027-01-03T23:59:59 2027-01-04T00:00:00") == [STANDARD, at_new_year]


def test_what_comes_back_before_its_activation_never_counts() -> None:
    club = world("window_months: 12\n  qualify_on: activation\n  pending_days: 14")
    club.tell_all("""
        2026-11-21 buy P1 1000.00
        2026-11-26 back b1 of P1 300.00
    """)
    assert levels(club, "2026-12-04T23:59:59 2026-12-05T00:00:00") == [STANDARD, SILVER]
    assert club.member().qualifying_minor == 70_000


def test_strict_walks_the_later_purchases_again() -> None:
    """P1 600 and P2 500 make gold; P3 and P4 were bought as gold. P2 comes back: P3 was silver's all along, 500 instead
    of 600 points. P4, bought after 400 more, is gold's again. Protected, P3 keeps its 600."""
    story = """
        2026-03-01 buy P1 600.00
        2026-03-02 buy P2 500.00
        2026-03-03 buy P3 400.00
        2026-03-04 buy P4 100.00
        2026-03-05 back b1 of P2 500.00
    """
    for policy, third in (("protected", 600), ("strict", 500)):
        club = World((PROGRAMME % "window_months: 12").replace("tier:", f"returns: {{policy: {policy}}}\ntier:", 1))
        club.tell_all(story)
        assert club.lots() == {"P1": 600, "P3": third, "P4": 150}
        assert club.member().tier == GOLD


@pytest.mark.parametrize(
    ("last", "points", "stamps"),
    [
        ("when: {tiers: [gold]}, cap: {points: 100, per: month}", 490 + 100 + 100, {}),
        ("unless: {tiers: [gold]}, cap: {points: 100, per: month}", 100 + 0 + 150, {}),
        ("when: {tiers: [gold]}, voucher: {per_points: 100, unit: v}", 490 + 100 + 150 - 100, {"v": 1}),
    ],
)
def test_strict_lets_a_rule_that_counts_one_levels_points_count_all_of_a_purchase_or_none(
    last: str, points: int, stamps: dict[str, int]
) -> None:
    """A 500, then as gold B 100 and C 100. 10 of A come back: B was of no level, 100; C is gold's again, 150."""
    club = World(f"""
programme: club
version: club-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
returns: {{policy: strict}}
tier: {{levels: [{{name: gold, from_minor: 50000}}], window_months: 12}}
rules:
  - {{id: base, share: {{points: 1, per_minor: 100, tier_percent: [100, 150]}}}}
  - {{id: last, {last}}}
""")
    club.tell_all("""
        2026-03-01 buy A 500.00
        2026-03-02 buy B 100.00
        2026-03-03 buy C 100.00
        2026-03-09 back b1 of A 10.00
    """)
    assert (sum(club.lots().values()), club.member().units) == (points, stamps)
    for line in ("2026-03-10 back b2 of A 490.00", "2026-03-10 back b3 of B 100.00", "2026-03-10 back b4 of C 100.00"):
        club.tell(line)
    assert (club.lots(), club.member().debt, club.member().units) == ({}, 0, {})


def test_strict_takes_a_term_from_what_was_bought_in_it() -> None:
    """1,000 in December 2026 made gold to the end of 2027; P2 was bought in July as gold. P1 comes back: never gold."""
    club = World(
        (PROGRAMME % "window_months: 0\n  hold: {years: 1}").replace("tier:", "returns: {policy: strict}\ntier:", 1)
    )
    club.tell_all("""
        2026-12-20 buy P1 1000.00
        2027-07-01 buy P2 100.00
    """)
    assert club.lots() == {"P1": 1000, "P2": 150}
    club.tell("2027-07-02 back b1 of P1 1000.00")
    assert (club.lots(), club.member().tier) == ({"P2": 100}, STANDARD)


def test_another_version_counts_the_days_by_its_own_rule_from_its_own_instant() -> None:
    """700 in May are silver. From September gold begins at 600: gold at once, and with a term to the end of 2027.
    From October nothing but the year's sum counts again: silver begins at 800, and the term that was earned is gone."""
    first, second, third = (
        world(tier).simulation.plan.versions[0].tier for tier in ("window_months: 12", "hold: {years: 1}", "drop: hard")
    )
    assert first is not None
    assert second is not None
    assert third is not None
    second = msgspec.structs.replace(second, thresholds_minor=(30_000, 60_000))
    third = msgspec.structs.replace(third, thresholds_minor=(80_000, 90_000), window_months=0)
    may, september, october = (day * 86_400_000 for day in (20_575, 20_697, 20_727))
    timeline = Timeline()
    timeline.put(20_575 + 719_163, 70_000, first, may)
    assert (timeline.level, timeline.until) == (SILVER, [])
    timeline.begin(first, first, september)
    assert (timeline.level, timeline.until) == (SILVER, [])
    timeline.begin(first, second, september)
    end_of_2027 = 1_830_297_600_000
    assert (timeline.level, timeline.until) == (GOLD, [end_of_2027, end_of_2027])
    timeline.begin(second, third, october)
    assert (timeline.level, timeline.until) == (STANDARD, [])
    assert (timeline.sum_minor, each(timeline.days)) == (70_000, [(20_454, 70_000)])
    timeline.begin(third, None, october)
    assert timeline == Timeline()
