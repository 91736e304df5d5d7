"""M01, bonus points as a share of each purchase: the worked cases of the mission, and the rounding stated once."""

from __future__ import annotations

import pytest

from events.values import instant, millis
from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from tests.drivers.facts import World

PROGRAMME = """
programme: shares
version: shares-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules:
  - id: base
    share: %s
"""


STEPS = "steps: [{from_minor: 0, points: 1}, {from_minor: 5000, points: 2}, {from_minor: 10000, points: 3}]"


@pytest.mark.parametrize(
    ("share", "receipt", "points"),
    [
        # 5 % of 9,000 = 450 points
        ("{points: 5, per_minor: 10000}", "9000.00", 450),
        # 20 % of each check to spend on the next visit
        ("{points: 20, per_minor: 10000}", "55.00", 11),
        # one floor, on the basket: 5.97 is 5 points, not 1 + 2 + 0
        ("{points: 1, per_minor: 100}", "1.99 2.99 0.99", 5),
        # wine 24.00 and groceries 11.00 count; tobacco 15.00 and a gift card of 10.00 do not: 35
        (
            "{points: 1, per_minor: 100, exclude: [tobacco, gift-card]}",
            "w/wine=24.00 g=11.00 t/tobacco=15.00 c/gift-card=10.00",
            35,
        ),
        # case 10: the same net of tax (wine holds 4.00 of it): 20.00 and 11.00 are 31
        (
            "{points: 1, per_minor: 100, base: net, exclude: [tobacco, gift-card]}",
            "w/wine=24.00~4.00 g=11.00 t/tobacco=15.00 c/gift-card=10.00",
            31,
        ),
        # a voucher of 6.00 over all 60.00 takes 3.50 off the eligible 35.00; over the eligible lines alone all 6.00
        (
            "{points: 1, per_minor: 100, exclude: [tobacco, gift-card]}",
            "w/wine=21.60 g=9.90 t/tobacco=13.50 c/gift-card=9.00",
            31,
        ),
        (
            "{points: 1, per_minor: 100, exclude: [tobacco, gift-card]}",
            "w/wine=19.89 g=9.11 t/tobacco=15.00 c/gift-card=10.00",
            29,
        ),
        # a bonus for one category is the same rule with `only`
        ("{points: 1, per_minor: 200, only: [wine]}", "w/wine=24.99 g=11.00", 12),
        # a line of two categories counts once, and an exclusion wins
        ("{points: 1, per_minor: 100, only: [wine], exclude: [offer]}", "w/wine/offer=24.00 x/wine=1.00", 1),
        # 5 points for every full 10.00: the 9.99 of 19.99 give none
        ("{points: 5, per_minor: 1000, rounding: full}", "19.99", 5),
        ("{points: 5, per_minor: 1000, rounding: full}", "9.99", 0),
        # to the nearest point, half up, once on the basket: 19.49 is 19, and 9.75 and 9.75 are 20
        ("{points: 1, per_minor: 100, rounding: half_up}", "19.49", 19),
        ("{points: 1, per_minor: 100, rounding: half_up}", "9.75 9.75", 20),
        # 1 point a pound to 50.00, 2 on what lies above it, 3 above 100.00: 120.50 are 50 + 100 + 61.5, cut once
        (f"{{per_minor: 100, marginal: true, {STEPS}}}", "120.50", 211),
        (f"{{per_minor: 100, marginal: true, {STEPS}}}", "50.00", 50),
        (f"{{per_minor: 100, marginal: true, {STEPS}}}", "50.49 g/gift-card=0.01", 51),
        # the same steps, each for all of it
        (f"{{per_minor: 100, {STEPS}}}", "120.50", 361),
        # nothing below the first step; full tens alone, of 64.99 six of them: 50.00 give none
        ("{per_minor: 1000, rounding: full, marginal: true, steps: [{from_minor: 5000, points: 3}]}", "64.99", 3),
        # a point a litre, told in hundredths of one; for every full 2 litres; what costs nothing does not count
        ("{points: 1, per_units: 100, only: [fuel]}", "4237*diesel/fuel=67.37 3*bun=6.00", 42),
        ("{points: 10, per_units: 200, rounding: full, only: [fuel]}", "4237*diesel/fuel=67.37", 210),
        ("{points: 1, per_units: 2}", "3*bun=6.00 4*bag=0.00", 1),
        # less than the first point: nothing is booked
        ("{points: 1, per_minor: 100}", "0.99", 0),
    ],
)
def test_a_share_of_the_basket(share: str, receipt: str, points: int) -> None:
    world = World(PROGRAMME % share)
    result = world.tell(f"2026-01-10 buy A {receipt}")
    assert world.member().available == points
    assert len(result.posting.entries) == (1 if points else 0)


