"""`./run bench expiry`: the midnight at which a million members' points end, while tills go on.

Every member has a lot that ends then. The day's ticks are written by the ledger's own ticker, slice by slice, beside
the two streams of `redeem`: requests every five milliseconds, and 500 purchases a second. It tells how long a request
waits, and when the day is over. At the end nobody has anything due, and all points that ended are as counted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from events.values import millis
from infra.clock import monotonic
from infra.kafka.client import Writer
from services.ledger.store import PostgresStore
from services.ledger.ticks import Ticker
from services.programme.compile import compile_programme
from tests.bench.backlog import measured
from tests.bench.before import give_members, visits
from tests.bench.count import Count, Member
from tests.bench.exact import differences
from tests.bench.house import Round, both, round_on, servers, worker_of
from tests.bench.redeem import (
    LEAD_S,
    REQUESTS_A_SECOND,
    Requests,
    answered,
    dues,
    milliseconds,
    outcomes_of,
    stream,
)
from tests.bench.report import Result, run, say, show
from tests.bench.workload import PARTITIONS, PROGRAMME, START, Mix, Workload

MIDNIGHT = "2025-07-30T23:00:00Z"
"""In London the 31st begins. The first of the receipts that everybody has behind her is of 30 January, and what it gave
is good for six months, to the end of the 30th of July."""
BEGINS = START.replace(month=7, day=31)
PURCHASES_A_SECOND = 500
FIRST = 500
"""Facts by which the worker warms up."""
FACTS, DAYS = 500_000, 6
"""More than any run sends, a second and more between two, so that no fact is late: nobody has the receipts that members
have behind them as facts."""


async def bench(members: int) -> Result:
    """The whole bench."""
    async with servers() as (stack, folder), round_on(stack, folder) as house:
        return await passed(house, members)


async def passed(house: Round, members: int) -> Result:
    """One midnight on a fresh house, and its figures."""
    workload, requests = Workload(Mix(members=members, repeats=0, start=BEGINS), FACTS, DAYS), Requests()
    await house.fill([])
    await measured(house, PARTITIONS, PARTITIONS)  # the programme
    say(f"putting {members:,} members into the tables")
    await give_members(house, workload.members)
    first = both(workload.facts(FIRST))
    await house.fill(first)
    ends_ms = millis(MIDNIGHT)
    due = await house.pool.fetchval("select count(*) from member where next_due <= $1", ends_ms)
    writer = Writer(house.settings)
    await writer.start()
    gc.collect()
    gc.freeze()
    file = house.folder / "watched.json"
    async with worker_of(house, sys.executable, "-m", "tests.bench.watched", "services.ledger", str(file)) as worker:
        await house.until_booked(house.written, worker)  # it works, and hears signals
        plan = compile_programme([PROGRAMME.read_text("utf-8")])
        owned: Any = {partition: SimpleNamespace(plan=plan) for partition in range(PARTITIONS)}
        ticker, took = Ticker(PostgresStore(house.pool), writer.write, owned), 0.0

        async def day() -> None:
            nonlocal took
            await asyncio.sleep(LEAD_S)
            began = monotonic()
            while await house.pool.fetchval("select count(*) from member where next_due <= $1", ends_ms):
                await ticker.pass_midnight(ends_ms)
            took = monotonic() - began

        say(f"{due:,} members' points end beside {REQUESTS_A_SECOND} + {PURCHASES_A_SECOND:,} facts a second")
        worker.process.send_signal(signal.SIGUSR1)
        async with outcomes_of(house, requests):
            passing = asyncio.create_task(day())
            sent = await stream(house, dues(workload, PURCHASES_A_SECOND), lambda since: not passing.done(), requests)
            await passing
            await answered(requests)
        ticks = await house.pool.fetchval("select count(*) from fact where type = 'tick'")
        house.written += ticks
        await house.until_booked(house.written, worker)
        await house.until_published(house.written, worker)
        await worker.stop()
    await writer.stop()
    say("counting")
    counted = Count(given=visits).add(one.value for one in (*first, *sent))
    rest = (name for name in workload.members if name not in counted.members)
    counted.members |= dict.fromkeys(rest, _who_does_nothing(workload.members[0]))
    found = await differences(house, counted)
    pauses = json.loads(file.read_text())["pauses"]
    result: Result = {
        "bench": "expiry",
        "exact": not found,
        "differences": found,
        "workload": {"members": members, "due": due, "requests_per_s": REQUESTS_A_SECOND,
                     "purchases_per_s": PURCHASES_A_SECOND},
        "ticks": ticks,
        "day_over_after_s": round(took, 1),
        "requests": len(requests.waited),
        "latency_ms": milliseconds(requests.waited),
        "generator_late_ms": milliseconds(requests.late),
        "pauses": pauses,
    }  # fmt: skip
    _show(result)
    return result


def _who_does_nothing(name: str) -> Member:
    """Somebody after the midnight of whom the streams say nothing: everybody has the same receipts behind her."""
    count = Count().add(visits(name))
    member: Member = count.members[name]
    member.moved.clear()
    count.lapse(member, BEGINS - timedelta(hours=1))
    return member


def _show(result: Result) -> None:
    quantiles = ("p50", "p90", "p99", "p99.9", "longest")
    rows = [
        ("from due to the outcome read", *(result["latency_ms"][q] for q in quantiles)),
        ("of that, the generator was late", *(result["generator_late_ms"][q] for q in quantiles)),
    ]
    title = f"{result['workload']['due']:,} members' points end in {result['ticks']:,} ticks"
    show(title, ("milliseconds", *quantiles), rows)
    longest = result["pauses"]["longest_ms"]
    print(
        f"  the day was over after {result['day_over_after_s']} s; the worker's loop turned {longest} ms late at most"
    )


def run_expiry(members: int) -> int:
    """The command."""
    return run(lambda: bench(members))
