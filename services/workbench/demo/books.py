"""What a house's tables and reward topics say: how far it is, when it has settled, and every customer at the end.

Owns the reading. Does not own what it should say (expectation.py). Points that were taken away are negative, so that a
customer's columns add up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from events import rewards
from events.decode import encode_fact
from events.facts.ticks import ID, Tick
from events.topics import JOURNAL, rewards_topic
from events.values import instant
from infra.clock import monotonic
from infra.kafka.client import Ranges, TopicPartition, WriteFailed, Writer
from infra.postgres.pool import Pool, Record
from infra.postgres.queries import load
from infra.runner.live import inside
from infra.settings import Settings
from projections.balance import read as balance
from projections.balance.fold import Balance
from projections.models import MODELS
from projections.tier import read as tier
from projections.tier.fold import Tier
from services.book import member as book
from services.book.pages import lots_of
from services.book.turn import Cold, ColdKey

ASK_EVERY_S = 0.1
PATIENCE_S = 120.0
"""How long a house may show no progress at all before the demo gives up."""

_sql = load(Path(__file__).parent)

Row = dict[str, Any]
_EARNED, _REVERSED, _SPENT, _EXPIRED = "issued", "reversed", "spent", "expired"


class Stuck(Exception):
    """A house has not come on for two minutes; the message says what was waited for."""


class Books:
    """One house's tables and topics."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool

    async def receipts_settled(self) -> AsyncIterator[int]:
        """How many receipts of the house `plain` have come to their end, again and again.

        Raises Stuck when the number stays the same.
        """
        newest, since = -1, monotonic()
        while True:
            count = await self._value(_sql.receipts_settled)
            if count != newest:
                newest, since = count, monotonic()
            elif monotonic() - since > PATIENCE_S:
                raise Stuck(f"{self._settings.topic_prefix} stays at {count} receipts")
            yield count
            await asyncio.sleep(ASK_EVERY_S)

    async def tick(self, occurred_at: str) -> None:
        """Write the instant to every partition of the journal, and wait until the ledger has come to it."""
        fact = Tick(id=f"{ID}{occurred_at}", occurred_at=occurred_at)
        writer = Writer(self._settings)
        await writer.start()
        try:
            for partition in range(self._settings.partitions):
                await _again(writer, JOURNAL.name, partition, encode_fact(fact))
        finally:
            await writer.stop()

        async def booked() -> tuple[bool, object]:
            count = await self._value(_sql.ticks_booked, fact.id)
            return count == self._settings.partitions, count

        await self._until("the ledger to book the last tick", booked)

    async def projected(self) -> None:
        """Until every projection has taken every fact that is booked."""

        async def taken() -> tuple[bool, object]:
            booked = await self._value(_sql.booked)
            counts = [await self._inside(model.name, _sql.projected) for model in MODELS]
            return all(count == booked for count in counts), counts

        await self._until("the projections to take every entry", taken)

    async def published(self) -> None:
        """Until the ledger has noted that all that is booked is on its topics, which it does once a second."""

        async def noted() -> tuple[bool, object]:
            count = await self._value(_sql.unpublished)
            return count == 0, count

        await self._until("every entry and reward to be published", noted)

    async def customers(self) -> dict[str, Row]:
        """Every customer who has a member, by customer number."""
        moved: dict[str, dict[str, int]] = {}
        for member, debit, credit, points in await self._pool.fetch(_sql.movements):
            sums = moved.setdefault(member, dict.fromkeys((_EARNED, _REVERSED, _SPENT, _EXPIRED), 0))
            for account, sign in ((debit, 1), (credit, -1)):
                if account in sums:
                    sums[account] += sign * points
        declined = {row["member"]: row["times"] for row in await self._pool.fetch(_sql.declined)}
        pages: dict[str, dict[ColdKey, bytes | None]] = {}
        for member, kind, key, value in await self._pool.fetch(_sql.pages):
            pages.setdefault(member, {})[kind, key] = value
        return {
            row["customer"]: _customer(
                row, moved.get(row["member"], {}), declined.get(row["member"], 0), pages.get(row["member"], {})
            )
            for row in await self._pool.fetch(_sql.members)
        }

    async def totals(self, customers: Mapping[str, Row]) -> Row:
        """The house in numbers."""
        (mine,), (guests,) = await self._pool.fetch(_sql.member_receipts), await self._pool.fetch(_sql.guests)
        partners = await self._rewards()
        sums = {
            name: sum(row[name] for row in customers.values())
            for name in ("earned", "reversed", "redeemed", "declined", "expired", "available", "debt", "net")
        }
        tiers = {str(tier): sum(row["tier"] == tier for row in customers.values()) for tier in range(3)}
        return {
            "lines": mine["lines"] + guests["lines"],
            "receipts": mine["receipts"] + guests["receipts"],
            "guest_receipts": guests["receipts"],
            "guest_lines": guests["lines"],
            "members": len(customers),
            **sums,
            "lots": sum(len(row["lots"]) for row in customers.values()),
            "tiers": tiers,
            "partners": partners,
            "parked": await self._value(_sql.parked)
            + sum([await self._inside(model.name, _sql.unread) for model in MODELS]),
            "projections_differ": await self._projections_differ(customers),
        }

    async def _projections_differ(self, customers: Mapping[str, Row]) -> int:
        """In how many members a read model differs from the ledger's tables."""
        members = [row["member"] for row in customers.values()]
        balances = await balance.balances(self._pool, members)
        levels = await tier.tiers(self._pool, members)
        return sum(
            row["member"] not in balances
            or row["member"] not in levels
            or _of_ledger(row) != _of_projections(balances[row["member"]], levels[row["member"]])
            for row in customers.values()
        )

    async def _rewards(self) -> dict[str, dict[str, int]]:
        """Points by partner and kind, from the partners' own topics, as a partner would count them."""
        told: dict[str, dict[str, int]] = {}
        ranges = Ranges(self._settings)
        try:
            for (partner,) in await self._pool.fetch(_sql.partners):
                sums = told[partner] = {"earned": 0, "reversed": 0}
                for number in range(self._settings.partitions):
                    last = 0
                    partition = TopicPartition(rewards_topic(partner).name, number)
                    for record in await ranges.range(partition, 0, 1 << 60, 1 << 60):
                        reward = rewards.decode(record.value or b"")
                        if reward.seq > last:
                            last = reward.seq
                            sums[reward.kind] += reward.points if reward.kind == "earned" else -reward.points
        finally:
            await ranges.stop()
        return told

    async def _inside(self, model: str, query: str) -> int:
        async with inside(self._pool, model) as connection:
            return int(await connection.fetchval(query))

    async def _value(self, query: str, *arguments: object) -> int:
        return int(await self._pool.fetchval(query, *arguments))

    async def _until(self, what: str, reached: Callable[[], Awaitable[tuple[bool, object]]]) -> None:
        """Ask until it is reached. Raises Stuck when the sign of progress stays the same for too long."""
        newest, since = object(), monotonic()
        while True:
            there, sign = await reached()
            if there:
                return
            if sign != newest:
                newest, since = sign, monotonic()
            elif monotonic() - since > PATIENCE_S:
                raise Stuck(f"{self._settings.topic_prefix}: waited for {what}, and it stays at {sign}")
            await asyncio.sleep(ASK_EVERY_S)


