"""A local stack: PostgreSQL and Kafka (our own, unless the settings name others) and the houses that run on them.

    async with Stack(settings, folder, print) as stack:
        await stack.start(House())
        print(await stack.death())

Owns the folder (one stack at a time), the order of things and the addresses. Leaving the block stops everything.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from infra.kafka.jars import JarsUnavailable, kafka_jars
from infra.kafka.local import KafkaUnavailable, LocalKafka
from infra.postgres.local import LocalPostgres, PostgresUnavailable
from infra.postgres.pool import create_database
from infra.settings import Settings, StackSettings
from infra.stack.house import House, child
from infra.stack.ports import Ports
from infra.stack.supervisor import Child, Say, StackError, Supervisor

DATABASE = "tallystick"  # of the local server's unnamed house
LEFTOVERS_S = 45.0  # how long children of a killed supervisor may take to end


class Stack:
    """The servers and houses that run from one folder. Use it from one event loop, on the main thread."""

    def __init__(self, settings: StackSettings, folder: Path, say: Say, *, lasting: bool = False) -> None:
        """folder: data, logs, ports and the lock. say: told one line at a time what happens.

        lasting: the servers are to live for hours, and not for minutes."""
        self.settings = settings
        self.folder = folder
        self.houses: list[House] = []
        self.kafka: LocalKafka | None = None  # None: not started, or not ours
        self.postgres: LocalPostgres | None = None
        self._say = say
        self._lasting = lasting
        self._leaving = False

    async def __aenter__(self) -> Self:
        self._lock = await self._take_folder()
        self._ports = Ports(self.folder / "ports.json")
        self.supervisor = Supervisor(self.folder / "log", self._say, inherited=self._lock.fileno())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving = True
        try:
            await self.supervisor.stop()
        finally:
            self._lock.close()

    async def start(self, *houses: House) -> None:
        """The two servers, then each house's processes in their order. Raises StackError."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self.start_postgres())
                both.create_task(self.start_kafka())
        except ExceptionGroup as wrong:
            raise wrong.exceptions[0] from None
        for house in houses:
            await self.start_house(house)

    async def start_postgres(self) -> None:
        """Start our PostgreSQL, unless the settings name a server or it runs already."""
        if self.settings.database_url is not None or self.postgres is not None:
            return
        try:
            server = LocalPostgres(self.folder / "postgres", self._ports.of("postgres"))
            await asyncio.to_thread(server.prepare)
        except (PostgresUnavailable, OSError) as wrong:
            raise self._cannot(wrong) from wrong
        account = server.account
        await self.supervisor.start(
            Child(
                name="postgres",
                argv=server.argv(),
                ready=server.ready,
                environment={"LC_ALL": "C"},
                account=None if account is None else (account.uid, account.gid),
                vital=True,
                stop_signal=signal.SIGINT,
                orphan_signal=signal.SIGINT,
            )
        )
        self.postgres = server

    async def start_kafka(self) -> None:
        """Start our Kafka, unless the settings name a broker or it runs already."""
        if self.settings.kafka_bootstrap_servers is not None or self.kafka is not None:
            return
        try:
            jars = await asyncio.to_thread(kafka_jars, self.settings.cache_dir, self._fetching)
            ports = self._ports.of("kafka"), self._ports.of("kafka-controller")
            server = LocalKafka(self.folder / "kafka", *ports, jars, lasting=self._lasting)
            await asyncio.to_thread(server.prepare)
        except (JarsUnavailable, KafkaUnavailable, OSError) as wrong:
            raise self._cannot(wrong) from wrong
        await self.supervisor.start(
            Child(
                name="kafka",
                argv=server.argv(),
                ready=server.ready,
                vital=True,
                orphan_signal=signal.SIGTERM,
            )
        )
        self.kafka = server

    async def start_house(self, house: House) -> None:
        """Make the house's database if it is missing, and start its processes in their order."""
        await self._make_database(house)
        self.houses.append(house)
        for process in house.processes:
            port = self._ports.of(house.child_name(process))
            settings = self.settings_of(house).model_copy(update={"http_port": port})
            await self.supervisor.start(child(house, process, settings))

    async def stop_house(self, house: House) -> None:
        """Stop the house's processes, the last one first; its database and topics stay."""
        await self.supervisor.stop([house.child_name(process) for process in house.processes])
        self.houses.remove(house)

    def settings_of(self, house: House) -> Settings:
        """The settings with which a process or a test speaks to this house."""
        chosen = {
            "topic_prefix": house.topic_prefix,
            "partitions": house.partitions,
            "clock": house.clock,
            "kafka_bootstrap_servers": self._brokers(),
            "database_url": SecretStr(self._database_url(house)),
        }
        if self.kafka is not None:  # one node
            chosen |= {"replication_factor": 1, "min_insync": 1, "allow_weak_topics": True}
        common = self.settings.model_dump(exclude={"kafka_bootstrap_servers", "database_url"})
        return Settings(**common | {field: value for field, value in chosen.items() if value is not None})

    def running(self) -> Settings:
        """The settings of the unnamed house that another process runs from this folder; use it without `async with`.

        Servers that our settings name come before the local ones. Raises StackError: nothing runs from there.
        """
        ports = Ports(self.folder / "ports.json")
        kafka, postgres = ports.remembered("kafka"), ports.remembered("postgres")
        if self.settings.kafka_bootstrap_servers is None:
            if kafka is None or _is_free(self.folder):
                raise StackError("no stack runs here: start one with ./run up, or set KAFKA_BOOTSTRAP_SERVERS")
            self.kafka = LocalKafka(self.folder / "kafka", kafka, 0, ())
        if self.settings.database_url is None:
            if postgres is None or _is_free(self.folder):
                raise StackError("no stack runs here: start one with ./run up, or set DATABASE_URL")
            self.postgres = LocalPostgres(self.folder / "postgres", postgres)
        return self.settings_of(House())

    def metrics(self) -> dict[str, str]:
        """The address of /metrics of each of our processes, by name."""
        return {
            house.child_name(process): (
                f"http://{self.settings.http_host}:{self._ports.of(house.child_name(process))}/metrics"
            )
            for house in self.houses
            for process in house.processes
        }

    def pids(self) -> dict[str, int | None]:
        """Process ids by name, in the order of the start; None for one that is just being restarted."""
        return {name: self.supervisor.pid(name) for name in self.supervisor.names()}

    def pid(self, name: str) -> int | None:
        return self.supervisor.pid(name)

    async def restarted(self, name: str, old_pid: int, within_s: float = 60.0) -> int:
        """Wait until the process that was `old_pid` is ready again under a new id, and give that one."""
        return await self.supervisor.restarted(name, old_pid, within_s)

    async def death(self) -> str:
        """Wait until a server of ours has died (our processes are restarted), and say so with the end of its log."""
        return await self.supervisor.death()

    def _brokers(self) -> str:
        if self.kafka is not None:
            return self.kafka.bootstrap_servers
        if self.settings.kafka_bootstrap_servers is None:
            raise StackError("Kafka is not started")
        return self.settings.kafka_bootstrap_servers

    def _database_url(self, house: House) -> str:
        if self.postgres is not None:
            return self.postgres.url(house.database or DATABASE)
        if self.settings.database_url is None:
            raise StackError("PostgreSQL is not started")
        url = self.settings.database_url.get_secret_value()
        return url if house.database is None else urlunsplit(urlsplit(url)._replace(path=f"/{house.database}"))

    async def _make_database(self, house: House) -> None:
        if self.postgres is not None:
            await self.postgres.create_database(house.database or DATABASE)
        elif house.database is not None and self.settings.database_url is not None:
            await create_database(self.settings.database_url.get_secret_value(), house.database)

    def _cannot(self, wrong: Exception) -> StackError:
        if isinstance(wrong, OSError):
            return StackError(
                f"cannot write in {self.folder}: {wrong.strerror}. Make room (a local stack takes about 500 MB), "
                "or name another folder in TALLYSTICK_STATE_DIR"
            )
        return StackError(str(wrong))

    def _fetching(self, there: int, total: int) -> None:
        if self._leaving:  # so that Ctrl-C does not wait for the rest
            raise StackError("interrupted")
        if there == 1 or there % 15 == 0:
            self._say(f"  fetching Kafka: {there} of {total} jars (44 MB; only this once)")

    async def _take_folder(self) -> IO[str]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("a+")
        except OSError as wrong:
            raise StackError(
                f"cannot use {self.folder}: {wrong.strerror}. Name another folder in TALLYSTICK_STATE_DIR"
            ) from wrong
        end = asyncio.get_running_loop().time() + LEFTOVERS_S
        told = False
        while not _locked(lock):
            lock.seek(0)
            owner = lock.read().strip()
            if _alive(owner) or asyncio.get_running_loop().time() > end:
                lock.close()
                raise StackError(
                    f"a stack already runs from {self.folder} (process {owner}). "
                    "Stop it, or name another folder in TALLYSTICK_STATE_DIR"
                )
            if not told:
                self._say("  waiting for the processes of a killed stack to end")
                told = True
            await asyncio.sleep(0.1)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return lock


def _locked(lock: IO[str]) -> bool:
    """Take the lock if it is free. The children keep it open, so it is held until the last of them has ended."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(folder: Path) -> bool:
    """Whether no stack runs from the folder."""
    try:
        with (folder / "lock").open("a+") as lock:
            return _locked(lock)
    except FileNotFoundError:
        return True


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
