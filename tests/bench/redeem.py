"""`./run bench redeem`: how long a till waits for points, beside a day's purchases; and how long the worker pauses.

Requests are due every five milliseconds whether the ones before are answered or not (open loop), and a latency counts
from the due time to the moment at which the outcome was read from its topic: what the generator was late itself is in
it, and told apart. Purchases go into the journal in tens of milliseconds, as intake writes them. All of it is made
before the clock runs, because tills do not work on the broker's core. At the end everything is compared with the
count, as in every bench.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from events.topics import JOURNAL, OUTCOMES
from infra.clock import monotonic
from infra.kafka.client import Message, Writer
from infra.kafka.records import new_consumer
from tests.bench.count import Count
from tests.bench.exact import differences
from tests.bench.house import BenchFailed, Round, Worker, batches, both, round_on, servers, worker_of
from tests.bench.report import Result, run, say, show, spread
from tests.bench.steps import shared_out
from tests.bench.workload import PARTITIONS, Mix, Sent, Workload, messages

REQUESTS_A_SECOND = 200
PURCHASES_A_SECOND = 2_000
BURST_TICKS = 2
"""Purchases come with every second request: each hundredth of a second."""
LEAD_S = 20.0
"""The first seconds of the stream do not count: caches settle, and the broker is compiled."""
ANSWERED_WITHIN_S = 20.0
FACTS_BEFORE = 3
"""A member's, so that there are points to ask for."""

NAME = b'{"fact":"'
LEDGER = "services.ledger"
WAYS = {"ledger": LEDGER, "sketch": "tests.bench.rivals.sketch"}
QUANTILES = ("p50", "p90", "p99", "p99.9", "longest")


@dataclass
class Requests:
    """What is under way. Times are of the monotonic clock, in seconds."""

    due: dict[bytes, float] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    """How late each was written."""
    waited: list[float] = field(default_factory=list)

    def answered(self, value: bytes, at: float) -> None:
        """An outcome was read."""
        since = self.due.pop(value[len(NAME) : value.index(b'"', len(NAME))], None)
        if since is not None:
            self.waited.append(at - since)


@asynccontextmanager
async def outcomes_of(house: Round, requests: Requests) -> AsyncIterator[None]:
    """Reads the answers meanwhile."""
    consumer = new_consumer(house.settings)
    await consumer.start()
    tps = [TopicPartition(house.settings.topic_prefix + OUTCOMES.name, p) for p in range(PARTITIONS)]
    consumer.assign(tps)
    for tp, end in (await consumer.end_offsets(tps)).items():
        consumer.seek(tp, end)

    async def read() -> None:
        while True:
            got = await consumer.getmany(timeout_ms=1_000)
            at = monotonic()
            for records in got.values():
                for record in records:
                    requests.answered(record.value, at)

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await consumer.stop()


class Due(NamedTuple):
    """What is due at one moment."""

    due_s: float
    """Since the stream began."""
    request: bytes
    """The id of its one request for points."""
    sent: list[Sent]
    parts: dict[int, list[Message]]
    """The same, as a Writer takes it."""


def dues(workload: Workload, purchases: int = PURCHASES_A_SECOND) -> Iterator[Due]:
    """Both streams without end, in the order of their times. purchases: a second."""
    for number in count():
        burst = purchases * BURST_TICKS // REQUESTS_A_SECOND if number % BURST_TICKS == 0 else 0
        sent = [*(workload.purchase() for _ in range(burst)), workload.redemption()]
        request = sent[-1].value.split(b'"id":"', 1)[1].split(b'"', 1)[0]
        yield Due(number / REQUESTS_A_SECOND, request, sent, messages(sent))


