"""A book told from its facts alone is the one that late facts, corrections and repeats have led to."""

from __future__ import annotations

from typing import Any

import pytest

from events.values import millis
from services.book.retold import retell
from tests.drivers.accounts import account, account_again
from tests.drivers.facts import MEMBER, World, fact
from tests.drivers.histories import PROGRAMME, delayed, history, shuffled


def told(world: World, until: str | None = None) -> dict[str, Any]:
    rows = world.simulation.cold_of(MEMBER)
    return account_again(retell(world.member(), world.simulation.plan, rows, None if until is None else millis(until)))


@pytest.mark.parametrize("share", range(4))
def test_the_book_as_it_stands(share: int, soak: int) -> None:
    tries = 15 * soak
    for seed in range(share * tries, (share + 1) * tries):
        world = World(PROGRAMME)
        for said in delayed(history(seed, 60, decisions=True), seed):
            world.simulation.add(fact(**said))
        assert told(world) == account(world.simulation, MEMBER), f"seed {seed}"


def test_the_book_as_it_stood(soak: int) -> None:
    """At any instant it is what the facts up to then come to in the order of time, however they came."""
    for seed in range(15 * soak):
        facts = history(seed, 40, decisions=False)
        whole = World(PROGRAMME)
        for said in shuffled(facts, seed):
            whole.simulation.add(fact(**said))
        newest = {said["id"]: said for said in facts}  # a correction stands for what it corrects, wherever that was
        for until in sorted({said["occurred_at"] for said in facts})[::5]:
            short = World(PROGRAMME)
            for said in facts:
                if newest[said["id"]] is said and said["occurred_at"] <= until:
                    short.simulation.add(fact(**said))
            short.simulation.advance(millis(until))
            if MEMBER in short.simulation.members:
                assert told(whole, until) == account(short.simulation, MEMBER), f"seed {seed} at {until}"
