"""M24, a pilot first: some stores, one region, a share of the members; two programmes side by side, and who is in which
arm never moves."""

from __future__ import annotations

from collections import Counter

from tests.drivers.facts import World

PROGRAMME = """
programme: pilot
version: pilot-%d
effective_from: %s
currency: GBP
stores:
  s-leeds: {region: north}
  s-york: {region: north}
  s-bath: {region: south}
arms:
  trial: {old: 80, new: 20}
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: store, share: {points: 10, per_minor: 100}, when: {stores: [s-bath]}}
  - {id: region, share: {points: 100, per_minor: 100}, when: {regions: [north]}}
  - {id: arm, share: {points: 1000, per_minor: 100}, when: {arms: {trial: [new]}}}
"""
FIRST = PROGRAMME % (1, "2020-01-01T00:00:00Z")


def test_a_store_and_a_region_have_rules_of_their_own() -> None:
    """1.00 anywhere is 1 point, in Bath 10 more, in the north 100 more (member m-0 is in the old arm)."""
    world = World(FIRST)
    for n, store in enumerate(("s-bath", "s-york", "s-leeds", "s-elsewhere")):
        world.tell(f"2026-03-0{n + 1} buy {store} 1.00 store:{store}", "m-0")
    assert world.lots("m-0") == {"s-bath": 11, "s-york": 101, "s-leeds": 101, "s-elsewhere": 1}


def test_a_fifth_of_the_members_is_in_the_new_arm_and_stays_there() -> None:
    """Of 400 members about 80: within four standard deviations (8 each) of it. A year and a version later the same."""
    world = World(FIRST)
    members = [f"m-{n}" for n in range(400)]
    arm = {}
    for name in members:
        world.tell(f"2026-03-01 buy {name} 1.00", name)
        arm[name] = world.member(name).available > 1000
    assert 48 <= Counter(arm.values())[True] <= 112
    again = World(PROGRAMME % (2, "2027-01-01T00:00:00Z"))
    for name in members[:60]:
        again.tell(f"2027-03-01 buy {name}-2 1.00", name)
        assert (again.member(name).available > 1000) is arm[name]
