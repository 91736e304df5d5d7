"""The tills: records to the inbound topics, kept in order per till, written again where an acknowledgement was lost.

Owns the waiting line and its repeats. A repeat is harmless: intake knows the ids. Does not own what is said.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Self

from infra.kafka.client import Message, WriteFailed, Writer, partition_of
from infra.settings import Settings
from services.workbench.demo.receipts import Saying


class Tills:
    """A waiting line of records and one task that writes whatever stands in it."""

    def __init__(self, settings: Settings) -> None:
        self._writer = Writer(settings)
        self._partitions = settings.partitions
        self._line: list[Saying] = []
        self._there_is_one = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writer.stop()

    def say(self, saying: Saying) -> None:
        """Put a record in the line. Records with one key reach their topic in the order of these calls."""
        self._line.append(saying)
        self._there_is_one.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._there_is_one.wait()
            self._there_is_one.clear()
            line, self._line = self._line, []
            await self._write(line)

    async def _write(self, line: list[Saying]) -> None:
        parts: dict[tuple[str, int], list[Message]] = defaultdict(list)
        for saying in line:
            place = saying.topic.name, partition_of(saying.key, self._partitions)
            parts[place].append((saying.key, saying.value, saying.headers))
        while True:
            try:
                sent = [
                    batch
                    for (topic, number), records in parts.items()
                    for batch in await self._writer.send(topic, number, records)
                ]
                await asyncio.gather(*sent)
            except WriteFailed:
                await self._writer.reopen()
            else:
                return
