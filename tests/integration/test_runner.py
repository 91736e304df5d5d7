"""The runner on real servers: exact after every kind of failure, and one model never stops another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from events.topics import ENTRIES
from infra.failpoints import Failpoint
from infra.kafka.client import Ranges, Reader, TopicPartition, Writer
from infra.kafka.topics_admin import ensure_topics, topic_id
from infra.metrics import Registry
from infra.postgres.pool import Pool, open_pool
from infra.runner.meters import Meters
from infra.runner.model import Placed, ReadModel
from infra.runner.runner import Runner
from infra.runner.store import ModelStopped, Store, live_store, prepare
from infra.settings import Settings
from projections.balance.model import MODEL as BALANCE
from projections.balance.read import balances, totals
from projections.tier.model import MODEL as TIER
from projections.tier.read import members_by_level, tiers
from tests.drivers.book import Book, publish

PATIENCE = 30


class Bench:
    """A house with a writer, a pool and runners as the projections' process has them."""

    def __init__(self, settings: Settings, pool: Pool, writer: Writer, topic: str) -> None:
        self.settings, self.pool, self.writer, self.topic = settings, pool, writer, topic
        self.ranges = Ranges(settings)
        self.registry = Registry()
        self.meters = Meters(self.registry)
        self.book = Book(settings)
        self.partitions = range(settings.partitions)

    async def runner(self, model: ReadModel, *, claim: bool = True) -> Runner:
        store = await live_store(self.pool, model, self.topic)
        runner = Runner(store, self.topic, self.ranges, self.meters, Failpoint("").reach)
        if claim:
            await runner.claim(self.partitions)
        return runner

    async def ends(self) -> dict[int, int]:
        found = await self.ranges.end_offsets(TopicPartition(ENTRIES.name, p) for p in self.partitions)
        return {tp.partition: end for tp, end in found.items()}

    async def catch_up(self, *runners: Runner, partitions: Sequence[int] | None = None) -> None:
        """Until these runners have folded what is on the topic."""
        ends = await self.ends()
        async with asyncio.timeout(PATIENCE):
            for runner in runners:
                for partition in partitions if partitions is not None else self.partitions:
                    runner.reaches(partition, ends[partition])
                while runner.behind() or runner.stale:
                    await runner.feed({})

    async def check(self) -> None:
        """The tables are what the oracle counted."""
        expected = self.book.expected()
        rows, levels = await balances(self.pool, expected), await tiers(self.pool, expected)
        assert {
            m: (rows[m].available, rows[m].earned, rows[m].redeemed, levels[m].level)
            for m in rows.keys() & levels.keys()
        } == expected

    async def why_stale(self, model: ReadModel) -> dict[int, str]:
        rows = await self.pool.fetch("select partition, why from projection_stale where model = $1", model.name)
        return {row["partition"]: row["why"] for row in rows}

    def metric(self, name: str, model: ReadModel) -> float:
        sample = f'tallystick_{name}{{model="{model.name}"}} '
        return float(next(x for x in self.registry.text().decode().splitlines() if x.startswith(sample)).split(" ")[1])


@pytest.fixture
async def bench(house: Settings) -> AsyncIterator[Bench]:
    await ensure_topics(house, [ENTRIES])
    pool, writer = await open_pool(house), Writer(house)
    await prepare(pool, [BALANCE, TIER])
    await writer.start()
    bench = Bench(house, pool, writer, await topic_id(house, ENTRIES.name))
    yield bench
    await bench.ranges.stop()
    await writer.stop()
    await pool.close()


def failing(model: ReadModel, when: Any) -> ReadModel:
    """The model, with a fold that raises while `when(records)` is true."""

    def fold(rows: Mapping[str, Any], records: Sequence[Placed]) -> Mapping[str, Any]:
        if when(records):
            raise RuntimeError("this fold cannot")
        return model.fold(rows, records)

    return replace(model, fold=fold)


