"""How a writer cuts its records into batches, and which it packs: read back by aiokafka's own reader of batches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords

from infra.kafka import writer as writer_module
from infra.kafka.writer import PACKED_FROM, PACKED_FROM_BYTES, Message, Writer
from infra.settings import Settings

SETTINGS = Settings(kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://nobody@127.0.0.1:1/none")
PLAIN, ZSTD = 0, 4
"""As the protocol numbers them (Kafka's message format 2)."""


def batches(monkeypatch: pytest.MonkeyPatch, records: list[Message], *, packed: bool = True) -> list[Any]:
    """(compression, [(offset, key, value, headers)]) of each batch that would be written."""
    found: list[Any] = []

    async def submit(_self: Writer, batch: Any, _topic: str, _partition: int) -> asyncio.Future[int]:
        assert batch.record_count() > 0
        read = MemoryRecords(bytes(batch._build())).next_batch()
        found.append((read.compression_type, [(r.offset, r.key, r.value, list(r.headers)) for r in read]))
        return asyncio.get_running_loop().create_future()

    monkeypatch.setattr(Writer, "_submit", submit)
    asyncio.run(Writer(SETTINGS, packed=packed).send("t", 0, records))
    return found


def some(count: int, size: int = 10) -> list[Message]:
    return [(b"k%d" % n, b"%d:" % n + b"v" * size, (("seq", b"%d" % n),)) for n in range(count)]


def test_few_records_are_not_packed_and_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [kind for kind, _ in batches(monkeypatch, some(PACKED_FROM - 1))] == [PLAIN]
    assert [kind for kind, _ in batches(monkeypatch, some(PACKED_FROM))] == [ZSTD]
    assert [kind for kind, _ in batches(monkeypatch, some(1_000), packed=False)] == [PLAIN]


def test_a_large_record_is_packed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 MB of the same byte pass a broker that takes one: the text of a programme, facts that a merge hands over."""
    assert [kind for kind, _ in batches(monkeypatch, some(1, 10_000_000))] == [ZSTD]
    assert [kind for kind, _ in batches(monkeypatch, some(2, PACKED_FROM_BYTES // 2))] == [ZSTD]
    assert [kind for kind, _ in batches(monkeypatch, some(2, PACKED_FROM_BYTES // 2 - 10))] == [PLAIN]


def test_what_does_not_fit_goes_into_the_next_batch_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BATCH_BYTES", 2_000)
    records = [*some(20, 300), (b"large", b"x" * 5_000, ()), (b"gone", None, ())]
    written = batches(monkeypatch, records)
    assert len(written) > 3
    for _, read in written:
        assert [offset for offset, *_ in read] == list(range(len(read)))
    assert [(key, value, headers) for _, read in written for _, key, value, headers in read] == [
        (key, value, list(headers)) for key, value, headers in records
    ]


def test_nothing_makes_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert batches(monkeypatch, []) == []
