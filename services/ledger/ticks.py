"""The day's ticks: time becomes a fact at the programme's midnight, written by the owner of each partition.

A day is cut into slices of about 2,000 members with something due, so that a million expiries are not one transaction.
The ids are derived (`tick:<partition>:<day>:<slice>/<slices>`): a second writing of the same tick is a duplicate, and
one that was cut otherwise finds nothing left to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date

from events.decode import encode_fact
from events.facts.ticks import ID, SLICES, Tick
from events.topics import JOURNAL
from events.values import instant
from infra.clock import now_ms
from infra.kafka.client import Message
from services.ledger.batch import Owned
from services.ledger.relay import OUTAGES
from services.ledger.store import Store
from services.programme.calendar import day_of, midnight

MEMBERS_A_SLICE = 2_000
LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)

Write = Callable[[str, int, Sequence[Message]], Awaitable[None]]


def ticks_of(partition: int, day: int, zone: str, due: int) -> list[Tick]:
    """The ticks of the first instant of a local day (a proleptic ordinal), in as many slices as `due` members need."""
    slices = min(SLICES, max(1, -(-due // MEMBERS_A_SLICE)))
    at = instant(midnight(day, zone))
    name = date.fromordinal(day).isoformat()
    return [
        Tick(id=f"{ID}{partition}:{name}:{number}/{slices}", occurred_at=at, slice=number, slices=slices)
        for number in range(slices)
    ]


class Ticker:
    """Writes today's ticks of the partitions that are ours, once, soon after midnight or soon after the claim."""

    def __init__(self, store: Store, write: Write, owned: Mapping[int, Owned]) -> None:
        """owned: the worker's own, which changes with the assignment."""
        self._store = store
        self._write = write
        self._owned = owned
        self._written: dict[int, int] = {}  # partition -> the midnight whose ticks are in the journal

    async def run(self) -> None:
        """Until cancelled. During an outage it tries again."""
        while True:
            try:
                await self.write_due(now_ms())
            except OUTAGES as error:
                log.warning("the day's ticks could not be written, and will be: %r", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def write_due(self, at_ms: int) -> None:
        """Write the ticks of the day of `at_ms`, where they are not written yet."""
        for partition, owned in list(self._owned.items()):
            zone = owned.plan.zone
            day = day_of(at_ms, zone)
            begins = midnight(day, zone)
            if self._written.get(partition, -1) >= begins:
                continue
            newest = await self._store.newest_tick(partition)
            if newest is None or newest < begins:
                due = await self._store.count_due(partition, begins)
                ticks = ticks_of(partition, day, zone, due)
                await self._write(JOURNAL.name, partition, [(None, encode_fact(tick), ()) for tick in ticks])
                log.info("partition %d: %d ticks of %s", partition, len(ticks), ticks[0].occurred_at)
            self._written[partition] = begins
