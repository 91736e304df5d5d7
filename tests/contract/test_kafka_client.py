"""What our workers rely on of Kafka and of aiokafka, on a real broker: order, the gate, holes, acknowledgement."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiokafka
import pytest
import uvloop
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, KafkaError
from aiokafka.producer import message_accumulator
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from events.topics import ENTRIES, JOURNAL
from infra.kafka import quirks
from infra.kafka import reader as reader_module
from infra.kafka import records as records_module
from infra.kafka import writer as writer_module
from infra.kafka.client import (
    OUTAGE,
    JournalGap,
    Message,
    Reader,
    Record,
    TopicPartition,
    WriteFailed,
    Writer,
    partition_of,
)
from infra.kafka.topics_admin import ensure_topics
from infra.settings import Settings
from tests.drivers.servers import Servers

TOPIC = JOURNAL.name
P0 = TopicPartition(TOPIC, 0)


def messages(first: int, count: int) -> list[Message]:
    return [(b"k%d" % n, b"v%d" % n, [("seq", b"%d" % n)]) for n in range(first, first + count)]


class Positions:
    """Where a test's reader starts, and how often it was asked."""

    def __init__(self, **at: int) -> None:
        self.at = {int(partition.removeprefix("p")): offset for partition, offset in at.items()}
        self.claims: list[frozenset[TopicPartition]] = []

    async def claim(self, assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
        self.claims.append(assigned)
        return {tp: self.at.get(tp.partition, 0) for tp in assigned}


@pytest.fixture
async def topic(house: Settings) -> Settings:
    await ensure_topics(house, [JOURNAL])
    return house


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[Writer]:
    writer = Writer(settings)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


@asynccontextmanager
async def reading(
    settings: Settings,
    claim: Callable[[frozenset[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]],
    group: str = "readers",
) -> AsyncIterator[Reader]:
    reader = Reader(settings, [TOPIC], group, claim)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def read_all(reader: Reader, count: int, max_records: int = 1000) -> dict[int, list[int]]:
    """The offsets by partition of the next `count` records."""
    seen: dict[int, list[int]] = {}
    async with asyncio.timeout(20):
        while sum(map(len, seen.values())) < count:
            for tp, records in (await reader.fetch(max_records, 500)).items():
                assert tp.topic == TOPIC
                seen.setdefault(tp.partition, []).extend(record.offset for record in records)
    return seen


async def test_records_come_as_they_were_written(topic: Settings) -> None:
    async with writing(topic) as writer, reading(topic, Positions().claim) as reader:
        await writer.write(TOPIC, 0, [*messages(0, 2), (None, b"no key", [])])
        records = (await reader.fetch(10, 5000))[P0]
        assert [(r.topic, r.partition, r.offset) for r in records] == [(TOPIC, 0, n) for n in range(3)]
        assert [(r.key, r.value) for r in records] == [(b"k0", b"v0"), (b"k1", b"v1"), (None, b"no key")]
        assert records[1].headers == (("seq", b"1"),)
        assert records[2].headers == ()
        assert records[0].timestamp_ms > 1_700_000_000_000


async def test_the_raw_records_hook_is_the_pinned_one_and_changes_only_our_consumers(topic: Settings) -> None:
    assert aiokafka.__version__ == quirks.VERSION
    async with writing(topic) as writer, reading(topic, Positions().claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 1))
        assert await reader.fetch(10, 5000)
        assert PartitionRecords._consumer_record is quirks._raw_record
        other = aiokafka.AIOKafkaConsumer(
            topic.topic_prefix + TOPIC,
            bootstrap_servers=topic.kafka_bootstrap_servers,
            auto_offset_reset="earliest",
        )
        async with other:
            stock = await other.getone()
        assert (stock.topic, stock.key, stock.headers) == (topic.topic_prefix + TOPIC, b"k0", (("seq", b"0"),))


async def test_the_stock_path_gives_the_same_records(topic: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with writing(topic) as writer:
        await writer.write(TOPIC, 0, messages(0, 3))
    async with reading(topic, Positions().claim, "fast") as reader:
        fast = await reader.fetch(10, 5000)
    monkeypatch.setattr(quirks, "VERSION", "another")
    monkeypatch.setattr(PartitionRecords, "_consumer_record", quirks._stock_record)
    monkeypatch.setattr(FetchResult, "getall", quirks._stock_getall)
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    async with reading(topic, Positions().claim, "stock") as reader:
        assert await reader.fetch(10, 5000) == fast


async def test_bounds_of_a_fetch_lose_nothing(topic: Settings) -> None:
    async with writing(topic) as writer, reading(topic, Positions().claim) as reader:
        for partition in range(topic.partitions):
            await writer.write(TOPIC, partition, messages(0, 10))
        sizes: list[int] = []
        seen: dict[int, list[int]] = {}
        async with asyncio.timeout(20):
            while sum(sizes) < 10 * topic.partitions:
                got = await reader.fetch(7, 500, max_bytes=6)  # values are 2 bytes: three records reach the bound
                sizes.append(sum(map(len, got.values())))
                for tp, records in got.items():
                    seen.setdefault(tp.partition, []).extend(record.offset for record in records)
        assert max(sizes) == 3
        assert seen == {partition: list(range(10)) for partition in range(topic.partitions)}


async def test_nothing_within_the_time_is_an_empty_answer(topic: Settings) -> None:
    async with reading(topic, Positions().claim) as reader:
        assert await reader.fetch(10, 50) == {}
        assert reader.assignment() == {TopicPartition(TOPIC, n) for n in range(topic.partitions)}


async def test_it_starts_where_the_claim_says_and_where_a_seek_says(topic: Settings) -> None:
    async with writing(topic) as writer, reading(topic, Positions(p0=3).claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 5))
        assert await read_all(reader, 2) == {0: [3, 4]}
        reader.seek(P0, 1)
        assert await read_all(reader, 4) == {0: [1, 2, 3, 4]}


async def test_what_claim_raises_comes_out_of_fetch_and_is_tried_again(topic: Settings) -> None:
    positions, tries = Positions(), 0

    async def claim(assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError("the database is away")
        return await positions.claim(assigned)

    async with writing(topic) as writer, reading(topic, claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 1))
        for _ in range(2):
            with pytest.raises(ConnectionError, match="the database is away"):
                await reader.fetch(10, 5000)
            assert reader.assignment() == frozenset()
        assert await read_all(reader, 1) == {0: [0]}


async def test_a_second_member_takes_partitions_over_and_both_claim(topic: Settings) -> None:
    second = topic.model_copy(update={"instance": "1"})
    first_positions, second_positions = Positions(), Positions()
    async with reading(topic, first_positions.claim) as one:
        await one.fetch(1, 50)
        assert len(one.assignment()) == topic.partitions
        async with reading(second, second_positions.claim) as two, asyncio.timeout(30):
            while not (two.assignment() and len(one.assignment()) < topic.partitions):
                await asyncio.gather(one.fetch(1, 100), two.fetch(1, 100))
            assert one.assignment() | two.assignment() == {TopicPartition(TOPIC, n) for n in range(topic.partitions)}
            assert not one.assignment() & two.assignment()
            assert first_positions.claims[-1] == one.assignment()
            assert second_positions.claims[-1] == two.assignment()


async def test_a_restart_of_a_slot_moves_no_partition_of_another(topic: Settings) -> None:
    second = topic.model_copy(update={"instance": "1"})
    positions = Positions()
    async with reading(topic, positions.claim) as one:
        async with reading(second, Positions().claim) as two, asyncio.timeout(30):
            while not (two.assignment() and len(one.assignment()) < topic.partitions):
                await asyncio.gather(one.fetch(1, 100), two.fetch(1, 100))
            mine = two.assignment()
        claims = len(positions.claims)
        async with reading(second, Positions().claim) as again, asyncio.timeout(5):
            await again.fetch(1, 100)
            await one.fetch(1, 100)
            assert again.assignment() == mine
        assert len(positions.claims) == claims


async def test_records_of_a_partition_that_went_away_during_the_claim_are_not_handed_out(topic: Settings) -> None:
    """The second member joins while the first one's claim hangs: the first must claim again, and the smaller set."""
    second = topic.model_copy(update={"instance": "1"})
    in_claim, go_on, claims = asyncio.Event(), asyncio.Event(), list[frozenset[TopicPartition]]()

    async def slow(assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
        claims.append(assigned)
        if len(claims) == 1:
            in_claim.set()
            await go_on.wait()
        return dict.fromkeys(assigned, 0)

    async with writing(topic) as writer:
        for partition in range(topic.partitions):
            await writer.write(TOPIC, partition, messages(0, 1))
    async with reading(topic, slow) as one, asyncio.timeout(30):
        fetching = asyncio.create_task(one.fetch(100, 20_000))
        await in_claim.wait()
        async with reading(second, Positions().claim) as two:
            await two.fetch(1, 100)
            go_on.set()
            handed = await fetching
            assert set(handed) <= one.assignment()
            assert not one.assignment() & two.assignment()
    assert claims[0] > claims[-1]


async def test_a_hole_stops_its_partition_only(topic: Settings) -> None:
    async with writing(topic) as writer:
        await writer.write(TOPIC, 0, messages(0, 5))
        await writer.write(TOPIC, 1, messages(0, 5))
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.kafka_bootstrap_servers)
    await admin.start()
    try:
        full = TopicPartition(topic.topic_prefix + TOPIC, 0)
        await admin.delete_records({full: RecordsToDelete(before_offset=3)})
    finally:
        await admin.close()
    async with reading(topic, Positions().claim) as reader:
        seen: list[int] = []
        gaps: list[JournalGap] = []
        async with asyncio.timeout(20):
            while len(gaps) < 2 or len(seen) < 5:  # it goes on saying so
                try:
                    for tp, records in (await reader.fetch(10, 500)).items():
                        assert tp.partition == 1
                        seen += [record.offset for record in records]
                except JournalGap as gap:
                    gaps.append(gap)
        assert seen == list(range(5))
        assert (gaps[0].topic, gaps[0].partition, gaps[0].expected) == (TOPIC, 0, 0)
        reader.seek(P0, 3)
        assert await read_all(reader, 2) == {0: [3, 4]}
        assert await reader.record_at(P0, 2) is None
        with pytest.raises(JournalGap, match="offset 2 was expected, 3 came"):
            await reader.range(P0, 2, 5, 10)


async def test_a_consumer_whose_fetching_died_is_replaced(topic: Settings) -> None:
    """aiokafka itself would go on answering {} for ever."""
    positions = Positions()
    async with writing(topic) as writer, reading(topic, positions.claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 1))
        assert await read_all(reader, 1) == {0: [0]}
        positions.at[0] = 1
        fetching = reader._consumer._fetcher.error_future
        fetching.cancel()
        await asyncio.wait([fetching])
        await writer.write(TOPIC, 0, messages(1, 1))
        assert await read_all(reader, 1) == {0: [1]}


