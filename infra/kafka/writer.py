"""Writes records in batches that count only when every copy in sync has them.

Owns acknowledgement and what happens after a failure: the producer is thrown away, because what it still holds may
arrive or not. Does not own repeats: whoever writes must be able to write the same records again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from infra.kafka.quirks import filled, mend
from infra.settings import Settings

DELIVERY_SECONDS = 30.0
REQUEST_MS = 10_000
BATCH_BYTES = 1 << 20
PACKED_FROM = 8
"""Records in a batch that is worth packing: zstd of a few saves little and costs all three sides their time."""
PACKED_FROM_BYTES = 16_000
"""A few large ones are worth it too, and one of more than the broker takes at once may only pass by it."""
CLOSE_SECONDS = 5.0

Message = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""Key, value, headers."""


class WriteFailed(Exception):
    """Records were not acknowledged: they may be on the topic or not. Call reopen(), then write them again."""


class Writer:
    """acks=all, idempotent. After WriteFailed it refuses everything until reopen()."""

    def __init__(self, settings: Settings, *, packed: bool = True) -> None:
        """packed: batches that are worth it go by zstd; else none does."""
        self._settings = settings
        self._packed = packed
        self._producer: Any = None
        self._broken = ""

    async def start(self) -> None:
        """Connect. Raises one of OUTAGE."""
        mend()
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            client_id=f"tallystick-writer-{self._settings.instance}",
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=REQUEST_MS,
        )
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                await producer.start()
        except BaseException:
            await _abandon(producer)
            raise
        self._producer, self._broken = producer, ""

    async def stop(self) -> None:
        """Wait for what was sent, within reason, and close the connections."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if not self._broken:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await producer.flush()
        await _abandon(producer)

    async def reopen(self) -> None:
        """Throw the producer away with all it holds, and make a new one. Raises one of OUTAGE."""
        self._broken = self._broken or "reopened"
        await self.stop()
        await self.start()

    async def send(self, topic: str, partition: int, records: Sequence[Message]) -> list[asyncio.Future[int]]:
        """Put the records on their way, in order, and return a future for each batch of them.

        A future gives the offset after its batch's last record once it is acknowledged (-1: acknowledged, and the
        broker did not say where); after 30 s it fails with WriteFailed. Order is kept among sends to one partition.
        """
        on_their_way: list[asyncio.Future[int]] = []
        at = 0
        while at < len(records):
            packed = self._packed and _worth_packing(records, at)
            batch = BatchBuilder(BATCH_BYTES, DefaultRecordBatch.CODEC_ZSTD if packed else 0)
            at = filled(batch, records, at)
            on_their_way.append(await self._submit(batch, topic, partition))
        return on_their_way

    async def write(self, topic: str, partition: int, records: Sequence[Message]) -> None:
        """Send, and wait until all is acknowledged. Raises WriteFailed."""
        await asyncio.gather(*await self.send(topic, partition, records))

    def _open(self) -> Any:
        if self._producer is None or self._broken:
            raise WriteFailed(self._broken or "the writer is not started")
        return self._producer

    async def _submit(self, batch: Any, topic: str, partition: int) -> asyncio.Future[int]:
        producer, count = self._open(), batch.record_count()
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):  # a full queue of this partition is waited for
                sent = await producer.send_batch(batch, self._settings.topic_prefix + topic, partition=partition)
        except (KafkaError, TimeoutError, OSError, AssertionError) as error:
            raise self._failed(topic, partition, error) from error
        task = asyncio.ensure_future(self._acknowledged(sent, topic, partition, count))
        task.add_done_callback(_looked_at)
        return task

    async def _acknowledged(self, sent: asyncio.Future[Any], topic: str, partition: int, count: int) -> int:
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                where = await sent
        except (KafkaError, TimeoutError, OSError) as error:
            raise self._failed(topic, partition, error) from error
        return int(where.offset) + count if where.offset >= 0 else -1

    def _failed(self, topic: str, partition: int, error: BaseException) -> WriteFailed:
        self._broken = f"{topic}/{partition} was not written: {error!r}"
        return WriteFailed(self._broken)


def _worth_packing(records: Sequence[Message], at: int) -> bool:
    if len(records) - at >= PACKED_FROM:
        return True
    return sum([len(value or b"") for _, value, _ in records[at:]]) >= PACKED_FROM_BYTES


def _looked_at(task: asyncio.Future[int]) -> None:
    """A failure that nobody awaited is no news: the writer is broken, and says so to the next who writes."""
    if not task.cancelled():
        task.exception()


async def _abandon(producer: Any) -> None:
    """Close without waiting for what is queued; stop() of aiokafka would wait for it as long as the broker is away."""
    producer._closed = True
    client = producer.client
    await client.close()
    # a request that was on its way asks for the cluster's metadata now, and nobody will answer
    asked, client._md_update_fut = client._md_update_fut, asyncio.get_running_loop().create_future()
    for one in (asked, client._md_update_fut):
        if one is not None and not one.done():
            one.set_result(False)
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
        await asyncio.wait([sender], timeout=CLOSE_SECONDS)
    producer._message_accumulator.fail_all(ProducerClosed())
