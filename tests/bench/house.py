"""A house for one round of a bench: its own database and topics on the bench's servers, a filled journal, a worker.

Owns the servers' life, the filling, the starting of what is measured, and the waiting. Every round has a fresh house,
and nothing of it stays.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from types import MappingProxyType
from typing import Any

import asyncpg

from events.topics import ENTRIES, JOURNAL, OUTCOMES, rewards_topic
from infra.clock import monotonic
from infra.kafka.client import Ranges, TopicPartition, Writer
from infra.kafka.topics_admin import ensure_topics
from infra.settings import Settings, child_environment, variables
from infra.stack.house import REPOSITORY, House
from infra.stack.stack import Stack
from services.programme.compile import compile_programme
from services.workbench.programme.publish import publish
from tests.bench.machine import cores, cpu_seconds, cpu_seconds_of_all, cpu_seconds_of_tree
from tests.bench.workload import PARTITIONS, PROGRAMME, Sent, messages
from tests.drivers.servers import delete_topics, local_settings, open_folder

PATIENCE_S = 60.0
"""How long nothing at all may move before a round is given up."""
LOOK_S = 0.02
SAMPLES_MAX = 100_000
"""Of the pace, while a worker runs: hours."""
WRITE_AT_ONCE = 20_000

LOG_FILES = 60
"""Of 16 MB: enough for two minutes of a day's traffic."""

_numbers = itertools.count(1)


class BenchFailed(Exception):
    """A round could not come to its end; the message says why, with the end of a log where there is one."""


@dataclass(frozen=True)
class Used:
    """What had been used at a moment: seconds on the clock, seconds of CPU by process, bytes of WAL."""

    at: float
    cpu: dict[str, float]
    all_cpu: float
    """Of all processes of the machine on the two cores, and of the hypervisor's other guests."""
    wal: int
    scanned: dict[str, int]
    """Rows that sequential scans have read, by table: there should be hardly any."""

    def since(self, before: Used, events: int) -> dict[str, Any]:
        """Per event, between two moments. `busy`: the share of its core that the worker used; what it lacks is waiting.
        `others`: the share of both cores that went to what is not of this bench."""
        seconds, events = max(self.at - before.at, LOOK_S), max(events, 1)
        cpu = {name: self.cpu[name] - before.cpu[name] for name in self.cpu}
        foreign = self.all_cpu - before.all_cpu - sum(cpu.values())
        return {
            "events": events,
            "seconds": round(seconds, 3),
            "events_per_s": round(events / seconds),
            "busy": round(cpu["worker"] / seconds, 3),
            "cpu_us": {name: round(took / events * 1e6, 2) for name, took in cpu.items()},
            "wal_bytes": round((self.wal - before.wal) / events),
            "rows_scanned": {
                table: round(rows / events, 2)
                for table, there in self.scanned.items()
                if (rows := there - before.scanned.get(table, 0)) > events / 10
            },
            "others": round(max(0.0, foreign) / seconds / cores().count, 3),
        }