@pytest.mark.parametrize("how", ["metadata", "group", "fetching"])
async def test_a_consumer_whose_work_stands_still_is_replaced_and_closed(
    topic: Settings, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Its tasks wait for what nobody will bring any more: so does aiokafka's own closing."""
    monkeypatch.setattr(reader_module, "JOIN_SECONDS", 2.0)
    monkeypatch.setattr(records_module, "CLOSE_SECONDS", 0.5)
    positions = Positions()
    async with writing(topic) as writer, reading(topic, positions.claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 1))
        assert await read_all(reader, 1) == {0: [0]}
        positions.at[0] = 1
        consumer = reader._consumer
        coordinator, client = consumer._coordinator, consumer._client

        async def never() -> None:
            await asyncio.Event().wait()

        def broken(_: object) -> None:
            raise RuntimeError("a bug of aiokafka")

        match how:
            case "metadata":
                coordinator.coordinator_dead()
                client._sync_task.cancel()
                client.coordinator_lookup = lambda *_: client.force_metadata_update()
            case "group":
                coordinator.ensure_coordinator_known = never
                coordinator.request_rejoin()
                reader._gate.on_partitions_revoked(())
            case "fetching":
                consumer._fetcher._get_actions_per_node = broken
        await writer.write(TOPIC, 0, messages(1, 1))
        assert await read_all(reader, 1) == {0: [1]}
        assert reader._consumer is not consumer
        assert client._sync_task is None
        assert [conn for conn in client._conns.values() if conn.connected()] == []


