"""M08, tiers by spend with multipliers: a level holds from the next purchase on, and falls as its spend drops out."""

from __future__ import annotations

from tests.drivers.facts import World

PROGRAMME = """
programme: tiers
version: tiers-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
tier:
  levels:
    - {name: silver, from_minor: 50000}
    - {name: gold, from_minor: 100000}
  window_months: %s
  exclude: [gift-card]
rules:
  - id: base
    share: {points: 1, per_minor: 100, tier_percent: [100, 125, 150]}
"""
ROLLING, YEAR = PROGRAMME % 12, PROGRAMME % 0


def test_the_purchase_that_reaches_a_level_is_still_rated_in_the_one_before() -> None:
    world = World(YEAR)
    assert world.tell("2026-03-10 buy P1 600.00").outcome.tier == 0
    assert world.member().tier == 1
    assert world.tell("2026-03-12 buy P2 500.00").outcome.tier == 1
    assert world.tell("2026-03-13 buy P3 200.00").outcome.tier == 2
    assert [world.lots()[p] for p in ("P1", "P2", "P3")] == [600, 625, 300]


def test_one_floor_after_the_multiplier() -> None:
    """floor(1.5 x 19.99) is 29; a floor before the multiplier would make it 28."""
    world = World(YEAR)
    world.tell("2026-03-10 buy P1 1000.00")
    world.tell("2026-03-11 buy P2 19.99")
    assert world.lots()["P2"] == 29


def test_a_return_takes_back_what_its_own_purchase_gave_in_its_own_level() -> None:
    world = World(YEAR)
    world.tell_all("""
        2026-03-10 buy P1 600.00
        2026-03-12 buy P2 400.00
        2026-03-13 back b1 of P1 600.00
    """)
    assert world.lots() == {"P2": 500}  # P2 keeps what silver gave it
    assert world.member().tier == 0  # 400 are left, and the level follows
    assert world.member().qualifying_minor == 40_000


def test_a_year_of_spend_drops_out_when_the_calendar_year_ends() -> None:
    world = World(YEAR)
    world.tell("2026-12-20 buy P1 1000.00")
    world.until("2026-12-31T23:59:59")
    assert world.member().tier == 2
    world.until("2027-01-01T00:00:00")
    assert world.member().tier == 0


def test_rolling_twelve_months_end_with_the_same_day_a_year_later() -> None:
    world = World(ROLLING)
    world.tell("2026-03-10 buy P1 600.00")
    world.tell("2026-06-10 buy P2 600.00")
    assert world.member().tier == 2
    world.until("2027-03-10T23:59:59")
    assert world.member().tier == 2
    world.until("2027-03-11T00:00:00")
    assert (world.member().tier, world.member().qualifying_minor) == (1, 60_000)


def test_what_does_not_qualify_does_not_count() -> None:
    world = World(YEAR)
    world.tell("2026-03-10 buy P1 g/gift-card=5000.00")
    assert world.member().tier == 0


def test_goods_without_a_receipt_lower_the_spend_of_the_day_they_come_back() -> None:
    world = World(YEAR)
    world.tell("2026-03-10 buy P1 600.00")
    world.tell("2026-03-11 back b1 200.00")
    assert (world.member().qualifying_minor, world.member().tier) == (40_000, 0)
    assert world.member().available == 600 - 250  # 200.00 in silver, the level held at the return
