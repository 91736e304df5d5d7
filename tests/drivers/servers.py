"""A real Kafka and a real PostgreSQL for tests, started by our own launchers on free ports in a temporary folder.

Owns the two servers of a test session and the houses on them. The folder is not pytest's tmp_path: as root the
database server runs as another user, and pytest closes its folders to everybody else.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka.local import LocalKafka
from infra.postgres.local import LocalPostgres
from infra.settings import Settings, StackSettings, load_stack
from infra.stack.house import House, Process
from infra.stack.stack import Stack

PARTITIONS = 4  # enough for a partition to be lost while others go on, and quick to make

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Servers:
    """The servers of this session; each is started by the first test that asks for it."""

    stack: Stack

    async def kafka(self) -> LocalKafka:
        await self.stack.start_kafka()
        assert self.stack.kafka is not None
        return self.stack.kafka

    async def postgres(self) -> LocalPostgres:
        await self.stack.start_postgres()
        assert self.stack.postgres is not None
        return self.stack.postgres

    def fresh_house(self) -> House:
        """Names that no other test of this session uses."""
        number = next(_numbers)
        return House(
            name=f"test{number}", database=f"test{number}", topic_prefix=f"test{number}-", partitions=PARTITIONS
        )


def local_settings(cache: Path | None = None) -> StackSettings:
    """The workbench's settings, but always with local servers: a test never touches a server that somebody named."""
    chosen = {"kafka_bootstrap_servers": None, "database_url": None} | ({"cache_dir": cache} if cache else {})
    return load_stack().model_copy(update=chosen)


@asynccontextmanager
async def open_folder() -> AsyncIterator[Path]:
    """A temporary folder that every user can walk into."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def servers_in(folder: Path) -> AsyncIterator[Servers]:
    async with Stack(local_settings(), folder, lambda _: None) as stack:
        yield Servers(stack)


@asynccontextmanager
async def running(house: Settings, *processes: Process) -> AsyncIterator[Stack]:
    """Our processes (none named: all of a house) on a test's house; gives pids, restarts and /metrics addresses.

    Use it in the test itself, so that the processes belong to the test's own event loop.
    """
    settings = StackSettings(**dict(house))
    async with open_folder() as folder, Stack(settings, folder, print) as stack:
        await stack.start(House(processes=processes or House().processes))
        yield stack


async def delete_topics(settings: Settings) -> None:
    """Delete the house's topics, so that a long session does not keep thousands of open files."""
    client = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await client.start()
    try:
        ours = [name for name in await client.list_topics() if name.startswith(settings.topic_prefix)]
        if ours:
            await client.delete_topics(ours)
    finally:
        await client.close()
