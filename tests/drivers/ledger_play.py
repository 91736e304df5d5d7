"""Plays a script through the ledger's worker, with tables and topics in memory, and shows what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from events.decode import encode_fact
from events.entries import EntriesRecord, OutcomeRecord, decode, decode_outcome_record
from events.facts import Fact
from infra.health import Health
from infra.metrics import Registry
from services.ledger.metrics import Metrics
from services.ledger.plans import Plans
from services.ledger.relay import Relay
from services.ledger.worker import Worker
from tests.drivers.ledger_memory import MemoryStore
from tests.drivers.ledger_topics import Crash, Crashed, Recreate, Redeliver, Reorder, ScriptedJournal, Topics

PARTITIONS = 3
MARKS = (Crash, Redeliver, Reorder, Recreate)
Said = Fact | bytes | tuple[int, bytes]
"""A member's fact; raw bytes for partition 0; or a partition and raw bytes."""


@dataclass
class Play:
    """Tables, topics, and the process that lives just now."""

    store: MemoryStore = field(default_factory=MemoryStore)
    topics: Topics = field(default_factory=lambda: Topics(PARTITIONS))
    most: int = 10_000
    members_cached: int = 1_000_000
    journal_id: str = "journal-1"
    wall: bool = False
    partners: list[str] = field(default_factory=list)
    lives: int = 0
    _order: list[tuple[int, bytes, str | None]] = field(default_factory=list)
    _backwards: bool = False

    async def run(self, script: Iterable[Any]) -> Play:
        """Say everything, with what the marks do between; at the end the last process empties the journal."""
        for step in script:
            match step:
                case Crash(at):
                    await self.live(at, turns=1 if not at else None)
                case Redeliver(count):
                    for partition, value, member in self._order[-count:]:
                        self.topics.say(value, member, partition)
                case Reorder():
                    self._backwards, self.most = True, 1
                case Recreate():
                    self.journal_id = "journal-2"
                case _:
                    self.say(step)
        await self.live()
        return self

    def say(self, said: Said) -> None:
        partition, value, member = _said(said)
        if partition is None:
            before = {key: len(log) for key, log in self.topics.records.items()}
            self.topics.say(value, member)
            partition = next(p for (t, p), log in self.topics.records.items() if len(log) > before.get((t, p), 0))
        else:
            self.topics.say(value, member, partition)
        self._order.append((partition, value, member))

    async def live(self, die_at: str | None = None, turns: int | None = None) -> None:
        """One process: until it dies, or has nothing left to do."""
        self.lives += 1
        process = Process(self, die_at)
        try:
            await process.work(turns)
        except Crashed:
            pass
        finally:
            await process.kill()

    # ------------------------------------------------------------ what came of it

    def published(self) -> dict[int, list[EntriesRecord]]:
        """entries.v1 by partition, as a consumer sees it that drops `seq <= last`. Fails where a seq is missing."""
        found: dict[int, list[EntriesRecord]] = {}
        for (topic, partition), log in sorted(self.topics.records.items()):
            if topic == "entries.v1":
                found[partition] = list(_gapless([decode(value) for _, value, _ in log], f"{topic}/{partition}"))
        return found

    def answers(self) -> list[OutcomeRecord]:
        return [
            decode_outcome_record(value)
            for (topic, _), log in sorted(self.topics.records.items())
            if topic == "outcomes.v1"
            for _, value, _ in log
        ]

    def balances(self) -> dict[str, int]:
        """Member -> lots less debt, from the tables."""
        return {name: row[3] + row[4] - row[6] for (_, name), row in sorted(self.store.member.items())}

    def book(self) -> dict[str, Any]:
        """Everything in the tables that must not depend on what went wrong on the way."""
        return {
            "fact": {key: {**row, "recorded_at": 0, "offset": 0} for key, row in sorted(self.store.fact.items())},
            "entry": sorted(self.store.entry.items()),
            "reward": sorted((key, row["value"]) for key, row in self.store.reward.items()),
            "member": sorted(self.store.member.items()),
            "cold": sorted(self.store.cold.items()),
        }


class Process:
    """One life of the ledger."""

    def __init__(self, play: Play, die_at: str | None) -> None:
        self._play = play
        self._die_at = die_at
        self.health = Health()
        self.registry = Registry()
        self.relay = Relay(play.store, play.topics, play.topics, PARTITIONS, self._reach, lambda: asyncio.sleep(0))

        async def ensure(partners: tuple[str, ...]) -> None:
            play.partners += partners

        async def journal_id() -> str:
            return play.journal_id

        self.worker = Worker(
            play.store,
            self.relay,
            Plans(ensure),
            PARTITIONS,
            journal_id,
            self.health,
            Metrics(self.registry),
            self._reach,
            play.members_cached,
            wall=play.wall,
        )
        self.journal = ScriptedJournal(play.topics, play.most, play._backwards)

    async def work(self, turns: int | None = None) -> None:
        """Claim, and turn until the journal is empty and published; or so many turns, and then the end."""
        self.journal.begin(await self.worker.claim(self.journal, range(PARTITIONS)))
        while turns is None or turns > 0:
            await self.worker.turn(self.journal)
            await asyncio.sleep(0)
            if turns is not None:
                turns -= 1
            elif not self.journal.waiting():
                await self.worker.settle(self.journal)
                await self.relay.drain()
                if self.relay.fault is not None:
                    raise self.relay.fault
                if not self.journal.waiting():  # messages to other members are in the journal now
                    return

    async def kill(self) -> None:
        """Nothing of this process goes on."""
        me = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not me]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _reach(self, name: str) -> None:
        if self._die_at == name:
            raise Crashed(name)


def _said(said: Said) -> tuple[int | None, bytes, str | None]:
    if isinstance(said, bytes):
        return 0, said, None
    if isinstance(said, tuple):
        return said[0], said[1], None
    member = getattr(said, "member", None)
    return None if member else 0, encode_fact(said), member


def _gapless(records: list[EntriesRecord], where: str) -> Iterable[EntriesRecord]:
    last = 0
    for record in records:
        if record.seq > last:
            assert record.seq == last + 1, f"{where}: seq {record.seq} after {last}"
            last = record.seq
            yield record


def shuffled_marks(facts: list[Any], marks: list[Any], seed: int) -> list[Any]:
    """The facts in their order, with marks at random places between."""
    rng = random.Random(seed)
    script: list[Any] = list(facts)
    for mark in marks:
        script.insert(rng.randint(1, len(script)), mark)
    return script