async def test_a_fetch_that_waits_for_its_next_try_does_not_cancel_who_closes_the_consumer(topic: Settings) -> None:
    async with reading(topic, Positions().claim) as reader:
        consumer = reader._consumer
        failed = asyncio.Event()

        async def send(*_: object) -> None:
            failed.set()
            raise KafkaConnectionError("the broker went away")

        consumer._fetcher._retry_backoff = 3600
        consumer._fetcher._client.send = send
        fetching = asyncio.create_task(reader.fetch(10, 60_000))
        async with asyncio.timeout(20):
            await failed.wait()
        await asyncio.sleep(0)  # from its failure to the wait for its next try
        fetching.cancel()
        await asyncio.wait([fetching])
        await reader.stop()
        assert [conn for conn in consumer._client._conns.values() if conn.connected()] == []


async def test_a_consumer_whose_group_work_died_is_replaced(topic: Settings) -> None:
    positions = Positions()
    async with writing(topic) as writer, reading(topic, positions.claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 1))
        assert await reader.fetch(10, 5000)
        positions.at[0] = 1
        reader._consumer._coordinator._pending_exception = KafkaError("unexpected")
        with pytest.raises(OUTAGE, match="unexpected"):
            await reader.fetch(10, 5000)
        await writer.write(TOPIC, 0, messages(1, 1))
        assert await read_all(reader, 1) == {0: [1]}