async def test_rows_are_what_the_topic_says(bench: Bench) -> None:
    one, two = await bench.runner(BALANCE), await bench.runner(TIER)
    for _ in range(3):
        await publish(bench.writer, bench.book.make(500))
        await bench.catch_up(one, two)
        await bench.check()
    sums = await totals(bench.pool)
    assert (sums.members, sums.earned) == (len(bench.book.earned), sum(bench.book.earned.values()))
    assert sum((await members_by_level(bench.pool)).values()) == len(bench.book.earned)
    one.measure()
    assert bench.metric("projection_lag_records", BALANCE) == 0
    assert bench.metric("projection_applied_total", BALANCE) == 1500


async def test_a_successor_goes_on_exactly_where_the_rows_are(bench: Bench) -> None:
    """The process dies between two batches, or in one: nothing but the tables tells the next one where to go on."""
    await publish(bench.writer, bench.book.make(300))
    first = await bench.runner(BALANCE)
    await bench.catch_up(first, await bench.runner(TIER))
    await publish(bench.writer, bench.book.make(300))
    under_way = asyncio.create_task(bench.catch_up(first))
    await asyncio.sleep(0)
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    await bench.catch_up(await bench.runner(BALANCE), await bench.runner(TIER))
    await bench.check()


async def test_what_the_ledger_published_twice_counts_once(bench: Bench) -> None:
    one, two = await bench.runner(BALANCE), await bench.runner(TIER)
    made = bench.book.make(100)
    await publish(bench.writer, made)
    await publish(bench.writer, {partition: messages[-10:] for partition, messages in made.items()})
    await publish(bench.writer, bench.book.make(100))
    await bench.catch_up(one, two)
    await bench.check()


async def test_a_record_that_is_none_is_parked_with_its_coordinates(bench: Bench) -> None:
    one, two = await bench.runner(BALANCE), await bench.runner(TIER)
    await publish(bench.writer, bench.book.make(50))
    offset = (await bench.ends())[0]
    await bench.writer.write(ENTRIES.name, 0, [(b"who", b"\xff not JSON", []), (None, b'{"seq": "seven"}', [])])
    await publish(bench.writer, bench.book.make(50))
    await bench.catch_up(one, two)
    await bench.check()
    live = await bench.pool.fetchval("select schema from projection where model = 'balance'")
    rows = await bench.pool.fetch(
        f'select partition, "offset", key, value, reason from {live}.parked order by "offset"'
    )
    assert [tuple(row)[:4] for row in rows] == [
        (0, offset, b"who", b"\xff not JSON"),
        (0, offset + 1, None, b'{"seq": "seven"}'),
    ]
    assert "seq" in rows[1]["reason"]
    assert bench.metric("projection_parked_total", BALANCE) == 2
    assert await bench.why_stale(BALANCE) == {}


async def test_an_unreadable_record_of_the_ledger_is_not_passed_over(bench: Bench) -> None:
    """It has a seq, so it belongs to somebody's balance: the partition waits for a program that can read it."""
    runner = await bench.runner(BALANCE)
    await bench.writer.write(ENTRIES.name, 0, [(b"m", b'{"seq": 1, "from": "the future"}', [("seq", b"1")])])
    runner.reaches(0, 1)
    await runner.feed({})
    assert "the ledger's record at offset 0 cannot be read" in (await bench.why_stale(BALANCE))[0]
    assert runner.behind() == 1


async def test_a_hole_in_seq_stops_its_partition_of_the_model_only(bench: Bench) -> None:
    runner = await bench.runner(BALANCE)
    made = bench.book.make(200)
    lost = made[1].pop(0)
    await publish(bench.writer, made)
    await bench.catch_up(runner, partitions=[0, 2, 3])
    runner.reaches(1, len(made[1]))
    await runner.feed({})
    assert await bench.why_stale(BALANCE) == {1: "Hole('seq 2 came at offset 0, and 1 was due')"}
    assert runner.behind()
    rows = await balances(bench.pool, bench.book.earned)
    assert {row.partition for row in rows.values()} == {0, 2, 3}
    assert lost[1]


