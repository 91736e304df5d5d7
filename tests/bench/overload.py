"""`./run bench overload`: ten times what the worker can do, for a while; then the lag must go by itself.

A neighbour takes the worker's core: nine processes that spin, so that the worker gets a tenth of it. What it books then
is its sustainable rate, measured first; ten times as much is written for the given time, then the neighbour leaves and
the tills go on at the sustainable rate. Watched meanwhile: the lag, and the worker's memory, which must not grow with
the lag. At the end nothing may be missing, as in every bench.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from events.topics import JOURNAL
from infra.clock import monotonic
from infra.kafka.client import Writer
from tests.bench.count import Count
from tests.bench.exact import differences
from tests.bench.house import BenchFailed, Round, Worker, both, round_on, servers, worker_of
from tests.bench.machine import cores, memory_mb
from tests.bench.report import Result, run, say, show
from tests.bench.workload import Mix, Sent, Workload, messages

TIMES = 10
NEIGHBOURS = 9
MEASURED_RECORDS = 10_000
WRITE_EVERY_S = 0.1
LOOK_EVERY_S = 0.5
GONE_WITHIN_S = 240.0
MEMBERS = 20_000
GROWS_AT_MOST_MB = 256.0
"""What the worker may hold more than before: a batch in the making, one in flight, and the relay's lanes."""


@asynccontextmanager
async def neighbours() -> AsyncIterator[None]:
    """Processes that spin on the worker's core."""
    async with AsyncExitStack() as leaving:
        for _ in range(NEIGHBOURS):
            spinning = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", "while True: pass")
            cores().give(spinning.pid)
            leaving.push_async_callback(spinning.wait)
            leaving.callback(spinning.kill)
        yield


@dataclass
class Watch:
    """Lag and memory, every half second."""

    house: Round
    worker: Worker
    lag: list[tuple[float, int]] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.lag.append((monotonic(), self.house.written - await self.house.booked()))
            self.memory_mb.append(memory_mb(self.worker.process.pid))
            await asyncio.sleep(LOOK_EVERY_S)


class Tills:
    """Write records of a workload at a rate."""

    def __init__(self, house: Round, writer: Writer, workload: Workload) -> None:
        self._house = house
        self._writer = writer
        self.workload = workload
        self.sent: list[Sent] = []

    async def say(self, a_second: float, seconds: float) -> float:
        """So many a second for so long. Returns how many a second it was."""
        began, count = monotonic(), 0
        while (now := monotonic() - began) < seconds:
            due = int((now + WRITE_EVERY_S) * a_second) - count
            await self.write(list(self.workload.facts(due)))
            count += due
            await asyncio.sleep(max(0.0, count / a_second - (monotonic() - began)))
        return count / (monotonic() - began)

    async def write(self, sent: list[Sent]) -> None:
        """Now, and wait for the acknowledgement."""
        parts = messages(sent)
        await asyncio.gather(*(self._writer.write(JOURNAL.name, p, records) for p, records in parts.items()))
        self._house.written += len(sent)
        self.sent += sent


async def _sustainable(house: Round, tills: Tills, worker: Worker) -> float:
    """Records a second out of a backlog, beside the neighbour."""
    began = monotonic()
    await tills.write(list(tills.workload.facts(MEASURED_RECORDS)))
    await house.until_booked(house.written, worker)
    return MEASURED_RECORDS / (monotonic() - began)


async def _gone(watch: Watch, tills: Tills, rate: float) -> float:
    """Seconds until the lag is less than a second of the stream; it goes on meanwhile. Raises BenchFailed."""
    began = monotonic()
    while watch.lag[-1][1] > rate or watch.lag[-1][0] < began:
        await tills.say(rate, 1.0)
        if monotonic() - began > GONE_WITHIN_S:
            raise BenchFailed(f"the lag is still {watch.lag[-1][1]:,} records after {GONE_WITHIN_S:.0f} s")
    return monotonic() - began


async def bench(seconds: int) -> Result:
    """The whole bench."""
    workload = Workload(Mix(members=MEMBERS), 4_000_000)
    filled = both(workload.enrolments(), workload.facts(MEMBERS * 3))
    async with servers() as (stack, folder), round_on(stack, folder) as house, AsyncExitStack() as closing:
        await house.fill(filled)
        gc.collect()
        gc.freeze()
        worker = await closing.enter_async_context(worker_of(house, sys.executable, "-m", "services.ledger"))
        await house.until_booked(house.written, worker)
        writer = Writer(house.settings)
        await writer.start()
        closing.push_async_callback(writer.stop)
        tills, watch = Tills(house, writer, workload), Watch(house, worker)
        async with neighbours():
            rate = await _sustainable(house, tills, worker)
            before_mb = memory_mb(worker.process.pid)
            say(f"beside {NEIGHBOURS} neighbours {rate:,.0f} records/s; now {TIMES} times that for {seconds} s")
            watching = asyncio.create_task(watch.run())
            closing.callback(watching.cancel)
            offered = await tills.say(TIMES * rate, seconds)
            booked_meanwhile = await house.booked()
        lag = house.written - booked_meanwhile
        say(f"offered {offered:,.0f} records/s; {lag:,} wait; the neighbours are gone")
        gone = await _gone(watch, tills, rate)
        watching.cancel()
        await house.until_booked(house.written, worker)
        facts = house.written - workload_repeats(tills.sent, filled)
        await house.until_published(facts, worker)
        await worker.stop()
        say("counting")
        counted = Count().add(one.value for one in filled).add(one.value for one in tills.sent)
        found = await differences(house, counted)
    grown = max(watch.memory_mb) - before_mb
    if grown > GROWS_AT_MOST_MB:
        found.append(f"the worker's memory grew by {grown:.0f} MB, more than {GROWS_AT_MOST_MB:.0f}")
    result = {
        "bench": "overload",
        "exact": not found,
        "differences": found,
        "workload": {"members": MEMBERS, "seconds": seconds, "records": len(tills.sent)},
        "sustainable_per_s": round(rate),
        "offered_per_s": round(offered),
        "longest_lag": max(lag for _, lag in watch.lag),
        "lag_gone_after_s": round(gone, 1),
        "memory_mb": {"before": round(before_mb, 1), "most": round(max(watch.memory_mb), 1)},
    }
    _show(result)
    return result


def workload_repeats(*parts: Sequence[Sent]) -> int:
    """How many records are second deliveries."""
    values = [one.value for part in parts for one in part]
    return len(values) - len(set(values))


def _show(result: Result) -> None:
    memory: dict[str, Any] = result["memory_mb"]
    rows: list[Sequence[object]] = [
        ("records a second that the worker can do", result["sustainable_per_s"]),
        ("records a second written", result["offered_per_s"]),
        ("longest lag, records", result["longest_lag"]),
        ("seconds until it was gone, the neighbours having left", result["lag_gone_after_s"]),
        ("memory of the worker before, MB", memory["before"]),
        ("memory of the worker at most, MB", memory["most"]),
    ]
    show(f"Overload for {result['workload']['seconds']} s", ("", ""), rows)


def run_overload(seconds: int) -> int:
    """The command."""
    return run(lambda: bench(seconds))