@dataclass
class Round:
    """One round's house. `pool` is the bench's own way into its database."""

    stack: Stack
    settings: Settings
    pool: asyncpg.Pool
    folder: Path
    written: int = 0
    """Records in the journal."""
    earlier: int = 0
    """Facts of each partition that stood in the tables before the bench (before.py)."""
    given: int = 0
    """Members that stood there; the records speak of some of them and of nobody else. 0: of those that they enrol."""
    _ranges: Ranges = field(init=False)

    def __post_init__(self) -> None:
        self._ranges = Ranges(self.settings)

    async def fill(self, sent: Sequence[Sent], programme: Path | None = None) -> None:
        """Write records to the journal, in their order; the programme stands before the first one."""
        if not self.written:
            file = programme or PROGRAMME
            text = file.read_text("utf-8")
            partners = map(rewards_topic, compile_programme([text], [file.name]).partners)
            await ensure_topics(self.settings, (JOURNAL, ENTRIES, OUTCOMES, *partners))
            await publish(self.settings, text, file.name)
            self.written += PARTITIONS
        writer = Writer(self.settings)
        await writer.start()
        try:
            for start in range(0, len(sent), WRITE_AT_ONCE):
                parts = messages(list(sent[start : start + WRITE_AT_ONCE]))
                await asyncio.gather(*(writer.write(JOURNAL.name, p, records) for p, records in parts.items()))
        finally:
            await writer.stop()
        self.written += len(sent)

    async def booked(self) -> int:
        """Journal records that are in the tables."""
        try:
            return int(await self.pool.fetchval("select coalesce(sum(next_offset), 0) from position"))
        except asyncpg.UndefinedTableError:  # the worker has not made its tables yet
            return 0

    async def published(self) -> int:
        """Records on entries.v1, repeats after a crash included."""
        tps = [TopicPartition(ENTRIES.name, partition) for partition in range(self.settings.partitions)]
        return sum((await self._ranges.end_offsets(tps)).values())

    async def until_booked(self, records: int, worker: Worker) -> int:
        """Wait until so many journal records are in the tables; how many there are by then. Raises BenchFailed."""
        return await self.until(self.booked, records, worker)

    async def until_published(self, facts: int, worker: Worker) -> None:
        """Wait until so many facts stand on entries.v1. Raises BenchFailed."""
        await self.until(self.published, facts, worker)

    async def until(self, count: Callable[[], Awaitable[int]], wanted: int, worker: Worker) -> int:
        """Wait until a count has come so far; what it is by then. Raises BenchFailed when it stands still."""
        newest, since = -1, monotonic()
        while (there := await count()) < wanted:
            if there != newest:
                newest, since = there, monotonic()
            if monotonic() - since > PATIENCE_S:
                raise BenchFailed(f"{there} of {wanted} after {PATIENCE_S:.0f} s without any progress\n{worker.tail()}")
            if worker.process.returncode is not None:
                raise BenchFailed(f"the worker ended with exit code {worker.process.returncode}\n{worker.tail()}")
            await asyncio.sleep(LOOK_S)
        return there

    async def used(self, worker: Worker) -> Used:
        """What everything has used up to now."""
        kafka, postgres = self.stack.pid("kafka"), self.stack.pid("postgres")
        assert kafka is not None
        assert postgres is not None
        wal = await self.pool.fetchval("select pg_current_wal_lsn() - '0/0'::pg_lsn")
        scanned = await self.pool.fetch("select relname, seq_tup_read from pg_stat_user_tables")
        cpu = {
            "worker": cpu_seconds_of_tree(worker.process.pid),
            "postgres": cpu_seconds_of_tree(postgres),
            "broker": cpu_seconds(kafka),
            "generator": cpu_seconds(os.getpid()),
        }
        return Used(monotonic(), cpu, cpu_seconds_of_all(), int(wal), dict(map(tuple, scanned)))

    async def close(self) -> None:
        await self._ranges.stop()
        await delete_topics(self.settings)


@dataclass
class Worker:
    """A process on the worker's core."""

    process: asyncio.subprocess.Process
    log: Path
    port: int
    paces: list[tuple[float, float]] = field(default_factory=list)
    """The machine's while it runs: when on the clock, and which."""

    def pace(self, before: Used, after: Used) -> float:
        """The mean between two moments, or the newest where they are close. Raises BenchFailed without a sample."""
        found = [pace for at, pace in self.paces if before.at <= at <= after.at]
        if not (found or self.paces):
            raise BenchFailed("the machine's pace was not sampled")
        return round(mean(found or [self.paces[-1][1]]), 3)

    async def histograms(self) -> dict[str, tuple[float, float]]:
        """What the process says at /metrics of its histograms: name -> (how often, sum of all)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
        found = dict(re.findall(r"^tallystick_([a-z_]+_(?:count|sum)) ([0-9.e+-]+)$", text, re.MULTILINE))
        return {
            name.removesuffix("_count"): (float(found[name]), float(found[name.removesuffix("_count") + "_sum"]))
            for name in found
            if name.endswith("_count")
        }

    def tail(self) -> str:
        return "\n".join(f"    {line}" for line in self.log.read_text(errors="replace").splitlines()[-15:])

    async def stop(self) -> None:
        """Ask politely and wait. Raises BenchFailed when it does not end well."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(PATIENCE_S):
                code = await self.process.wait()
        except TimeoutError:
            raise BenchFailed(f"no exit within {PATIENCE_S:.0f} s of SIGTERM\n{self.tail()}") from None
        if code:
            raise BenchFailed(f"exit code {code}\n{self.tail()}")


