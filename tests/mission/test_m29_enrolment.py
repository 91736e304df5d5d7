"""M29, easy entry: one fact enrols, opening balances are facts; what customers bring is the book's from then on."""

from __future__ import annotations

from tests.drivers.facts import World, fact

PROGRAMME = """
programme: entry
version: entry-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: hello, welcome: {points: 50, valid_months: 3}}
  - {id: base, share: {points: 1, per_minor: 100}}
"""


def opening(member: str, n: int, points: int, until: str | None = None) -> dict[str, object]:
    value = {"type": "adjusted", "id": f"opening:{member}:{n}", "member": member, "occurred_at": "2026-01-01T00:00:00Z",
             "points": points, "reason": "opening balance", "actor": "import"}  # fmt: skip
    return value | ({"expires_at": until} if until else {})


def test_a_customer_comes_with_lots_of_their_own_ends() -> None:
    """300 to the end of March and 200 without an end, and 50 for joining: 100 are spent of what ends first."""
    world = World(PROGRAMME)
    world.tell("2026-01-01T00:00 enrol e")
    world.simulation.add(fact(**opening("ann", 1, 300, "2026-04-01T00:00:00Z")))
    world.simulation.add(fact(**opening("ann", 2, 200)))
    assert world.member().available == 550
    world.tell("2026-02-01 redeem q 100")
    assert world.lots() == {"a:opening:ann:1": 200, "a:opening:ann:2": 200, "welcome": 50}
    world.until("2026-04-02T00:00")
    assert (world.member().available, world.member().expired) == (200, 250)


def test_a_file_of_customers_adds_up_and_may_be_told_twice() -> None:
    """Member n brings n points: of 300 together 45,150 less the first, who brings none, and 50 each for joining."""
    world = World(PROGRAMME)
    for _ in range(2):
        for n in range(301):
            member = f"m-{n}"
            world.tell(f"2026-01-01T00:00 enrol e-{n}", member)
            if n:
                world.simulation.add(fact(**opening(member, 1, n)))
    assert sum(member.available for member in world.simulation.members.values()) == 45150 + 301 * 50
    assert world.simulation.duplicates == 601