def _customer(row: Record, moved: Mapping[str, int], declined: int, pages: Cold) -> Row:
    state = book.decode(row["member"], row["state"])
    lots = lots_of(state, state.pages, pages)
    return {
        "member": row["member"],
        "earned": moved.get(_EARNED, 0),
        "reversed": moved.get(_REVERSED, 0),
        "redeemed": moved.get(_SPENT, 0),
        "declined": declined,
        "expired": moved.get(_EXPIRED, 0),
        "available": row["available"],
        "debt": row["debt"],
        "pending": row["pending"],
        "held": row["held"],
        "net": row["available"] + row["pending"] - row["debt"],
        "tier": row["tier"],
        "qualifying_minor": row["qualifying_minor"],
        "lots": [[instant(lot[0]), instant(lot[1]), lot[3], lot[4]] for lot in lots if lot[0] < 1 << 60],
    }


def _of_ledger(row: Row) -> tuple[int, ...]:
    names = ("available", "pending", "held", "debt", "net", "earned", "redeemed", "expired", "reversed", "tier")
    return (*(row[name] for name in names), row["qualifying_minor"])


def _of_projections(points: Balance, level: Tier) -> tuple[int, ...]:
    now = points.available, points.pending, points.held, points.debt, points.balance
    return (
        *now, points.earned, -points.redeemed, -points.expired, -points.reversed, level.level, level.qualifying_minor
    )  # fmt: skip


async def _again(writer: Writer, topic: str, partition: int, value: bytes) -> None:
    """Write a record without a key; a second time where the first was not acknowledged (its id is the same)."""
    while True:
        try:
            return await writer.write(topic, partition, [(None, value, ())])
        except WriteFailed:
            await writer.reopen()