async def stream(house: Round, due: Iterable[Due], going: Callable[[float], bool], requests: Requests) -> list[Sent]:
    """Write what is due, by one hand, so that each partition has it in the order of its times. What was sent.

    due: best made before: whoever makes receipts meanwhile takes the broker's core.
    going: asked with the seconds since the lead was over, whether to go on.
    """
    writer = Writer(house.settings)
    await writer.start()
    sent: list[Sent] = []
    acknowledged: list[asyncio.Future[int]] = []
    began = monotonic()
    try:
        for one in due:
            if not going((now := monotonic() - began) - LEAD_S):
                break
            await asyncio.sleep(max(0.0, one.due_s - now))
            if one.due_s >= LEAD_S:
                requests.due[one.request] = began + one.due_s
                requests.late.append(monotonic() - began - one.due_s)
            for partition, records in one.parts.items():
                acknowledged += await writer.send(JOURNAL.name, partition, records)
            sent += one.sent
        await asyncio.gather(*acknowledged)
    finally:
        await writer.stop()
    house.written += len(sent)
    return sent


async def answered(requests: Requests) -> None:
    """Wait until every request has its outcome. Raises BenchFailed."""
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while requests.due:  # noqa: ASYNC110  # an event would have to be looked after for each answer
                await asyncio.sleep(0.05)
    except TimeoutError:
        missing = len(requests.due)
        raise BenchFailed(f"{missing} requests without an outcome after {ANSWERED_WITHIN_S:.0f} s") from None


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """Quantiles of seconds."""
    ranked = sorted(values) or [0.0]
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    return {name: round(ranked[int(len(ranked) * q)] * 1_000, 2) for name, q in at.items()} | {
        "longest": round(ranked[-1] * 1_000, 2)
    }


async def bench(seconds: int, members: int, rounds: int) -> Result:
    """The whole bench: the ledger, and in turn with it the sketch."""
    ran: dict[str, list[Result]] = {"ledger": [], "sketch": []}
    async with servers(lasting=True) as (stack, folder):
        for number in range(rounds):
            for name, rows in ran.items():
                async with round_on(stack, folder) as house:
                    rows.append(await asked(house, seconds, members, WAYS[name]))
            told = ", ".join(f"{name} {_pair(rows[-1])}" for name, rows in ran.items())
            say(f"round {number + 1} of {rounds}, p50 and p99 in ms: {told}")
    result: Result = {
        "bench": "redeem",
        "exact": not (found := [line for rows in ran.values() for one in rows for line in one["differences"]]),
        "differences": found,
        "workload": {
            "members": members,
            "seconds": seconds,
            "requests_per_s": REQUESTS_A_SECOND,
            "purchases_per_s": PURCHASES_A_SECOND,
        },
        **{name: _figures(rows) for name, rows in ran.items()},
        "of_the_sketch": {q: _times(ran["ledger"], ran["sketch"], q) for q in ("p50", "p90", "p99")},
        "rounds": ran,
    }
    _show(result)
    return result


async def asked(house: Round, seconds: int, members: int, module: str = LEDGER) -> Result:
    """One stream of requests on a fresh house, and its figures. module: the worker."""
    before = FACTS_BEFORE * min(members, 20_000)
    total = before + int((LEAD_S + seconds + 1) * (REQUESTS_A_SECOND + PURCHASES_A_SECOND))
    workload, requests = Workload(Mix(members=members, repeats=0), total), Requests()
    say(f"enrolling {members:,} members, and {before:,} facts before the stream")
    filled = both(workload.enrolments(), workload.facts(before))
    await house.fill(filled)
    due = list(islice(dues(workload), int((LEAD_S + seconds) * REQUESTS_A_SECOND)))
    gc.collect()
    gc.freeze()
    file = house.folder / "watched.json"
    async with worker_of(house, sys.executable, "-m", "tests.bench.watched", module, str(file)) as worker:
        await house.until_booked(house.written, worker)
        await house.until_published(house.written, worker)
        os.sync()  # what was written until now is not on its way to the disk while the clock runs
        say(f"{REQUESTS_A_SECOND} requests a second beside {PURCHASES_A_SECOND:,} purchases, for {seconds} s")
        gc.disable()
        worker.process.send_signal(signal.SIGUSR1)
        at_first, first = await house.used(worker), await _histograms(worker, module)
        async with outcomes_of(house, requests):
            sent = await stream(house, due, lambda since: since < seconds, requests)
            at_last, last = await house.used(worker), await _histograms(worker, module)
            await answered(requests)
        if not requests.late:
            raise BenchFailed(f"no request was written in {seconds} s: the machine is too busy")
        gc.enable()
        await house.until_booked(house.written, worker)
        await house.until_published(house.written, worker)
        await worker.stop()
    say("counting")
    used, watched = at_last.since(at_first, len(sent)), json.loads(file.read_text())
    return {
        "differences": await _differences(house, [*filled, *sent], module),
        "requests": len(requests.waited),
        "latency_ms": milliseconds(requests.waited),
        "generator_late_ms": milliseconds(requests.late),
        "pauses": watched["pauses"],
        "steps_us": shared_out(watched["samples"], used["cpu_us"]["worker"]),
        "used": used | ({"batches": batches(first, last, at_last.at - at_first.at)} if first else {}),
    }