def test_a_connection_that_uvloop_has_closed_is_a_lost_one(topic: Settings) -> None:
    """As our processes run. What else comes out of a send ends aiokafka's task that asks for the cluster's metadata,
    and whoever waits for these waits for ever: also who closes the consumer."""

    async def closed_under_it() -> None:
        async with reading(topic, Positions().claim) as reader:
            client = reader._consumer._client
            connection = await client._get_conn(client.get_random_node())
            transport = connection._writer.transport
            transport.abort()
            for _ in range(10):
                if "closed=True" in repr(transport):
                    break  # and whoever reads from it has not been told yet
                await asyncio.sleep(0)
            with pytest.raises(KafkaConnectionError, match="the handler is closed"):
                await connection.send(MetadataRequest([]))
            assert not connection.connected()
            assert await client.force_metadata_update()
            connection = await client._get_conn(client.get_random_node())
            connection._versions = {}  # of a broker that speaks another language, nothing is lost
            with pytest.raises(IncompatibleBrokerVersion):
                await connection.send(MetadataRequest([]))
            assert connection.connected()
            assert await reader.fetch(10, 100) == {}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as ours:
        ours.run(closed_under_it())


async def test_side_reads(topic: Settings) -> None:
    async with writing(topic) as writer, reading(topic, Positions().claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 50))
        assert [r.offset for r in await reader.range(P0, 10, 20, 5)] == [10, 11, 12, 13, 14]
        assert [r.offset for r in await reader.range(P0, 45, 90, 100)] == [45, 46, 47, 48, 49]
        assert await reader.range(P0, 50, 60, 5) == []
        found = await reader.record_at(P0, 7)
        assert found is not None
        assert found.value == b"v7"
        assert await reader.record_at(P0, 50) is None
        ends = await reader.end_offsets([P0, TopicPartition(TOPIC, 1)])
        assert ends == {P0: 50, TopicPartition(TOPIC, 1): 0}


async def test_a_paused_partition_waits_and_loses_nothing(topic: Settings) -> None:
    async with writing(topic) as writer, reading(topic, Positions().claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 4))
        assert [r.offset for r in (await reader.fetch(2, 5000))[P0]] == [0, 1]
        reader.pause(P0)
        assert await reader.fetch(10, 300) == {}
        reader.resume(P0)
        assert await read_all(reader, 2) == {0: [2, 3]}


