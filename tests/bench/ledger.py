"""`./run bench ledger`: how fast the real worker books a backlog, what each process pays for it, and where it goes.

Each round has a fresh house: the journal is filled, the worker is started, and the clock runs from the moment at which
every member is known (the enrolments and a tenth of the rest are booked) to the last commit. Then the tables and the
topic are compared with the count. The last round is sampled and gives the steps; its rate is not used.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.stack.stack import Stack
from tests.bench.count import Count
from tests.bench.exact import differences
from tests.bench.house import Round, both, round_on, servers, worker_of
from tests.bench.report import Result, run, say, show, spread
from tests.bench.workload import PARTITIONS, Mix, Sent, Workload

MEMBERS = 20_000
"""Fewer in a run that is shorter than ten facts for each."""
WARM = 0.1
"""The share of the facts that is booked before the clock runs."""

SIZES = """select
    (select count(*) from entry)::numeric / count(*) as entries_a_fact,
    (select count(*) from reward)::numeric / count(*) as rewards_a_fact,
    (select avg(length(lot)) from entry) as lot,
    (select avg(length(why)) from entry) as why,
    avg(length(outcome)) as outcome,
    avg(length(postings)) as postings,
    (select avg(length(value)) from reward) as reward,
    (select avg(length(state)) from member) as hot_row_bytes
from fact"""


def mix_of(events: int) -> Mix:
    """The mix of a run: ten facts a member, up to 20,000 members."""
    return Mix(members=min(MEMBERS, max(100, events // 10)))


class Backlog:
    """The records of a bench and what they come to; the same for every round."""

    def __init__(self, mix: Mix, events: int) -> None:
        say(f"making {events:,} facts of {mix.members:,} members, and counting what they come to")
        gc.disable()  # many objects, no cycles
        workload = Workload(mix, events)
        self.mix = mix
        self.sent: list[Sent] = both(workload.enrolments(), workload.facts(events))
        self.warm = PARTITIONS + mix.members + int(events * WARM)
        self.counted = Count().add(one.value for one in self.sent)
        gc.freeze()
        gc.enable()


async def ledger_round(stack: Stack, folder: Path, backlog: Backlog, steps: Path | None = None) -> dict[str, Any]:
    """One round of the worker: rate, CPU and WAL per event, differences. steps: sample it, and write them there."""
    module = "services.ledger"
    command = ("-m", module) if steps is None else ("-m", "tests.bench.watched", module, str(steps))
    async with round_on(stack, folder) as house:
        await house.fill(backlog.sent)
        await house.pool.execute("checkpoint")
        async with worker_of(house, sys.executable, *command) as worker:
            first = await house.until_booked(backlog.warm, worker)
            if steps is not None:
                worker.process.send_signal(signal.SIGUSR1)
            before = await house.used(worker)
            last = await house.until_booked(house.written, worker)
            after = await house.used(worker)
            await house.until_published(backlog.counted.facts + PARTITIONS, worker)
            await worker.stop()
        found = await differences(house, backlog.counted)
        sizes = await _sizes(house)
    return {**after.since(before, last - first), "differences": found, "sizes": sizes}


async def _sizes(house: Round) -> dict[str, Any]:
    """What a fact leaves behind, on average: numbers of rows, and lengths in bytes."""
    row = await house.pool.fetchrow(SIZES)
    assert row is not None
    return {name: float(round(value, 2)) for name, value in row.items()}


def steps_of(file: Path, cpu_us: float) -> dict[str, float]:
    """Step -> microseconds per event, most first, from a sampled round whose worker took `cpu_us` an event."""
    seen: dict[str, int] = json.loads(file.read_text())["samples"]
    total = sum(seen.values()) or 1
    return {name: round(cpu_us * n / total, 2) for name, n in sorted(seen.items(), key=lambda one: -one[1])}


async def bench(events: int, rounds: int) -> Result:
    """The whole bench."""
    backlog = Backlog(mix_of(events), events)
    ran: list[dict[str, Any]] = []
    async with servers() as (stack, folder):
        for number in range(rounds):
            ran.append(await ledger_round(stack, folder, backlog))
            say(f"round {number + 1} of {rounds}: {ran[-1]['events_per_s']:,} events/s")
        file = folder / "steps.json"
        sampled = await ledger_round(stack, folder, backlog, file)
        steps = steps_of(file, sampled["cpu_us"]["worker"])
    found = [line for one in (*ran, sampled) for line in one["differences"]]
    result = {
        "bench": "ledger",
        "exact": not found,
        "differences": found,
        "workload": {"events": events, "members": backlog.mix.members, "repeats": backlog.counted.repeats},
        "events_per_s": spread([one["events_per_s"] for one in ran]),
        "cpu_us": {name: spread([one["cpu_us"][name] for one in ran]) for name in ran[0]["cpu_us"]},
        "wal_bytes": spread([one["wal_bytes"] for one in ran]),
        "rows_scanned": spread([sum(one["rows_scanned"].values()) for one in ran]),
        "others": spread([one["others"] for one in ran]),
        "sizes": ran[0]["sizes"],
        "steps_us": steps,
        "rounds": ran,
    }
    _show(result)
    return result


def _show(result: Result) -> None:
    rows: list[Sequence[object]] = [("events per second", result["events_per_s"])]
    rows += [(f"CPU us per event, {name}", value) for name, value in result["cpu_us"].items()]
    rows += [("WAL bytes per event", result["wal_bytes"])]
    rows += [("table rows scanned per event", result["rows_scanned"])]
    rows += [("share of both cores that went to others", result["others"])]
    rows += [(name.replace("_", " "), size) for name, size in result["sizes"].items()]
    show(f"The ledger's backlog, {result['workload']['events']:,} events a round", ("", "median (least to most)"), rows)
    show("Where the worker's time goes (one sampled round)", ("step", "us per event"), list(result["steps_us"].items()))


def run_ledger(events: int, rounds: int) -> int:
    """The command."""
    return run(lambda: bench(events, rounds))
