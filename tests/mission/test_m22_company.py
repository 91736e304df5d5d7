"""M22, a company account and its staff: points to each by rule. Who works there says a dated status."""

from __future__ import annotations

from tests.drivers.facts import World

PROGRAMME = """
programme: company
version: company-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: own, share: {points: 1, per_minor: 100}}
  - {id: firm, share: {points: 1, per_minor: 200, to: acme-ltd, exclude: [private]}, when: {status: {employer: [acme]}}}
"""


def test_staff_and_company_each_have_their_points_while_they_belong_together() -> None:
    """Ann spends 100.00 in the job, of which 20.00 are private: 100 for her, 40 for the firm. Then she leaves."""
    world = World(PROGRAMME)
    world.tell_all("""
        2026-01-01 set s1 employer=acme
        2026-03-01 buy A 1*paper=80.00 1*sweets/private=20.00
        2026-03-31 end s2 employer
        2026-04-01 buy B 50.00
    """)
    assert (world.member().available, world.member("acme-ltd").available) == (150, 40)
    world.tell("2026-04-02 buy C 10.00", "bob")
    assert (world.member("bob").available, world.member("acme-ltd").available) == (10, 40)


def test_what_comes_back_after_she_left_is_taken_from_the_firm_that_had_it() -> None:
    world = World(PROGRAMME)
    world.tell_all("""
        2026-01-01 set s1 employer=acme
        2026-03-01 buy A 1*paper=80.00
        2026-03-31 end s2 employer
        2026-04-01 back b of A 1*paper=80.00
    """)
    assert (world.member().available, world.member("acme-ltd").available) == (0, 0)


def test_two_of_the_staff_fill_one_account() -> None:
    world = World(PROGRAMME)
    for member in ("ann", "bob"):
        world.tell(f"2026-01-01 set s-{member} employer=acme", member)
        world.tell(f"2026-03-01 buy {member}-1 30.00", member)
    assert world.member("acme-ltd").available == 30