async def test_a_partition_that_fails_waits_alone_and_heals(bench: Bench) -> None:
    """The fold hates partition 2. Records go on coming; they are dropped, and read from the topic after the cure."""
    ill = True
    sick = await bench.runner(failing(BALANCE, lambda records: ill and any(p == 2 for p, _ in records)))
    well = await bench.runner(TIER)
    offsets: dict[int, int] = {}

    async def claim(assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {tp: offsets.get(tp.partition, 0) for tp in assigned}

    reader = Reader(bench.settings, [ENTRIES.name], "bench", claim)
    await reader.start()
    try:
        async with asyncio.timeout(PATIENCE):
            for _ in range(4):
                await publish(bench.writer, bench.book.make(100))
                got = {tp.partition: records for tp, records in (await reader.fetch(1000, 5000)).items()}
                await asyncio.gather(sick.feed(got), well.feed(got))
    finally:
        await reader.stop()
    await bench.catch_up(well)
    well.measure()
    sick.measure()
    assert (bench.metric("projection_stale", BALANCE), bench.metric("projection_stale", TIER)) == (1, 0)
    assert bench.metric("projection_age_seconds", BALANCE) > 0
    assert bench.metric("projection_age_seconds", TIER) == 0
    assert bench.metric("projection_lag_records", BALANCE) > 0
    assert "this fold cannot" in (await bench.why_stale(BALANCE))[2]
    assert await bench.why_stale(TIER) == {}
    assert sick.trouble.startswith("partition 2:")
    rows = await balances(bench.pool, bench.book.earned)
    assert {row.partition for row in rows.values()} == {0, 1, 3}
    ill = False
    await bench.catch_up(sick)
    assert not sick.trouble
    sick.measure()
    assert bench.metric("projection_age_seconds", BALANCE) == 0
    assert await bench.why_stale(BALANCE) == {}
    await bench.check()


async def test_a_mark_of_a_process_that_died_is_cleared_by_the_next(bench: Bench) -> None:
    await publish(bench.writer, bench.book.make(100))
    sick = await bench.runner(failing(BALANCE, lambda _: True))
    sick.reaches(0, 1)
    await sick.feed({})
    assert set(await bench.why_stale(BALANCE)) == {0}
    await bench.catch_up(await bench.runner(BALANCE), await bench.runner(TIER))
    assert await bench.why_stale(BALANCE) == {}
    await bench.check()


async def test_a_zombie_writes_nothing(bench: Bench) -> None:
    zombie = await bench.runner(BALANCE)
    await publish(bench.writer, bench.book.make(100))
    owner = await bench.runner(BALANCE)
    ends = await bench.ends()
    for partition, end in ends.items():
        zombie.reaches(partition, end)
    await zombie.feed({})
    assert zombie.owned == frozenset()
    assert await balances(bench.pool, bench.book.earned) == {}
    await bench.catch_up(owner, await bench.runner(TIER))
    await bench.check()


async def test_sessions_killed_under_it_lose_and_double_nothing(bench: Bench) -> None:
    one, two = await bench.runner(BALANCE), await bench.runner(TIER)
    other = await open_pool(bench.settings, max_size=1)
    try:
        for _ in range(6):
            await publish(bench.writer, bench.book.make(400))
            folding = asyncio.create_task(bench.catch_up(one, two))
            await asyncio.sleep(0.005)
            await other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            await folding
    finally:
        await other.close()
    await bench.check()


async def test_a_topic_made_anew_is_not_folded_into_old_rows(bench: Bench) -> None:
    await bench.runner(BALANCE)
    with pytest.raises(ModelStopped, match=r"topic entries.v1 was made anew.* build it again: ./run rebuild balance"):
        await Store(bench.pool, BALANCE, "another-id", "balance_1", live=True).claim([0])


async def test_another_table_wants_a_rebuild(bench: Bench) -> None:
    class Changed:
        create = BALANCE.queries.create.replace("earned ", "granted ")

    with pytest.raises(ModelStopped, match=r"has another table .* build it again: ./run rebuild balance"):
        await live_store(bench.pool, replace(BALANCE, queries=Changed()), bench.topic)  # type: ignore[arg-type]
