"""Outcomes of facts that somebody awaits: from the hints on outcomes.v1, and from the tables where a hint was lost.

A ledger that dies between its commit and its publishing may leave an outcome unsaid; the stored row is the truth, so
an answer that is late is looked up there. Owns the waiting. Does not own what is done with an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

from events.entries import decode_outcome_record
from events.topics import OUTCOMES
from infra.clock import monotonic
from infra.kafka.client import Reader, TopicPartition
from infra.postgres.pool import OUTAGE, Pool
from infra.postgres.queries import load
from infra.settings import Settings

LATE_S = 3.0
"""An answer that took longer is looked up."""
LOOK_EVERY_S = 1.0

_sql = load(Path(__file__).parent)


class Answer(NamedTuple):
    """What a till needs to know."""

    done: bool
    """False: declined."""
    available: int


class Answers:
    """Facts that are awaited, by id."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._pool = pool
        self._partitions = list(range(settings.partitions))
        self._reader = Reader(settings, (OUTCOMES.name,), "demo-tills", self._from_the_start)
        self._awaited: dict[str, tuple[float, asyncio.Future[Answer]]] = {}
        self.looked_up = 0
        """Answers that came from the tables."""

    async def __aenter__(self) -> Self:
        await self._reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()

    def expect(self, fact: str) -> asyncio.Future[Answer]:
        """Call it before the request is said, and await what it returns."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._awaited[fact] = monotonic(), future
        return future

    async def read(self) -> None:
        """Take hints from the topic until cancelled."""
        while True:
            for records in (await self._reader.fetch(10_000, 500)).values():
                for record in records:
                    said = decode_outcome_record(record.value or b"")
                    self._answer(said.fact, Answer(said.status == "done", said.available))

    async def look(self) -> None:
        """Ask the tables for late answers until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            late = [fact for fact, (since, _) in self._awaited.items() if monotonic() - since > LATE_S]
            if not late:
                continue
            try:
                rows = await self._pool.fetch(_sql.outcomes_of, self._partitions, late)
            except OUTAGE:
                continue  # asked again in a second
            for row in rows:
                self.looked_up += 1
                self._answer(row["fact_id"], Answer(row["status"] == "done", row["available"]))

    def _answer(self, fact: str, answer: Answer) -> None:
        _, future = self._awaited.pop(fact, (0.0, None))
        if future is not None and not future.done():
            future.set_result(answer)

    async def _from_the_start(self, assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(assigned, 0)
