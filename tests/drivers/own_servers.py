"""A Kafka and a PostgreSQL of one test's own: killed, put on a small disk, or behind a proxy, and started again.

The supervisor starts whatever dies again, as a service manager would; a session's shared servers are never harmed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from infra.kafka.jars import kafka_jars
from infra.kafka.local import LocalKafka
from infra.postgres.local import LocalPostgres
from infra.settings import Settings
from infra.stack.ports import Ports
from infra.stack.supervisor import Child, Supervisor
from tests.drivers.servers import PARTITIONS, local_settings

_numbers = itertools.count(1)


@dataclass(frozen=True)
class ProxiedKafka(LocalKafka):
    """A broker with a second door: `inner_port`, of which it tells its clients that it is `outer_port`."""

    inner_port: int = 0
    outer_port: int = 0

    def properties(self) -> dict[str, str]:
        found = super().properties()
        found["listeners"] += f",PROXIED://127.0.0.1:{self.inner_port}"
        found["advertised.listeners"] += f",PROXIED://127.0.0.1:{self.outer_port}"
        found["listener.security.protocol.map"] += ",PROXIED:PLAINTEXT"
        return found


@dataclass
class OwnServers:
    """Two servers under a supervisor. Each has a log of its own in `logs`."""

    supervisor: Supervisor
    logs: Path
    kafka: ProxiedKafka
    postgres: LocalPostgres

    async def start_kafka(self, wrapper: Sequence[str] = ()) -> None:
        """wrapper: a command that becomes the server."""
        argv = (*wrapper, *self.kafka.argv())
        await self.supervisor.start(
            Child(name="kafka", argv=argv, ready=self.kafka.ready, orphan_signal=signal.SIGTERM)
        )

    async def start_postgres(self, wrapper: Sequence[str] = ()) -> None:
        account = self.postgres.account
        await self.supervisor.start(
            Child(
                name="postgres",
                argv=(*wrapper, *self.postgres.argv()),
                ready=self.postgres.ready,
                environment={"LC_ALL": "C"},
                account=None if account is None else (account.uid, account.gid),
                stop_signal=signal.SIGINT,
                orphan_signal=signal.SIGINT,
            )
        )

    async def kill(self, name: str) -> None:
        """kill -9 of `kafka` or `postgres`; returns when it is ready again."""
        pid = self.supervisor.pid(name)
        assert pid is not None, f"{name} is between two lives"
        os.kill(pid, signal.SIGKILL)
        await self.supervisor.restarted(name, pid, within_s=300)

    async def house(self) -> Settings:
        """The settings of a fresh house on them, with its database."""
        name = f"own{next(_numbers)}"
        await self.postgres.create_database(name)
        common = local_settings().model_dump(exclude={"kafka_bootstrap_servers", "database_url"})
        chosen = {
            "topic_prefix": f"{name}-",
            "partitions": PARTITIONS,
            "kafka_bootstrap_servers": self.kafka.bootstrap_servers,
            "database_url": SecretStr(self.postgres.url(name)),
            "replication_factor": 1,
            "min_insync": 1,
            "allow_weak_topics": True,
        }
        return Settings(**common | chosen)


@asynccontextmanager
async def prepared_servers(
    folder: Path, kafka_folder: Path | None = None, postgres_folder: Path | None = None
) -> AsyncIterator[OwnServers]:
    """Both servers, not started yet. folder: for logs and, unless another one is named, their data."""
    ports = Ports(folder / "ports.json")
    jars = await asyncio.to_thread(kafka_jars, local_settings().cache_dir, print)
    doors = {"inner_port": ports.of("inner"), "outer_port": ports.of("outer")}
    kafka = ProxiedKafka(kafka_folder or folder / "kafka", ports.of("kafka"), ports.of("controller"), jars, **doors)
    postgres = LocalPostgres(postgres_folder or folder / "postgres", ports.of("postgres"))
    await asyncio.to_thread(kafka.prepare)
    await asyncio.to_thread(postgres.prepare)
    supervisor = Supervisor(folder / "log", print)
    try:
        yield OwnServers(supervisor, folder / "log", kafka, postgres)
    finally:
        await supervisor.stop()


@asynccontextmanager
async def own_servers(folder: Path) -> AsyncIterator[OwnServers]:
    """Both servers, ready."""
    async with prepared_servers(folder) as servers:
        async with asyncio.TaskGroup() as both:
            both.create_task(servers.start_kafka())
            both.create_task(servers.start_postgres())
        yield servers
