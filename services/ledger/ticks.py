"""The day's ticks: time becomes a fact at the programme's midnight, written by the owner of each partition.

A day is cut into slices of some hundred members with something due, and the next slice is written when the one before
is booked: so a million expiries are thousands of small facts, and a till's request waits for one of them at most. The
ids are derived (`tick:<partition>:<day>:<slice>/<slices>`): a second writing of the same tick is a duplicate, and one
that was cut otherwise finds nothing left to do.
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
from infra.clock import monotonic, now_ms
from infra.kafka.client import Message
from services.ledger.batch import Owned
from services.ledger.relay import OUTAGES
from services.ledger.store import Store
from services.programme.calendar import day_of, midnight

MEMBERS_A_SLICE = 250
"""So many are folded and written in a few tens of milliseconds."""
LOOK_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.02
BOOKED_WITHIN_SECONDS = 10.0
"""A partition whose tick is not booked by then (it is stopped, or far behind) keeps the others waiting no longer."""

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
    """Writes today's ticks of the partitions that are ours, one after the other, soon after midnight or the claim."""

    def __init__(self, store: Store, write: Write, owned: Mapping[int, Owned]) -> None:
        """owned: the worker's own, which changes with the assignment."""
        self._store = store
        self._write = write
        self._owned = owned
        self._passed: dict[int, int] = {}  # partition -> the midnight whose ticks are booked
        self._written: dict[int, str] = {}  # partition -> the tick that was written last

    async def run(self) -> None:
        """Until cancelled. During an outage it tries again."""
        while True:
            try:
                await self.pass_midnight(now_ms())
            except OUTAGES as error:
                log.warning("the day's ticks could not be written, and will be: %r", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def pass_midnight(self, at_ms: int) -> None:
        """Write the ticks of the day of `at_ms`, where they are not booked yet."""
        for partition, owned in list(self._owned.items()):
            zone = owned.plan.zone
            day = day_of(at_ms, zone)
            begins = midnight(day, zone)
            if self._passed.get(partition, -1) < begins and await self._pass(partition, day, zone, begins):
                self._passed[partition] = begins

    async def _pass(self, partition: int, day: int, zone: str, begins: int) -> bool:
        """Whether a partition's ticks of that midnight are booked now."""
        last = self._written.get(partition)
        if last is not None and not await self._store.has_fact(partition, last):
            return False  # the partition stands, and one more would stand there too
        newest, due = await self._store.newest_tick(partition), await self._store.count_due(partition, begins)
        if newest is not None and newest >= begins and not due:
            return True
        ticks = ticks_of(partition, day, zone, due)
        log.info("partition %d: %d ticks of %s", partition, len(ticks), ticks[0].occurred_at)
        for tick in ticks:
            if partition not in self._owned:
                return False  # whoever has it now goes on
            await self._write(JOURNAL.name, partition, [(None, encode_fact(tick), ())])
            self._written[partition] = tick.id
            if not await self._booked(partition, tick.id):
                return False
        return True

    async def _booked(self, partition: int, tick: str) -> bool:
        waited_until = monotonic() + BOOKED_WITHIN_SECONDS
        while not await self._store.has_fact(partition, tick):
            if monotonic() > waited_until:
                return False
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return True
