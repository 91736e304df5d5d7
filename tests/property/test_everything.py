"""Most mechanics, policies, conditions and currencies in one programme.

The order of arrival changes nothing, a book told from its facts alone is the one that stands, and who brings everything
back has nothing of it.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from events.values import millis
from services.book.baskets import current
from services.book.member import Member
from services.book.pages import lots_of
from services.book.purses import Rows
from services.book.retold import retell
from tests.drivers.everything import history, programme
from tests.drivers.facts import MEMBER, World, fact
from tests.drivers.histories import Said, delayed, hour

SUMS = (
    "live",
    "pending",
    "held",
    "debt",
    "tier",
    "qualifying_minor",
    "issued",
    "spent",
    "expired",
    "reversed",
    "units",
)
SHARES = 6


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> int:
    return 1000 if request.config.getoption("--soak", default=False) else 10


def told(text: str, facts: list[Said]) -> World:
    """A world that has heard them in this order, some days after the last of them in time."""
    world = World(text)
    for said in facts:
        world.simulation.add(fact(**said))
    world.simulation.advance(max(millis(said["occurred_at"]) for said in facts) + 3 * 86_400_000)
    return world


def stands(world: World) -> dict[str, Any]:
    """The member, and her other currency."""
    member = world.member()
    member.check()
    lots = world.simulation.lots
    found = sums(member) | {"lots": lots(MEMBER)}
    return found | {name: sums(purse) | {"lots": lots(MEMBER, name)} for name, purse in member.purses.items()}


def sums(member: Member) -> dict[str, Any]:
    return {name: getattr(member, name) for name in SUMS}


@pytest.mark.parametrize("share", range(SHARES))
def test_any_order_of_arrival(share: int, tries: int) -> None:
    for seed in range(share * tries, (share + 1) * tries):
        facts, text = history(seed, 30), programme(seed)
        in_order = stands(told(text, facts))
        for _ in range(2):
            mixed = random.Random(seed).sample(facts, len(facts))
            assert stands(told(text, mixed)) == in_order, f"seed {seed}"


@pytest.mark.parametrize("share", range(SHARES))
def test_a_book_told_from_its_facts(share: int, tries: int) -> None:
    for seed in range(share * tries, (share + 1) * tries):
        world = told(programme(seed), delayed(history(seed, 30, decisions=True), seed))
        again = retell(world.member(), world.simulation.plan, world.simulation.cold_of(MEMBER))
        member = again.member
        found = sums(member) | {"lots": lots_of(member, member.pages, again.cold)}
        for name, purse in member.purses.items():
            found[name] = sums(purse) | {"lots": lots_of(purse, purse.pages, Rows(again.cold, name))}
        assert found == stands(world), f"seed {seed}"


@pytest.mark.parametrize("share", range(SHARES))
def test_who_brings_everything_back_has_nothing_of_it(share: int, tries: int) -> None:
    """Whatever was given for goods is gone, from lots or as breakage; a gift for joining stays."""
    for seed in range(share * tries, (share + 1) * tries):
        facts = history(seed, 20, loose=False)
        text = programme(seed, shortfall="debt")
        world = told(text, facts)
        cold = world.simulation.cold_of(MEMBER)
        for number, purchase in enumerate(said["id"] for said in facts if said["type"] == "purchase"):
            left = current(purchase, cold)
            lines = [
                {"item": item, "quantity": quantity, "total_minor": total, "tax_minor": tax, "categories": list(kinds)}
                for item, quantity, total, tax, kinds in (left.rows if left is not None else ())
            ]
            if lines:
                back: dict[str, Any] = {"type": "return", "id": f"all{number}", "purchase": purchase}
                world.simulation.add(fact(**back, lines=lines, occurred_at=hour(24 * 28 * 60)))
        member = world.member()
        joined = 100 if any(said["type"] == "enrolled" for said in facts) else 0
        assert (member.live, member.debt, member.units) == (0, 0, {}), f"seed {seed}"
        assert (member.issued - member.reversed, member.expired) == (joined, joined), f"seed {seed}"
        assert member.qualifying_minor == 0, f"seed {seed}"
        for purse in member.purses.values():
            assert (purse.live, purse.debt, purse.expired, purse.issued) == (0, 0, 0, purse.reversed), f"seed {seed}"
