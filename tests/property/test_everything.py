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
from services.book.retold import retell
from services.workbench.simulate import Simulation
from tests.drivers.accounts import account, account_again
from tests.drivers.everything import history, programme
from tests.drivers.facts import MEMBER, World, fact
from tests.drivers.histories import Said, delayed, hour

SHARES = 6
LATER_MS = 3 * 86_400_000
"""Past the last fact, so that time has passed over it, too."""
END = 24 * 28 * 60
"""Hours after which everything has ended that can."""


@pytest.fixture
def tries(soak: int) -> int:
    return 10 * soak


def told(text: str, facts: list[Said]) -> Simulation:
    """A house that has heard them in this order, some days after the last of them in time."""
    world = World(text)
    for said in facts:
        world.simulation.add(fact(**said))
    world.simulation.advance(max(millis(said["occurred_at"]) for said in facts) + LATER_MS)
    return world.simulation


@pytest.mark.parametrize("share", range(SHARES))
def test_any_order_of_arrival(share: int, tries: int) -> None:
    for seed in range(share * tries, (share + 1) * tries):
        facts, text = history(seed, 30), programme(seed)
        in_order = account(told(text, facts), MEMBER)
        for _ in range(2):
            mixed = random.Random(seed).sample(facts, len(facts))
            assert account(told(text, mixed), MEMBER) == in_order, f"seed {seed}"


def assert_is_told_again(house: Simulation, where: str) -> None:
    """The book that was kept from fact to fact is the one that all of them, folded again from the first, come to."""
    again = retell(house.members[MEMBER], house.plan, house.cold_of(MEMBER))
    assert account_again(again) == account(house, MEMBER), where


@pytest.mark.parametrize("share", range(SHARES))
def test_a_book_told_from_its_facts(share: int, tries: int) -> None:
    for seed in range(share * tries, (share + 1) * tries):
        house = World(programme(seed)).simulation
        facts = delayed(history(seed, 30, decisions=True), seed)
        for number, said in enumerate(facts, 1):
            house.add(fact(**said))
            house.members[MEMBER].check()
            if number % 3 == 0 or number == len(facts):
                assert_is_told_again(house, f"seed {seed} after {number} facts ({said['id']})")
        house.advance(max(millis(said["occurred_at"]) for said in facts) + LATER_MS)
        assert_is_told_again(house, f"seed {seed} at the end")


@pytest.mark.parametrize("share", range(SHARES))
def test_who_brings_everything_back_has_nothing_of_it(share: int, tries: int) -> None:
    """Whatever was given for goods is gone, from lots or as breakage; a gift for joining stays."""
    for seed in range(share * tries, (share + 1) * tries):
        facts = history(seed, 20, loose=False)
        text = programme(seed, shortfall="debt")
        house = told(text, facts)
        cold = house.cold_of(MEMBER)
        for number, purchase in enumerate(said["id"] for said in facts if said["type"] == "purchase"):
            left = current(purchase, cold)
            lines = [
                {"item": item, "quantity": quantity, "total_minor": total, "tax_minor": tax, "categories": list(kinds)}
                for item, quantity, total, tax, kinds in (left.rows if left is not None else ())
            ]
            if lines:
                back: dict[str, Any] = {"type": "return", "id": f"all{number}", "purchase": purchase}
                house.add(fact(**back, lines=lines, occurred_at=hour(END)))
        house.advance(millis(hour(END)))  # whatever there is to bring back
        member = house.members[MEMBER]
        joined = 100 if any(said["type"] == "enrolled" for said in facts) else 0
        assert (member.live, member.debt, member.units) == (0, 0, {}), f"seed {seed}"
        assert (member.issued - member.reversed, member.expired) == (joined, joined), f"seed {seed}"
        assert member.qualifying_minor == 0, f"seed {seed}"
        for purse in member.purses.values():
            assert (purse.live, purse.debt, purse.expired, purse.issued) == (0, 0, 0, purse.reversed), f"seed {seed}"
