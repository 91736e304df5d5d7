"""The process itself: killed in the middle again and again, asked to stop, refused, and its servers taken away."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from events.topics import ENTRIES
from infra.health import Health
from infra.kafka.client import Writer
from infra.kafka.topics_admin import ensure_topics
from infra.metrics import Registry
from infra.postgres.pool import Pool, open_pool
from infra.runner.model import Placed
from infra.runner.store import ModelStopped
from infra.settings import Settings, child_environment, variables
from projections.balance.model import MODEL as BALANCE
from projections.balance.read import balances, totals
from projections.keeping import Keeping
from projections.tier.model import MODEL as TIER
from projections.tier.read import tiers
from tests.drivers.book import Book, publish
from tests.drivers.intake import until

PATIENCE = 60


@asynccontextmanager
async def projections(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process; killed at the end if it still lives."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "projections"),
        env=child_environment() | variables(settings),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def pool(house: Settings) -> AsyncIterator[Pool]:
    pool = await open_pool(house)
    yield pool
    await pool.close()


@pytest.fixture
async def writer(house: Settings) -> AsyncIterator[Writer]:
    await ensure_topics(house, [ENTRIES])
    writer = Writer(house)
    await writer.start()
    yield writer
    await writer.stop()


async def seen(pool: Pool, *, more_than: int) -> int:
    """Wait until more points than these are earned in the tables; returns how many."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(ModelStopped):  # the process has just been started
                earned = (await totals(pool)).earned
                if earned > more_than:
                    return earned
            await asyncio.sleep(0.02)


async def check(pool: Pool, book: Book) -> None:
    """Once everything is in the tables, they are what the oracle counted."""
    expected = book.expected()
    async with asyncio.timeout(PATIENCE):
        while True:
            rows, levels = await balances(pool, expected), await tiers(pool, expected)
            earned, risen = sum(row.earned for row in rows.values()), sum(one.level for one in levels.values())
            if earned >= sum(book.earned.values()) and risen >= sum(book.level.values()):
                break
            await asyncio.sleep(0.05)
    assert {m: (rows[m].available, rows[m].earned, rows[m].redeemed, levels[m].level) for m in rows} == expected


async def test_killed_in_the_middle_again_and_again(house: Settings, pool: Pool, writer: Writer) -> None:
    book = Book(house)
    earned, kills = 0, 0
    for _ in range(5):
        async with projections(house) as process:
            await publish(writer, book.make(20_000))
            earned = await seen(pool, more_than=earned)
            process.kill()
            kills += 1
            assert await process.wait() == -signal.SIGKILL
    async with projections(house):
        await check(pool, book)
    assert kills == 5


async def test_asked_to_stop_it_finishes_and_says_nothing(house: Settings, pool: Pool, writer: Writer) -> None:
    book = Book(house)
    earned = 0
    for _ in range(3):
        async with projections(house) as process:
            await publish(writer, book.make(2_000))
            earned = await seen(pool, more_than=earned)
            process.terminate()
            async with asyncio.timeout(10):
                assert await process.wait() == 0
    async with projections(house):
        await check(pool, book)


async def test_what_it_refuses_it_says_in_one_sentence(house: Settings) -> None:
    other = house.model_copy(update={"partitions": house.partitions + 1})
    await ensure_topics(other, [ENTRIES])
    async with projections(house) as process, asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().count("\n") == 1
    assert said.decode().startswith(f"projections: topic {house.topic_prefix}entries.v1 has 5 partitions")


async def test_a_server_that_is_away_at_the_start_ends_it_in_a_sentence(house: Settings) -> None:
    away = house.model_copy(update={"database_url": type(house.database_url)("postgresql://x:y@127.0.0.1:1/z")})
    async with projections(away) as process, asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().startswith("projections: ")


async def test_a_database_that_ends_every_session_is_lived_through(house: Settings, pool: Pool, writer: Writer) -> None:
    book = Book(house)
    async with projections(house) as process:
        earned = 0
        for _ in range(4):
            await publish(writer, book.make(5_000))
            earned = await seen(pool, more_than=earned)
            await pool.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        await check(pool, book)
        assert process.returncode is None


async def test_two_processes_share_the_partitions_and_one_takes_over(
    house: Settings, pool: Pool, writer: Writer
) -> None:
    book = Book(house)
    async with projections(house), projections(house.model_copy(update={"instance": "1"})) as second:
        await publish(writer, book.make(5_000))
        await seen(pool, more_than=0)
        await check(pool, book)
        second.kill()  # its partitions are free when the group has missed it for the session's time
        await publish(writer, book.make(5_000))
        await check(pool, book)


async def test_a_fold_that_breaks_stops_its_partition_alone_and_goes_on_after_a_fix(
    house: Settings, pool: Pool, writer: Writer
) -> None:
    """The balances' fold hates partition 2: /readyz and the metrics say so, and everything else keeps up."""
    ill = True

    def fold(rows: Mapping[str, Any], records: Sequence[Placed]) -> Mapping[str, Any]:
        if ill and any(partition == 2 for partition, _ in records):
            raise RuntimeError("this fold cannot")
        return BALANCE.fold(rows, records)

    book, registry, health = Book(house), Registry(), Health()
    keeping = Keeping(house, [replace(BALANCE, fold=fold), TIER], registry, health)
    stopping = asyncio.Event()

    async def keep() -> None:
        while not stopping.is_set():
            await keeping.turn()

    async def says(report: str, *metrics: str) -> None:
        async def said() -> bool:
            return report in health.report() and all(line in registry.text().decode() for line in metrics)

        await until(said, report)

    await keeping.start()
    turns = asyncio.create_task(keep())
    try:
        await publish(writer, book.make(500))
        await says(
            "balance: not ready (partition 2: RuntimeError('this fold cannot'))\nkafka: ready\ntier: ready\n",
            'tallystick_projection_stopped_partitions{model="balance"} 1.0',
            'tallystick_projection_stale{model="balance"} 1.0',
            'tallystick_projection_stopped_partitions{model="tier"} 0.0',
            'tallystick_projection_lag_records{model="tier"} 0.0',
        )
        rows = await balances(pool, book.earned)
        assert {row.partition for row in rows.values()} == {0, 1, 3}
        ill = False
        await check(pool, book)
        await says("balance: ready\n", 'tallystick_projection_stopped_partitions{model="balance"} 0.0')
    finally:
        stopping.set()
        await turns
        await keeping.stop()
