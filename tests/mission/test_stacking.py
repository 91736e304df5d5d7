"""How rules are taken together, and caps: of one purchase, of a period, of a member, of a campaign. Counted by hand."""

from __future__ import annotations

import pytest

from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from tests.drivers.facts import World

HEAD = """programme: p
version: p-1
effective_from: 2025-01-01T00:00:00Z
currency: GBP
zone: Europe/London
stores: {auckland: {zone: Pacific/Auckland}}
"""


def lots(rules: str, story: str) -> dict[str, int]:
    world = World(HEAD + rules)
    world.tell_all(story)
    return world.lots()


EXCLUSIVE = """groups: {offers: exclusive}
rules:
  - {id: wine, group: offers, share: {points: 10, per_minor: 100, only: [wine]}}
  - {id: web, group: offers, when: {channels: [web]}, share: {points: 5, per_minor: 100}}
  - {id: base, group: offers, share: {points: 1, per_minor: 100}}
"""


def test_the_first_rule_that_applies_shuts_out_the_rest_of_its_group() -> None:
    assert lots(
        EXCLUSIVE,
        """
        2026-03-10 buy wine wine/wine=2.00 tea=50.00
        2026-03-10 buy web tea=50.00 channel:web
        2026-03-10 buy both wine/wine=2.00 tea=50.00 channel:web
        2026-03-10 buy plain tea=50.00
    """,
    ) == {"wine": 20, "web": 250, "both": 20, "plain": 50}


def test_when_what_the_first_rule_counted_comes_back_the_next_one_applies() -> None:
    world = World(HEAD + EXCLUSIVE)
    world.tell_all("2026-03-10 buy p1 wine/wine=2.00 tea=50.00\n2026-03-11 back r1 of p1 wine=2.00")
    assert world.lots() == {"p1": 50}
    world.tell("2026-03-12 back r2 of p1 tea=50.00")
    assert world.lots() == {}


AT_MOST = """groups: {offers: {at_most: 30}}
rules:
  - {id: base, group: offers, share: {points: 1, per_minor: 100}}
  - {id: more, group: offers, share: {points: 1, per_minor: 200}}
"""


def test_a_group_gives_at_most_so_much_of_one_purchase() -> None:
    """24.00 give 24 + 12 = 36, cut to 30; without 8.00 of it 16 + 8 = 24; the next purchase has a cap of its own."""
    world = World(HEAD + AT_MOST)
    world.tell_all("2026-03-10 buy p1 tea=24.00\n2026-03-10 buy p2 tea=8.00")
    assert world.lots() == {"p1": 30, "p2": 12}
    world.tell("2026-03-11 back r1 of p1 tea=8.00")
    assert world.lots() == {"p1": 24, "p2": 12}
    world.tell("2026-03-11 back r2 of p1 tea=16.00")
    assert world.lots() == {"p2": 12}


def test_the_best_of_a_group_may_be_capped_too() -> None:
    rules = AT_MOST.replace("{at_most: 30}", "{stack: best, at_most: 30}")
    assert lots(rules, "2026-03-10 buy p1 40.00\n2026-03-10 buy p2 9.00") == {"p1": 30, "p2": 9}


CAP = "rules:\n  - {id: base, share: {points: 1, per_minor: 100}}\n  - {id: c, cap: {points: 10, per: {per}}}\n"
"""Two purchases of 8 each at these instants; 6 of the second are cut where they share a cell."""


@pytest.mark.parametrize(
    ("per", "first", "second", "shared"),
    [
        ("day", "2026-03-10T00:00", "2026-03-10T23:59", True),
        ("day", "2026-03-10T23:59", "2026-03-11T00:00", False),
        ("week", "2026-03-09T00:00", "2026-03-15T23:59", True),  # Monday to Sunday
        ("week", "2026-03-15T23:59", "2026-03-16T00:00", False),
        ("month", "2026-06-30T22:30", "2026-06-30T22:59", True),
        ("month", "2026-06-30T22:59", "2026-06-30T23:00", False),  # July in London
        ("year", "2026-01-01", "2026-12-31", True),
        ("year", "2025-12-31T23:59", "2026-01-01T00:00", False),
        ("member", "2025-01-01", "2035-01-01", True),
    ],
)
def test_a_cap_of_a_period(per: str, first: str, second: str, shared: bool) -> None:
    found = lots(CAP.replace("{per}", per), f"{first} buy p1 8.00\n{second} buy p2 8.00")
    assert found == {"p1": 8, "p2": 2 if shared else 8}


