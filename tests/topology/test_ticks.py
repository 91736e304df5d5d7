"""Midnight: the ledger writes the day's ticks itself, a slice when the one before is booked, and none is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import pytest

from events.topics import JOURNAL
from events.values import millis
from infra.kafka.client import Message
from services.ledger import ticks as ticks_module
from services.ledger.ticks import Ticker
from tests.drivers.facts import fact, told
from tests.drivers.ledger_play import Play, Process

PROGRAMME = """programme: p
version: p-1
effective_from: 2011-01-01T00:00:00Z
currency: GBP
rules: [{id: base, share: {points: 1, per_minor: 100, valid_months: 1}}]
"""
MIDNIGHT = millis("2011-02-02T00:00:00Z")
"""Bought on 1 January: to the end of 1 February."""
MEMBERS = 120


def programme(partition: int) -> tuple[int, bytes]:
    from hashlib import sha256

    said = {"type": "programme_published", "id": f"programme:{partition}", "occurred_at": "2011-01-01T00:00:00Z",
            "text": PROGRAMME, "sha256": sha256(PROGRAMME.encode()).hexdigest()}  # fmt: skip
    return partition, json.dumps(said).encode()


@asynccontextmanager
async def house(members: int = MEMBERS) -> AsyncIterator[Play]:
    """A house whose members each have 10 points that end at MIDNIGHT; slices are of five members."""
    play = Play()
    bought = [told(f"2011-01-01 buy p{n} 10.00", f"mem_{n}") for n in range(members)]
    await play.run([*(programme(p) for p in range(3)), *bought])
    with patch.object(ticks_module, "MEMBERS_A_SLICE", 5), patch.object(ticks_module, "LOOK_AGAIN_SECONDS", 0):
        yield play


class Writing:
    """What the ticker writes, into the journal; it sees that the tick before is booked."""

    def __init__(self, play: Play, die_after: int | None = None) -> None:
        self.play, self._die_after = play, die_after
        self.written: list[dict[str, Any]] = []

    async def __call__(self, topic: str, partition: int, records: Sequence[Message]) -> None:
        assert topic == JOURNAL.name
        assert len(records) == 1, "one slice at a time"
        booked = {(p, name) for p, name, _ in self.play.store.by_id}
        mine = [(partition, tick["id"]) for tick in self.written if tick["id"].startswith(f"tick:{partition}:")]
        assert set(mine) <= booked, "the slice before is booked"
        if self._die_after is not None and len(self.written) >= self._die_after:
            raise asyncio.CancelledError
        key, value, _ = records[0]
        assert key is None
        assert value is not None
        self.written.append(json.loads(value))
        self.play.topics.say(value, None, partition)


async def pass_midnight(play: Play, writing: Writing, *, times: int = 1, seconds: float = 10.0) -> None:
    """One process that turns, with its ticker beside it, which looks so many times."""
    process = Process(play, None)
    process.journal.begin(await process.worker.claim(process.journal, range(3)))

    async def looks() -> None:
        ticker = Ticker(play.store, writing, process.worker.owned)
        for _ in range(times):
            await ticker.pass_midnight(MIDNIGHT + 5)

    with patch.object(ticks_module, "BOOKED_WITHIN_SECONDS", seconds):
        passing = asyncio.create_task(looks())
        while not passing.done():
            await process.worker.turn(process.journal)
            await asyncio.sleep(0)
    await process.worker.settle(process.journal)
    await process.kill()
    if not passing.cancelled():
        passing.result()


def ended(play: Play) -> set[str]:
    return {name for name, points in play.balances().items() if points == 0}


async def test_a_day_is_passed_slice_by_slice() -> None:
    async with house() as play:
        writing = Writing(play)
        await pass_midnight(play, writing)
        assert len(ended(play)) == MEMBERS
        sizes = [json.loads(row["postings"]) for row in play.store.fact.values() if row["type"] == "tick"]
        assert sum(map(len, sizes)) == MEMBERS
        assert len(writing.written) >= MEMBERS // 5
        assert {tick["occurred_at"] for tick in writing.written} == {"2011-02-02T00:00:00Z"}

        again = Writing(play)
        await pass_midnight(play, again)
        assert again.written == []


@pytest.mark.parametrize("slices", [0, 1, 7, 15])
async def test_whoever_comes_after_a_crash_goes_on(slices: int) -> None:
    async with house() as play:
        await pass_midnight(play, Writing(play, die_after=slices))
        assert (len(ended(play)) < MEMBERS) == (slices < 15) or slices == 15
        await pass_midnight(play, Writing(play))
        assert len(ended(play)) == MEMBERS


async def test_a_partition_without_anything_due_has_its_tick_all_the_same() -> None:
    async with house(members=0) as play:
        writing = Writing(play)
        await pass_midnight(play, writing)
        assert [tick["id"] for tick in writing.written] == [f"tick:{p}:2011-02-02:0/1" for p in range(3)]


async def test_a_partition_that_stands_does_not_keep_the_others_waiting() -> None:
    async with house() as play:
        (partition, name), row = next(iter(sorted(play.store.member.items())))
        play.store.member[partition, name] = (*row[:-1], b"\x00")
        play.topics.say(json.dumps(json.loads(_bought(name))).encode(), name, partition)  # stops its partition
        writing = Writing(play)
        await pass_midnight(play, writing, times=3, seconds=0.2)
        assert len([tick for tick in writing.written if tick["id"].startswith(f"tick:{partition}:")]) == 1
        standing = {name for (p, name) in play.store.member if p == partition}
        assert ended(play) == set(play.balances()) - standing


def _bought(name: str) -> bytes:
    from events.decode import encode_fact

    return encode_fact(fact(type="enrolled", id="late", occurred_at="2011-01-02T00:00:00Z", member=name))


async def test_one_tick_a_batch_so_that_tills_wait_for_one_at_most() -> None:
    from services.ledger.reading import read
    from tests.core.test_ledger_duplicates import BUY, TICK, owned, record

    mine = {0: owned(), 1: owned(), 2: owned()}
    for partition, one in mine.items():
        one.partition = partition
    drafts = read({0: [record(0, TICK)], 1: [record(0, TICK)], 2: [record(0, BUY)]}, mine, {}, wall=False)
    assert [draft.owned.partition for draft in drafts] == [0]
