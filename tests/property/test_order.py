"""Any order of arrival, repeats, and rows read back from their bytes: the book is that of an on-time log.

After every fact the member equals the reference (tests/oracles/on_time.py), which puts what has come so far in the
order of time and counts it again from the beginning. Every history has policies of its own. Chunks and pages are made
small, so that every history goes back over several of them. `--soak` tries a hundred times as many histories.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest

from services.book import history as places
from services.book import pages
from services.book.member import Member, decode, encode
from services.workbench.simulate import Booked
from tests.drivers.facts import MEMBER, World, fact
from tests.drivers.histories import Said, delayed, history, programmes, shuffled
from tests.oracles.on_time import on_time

SIZES = {"chunks of 3, pages of 2": (3, 3, 2), "chunks of 4, pages of 3": (4, 5, 3), "as they are": (16, 64, 32)}
SHARES = 8
"""Parts that the histories of a test are cut into: what fails is named by its part and its seed."""


@pytest.fixture(params=SIZES)
def sizes(request: pytest.FixtureRequest) -> Any:
    chunk, hot, page = SIZES[request.param]
    with patch.object(places, "CHUNK", chunk), patch.multiple(pages, HOT_LOTS_MAX=hot, PAGE_LOTS=page):
        yield


@pytest.fixture
def tries(soak: int) -> int:
    return 12 * soak


def ours(world: World) -> dict[str, Any]:
    member = world.member()
    return {
        "lots": {lot[:4]: lot[4] for lot in world.simulation.lots(MEMBER)},
        "debt": member.debt,
        "level": member.tier,
        "aside": sorted(member.aside),
        "waiting": {purchase: sorted(name for name, _ in backs) for purchase, backs in member.waiting.items()},
        "issued": member.issued,
        "spent": member.spent,
        "held": member.held,
        "expired": member.expired,
        "reversed": member.reversed,
        "written_off": member.written_off,
        "gifts": member.units.get("gift", 0),
    }


def told_to(world: World, said: Said) -> bool:
    """Whether it was new. Its member is read back from its bytes."""
    before = len(world.simulation.booked)
    world.simulation.add(fact(**said))
    member = world.member()
    member.check()
    world.simulation.members[MEMBER] = decode(MEMBER, encode(member))
    return len(world.simulation.booked) > before


@pytest.mark.parametrize("share", range(SHARES))
def test_after_every_fact_the_book_is_that_of_an_on_time_log(sizes: None, share: int, tries: int) -> None:
    for seed in range(share * 10_000, share * 10_000 + tries):
        versions = programmes(seed)
        world, told = World(*versions), list[Said]()
        declined: set[tuple[str, int]] = set()
        for said in delayed(history(seed, 24, decisions=True), seed):
            if told_to(world, said):
                told.append(said)
                if world.simulation.booked[-1].results[0].outcome.status == "declined":
                    declined.add((said["id"], said.get("revision", 0)))
            wanted = on_time(versions, told, declined, world.member().now_ms).position()
            assert ours(world) == wanted, f"seed {seed}, after {said['id']} ({said['type']})"


@pytest.mark.parametrize("share", range(SHARES))
def test_facts_without_decisions_come_to_the_same_in_any_order(sizes: None, share: int, tries: int) -> None:
    for seed in range(share * 10_000, share * 10_000 + tries):
        told = history(seed, 16, decisions=False)
        stands = []
        # A revision that a newer one has overtaken on the way gives nothing, not even its time: the two books stand at
        # one instant when the latest of what was said has passed in both.
        passed = max("2026-06-15T00:00:00", *(said["occurred_at"].removesuffix("Z") for said in told))
        for order in (told, shuffled(told, seed)):
            world = World(*programmes(seed))
            for said in order:
                told_to(world, said)
            for until in (passed, "2035-01-01"):
                world.until(until)
                stands.append(ours(world))
        assert stands[:2] == stands[2:], f"seed {seed}"


@pytest.mark.parametrize("share", range(SHARES))
def test_everything_ever_posted_adds_up_to_the_book(sizes: None, share: int, tries: int) -> None:
    """After every fact, and entries of late ones too: each account of the entries is the member's, and nothing stays on
    its way."""
    for seed in range(share * 10_000, share * 10_000 + tries):
        world, accounts = World(*programmes(seed)), Counter[str]()
        summed = 0
        for said in [*delayed(history(seed, 24, decisions=True), seed), None]:
            if said is None:
                world.until("2027-01-01")
            else:
                told_to(world, said)
            for booked in world.simulation.booked[summed:]:
                _add(accounts, booked, f"seed {seed}, {booked.fact.id}")
            summed = len(world.simulation.booked)
            member = world.member()
            where = f"seed {seed}, after {'the end' if said is None else said['id']}"
            assert _moved(accounts) == _stands(member), where


def _add(accounts: Counter[str], booked: Booked, where: str) -> None:
    posting = booked.results[0].posting
    for entry in posting.entries:
        assert entry.points > 0, where
        accounts[entry.debit] -= entry.points
        accounts[entry.credit] += entry.points
    if posting.entries:
        assert posting.entries[-1].balance_after == posting.available + posting.pending - posting.debt, where
    assert accounts["moved"] == 0, where


def _moved(accounts: Counter[str]) -> dict[str, int]:
    """What the entries come to: those of the programme and of what is owed stand on the other side."""
    away = {name: -accounts[name] for name in ("issued", "debt", "written_off")}
    return away | {name: accounts[name] for name in ("lot", "held", "spent", "expired", "reversed")}


def _stands(member: Member) -> dict[str, int]:
    names = ("issued", "debt", "written_off", "held", "spent", "expired", "reversed")
    return {name: getattr(member, name) for name in names} | {"lot": member.live}