async def _histograms(worker: Worker, module: str) -> dict[str, tuple[float, float]]:
    return await worker.histograms() if module == LEDGER else {}


async def _differences(house: Round, sent: Sequence[Sent], module: str) -> list[str]:
    """Of the sketch, which knows no rules, it is asked whether each record is a row, once."""
    if module == LEDGER:
        return await differences(house, Count().add(one.value for one in sent))
    rows = await house.pool.fetchval("select count(*) from fact where member <> ''")
    return [] if rows == len(sent) else [f"the sketch has {rows} rows of {len(sent)} records"]


def _pair(one: Result) -> str:
    return f"{one['latency_ms']['p50']} and {one['latency_ms']['p99']}"


def _figures(rows: Sequence[Result]) -> dict[str, Any]:
    """Median and spread of several rounds."""
    return {
        "latency_ms": {q: spread([one["latency_ms"][q] for one in rows]) for q in QUANTILES},
        "generator_late_ms": {q: spread([one["generator_late_ms"][q] for one in rows]) for q in QUANTILES},
        "turned_late_ms": {q: spread([one["pauses"][f"{q}_ms"] for one in rows]) for q in ("p99", "longest")},
        "cpu_us": {part: spread([one["used"]["cpu_us"][part] for one in rows]) for part in rows[0]["used"]["cpu_us"]},
        "others": spread([one["used"]["others"] for one in rows]),
    }


def _times(ours: Sequence[Result], theirs: Sequence[Result], quantile: str) -> dict[str, float]:
    pairs = zip(ours, theirs, strict=True)
    return spread([round(a["latency_ms"][quantile] / b["latency_ms"][quantile], 2) for a, b in pairs])


def _show(result: Result) -> None:
    rows: list[tuple[object, ...]] = []
    for name in ("ledger", "sketch"):
        one = result[name]
        rows += [
            (f"{name}: from due to the outcome read", *(one["latency_ms"][q] for q in QUANTILES)),
            ("of that, the generator was late", *(one["generator_late_ms"][q] for q in QUANTILES)),
            ("its event loop turned late", "", "", one["turned_late_ms"]["p99"], "", one["turned_late_ms"]["longest"]),
        ]
    rows.append(("the ledger's of the sketch's", *(result["of_the_sketch"].get(q, "") for q in QUANTILES)))
    first = result["rounds"]["ledger"][0]
    show(f"{first['requests']:,} redemptions a round, {result['workload']['members']:,} members, in milliseconds",
         ("", *QUANTILES), rows)  # fmt: skip
    for one in result["rounds"]["ledger"]:
        made, pauses = one["used"]["batches"], one["pauses"]
        print(f"  {made['a_second']} batches a second of {made['records']} records: fold {made['fold_ms']} ms, commit "
              f"{made['commit_ms']} ms; {pauses['over_20_ms']} of {pauses['turns']:,} turns came more than 20 ms late; "
              f"{one['used']['others']:.0%} of both cores went to others")  # fmt: skip


def run_redeem(seconds: int, members: int, rounds: int) -> int:
    """The command."""
    return run(lambda: bench(seconds, members, rounds))
