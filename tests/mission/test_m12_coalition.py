"""M12, a coalition: each partner has a rate of its own, from 1 % to 14 %, and its customers come back to it."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

RATES = {f"partner-{n}": 1 + n % 14 for n in range(50)}
HEAD = """
programme: coalition
version: coalition-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
points_decimals: 2
partners: [%s]
rules:
  - {id: house, share: {points: 2, per_minor: 100}, unless: {partners: [%s]}}
"""
RULE = "  - {id: at-%s, share: {points: %d, per_minor: 100}, when: {partners: [%s]}}\n"
NAMES = ", ".join(RATES)
PROGRAMME = HEAD % (NAMES, NAMES) + "".join(RULE % (name, rate, name) for name, rate in RATES.items())


@pytest.mark.parametrize("partner", ["partner-0", "partner-13", "partner-37"])
def test_each_of_fifty_partners_has_its_rate(partner: str) -> None:
    """Of 80.00 a rate of n % is 80 n hundredths of a point; the operator's own shops give 2 %."""
    world = World(PROGRAMME)
    world.tell(f"2026-03-01 buy A 80.00 partner:{partner}")
    assert world.member().available == 80 * RATES[partner]
    world.tell("2026-03-02 buy B 80.00")
    assert world.member().available == 80 * RATES[partner] + 160


def test_what_comes_back_to_a_partner_is_taken_at_its_rate() -> None:
    world = World(PROGRAMME)
    world.tell_all("""
        2026-03-01 buy A 1*fuel=80.00 1*oil=20.00 partner:partner-13
        2026-03-02 back b of A 1*oil=20.00 partner:partner-13
    """)
    assert world.member().available == 14 * 80


MILES = """
programme: miles
version: miles-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
partners: [airline]
currencies: {miles: {decimals: 2, valid_months: 24}}
rules:
  - {id: points, share: {points: 1, per_minor: 100}}
  - {id: miles, gives: miles, share: {points: 150, per_minor: 1000}}
  - {id: flown, gives: miles, when: {partners: [airline]}, share: {points: 500, per_minor: 1000}}
"""


@pytest.mark.parametrize("late", [False, True])
def test_a_shops_card_earns_an_airlines_miles_beside_points(late: bool) -> None:
    """33.33 are 33 points and, at 1.50 miles for 10.00, 4.9995 miles: 4.99. A flight for 200.00 is 30.00 and 100.00
    more. 50.00 of it come back: 7.50 and 25.00 of the miles, and 50 points."""
    world = World(MILES)
    story = [
        "2026-03-01 buy A 33.33",
        "2026-03-02 buy B 1*ticket=150.00 1*seat=50.00 partner:airline",
        "2026-03-03 back b of B 1*seat=50.00 partner:airline",
    ]
    for line in reversed(story) if late else story:
        world.tell(line)
    member = world.member()
    assert (member.available, member.purses["miles"].available) == (33 + 150, 499 + 2250 + 7500)