@asynccontextmanager
async def worker_of(
    house: Round, *command: str, heard: bool = False, more: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Worker]:
    """A command on the worker's core, with the house's settings; `more` are environment variables.

    heard: its standard output is a pipe to be read, not part of its log.
    """
    log, port = house.folder / f"worker-{next(_numbers)}.log", _free_port()
    settings = house.settings.model_copy(update={"http_port": port})
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**child_environment(), **variables(settings), "PYTHONPATH": str(REPOSITORY), **more},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if heard else output,
            stderr=output,
            cwd="/",
        )
    cores().give(process.pid)
    worker = Worker(process, log, port)
    sampler = await _sampler(SAMPLES_MAX)
    sampling = asyncio.create_task(_sampled(sampler, worker.paces))
    try:
        yield worker
    finally:
        for one in (process, sampler):
            if one.returncode is None:
                one.kill()
            await one.wait()
        await sampling


async def pace_now() -> float:
    """The machine's pace (pace.py) on the worker's core, in a second."""
    sampler = await _sampler(5)
    found: list[tuple[float, float]] = []
    await _sampled(sampler, found)
    await sampler.wait()
    return round(mean(pace for _, pace in found), 3)


async def _sampler(samples: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.pace", str(samples)),
        env={**child_environment(), "PYTHONPATH": str(REPOSITORY)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    cores().give(process.pid)
    return process


async def _sampled(sampler: asyncio.subprocess.Process, into: list[tuple[float, float]]) -> None:
    assert sampler.stdout is not None
    while line := await sampler.stdout.readline():
        into.append((monotonic(), float(line)))


@asynccontextmanager
async def servers(*, lasting: bool = False) -> AsyncIterator[tuple[Stack, Path]]:
    """Our own Kafka and PostgreSQL in a temporary folder, on the core that the worker does not have.

    lasting: they stand for servers that have been in service for long: the broker is worth optimising, and the
    database has log files that it uses again. A new one makes them as it writes, while every commit waits (60 ms, every
    2 s at 8 MB/s).
    """
    cores().take_ours()
    async with open_folder() as folder, Stack(local_settings(), folder, lambda _: None, lasting=lasting) as stack:
        await stack.start()
        if lasting:
            await _make_log_files(stack)
        yield stack, folder


async def _make_log_files(stack: Stack) -> None:
    assert stack.postgres is not None
    connection = await asyncpg.connect(stack.postgres.url("postgres"))
    for statement in (
        f"alter system set min_wal_size = '{LOG_FILES * 16} MB'",
        f"alter system set max_wal_size = '{LOG_FILES * 64} MB'",
        "select pg_reload_conf()",
        *LOG_FILES * ("select pg_logical_emit_message(false, 'bench', '')", "select pg_switch_wal()"),
        "checkpoint",
    ):
        await connection.execute(statement)
    await connection.close()


@asynccontextmanager
async def round_on(stack: Stack, folder: Path) -> AsyncIterator[Round]:
    """A fresh house, with nothing left to do for the database from the one before."""
    number = next(_numbers)
    house = House(f"b{number}", database=f"b{number}", topic_prefix=f"b{number}-", partitions=PARTITIONS, clock="facts")
    settings = stack.settings_of(house)
    assert stack.postgres is not None
    await stack.postgres.create_database(f"b{number}")
    try:
        async with asyncpg.create_pool(settings.database_url.get_secret_value(), min_size=1, max_size=2) as pool:
            await pool.execute("checkpoint")
            fresh = Round(stack, settings, pool, folder)
            try:
                yield fresh
            finally:
                await fresh.close()
    finally:
        await stack.postgres.drop_database(f"b{number}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def batches(
    before: Mapping[str, tuple[float, float]], after: Mapping[str, tuple[float, float]], seconds: float
) -> dict[str, float]:
    """How the ledger worked between two looks at its histograms, on average."""
    names = {"records": "ledger_batch_records", "fold_ms": "ledger_fold_seconds", "commit_ms": "ledger_commit_seconds"}
    count = {what: after[name][0] - before[name][0] for what, name in names.items()}
    total = {what: after[name][1] - before[name][1] for what, name in names.items()}
    mean = {what: total[what] / max(1, count[what]) * (1 if what == "records" else 1_000) for what in names}
    return {"a_second": round(count["records"] / seconds, 1), **{what: round(one, 2) for what, one in mean.items()}}


def both(*parts: Iterable[Sent]) -> list[Sent]:
    """Several streams, one after the other."""
    return [one for part in parts for one in part]
