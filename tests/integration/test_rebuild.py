"""A rebuild from zero gives the same bytes, finds what is not, and takes over while the model goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from events.topics import ENTRIES
from infra.failpoints import Failpoint
from infra.kafka.client import Ranges, TopicPartition, Writer
from infra.kafka.topics_admin import ensure_topics, topic_id
from infra.metrics import Registry
from infra.postgres.pool import Pool, open_pool
from infra.runner.meters import Meters
from infra.runner.rebuild import rebuild
from infra.runner.runner import Runner
from infra.runner.store import ModelStopped, live_store, prepare
from infra.settings import Settings, variables
from projections.balance.model import MODEL as BALANCE
from projections.balance.read import balances
from services.workbench.rebuild import run_rebuild
from tests.drivers.book import Book, publish

PATIENCE = 60


class Bench:
    """A house whose live balance has folded a publication with a parked record in it."""

    def __init__(self, settings: Settings, pool: Pool, writer: Writer, ranges: Ranges, topic: str) -> None:
        self.settings, self.pool, self.writer, self.ranges, self.topic = settings, pool, writer, ranges, topic
        self.book = Book(settings)

    async def start(self) -> None:
        await publish(self.writer, self.book.make(2000))
        await self.writer.write(ENTRIES.name, 1, [(b"x", b"no record", [])])
        await publish(self.writer, self.book.make(500))
        store = await live_store(self.pool, BALANCE, self.topic)
        self.runner = Runner(store, self.topic, self.ranges, Meters(Registry()), Failpoint("").reach)
        await self.runner.claim(range(self.settings.partitions))
        await self.catch_up()

    async def catch_up(self) -> None:
        tps = [TopicPartition(ENTRIES.name, partition) for partition in range(self.settings.partitions)]
        async with asyncio.timeout(PATIENCE):
            for tp, end in (await self.ranges.end_offsets(tps)).items():
                self.runner.reaches(tp.partition, end)
            while self.runner.behind() or self.runner.stale:
                await self.runner.feed({})

    async def live(self) -> str:
        schema: str = await self.pool.fetchval("select schema from projection where model = 'balance'")
        return schema

    async def schemas(self) -> list[str]:
        rows = await self.pool.fetch("select nspname from pg_namespace where nspname ~ '^balance_' order by 1")
        return [row[0] for row in rows]

    async def check(self) -> None:
        expected = self.book.expected()
        rows = await balances(self.pool, expected)
        assert {m: (r.available, r.earned, r.redeemed) for m, r in rows.items()} == {
            m: values[:3] for m, values in expected.items()
        }

    async def rebuild(self) -> object:
        return await rebuild(self.pool, BALANCE, self.topic, self.ranges, self.settings.partitions)


@pytest.fixture
async def bench(house: Settings) -> AsyncIterator[Bench]:
    await ensure_topics(house, [ENTRIES])
    pool, writer, ranges = await open_pool(house, max_size=6), Writer(house), Ranges(house)
    await prepare(pool, [BALANCE])
    await writer.start()
    bench = Bench(house, pool, writer, ranges, await topic_id(house, ENTRIES.name))
    await bench.start()
    yield bench
    await ranges.stop()
    await writer.stop()
    await pool.close()


async def test_the_bytes_are_the_same_and_the_live_one_follows(bench: Bench) -> None:
    done = await rebuild(bench.pool, BALANCE, bench.topic, bench.ranges, bench.settings.partitions)
    assert (done.before, done.schema, done.differences, done.not_compared) == ("balance_1", "balance_2", (), "")
    assert done.rows == len(bench.book.earned) + 1  # and the parked record
    assert await bench.live() == "balance_2"
    await bench.check()
    await publish(bench.writer, bench.book.make(300))
    await bench.catch_up()  # the runner of before finds the switch by itself
    await bench.check()
    again = await rebuild(bench.pool, BALANCE, bench.topic, bench.ranges, bench.settings.partitions)
    assert again.differences == ()
    assert await bench.schemas() == ["balance_2", "balance_3"]


async def test_two_rebuilds_of_the_same_records_have_the_same_digest(bench: Bench) -> None:
    first = await rebuild(bench.pool, BALANCE, bench.topic, bench.ranges, bench.settings.partitions)
    second = await rebuild(bench.pool, BALANCE, bench.topic, bench.ranges, bench.settings.partitions)
    assert first.sha256 == second.sha256


async def test_a_row_that_was_tampered_with_is_found_and_put_right(bench: Bench) -> None:
    member = next(iter(bench.book.earned))
    await bench.pool.execute("update balance_1.balance set earned = earned + 1 where member = $1", member)
    done = await rebuild(bench.pool, BALANCE, bench.topic, bench.ranges, bench.settings.partitions)
    assert len(done.differences) == 1
    assert done.differences[0].startswith("balance: 1 rows only in the live one, 1 only in the rebuilt one")
    assert member in done.differences[0]
    await bench.check()


async def test_it_is_compared_at_one_position_although_the_topic_goes_on(bench: Bench) -> None:
    going_on = True

    async def more() -> None:
        while going_on:
            await publish(bench.writer, bench.book.make(50))
            await bench.catch_up()

    writing = asyncio.create_task(more())
    try:
        async with asyncio.timeout(PATIENCE):
            done = await rebuild(bench.pool, BALANCE, bench.topic, bench.ranges, bench.settings.partitions)
    finally:
        going_on = False
        await writing
    assert done.differences == ()
    await publish(bench.writer, bench.book.make(50))  # with it the runner finds the switch
    await bench.catch_up()
    await bench.check()


async def test_where_the_live_one_is_behind_the_topic_they_are_compared_where_it_is(bench: Bench) -> None:
    await publish(bench.writer, bench.book.make(100))
    done = await rebuild(bench.pool, BALANCE, bench.topic, bench.ranges, bench.settings.partitions)
    assert done.differences == ()
    await bench.check()  # and the new one holds all


async def test_one_at_a_time(bench: Bench) -> None:
    results = await asyncio.gather(bench.rebuild(), bench.rebuild(), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], ModelStopped)
    assert "is being built again already" in str(refused[0])


async def test_a_topic_that_cannot_be_folded_leaves_the_live_one_alone(bench: Bench) -> None:
    made = bench.book.make(20)
    partition = next(p for p, messages in made.items() if len(messages) > 1)
    made[partition].pop(0)
    await publish(bench.writer, made)
    with pytest.raises(ModelStopped, match=r"balance cannot be built from entries.v1: partition \d: Hole"):
        await bench.rebuild()
    assert (await bench.live(), await bench.schemas()) == ("balance_1", ["balance_1"])


async def test_the_command_says_what_came_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables(bench.settings).items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(run_rebuild, "balance") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"balance: {len(bench.book.earned) + 1} rows, sha256 ")
    assert said[0].endswith("live in balance_2, before in balance_1")
    assert said[1] == "same bytes"
    await bench.pool.execute("delete from balance_2.balance where member = (select min(member) from balance_2.balance)")
    assert await asyncio.to_thread(run_rebuild, "balance") == 1
    assert "balance: 0 rows only in the live one, 1 only in the rebuilt one" in capsys.readouterr().out
    await bench.check()
    assert await asyncio.to_thread(run_rebuild, "nothing") == 2
    assert capsys.readouterr().err == "error: there is no read model nothing: there are balance, tier\n"