def test_spent_on_the_second_purchase_and_taken_back_with_the_goods() -> None:
    """450 points off the second purchase (M03); the first one's goods come back: its points become a debt."""
    world = World(PROGRAMME % "{points: 5, per_minor: 10000}")
    world.tell_all("""
        2026-01-10 buy A 9000.00
        2026-01-20 redeem r1 450
    """)
    assert world.stands() == "available 0 pending 0 held 0 debt 0"
    world.tell("2026-01-21 back b1 of A 9000.00")
    assert world.stands() == "available 0 pending 0 held 0 debt 450"


def test_a_return_of_a_net_basket_leaves_the_points_of_the_net_rest() -> None:
    """Case 9, net: 2.39, 3.59 and 1.19 hold 0.40, 0.60 and 0.20 of tax: 5.97 net, 5 points. What comes back takes
    1, 2 and 2, and its tax."""
    world = World(PROGRAMME % "{points: 1, per_minor: 100, base: net}")
    world.tell("2026-01-10 buy A a=2.39~.40 b=3.59~.60 c=1.19~.20")
    stood = [world.member().available]
    for line in ("back b1 of A c=1.19~.20", "back b2 of A a=2.39~.40", "back b3 of A b=3.59~.60"):
        world.tell(f"2026-01-11 {line}")
        stood.append(world.member().available)
    assert stood == [5, 4, 2, 0]


def test_points_granted_in_may_for_the_next_month_are_gone_on_1_july() -> None:
    """M02: unused on 30 June, gone on 1 July; breakage is counted."""
    world = World(PROGRAMME % "{points: 1, per_minor: 100, valid_months: 1}")
    world.tell("2026-05-31 buy A 100.00")
    world.until("2026-06-30T23:59:59")
    assert (world.member().available, world.member().expired) == (100, 0)
    world.until("2026-07-01T00:00:00")
    assert (world.member().available, world.member().expired) == (0, 100)


def test_of_litres_that_come_back_the_rest_counts() -> None:
    """42.37 litres are 42 points; 20.00 of them were never in the tank: 22.37 are 22."""
    world = World(PROGRAMME % "{points: 1, per_units: 100, only: [fuel]}")
    world.tell_all("2026-01-10 buy A 4237*diesel/fuel=67.37\n2026-01-11 back b of A 2000*diesel=31.80")
    assert world.lots() == {"A": 22}


def test_full_amounts_are_counted_before_the_level_multiplies_them() -> None:
    """19 points for 19.99, of which gold has half as much again: 28, where cut once at the end it would have 29."""
    world = World(
        PROGRAMME.replace("rules:", "tier: {levels: [{name: gold, from_minor: 100}]}\nrules:")
        % "{points: 1, per_minor: 100, rounding: full, tier_percent: [100, 150]}"
    )
    world.tell_all("2026-01-10 buy A 1.00\n2026-01-11 buy B 19.99")
    assert world.lots() == {"A": 1, "B": 28}


@pytest.mark.parametrize(
    ("share", "says"),
    [
        ("{points: 1}", "write either per_minor (money) or per_units"),
        ("{points: 1, per_minor: 1, per_units: 1}", "write either per_minor (money) or per_units"),
        ("{points: 1, per_minor: 100, marginal: true}", "marginal says how steps count; write steps, or leave it out"),
        (f"{{per_units: 1, {STEPS}}}", "steps go by money; write per_minor"),
        ("{points: 1, per_units: 1, base: net}", "base says which money counts; leave it out beside per_units"),
        ("{points: 1, per_minor: 100, rounding: up}", "'up' is not among them; write 'down', 'half_up' or 'full'"),
    ],
)
def test_what_a_share_cannot_be(share: str, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([PROGRAMME % share], ["shop.yaml"])
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("days", "ends"), [(0, "2026-03-29T00:00:00"), (1, "2026-03-29T23:00:00"), (14, "2026-04-11T23:00:00")]
)
@pytest.mark.parametrize("rule", ["share: {points: 1, per_minor: 100", "bonus: {points: 100"])
def test_points_last_for_days(rule: str, days: int, ends: str) -> None:
    """Bought in London on 28 March, the eve of the day on which the clock changes. What its currency says of months is
    for rules that say nothing."""
    head = PROGRAMME[: PROGRAMME.index("rules:")] + "zone: Europe/London\ncurrencies: {promo: {valid_months: 1}}\n"
    rules = "rules:\n  - {id: a, %s, valid_days: %d}}\n  - {id: b, gives: promo, %s, valid_days: %d}}\n"
    world = World(head + rules % (rule, days, rule, days))
    world.tell("2026-03-28 buy A 100.00")
    for at, left in ((instant(millis(ends + "Z") - 1), 100), (ends + "Z", 0)):
        world.until(at[:-1])
        assert (world.member().available, world.member().purses["promo"].available) == (left, left)


def test_every_entry_says_why() -> None:
    world = World(
        (PROGRAMME % "{points: 1, per_minor: 100}")
        + "  - {id: wine, revision: 2, share: {points: 1, per_minor: 200, only: [wine]}}\n"
    )
    entry = world.tell("2026-01-10 buy A w/wine=10.00 g=5.00").posting.entries[0]
    assert (entry.points, entry.why, entry.balance_after) == (20, "base@0:+15 wine@2:+5", 20)
