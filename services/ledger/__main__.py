"""`python -m services.ledger`: runs until SIGTERM or SIGINT, then finishes the batch, publishes it and exits with 0."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping

from events.topics import ENTRIES, JOURNAL, OUTCOMES, rewards_topic
from infra.failpoints import Failpoint
from infra.health import Health
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.client import Reader, TopicPartition, Writer
from infra.kafka.topics_admin import ensure_topics, topic_id
from infra.metrics import Registry
from infra.postgres.migrate import migrate
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.postgres.pool import open_pool
from infra.process import run_process
from infra.settings import Settings
from services.ledger.batch import Owned
from services.ledger.metrics import Metrics
from services.ledger.plans import Plans
from services.ledger.relay import Relay, next_beat
from services.ledger.store import SQL, PostgresStore
from services.ledger.ticks import Ticker
from services.ledger.worker import JournalRefused, Worker
from services.programme.zones import ZONE_RULES

GROUP = "ledger"
CONNECTIONS = 6
"""Commit, read, and a few for the relay's pages and the timers."""
LAST_WORDS_SECONDS = 10.0
LOOK_SECONDS = 5.0

log = logging.getLogger(__name__)


async def run(settings: Settings, health: Health, registry: Registry, stopping: asyncio.Event) -> None:
    """The ledger of a house until `stopping` is set. Raises JournalRefused, or what infra/process.py names."""
    health.set_ready("ledger", False, "no partitions assigned yet")
    metrics, reach = Metrics(registry), Failpoint(settings.failpoint).reach
    async with contextlib.AsyncExitStack() as stack:
        pool = await open_pool(settings, max_size=CONNECTIONS, by_index=True)
        stack.callback(pool.terminate)  # nothing is under way; close() would wait for a server that is away
        await migrate(pool, SQL, "ledger")
        await ensure_topics(settings, (JOURNAL, ENTRIES, OUTCOMES))
        writer, answers = Writer(settings), Writer(settings, packed=False)
        for one in (writer, answers):
            await one.start()
            stack.push_async_callback(one.stop)
        store = PostgresStore(pool)
        if before := await store.use_zone_rules(ZONE_RULES):
            log.warning("days end by the time zone rules %s; before, this book was counted by %s", ZONE_RULES, before)

        async def ensure_partners(partners: tuple[str, ...]) -> None:
            await ensure_topics(settings, [rewards_topic(partner) for partner in partners])

        async def journal_id() -> str:
            return await topic_id(settings, JOURNAL.name)

        async def claim(assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
            offsets = await worker.claim(reader, [tp.partition for tp in assigned])
            return {TopicPartition(JOURNAL.name, partition): offset for partition, offset in offsets.items()}

        relay = Relay(store, writer, answers, settings.partitions, reach, next_beat)
        worker = Worker(
            *(store, relay, Plans(ensure_partners), settings.partitions, journal_id, health, metrics, reach),
            settings.members_cached,
            wall=settings.clock == "wall",
        )
        reader = Reader(settings, [JOURNAL.name], GROUP, claim)
        await reader.start()
        stack.push_async_callback(reader.stop)
        beside = [relay.save_now_and_then(), _look(reader, relay, worker.owned, health, metrics)]
        if settings.clock == "wall":
            beside.append(Ticker(store, relay.write, worker.owned).run())
        async with _beside(beside):
            await worker.run(reader, stopping)
        with contextlib.suppress(TimeoutError, *POSTGRES_OUTAGE):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await relay.drain()
        relay.stop()


@contextlib.asynccontextmanager
async def _beside(coroutines: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Tasks that run beside a block and end with it; the first that fails ends the block. Raises what failed first."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


async def _look(reader: Reader, relay: Relay, owned: Mapping[int, Owned], health: Health, metrics: Metrics) -> None:
    """Every few seconds: how much waits to be read and to be published."""
    while True:
        health.set_ready("topics", not relay.failing, relay.failing)
        metrics.unpublished.set(relay.unpublished)
        with contextlib.suppress(*KAFKA_OUTAGE):
            ends = await reader.end_offsets(reader.assignment())
            waiting = [ends[tp] - owned[tp.partition].next_offset for tp in ends if tp.partition in owned]
            metrics.lag.set(sum(waiting))
        await asyncio.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(run_process("ledger", run, JournalRefused))