async def test_a_large_record_and_many_small_ones_arrive(house: Settings) -> None:
    await ensure_topics(house, [JOURNAL])
    large = bytes(range(256)) * (12 << 12)  # 12 MiB; compresses well, as JSON does
    async with writing(house) as writer, reading(house, Positions().claim) as reader:
        futures = await writer.send(TOPIC, 0, [*messages(0, 30_000), (b"k", large, [])])
        ends = await asyncio.gather(*futures)
        assert ends == sorted(ends)
        assert ends[-1] == 30_001
        assert (await read_all(reader, 30_001, 10_000))[0] == list(range(30_001))


async def test_records_that_were_packed_well_do_not_fill_the_memory(house: Settings) -> None:
    """60 records of 4 MiB, which are few bytes on the wire: never more than two of a partition are in memory."""
    await ensure_topics(house, [JOURNAL])
    large = b" " * (4 << 20)
    async with writing(house) as writer, reading(house, Positions().claim) as reader:
        for partition in (0, 1):
            await asyncio.gather(*await writer.send(TOPIC, partition, [(b"k", large, [])] * 30))
        seen: dict[int, list[int]] = {0: [], 1: []}
        async with asyncio.timeout(60):
            while sum(map(len, seen.values())) < 60:
                for tp, records in (await reader.fetch(10_000, 5000, max_bytes=16 << 20)).items():
                    assert len(records) <= 2
                    seen[tp.partition] += [record.offset for record in records]
                assert abs(len(seen[0]) - len(seen[1])) <= 4  # neither waits for the other's backlog
    assert seen == {0: list(range(30)), 1: list(range(30))}


class _NoText(str):  # noqa: SLOT000
    """A header's name that is written as other bytes than UTF-8."""

    def encode(self, *_: object) -> bytes:
        return b"\xff\x00name"


