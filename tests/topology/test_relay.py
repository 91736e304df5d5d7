"""What somebody waits for goes ahead of the beat; what is lost on that way is written again."""

from __future__ import annotations

import asyncio

import pytest

from events.entries import decode_outcome_record
from infra.kafka.client import partition_of
from services.ledger.batch import Chunk
from services.ledger.published import chunk_of
from services.ledger.relay import Relay
from tests.drivers.facts import told
from tests.drivers.ledger_play import PARTITIONS, Play
from tests.drivers.ledger_topics import Topics

HOME = partition_of(b"ann", PARTITIONS)
NAMES = ["p1", "u1", "p2"]


class Lane:
    """Ann's three facts (two purchases, a request between them) in the tables, and a relay that has none of them."""

    def __init__(self, play: Play) -> None:
        self.topics, self.outcomes, self.beat = Topics(PARTITIONS), Topics(PARTITIONS), asyncio.Event()
        self.relay = Relay(play.store, self.topics, self.outcomes, PARTITIONS, lambda _: None, self.beat.wait)
        self._play = play

    async def chunk(self, seq: int) -> Chunk:
        """The run of one fact."""
        return chunk_of(HOME, seq - 1, await self._play.store.facts_from(HOME, seq - 1, seq, 1), (), ())

    def answered(self) -> list[str]:
        """Ids of facts, in the order of their outcomes."""
        records = self.outcomes.records.get(("outcomes.v1", HOME), [])
        return [decode_outcome_record(value or b"").fact for _, value, _ in records]

    def entries(self) -> int:
        return len(self.topics.records.get(("entries.v1", HOME), []))


async def lane() -> Lane:
    facts = ("2011-03-01 buy p1 10.00", "2011-03-02 redeem u1 5", "2011-03-03 buy p2 10.00")
    made = Lane(await Play().run([told(one) for one in facts]))
    made.relay.own(HOME, 1, 0, 0)
    return made


async def turns() -> None:
    """Whatever can go on, has."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_answer_goes_ahead_with_all_outcomes_before_it_and_the_rest_waits_for_the_beat() -> None:
    mine = await lane()
    mine.relay.publish(await mine.chunk(1))
    await turns()
    assert (mine.answered(), mine.entries()) == ([], 0)
    asked = await mine.chunk(2)
    asked.waited_for = True
    mine.relay.publish(asked)
    mine.relay.publish(await mine.chunk(3))
    await turns()
    assert (mine.answered(), mine.entries()) == (NAMES[:2], 0)
    assert mine.relay.unpublished == 3
    mine.beat.set()
    await mine.relay.drain()
    assert (mine.answered(), mine.entries()) == (NAMES, 3)
    assert mine.relay.unpublished == 0


async def test_an_answer_that_was_lost_is_written_again() -> None:
    mine = await lane()
    mine.outcomes.failures = 1
    asked = await mine.chunk(1)
    asked.waited_for = True
    mine.relay.publish(asked)
    await turns()
    assert mine.answered() == []
    mine.beat.set()
    await mine.relay.drain()
    assert set(mine.answered()) == {"p1"}
    assert mine.relay.unpublished == 0


async def test_a_run_with_a_request_says_that_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    publish = Relay.publish

    def watched(relay: Relay, chunk: Chunk) -> None:
        if chunk.partition == HOME:
            seen.append(chunk.waited_for)
        publish(relay, chunk)

    monkeypatch.setattr(Relay, "publish", watched)
    await Play(most=1).run([told("2011-03-01 buy p1 10.00"), told("2011-03-02 redeem u1 5")])
    assert seen == [False, True]
