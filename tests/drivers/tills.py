"""Tills: say what the crowd says until it is acknowledged, hear the answers, and keep both for the recount.

They have a client of their own, not ours, and repeat under the same id what was not acknowledged. No more than WINDOW
facts wait for their answer at a time, so the load follows the house, however fast or slow the machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from infra.settings import Settings
from tests.drivers.crowd import Crowd

WINDOW = 2_000
AT_ONCE = 100
SILENCE_SECONDS = 300.0
"""Nothing is answered for so long: something stands still for ever."""
PAUSE_SECONDS = 0.2
SLOW_SECONDS = 0.5
AWAY: tuple[type[Exception], ...] = (KafkaError, OSError, TimeoutError)

_text = json.JSONEncoder(separators=(",", ":")).encode


class Tills:
    """Everything that was said and answered in a house. Two files hold it, a record a line."""

    def __init__(self, settings: Settings, crowd: Crowd, folder: Path, brokers: str | None = None) -> None:
        """brokers: where the tills find Kafka, if elsewhere than the house."""
        self.crowd = crowd
        self.said = folder / "said.jsonl"
        """What was acknowledged: the topic, the till, and what it said, a tab between."""
        self.answers = folder / "answers.jsonl"
        """The values of outcomes.v1, as they came."""
        self.pace: Callable[[], float] = lambda: math.inf
        """Records that may have been said by now; the tills slow down beyond it."""
        self.records = 0
        """Acknowledged records, second uploads and all."""
        self.answered = 0
        """Facts that were answered, each counted once."""
        self._prefix = settings.topic_prefix
        self._partitions = settings.partitions
        self._brokers = brokers or settings.kafka_bootstrap_servers
        self._producer: Any = None
        self._open: set[str] = set()
        self._done: set[str] = set()
        self._moved = asyncio.Condition()

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Talk as long as the block runs, as fast as the answers come; leaves when all is acknowledged and answered."""
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._talk(enough))
            yield
            enough.set()
        await self._until(lambda: not self._open)

    async def moves(self, facts: int) -> None:
        """Until so many more facts have been answered."""
        goal = self.answered + facts
        await self._until(lambda: self.answered >= goal)

    async def _talk(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            await self._until(lambda: len(self._open) < WINDOW)
            await self.say()
            if self.records > self.pace():
                await asyncio.sleep(SLOW_SECONDS)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            before = self.answered
            try:
                async with asyncio.timeout(SILENCE_SECONDS), self._moved:
                    await self._moved.wait_for(lambda before=before: holds() or self.answered > before)  # type: ignore[misc]
            except TimeoutError:
                lost = f"{len(self._open)} facts wait, such as {sorted(self._open)[:3]}"
                raise AssertionError(f"no answer for {SILENCE_SECONDS:g} s; {lost}") from None

    # ------------------------------------------------------------ saying

    async def say(self) -> None:
        """Say AT_ONCE records or a few more; returns when they are acknowledged, whoever answers or not."""
        sayings = self.crowd.sayings(AT_ONCE)
        self._open |= {saying.fact for saying in sayings if saying.fact is not None} - self._done
        while True:
            try:
                sent = [
                    await self._producer.send(
                        self._prefix + saying.topic, key=saying.till.encode(), value=_text(saying.said).encode()
                    )
                    for saying in sayings
                ]
                await asyncio.gather(*sent)
            except AWAY:
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                break
        with self.said.open("a") as out:
            out.writelines(f"{saying.topic}\t{saying.till}\t{_text(saying.said)}\n" for saying in sayings)
        self.records += len(sayings)

    # ------------------------------------------------------------ hearing

    async def _hear(self) -> None:
        """Until cancelled: read every outcome from the first one on."""
        topic = f"{self._prefix}outcomes.v1"
        reached = {TopicPartition(topic, partition): 0 for partition in range(self._partitions)}
        while True:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._brokers, enable_auto_commit=False)
            try:
                await consumer.start()
                consumer.assign(list(reached))
                for tp, offset in reached.items():
                    consumer.seek(tp, offset)
                while True:
                    for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                        await self._heard([record.value for record in records])
                        reached[tp] = records[-1].offset + 1
            except AWAY:
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                await consumer.stop()

    async def _heard(self, values: list[bytes]) -> None:
        with self.answers.open("ab") as out:
            out.writelines(value + b"\n" for value in values)
        async with self._moved:
            for value in values:
                answer = json.loads(value)
                fact = answer["fact"]
                self.crowd.answered(answer)
                if fact in self._open:  # not what members say to each other, nor what was answered before
                    self._done.add(fact)
                    self._open.remove(fact)
                    self.answered += 1
            self._moved.notify_all()

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._brokers, acks="all", request_timeout_ms=10_000)
        await self._producer.start()


@asynccontextmanager
async def tills_of(settings: Settings, crowd: Crowd, folder: Path, brokers: str | None = None) -> AsyncIterator[Tills]:
    """Tills at work, in a folder of their own; the house's topics must exist."""
    tills = Tills(settings, crowd, folder, brokers)
    await tills._start()
    hearing = asyncio.create_task(tills._hear())
    try:
        yield tills
    finally:
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing
        await tills._producer.stop()