def test_a_cap_per_day_goes_by_the_stores_day() -> None:
    rules = CAP.replace("{per}", "day")
    story = "2026-03-10T10:00 buy p1 8.00 store:auckland\n2026-03-10T12:00 buy p2 8.00 store:auckland"
    assert lots(rules, story) == {"p1": 8, "p2": 8}


def test_what_comes_back_makes_room_under_a_members_cap() -> None:
    world = World(HEAD + CAP.replace("{per}", "member"))
    world.tell_all("2026-03-10 buy p1 8.00\n2026-04-10 buy p2 8.00\n2026-05-10 buy p3 8.00")
    assert world.lots() == {"p1": 8, "p2": 2}
    world.tell("2026-05-11 back r1 of p1 goods=5.00")
    assert world.lots() == {"p1": 3, "p2": 7}


CAMPAIGN = """groups: {spring: sum}
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: double, group: spring, when: {dates: [2026-03-01..2026-03-31]}, share: {points: 1, per_minor: 100}}
  - {id: wine, group: spring, when: {dates: [2026-03-01..2026-03-31]}, share: {points: 2, per_minor: 100, only: [wine]}}
  - {id: limit, cap: {points: 25, per: member, of: [spring]}}
"""


def test_a_campaign_has_a_cap_for_each_member_and_leaves_the_other_rules_alone() -> None:
    """p1: 10 base, 10 + 0 of the campaign. p2: 10 base, 10 + 20 of the campaign, of which 15 are left."""
    assert lots(
        CAMPAIGN,
        """
        2026-03-10 buy p1 tea=10.00
        2026-03-11 buy p2 wine/wine=10.00
        2026-03-12 buy p3 tea=10.00
        2026-04-12 buy p4 tea=10.00
    """,
    ) == {"p1": 20, "p2": 25, "p3": 10, "p4": 10}


CAPS_IN_TURN = """groups: {bonus: sum}
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: twice, group: bonus, share: {points: 2, per_minor: 100}}
  - {id: five, group: bonus, share: {points: 3, per_minor: 100}}
  - {id: day, cap: {points: 600, per: day, of: [bonus]}}
  - {id: campaign, cap: {points: 600, per: member, of: {of}}}
"""


@pytest.mark.parametrize("of", ["[bonus]", "[five, twice]", "[day, bonus]"])
def test_a_cap_counts_what_an_earlier_cap_of_the_same_points_has_left(of: str) -> None:
    """A purchase gives 100 and a bonus of 500. Of the first day's 1,000 bonus points its cap leaves 600, which is all
    that the campaign gives: there is nothing more to cut of them. What comes back of the first makes room."""
    world = World(HEAD + CAPS_IN_TURN.replace("{of}", of))
    world.tell_all("2026-03-10T09:00 buy a 100.00\n2026-03-10T10:00 buy b 100.00")
    assert world.lots() == {"a": 600, "b": 200}
    world.tell("2026-03-11 buy c 100.00")
    assert world.lots() == {"a": 600, "b": 200, "c": 100}
    world.tell("2026-03-12 back r of a 100.00")
    assert world.lots() == {"b": 600, "c": 200}


def test_a_cap_on_a_rule_of_a_group_counts_that_rule_alone() -> None:
    rules = CAMPAIGN.replace("of: [spring]", "of: [wine]")
    assert lots(rules, "2026-03-10 buy p1 wine/wine=20.00") == {"p1": 20 + 20 + 25}