@pytest.mark.parametrize("compression", ["zstd", None])
async def test_a_headers_name_that_is_no_text_stops_nothing(
    topic: Settings, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    """The broker takes it; a client in C writes it. Its record is read like any other, the name's bytes escaped."""
    odd = [(b"k", b"2", []), (b"k", b"3", [(_NoText(), b"h"), ("seq", b"3")]), (b"k", b"4", [("seq", b"4")])]
    async with writing(topic) as writer, reading(topic, Positions().claim) as reader:
        await writer.write(TOPIC, 0, [(b"k", b"0", []), (b"k", b"1", [])])
        with monkeypatch.context() as python_only:
            python_only.setattr(message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
            python_only.setattr(writer._producer, "_compression_type", compression)
            await writer.write(TOPIC, 0, odd)
        await writer.write(TOPIC, 0, [(b"k", b"5", [])])
        await writer.write(TOPIC, 1, [(b"k", b"beside", [])])
        found: dict[int, list[Record]] = {0: [], 1: []}
        async with asyncio.timeout(20):
            while sum(map(len, found.values())) < 7:
                for tp, records in (await reader.fetch(4, 1000)).items():
                    found[tp.partition] += records
        assert [(r.offset, r.value) for r in found[0]] == [(n, b"%d" % n) for n in range(6)]
        assert [r.headers for r in found[0]] == [
            (),
            (),
            (),
            (("\\xff\x00name", b"h"), ("seq", b"3")),
            (("seq", b"4"),),
            (),
        ]
        assert len({r.timestamp_ms for r in found[0][2:5]}) == 1
        assert found[0][3].timestamp_ms > 1_700_000_000_000
        assert [r.value for r in found[1]] == [b"beside"]
        assert [r.offset for r in await reader.range(P0, 0, 6, 100)] == list(range(6))


async def test_a_failed_write_breaks_the_writer_until_it_is_reopened(topic: Settings) -> None:
    async with writing(topic) as writer:
        with pytest.raises(WriteFailed, match=r"journal.v1/99 was not written"):
            await writer.write(TOPIC, 99, messages(0, 1))
        with pytest.raises(WriteFailed, match=r"journal.v1/99"):
            await writer.write(TOPIC, 0, messages(0, 1))
        await writer.reopen()
        await writer.write(TOPIC, 0, messages(0, 1))


def stands_still(pid: int) -> bool:
    """Whether every thread of a process has stopped: a thread that runs may still answer after SIGSTOP was sent."""
    states = [stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(state == "T" for state in states)


async def test_a_broker_that_does_not_answer_fails_the_write_and_the_next_writer_goes_on(
    topic: Settings, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frozen broker may have taken the batch or not; written again, it stands there once or twice, in order."""
    pid = servers.stack.pid("kafka")
    assert pid is not None
    monkeypatch.setattr(writer_module, "DELIVERY_SECONDS", 0.5)
    monkeypatch.setattr(writer_module, "CLOSE_SECONDS", 60)
    async with writing(topic) as writer:
        await writer.write(TOPIC, 0, messages(0, 2))
        os.kill(pid, signal.SIGSTOP)
        for _ in range(1_000):
            if stands_still(pid):
                break
            await asyncio.sleep(0.01)
        try:
            with pytest.raises(WriteFailed, match="TimeoutError"):
                await writer.write(TOPIC, 0, messages(2, 2))
            async with asyncio.timeout(20):  # nobody waits for the request that is on its way
                with pytest.raises(OUTAGE):
                    await writer.reopen()
            with pytest.raises(WriteFailed):
                await writer.write(TOPIC, 0, messages(2, 2))
        finally:
            os.kill(pid, signal.SIGCONT)
        monkeypatch.setattr(writer_module, "DELIVERY_SECONDS", 30.0)
        await writer.reopen()
        await writer.write(TOPIC, 0, messages(2, 2))
        async with reading(topic, Positions().claim) as reader:
            end = (await reader.end_offsets([P0]))[P0]
            values = [record.value for record in await reader.range(P0, 0, end, 100)]
    assert values in ([b"v0", b"v1", b"v2", b"v3"], [b"v0", b"v1", b"v2", b"v3", b"v2", b"v3"])


async def test_too_large_for_the_topic_is_a_failed_write(house: Settings) -> None:
    await ensure_topics(house, [JOURNAL])
    noise = random.Random(7).randbytes(17 << 20)
    async with writing(house) as writer:
        with pytest.raises(WriteFailed, match="MessageSizeTooLarge"):
            await writer.write(TOPIC, 0, [(b"k", noise, [])])


async def test_the_partition_is_javas(topic: Settings) -> None:
    """aiokafka's own producer partitions as Java's does; tests/core/test_partitioner.py has Java's known numbers."""
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=topic.kafka_bootstrap_servers)
    async with producer:
        for key in (b"mem_1", b"mem_22", b"mem_333", b"m", b"", "\u00e4\u00f6".encode()):
            sent = await producer.send_and_wait(topic.topic_prefix + TOPIC, b"v", key=key)
            assert sent.partition == partition_of(key, topic.partitions)


def test_aiokafkas_log_is_thinned() -> None:
    seen: list[str] = []

    class Ours(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    ours, theirs = Ours(), logging.getLogger("aiokafka.test")
    logging.getLogger().addHandler(ours)  # caplog would attach itself to aiokafka's logger too
    try:
        quirks.mend()
        quirks.mend()
        for number in range(3):
            theirs.error("no broker %s", number)
            theirs.info("group work %s", number)
    finally:
        logging.getLogger().removeHandler(ours)
    assert seen == ["no broker 0"]


async def test_two_houses_do_not_see_each_other(topic: Settings) -> None:
    await ensure_topics(topic, [ENTRIES])
    other = topic.model_copy(update={"topic_prefix": topic.topic_prefix + "other-"})
    await ensure_topics(other, [JOURNAL])
    async with writing(topic) as writer, reading(other, Positions().claim) as reader:
        await writer.write(TOPIC, 0, messages(0, 1))
        assert await reader.fetch(10, 300) == {}
