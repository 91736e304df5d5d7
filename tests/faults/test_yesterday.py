"""Yesterday's database put back: the same seq appear again with the same bytes, and no consumer sees a change."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer

from infra.postgres.local import LocalPostgres
from infra.settings import Settings
from tests.drivers.crowd import Crowd
from tests.drivers.figures import Figures
from tests.drivers.recount import at_rest, recounted
from tests.drivers.tills import tills_of
from tests.drivers.workers import MODULES, workers_of
from tests.faults.conftest import opened
from tests.oracles.recount.books import kept
from tests.oracles.recount.house import Record, records

FACTS = 2_000


async def test_yesterdays_database_is_restored(
    house: Settings, postgres: LocalPostgres, folder: Path, figures: Figures
) -> None:
    house = await opened(house)
    today = house.database_url.get_secret_value().rpartition("/")[2]
    yesterday = f"{today}-yesterday"
    # what names two members and is on its way when the database goes is set aside, to be said again: not here
    async with workers_of(house) as workers, tills_of(house, Crowd(seed=104, meet=False), folder) as tills:

        async def a_day() -> None:
            """Every process is killed at its end, in the middle of whatever it does."""
            living = [await workers.start(kind) for kind in MODULES]
            await tills.moves(FACTS)
            for worker in living:
                await worker.kill()

        async with tills.talking():
            await a_day()
            await copied(postgres, today, yesterday)
            await a_day()
            seen = await consumed(house)
            await postgres.drop_database(today)
            await copied(postgres, yesterday, today)
            await postgres.drop_database(yesterday)
            living = [await workers.start(kind) for kind in MODULES]
            await tills.moves(FACTS)
        await at_rest(house)
        assert [await worker.stop() for worker in living] == [0] * len(living)
        report = await recounted(house, tills)
        assert report["repeats"] >= FACTS, "the book was not behind its topic"
        now = await consumed(house)
        assert {partition: told[: len(seen[partition])] for partition, told in now.items()} == seen
        figures.other["databases of yesterday restored"] += 1
        figures.exact(report)


async def copied(postgres: LocalPostgres, one: str, other: str) -> None:
    """Make `other` a copy of a database that nobody uses."""
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        await connection.execute(f'create database "{other}" template "{one}"')
    finally:
        await connection.close()


async def consumed(house: Settings) -> dict[int, list[Record]]:
    """entries.v1 as a consumer has it that drops `seq <= last`."""
    consumer = AIOKafkaConsumer(bootstrap_servers=house.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        found = await records(consumer, f"{house.topic_prefix}entries.v1", house.partitions)
    finally:
        await consumer.stop()
    return {partition: kept(told) for partition, told in found.items()}