STEPS = """rules:
  - id: base
    share:
      per_minor: 1000
      steps:
        - {from_minor: 0, points: 5}
        - {from_minor: 55500, points: 10}
"""


@pytest.mark.parametrize(
    ("bought", "tenths"),
    [("0.01", 0), ("1.99", 0), ("2.00", 1), ("554.99", 277), ("555.00", 555), ("1000.00", 1000)],
)
def test_a_rate_by_basket_size_truncated_to_a_tenth(bought: str, tenths: int) -> None:
    """Half a percent, from 555.00 one percent, in tenths of a point: floor(0.005 x 554.99 x 10) = floor(27.7495) = 27.

    Here a tenth is the unit and a rate is stated per 10.00: 5 tenths for 10.00 are 0.05 points a pound.
    """
    world = World(HEAD + "points_decimals: 1\n" + STEPS)
    world.tell(f"2026-03-10 buy p1 {bought}")
    assert world.member().available == tenths


def test_a_return_brings_a_basket_to_a_lower_step() -> None:
    world = World(HEAD + "points_decimals: 1\n" + STEPS)
    world.tell_all("2026-03-10 buy p1 goods=600.00\n2026-03-11 back r1 of p1 goods=100.00")
    assert world.lots() == {"p1": 250}


MONTHS = """rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: often, visits: {every: 4, points: 40}}
  - {id: c, cap: {cap}}
"""

CURRENCY_CAP = """currencies: {promo: {}}
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: promo, gives: promo, share: {points: 1, per_minor: 100}}
  - {id: c, cap: {points: 5, per: day, of: [promo]}}
"""


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (CAMPAIGN.replace("of: [spring]", "of: [autumn]"), "no rule or group autumn stands before it"),
        (
            CAPS_IN_TURN.replace("{of}", "[five]"),
            "day cuts these points together with those of twice; name these too, or write it above day",
        ),
        (
            CAPS_IN_TURN.replace("{of}", "[base, five]"),
            "day cuts these points together with those of twice; name these too",
        ),
        (CAPS_IN_TURN.replace("{of}", "[day]"), "day gives no points of its own; name those that do"),
        (MONTHS.replace("{cap}", "{points: 9, per: week, of: [often]}"), "no week has a part of them; leave it out"),
        (
            MONTHS.replace("{cap}", "{points: 9, per: year, of: [often]}").replace(
                "id: c,", "id: c, when: {stores: [auckland]},"
            ),
            "in which not all may meet the cap's condition; leave it out",
        ),
        (CURRENCY_CAP, "promo gives promo; write gives: promo"),
        (
            "rules:\n  - {id: x, reward: {deed: d, points: 50}}\n  - {id: c, cap: {points: 40, per: month, of: [x]}}\n",
            "x gives its points for no purchase",
        ),
        (
            CURRENCY_CAP.replace("gives: promo, share: {points: 1, per_minor: 100", "stamps: {every: 5, unit: cup"),
            "promo gives the member no points; leave it out",
        ),
        (CAP.replace("per: {per}", "per: hour"), "'day', 'week', 'month', 'year' or 'member'"),
        (EXCLUSIVE + "  - {id: c, group: offers, daily_cap: {points: 5}}\n", "so nothing shuts it out"),
        (AT_MOST + "  - {id: s, group: offers, stamps: {every: 2, unit: cup}}\n", "it cannot be taken with others"),
        (AT_MOST.replace("at_most: 30", "at_most: 0"), "write more than 0"),
        (AT_MOST.replace("at_most: 30", "most: 30"), "groups.offers.most: there is no such key"),
        (STEPS.replace("per_minor: 1000", "per_minor: 1000\n      points: 5"), "either points, or steps"),
        (STEPS.replace("55500", "0"), "steps must ascend"),
        (STEPS.replace("points: 10", "points: 9999999"), "more than 1000 points per minor unit"),
    ],
)
def test_what_cannot_be_is_refused(rules: str, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([HEAD + rules], ["shop.yaml"])
    assert says in str(refused.value)
