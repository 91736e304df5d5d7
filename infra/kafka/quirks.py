"""What we change in aiokafka, and why. Pinned to one version; tests/contract/test_kafka_client.py watches each change.

1. Records as they lie in the batch. aiokafka wraps each one into an eleven-field object, which costs more than
   decoding it; a private hook of its fetcher is told to hand out the raw record, for our consumers only.
2. What is handed out at once is bounded in bytes too, not in records alone: a fetch is bounded as it lies on the wire,
   and large records that were packed well would fill the memory.
3. A header whose name is no UTF-8, which a broker takes: aiokafka's decoder stops at its batch for ever, and all
   partitions of the consumer with it. Such a batch is decoded once more, slowly, with the name's bytes escaped.
4. A fetch that failed and waits for its next try, when the consumer is closed: its cancellation came out of the closing
   as if our own task were cancelled, which ended the process, and left the connections open.
5. What a batch is filled through: a call for each record, which does nothing for us, costs as much as the appending.
6. A connection that the broker has closed, before its end was read. uvloop answers a write to it with a RuntimeError,
   where asyncio says nothing and aiokafka expects an OSError (its issue 1038): the task that asks for the cluster's
   metadata died of it, and group work and closing waited for that task for ever.
7. Its log. During an outage it writes a line per attempt and per partition; each line's template is let through once
   a minute, and its tales of ordinary group work not at all.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import aiokafka
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from infra.clock import monotonic

VERSION = "0.14.0"
TAKEN_BYTES = 4 << 20
"""Of one partition at once; one record more than fits."""
QUIET_SECONDS = 60.0

_stock_record: Callable[[Any, Any, Any], Any] = PartitionRecords._consumer_record
_stock_getall: Callable[[Any, int | None], Any] = FetchResult.getall
_stock_fetch: Callable[..., Awaitable[bool]] = fetcher.Fetcher._proc_fetch_request
_stock_send: Callable[..., Awaitable[Any]] = AIOKafkaConnection.send


def as_it_came(value: bytes | None) -> bytes | None:
    """Our consumers' key deserializer: changes nothing, and marks their records for the hook."""
    return value


def _raw_record(self: Any, tp: Any, record: Any) -> Any:
    return record if self._key_deserializer is as_it_came else _stock_record(self, tp, record)


def _bounded(self: Any, max_records: int | None = None) -> list[Any]:
    """FetchResult.getall, and an end where the bytes of the values come to TAKEN_BYTES."""
    records = self._partition_records
    if records is None or records._key_deserializer is not as_it_came:
        return _stock_getall(self, max_records)  # type: ignore[no-any-return]
    if not self.check_assignment(self._topic_partition):
        return []
    found: list[Any] = []
    left = TAKEN_BYTES
    for record in records:
        found.append(record)
        left -= len(record.value or b"")
        if left <= 0 or len(found) == max_records:
            self._update_position()
            return found
    self._update_position()
    self._partition_records = None
    return found


class _Batches(MemoryRecords):  # type: ignore[misc]  # aiokafka has no types
    """The batches of a fetch, which remembers its bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._raw = raw

    def next_batch(self) -> Any:
        return _Batch(super().next_batch(), self._raw)


class _Batch:
    """A batch; all but its iteration is aiokafka's."""

    def __init__(self, stock: Any, raw: bytes) -> None:
        self._stock = stock
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stock, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._stock
        except UnicodeDecodeError:  # from the first record again: whoever asks drops what it has seen
            yield from _slowly(self._raw, self._stock.base_offset)


def _slowly(raw: bytes, base_offset: int) -> Iterator[Any]:
    """The records of the batch that begins at an offset, by aiokafka's decoder in Python."""
    at = 0
    while struct.unpack_from(">q", raw, at)[0] != base_offset:
        at += 12 + struct.unpack_from(">i", raw, at + 8)[0]
    batch = _DefaultRecordBatchPy(raw[at : at + 12 + struct.unpack_from(">i", raw, at + 8)[0]])
    iter(batch)  # unpacks its buffer
    batch._buffer = _Escaping(batch._buffer)
    return iter(batch)


class _Escaping(bytearray):
    """Bytes whose slices are decoded whatever they hold."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Escaping(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


async def _ends_quietly(self: Any, *request: Any) -> bool:
    """Fetcher._proc_fetch_request, which answers a cancellation while it sends with False, and now also afterwards."""
    try:
        return await _stock_fetch(self, *request)
    except asyncio.CancelledError:
        return False


def _lost_is_an_outage(self: Any, *request: Any, **how: Any) -> Awaitable[Any]:
    """AIOKafkaConnection.send, which says of a connection that uvloop has closed what it says of any lost one."""
    try:
        return _stock_send(self, *request, **how)
    except (KafkaError, NotImplementedError):  # these are RuntimeErrors too, and say nothing of the connection
        raise
    except RuntimeError as closed:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {closed}") from closed


def filled(
    batch: Any, records: Sequence[tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]], at: int
) -> int:
    """Put (key, value, headers) into a new batch of aiokafka, from the index `at` on. The index of the first that
    does not fit; one always does."""
    append, number = batch._builder.append, 0
    for key, value, headers in islice(records, at, None):
        if append(number, None, key=key, value=value, headers=list(headers)) is None:
            break
        number += 1
    batch._relative_offset = number
    return at + number


def mend() -> None:
    """Set the hooks and the log's filter; once is enough, more does no harm.

    Of another version than the pinned one only the log is touched: the stock path is slower.
    """
    _thin_out_log()
    if aiokafka.__version__ == VERSION:
        PartitionRecords._consumer_record = _raw_record
        FetchResult.getall = _bounded
        fetcher.MemoryRecords = _Batches
        fetcher.Fetcher._proc_fetch_request = _ends_quietly
        AIOKafkaConnection.send = _lost_is_an_outage


class _Thinned(logging.Handler):
    """Passes a log record on unless one of the same template passed within the last minute."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._passed: dict[tuple[str, str], float] = {}
        self._onward = logging.getLogger("infra.kafka")

    def emit(self, record: logging.LogRecord) -> None:
        what, now = (record.name, str(record.msg)), monotonic()
        if now - self._passed.get(what, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._passed[what] = now
            self._onward.handle(record)


def _thin_out_log() -> None:
    """Put the filter between aiokafka's loggers and ours."""
    theirs = logging.getLogger("aiokafka")
    if not any(isinstance(handler, _Thinned) for handler in theirs.handlers):
        theirs.addHandler(_Thinned())
        theirs.propagate = False
