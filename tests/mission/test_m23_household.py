"""M23, a household's pool, and what happens when one leaves: Ann has 500, Bob 300 that end sooner; 400 are burnt."""

from __future__ import annotations

from tests.drivers.facts import World

PROGRAMME = """
programme: household
version: household-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules: [{id: base, share: {points: 1, per_minor: 100, valid_months: 12}}]
"""


def house() -> World:
    world = World(PROGRAMME)
    world.tell("2025-12-01 join j1 ann", "home")
    world.tell("2025-12-01 join j2 bob", "home")
    world.tell("2025-12-15 buy B 300.00", "bob")
    world.tell("2026-01-15 buy A 500.00", "ann")
    world.tell("2026-02-01 contribute c1 500 to home", "ann")
    world.tell("2026-02-01 contribute c2 300 to home", "bob")
    return world


def test_the_pool_spends_what_ends_first_whoever_brought_it() -> None:
    """400 are Bob's 300 and 100 of Ann's."""
    world = house()
    assert (world.stands("home"), world.stands("ann")) == (
        "available 800 pending 0 held 0 debt 0", "available 0 pending 0 held 0 debt 0",
    )  # fmt: skip
    world.tell("2026-03-01 redeem q 400", "home")
    assert world.lots("home") == {"@ann@p:A": 400}


def test_a_cancelled_burn_goes_back_to_whom_it_came_from_even_when_bob_has_left() -> None:
    world = house()
    world.tell("2026-03-01 redeem q 400", "home")
    world.tell("2026-03-02 leave l bob", "home")
    assert world.member("bob").available == 0
    world.tell("2026-03-03 void v of q", "home")
    assert (world.member("home").available, world.member("bob").available) == (500, 300)


def test_who_leaves_takes_what_is_left_of_their_own() -> None:
    world = house()
    world.tell("2026-03-02 leave l ann", "home")
    assert (world.member("home").available, world.member("ann").available) == (300, 500)
