"""A book told from its facts alone is the one that late facts, corrections and repeats have led to; told under another
programme, it is the one that this programme would have made of them."""

from __future__ import annotations

from typing import Any

import pytest

from events.values import millis
from services.book.retold import retell
from services.programme.compile import compile_programme
from tests.drivers.accounts import account, account_again
from tests.drivers.facts import MEMBER, World, fact
from tests.drivers.histories import PROGRAMME, delayed, history, programmes, shuffled


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


def test_the_book_as_another_programme_would_have_it(request: pytest.FixtureRequest) -> None:
    """What-if: other policies, levels and rules, versions with vouchers; nothing of the programme that was stays."""
    tries, moved = 1500 if request.config.getoption("--soak", default=False) else 40, 0
    for seed in range(tries):
        facts, texts = delayed(history(seed, 40, decisions=False), seed), what_if(seed)
        was, would = World(PROGRAMME), World(*texts)
        for said in facts:
            was.simulation.add(fact(**said))
            would.simulation.add(fact(**said))
        member = was.member()
        plan = compile_programme(texts, [f"other {n}" for n in range(len(texts))])
        again = account_again(retell(member, plan, was.simulation.cold_of(MEMBER)))
        would.simulation.advance(member.now_ms)
        assert again == account(would.simulation, MEMBER), f"seed {seed}"
        moved += again != account(was.simulation, MEMBER)
    assert moved > tries // 2


def what_if(seed: int) -> list[str]:
    """A programme with other rates, ends and levels than PROGRAMME, and policies by the seed."""
    texts = programmes(seed)
    for old, new in (
        ("share: {points: 1, per_minor: 100, exclude: [gift]", "share: {points: 3, per_minor: 200"),
        ("valid_months: 2", "valid_months: 3"),
        ("from_minor: 5000}", "from_minor: 4000}"),
    ):
        assert all(text.count(old) == 1 for text in texts), old
        texts = [text.replace(old, new) for text in texts]
    return texts
