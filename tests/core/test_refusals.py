"""Every refusal is reached, by its own story, and what is refused leaves nothing behind."""

from __future__ import annotations

import pytest

from events.facts import Fact
from events.refusals import Refusal
from tests.drivers.facts import World, fact, told

PROGRAMME = """
programme: refusals
version: refusals-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules: [{id: base, share: {points: 1, per_minor: 100}}]
"""
IN_EURO = {"currency": "EUR", "lines": [{"item": "goods", "total_minor": 100}]}

STORIES = {
    Refusal.MEMBER_MUST_NOT_BE_ERASED: "erase e1 | buy B 1.00",
    Refusal.MERGE_MUST_NOT_GO_ROUND: "merge m1 into ann",
    Refusal.MEMBER_MUST_NOT_BE_MERGED: "merge m1 into bob | merge m2 into cyd",
    Refusal.MEMBER_MUST_BE_MERGED: "unmerge m1",
    Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES: fact(
        id="E", type="purchase", occurred_at="2026-02-01T12:00:00Z", **IN_EURO
    ),
    Refusal.RETURN_MUST_NOT_EXCEED_THE_PURCHASE: "back b1 of A 100.01",
    Refusal.REDEMPTION_MUST_BE_KNOWN: "void v1 of r9",
    Refusal.REDEMPTION_MUST_BE_OPEN: "redeem r1 10 | void v1 of r1 | void v2 of r1",
    Refusal.CAPTURE_MUST_NOT_EXCEED_THE_HOLD: "hold h1 10 until 2026-12-01 | capture c1 of h1 11",
    Refusal.VOID_MUST_NOT_EXCEED_THE_REDEMPTION: "redeem r1 10 | void v1 of r1 11",
    Refusal.HOLD_MUST_END_AFTER_IT_BEGINS: "hold h1 10 until 2026-01-01",
    Refusal.TRANSFER_MUST_GO_TO_ANOTHER: "transfer t1 10 to ann",
    Refusal.POOL_MUST_NOT_SHARE_ITSELF: "join j1 ann",
    Refusal.POOL_MUST_BE_SHARED: "leave l1 bob",
    Refusal.DEBT_MUST_BE_REPAID_FIRST: "taken t1 101 | transfer t2 1 to bob",
    Refusal.BALANCE_MUST_COVER_THE_POINTS: "redeem r1 101",
}
"""What comes after 100 points were earned; the last of it is refused."""


def test_there_is_a_story_for_every_refusal() -> None:
    assert STORIES.keys() == set(Refusal)


@pytest.mark.parametrize("refusal", Refusal, ids=lambda refusal: refusal.text)
def test_a_refusal_is_reached_and_leaves_nothing_behind(refusal: Refusal) -> None:
    world, story = World(PROGRAMME), STORIES[refusal]
    world.tell("2026-01-10 buy A 100.00")
    facts: list[Fact] = [story] if not isinstance(story, str) else [
        told(f"2026-02-{day:02d} {line.strip()}") for day, line in enumerate(story.split("|"), 1)
    ]  # fmt: skip
    for said in facts[:-1]:
        world.simulation.add(said)
        assert world.simulation.booked[-1].results[0].outcome.status == "done"
    before = world.stands(), world.lots(), world.member().holds
    world.simulation.add(facts[-1])
    (result,) = world.simulation.booked[-1].results
    world.member().check()
    assert (result.outcome.status, result.outcome.refusal) == ("declined", refusal.text)
    assert (world.stands(), world.lots(), world.member().holds) == before
    assert (result.posting.entries, result.rewards, result.messages) == ((), (), ())
