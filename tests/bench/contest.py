"""`./run bench rivals`: other ways to do the ledger's job, on the same records, in alternating rounds of one run.

Owns the list of rivals, the contract's outer side (rivals/README.md) and the ratios. A slow rival gets a smaller share
of the facts, of as many fewer members; its figures are per event all the same.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.topics import ENTRIES, JOURNAL
from infra.stack.stack import Stack
from tests.bench.backlog import WARM, Backlog, ledger_round, mix_of
from tests.bench.exact import rival_differences
from tests.bench.house import BenchFailed, Round, Worker, round_on, servers, worker_of
from tests.bench.report import Result, ratios, run, say, show, spread
from tests.bench.rivals import kafka_streams
from tests.bench.workload import PARTITIONS, PROGRAMME

LINE_WITHIN_S = 300.0

ALL = ("member", "fact", "entry", "reward", "topic")


@dataclass(frozen=True)
class Rival:
    """command: run in the checkout's environment. check: what of the contract it keeps, see rivals/README.md.

    share: of the facts of a round. warm: of its facts, the share before which its clock does not run; more for what
    compiles itself while it runs. lacks: says what is missing on this machine; "" when it can run.
    """

    name: str
    command: tuple[str, ...]
    check: tuple[str, ...] = ALL
    share: float = 1.0
    warm: float = WARM
    lacks: Callable[[], str] = lambda: ""


FLOOR = Rival("floor", (sys.executable, "-m", "tests.bench.rivals.floor"), check=("rows",))
RIVALS = (
    FLOOR,
    Rival("rows", (sys.executable, "-m", "tests.bench.rivals.rows"), share=0.25),
    Rival("naive", (sys.executable, "-m", "tests.bench.rivals.naive"), share=0.04),
    Rival("streams", (sys.executable, "-m", "tests.bench.rivals.kafka_streams"), warm=0.5, lacks=kafka_streams.lacks),
    Rival("faust", (sys.executable, "-m", "tests.bench.rivals.faust_table"), check=("member", "topic"), share=0.04),
)


async def rival_round(stack: Stack, folder: Path, rival: Rival, backlog: Backlog, sample: Path) -> dict[str, Any]:
    """One round of a rival: rate by its own clock, CPU from outside, differences."""
    async with round_on(stack, folder) as house:
        await house.fill(backlog.sent)
        await house.pool.execute("checkpoint")
        scratch = folder / f"{rival.name}-{house.settings.topic_prefix}"
        scratch.mkdir()
        told = _told(house, backlog, rival.warm, sample, scratch)
        async with worker_of(house, *rival.command, heard=True, more=told) as worker:
            await _line(rival, worker, "warm")
            before = await house.used(worker)
            said = json.loads(await _line(rival, worker, "{"))
            after = await house.used(worker)
            await worker.process.wait()
        found = await rival_differences(house, backlog.counted, rival.check, house.written)
    rate = round(said["events"] / said["seconds"])
    used = after.since(before, said["events"])
    cpu = {**used["cpu_us"], **said.get("parts", {})}
    pace = worker.pace(before, after)
    paced = {"pace": pace, "at_pace_1": round(rate * pace)}
    return {**used, "cpu_us": cpu, "events_per_s": rate, **paced, "differences": found}


def _told(house: Round, backlog: Backlog, warm: float, sample: Path, scratch: Path) -> dict[str, str]:
    prefix, members = house.settings.topic_prefix, backlog.mix.members  # who are enrolled first
    return {
        "RIVAL_JOURNAL": prefix + JOURNAL.name,
        "RIVAL_ENTRIES": prefix + ENTRIES.name,
        "RIVAL_PARTITIONS": str(PARTITIONS),
        "RIVAL_RECORDS": str(house.written),
        "RIVAL_WARM": str(PARTITIONS + members + int(warm * (len(backlog.sent) - members))),
        "RIVAL_PROGRAMME": str(PROGRAMME),
        "RIVAL_SAMPLE": str(sample),
        "RIVAL_FOLDER": str(scratch),
    }


async def _line(rival: Rival, worker: Worker, beginning: str) -> str:
    """The next line that begins so; others are passed over. Raises BenchFailed."""
    assert worker.process.stdout is not None
    line = b""
    try:
        async with asyncio.timeout(LINE_WITHIN_S):
            while not line.startswith(beginning.encode()):
                line = await worker.process.stdout.readline()
                if not line:
                    raise BenchFailed(f"{rival.name} ended before it said `{beginning}`\n{worker.tail()}")
    except TimeoutError:
        raise BenchFailed(f"{rival.name} said no `{beginning}` for {LINE_WITHIN_S:.0f} s\n{worker.tail()}") from None
    return line.decode().strip()


async def bench(events: int, rounds: int, names: Sequence[str]) -> Result:
    """The whole bench. names: which rivals; none: all."""
    chosen, lacking = [], {}
    for rival in RIVALS:
        if names and rival.name not in names:
            continue
        if why := rival.lacks():
            lacking[rival.name] = why
            say(f"{rival.name} is left out: {why}")
        else:
            chosen.append(rival)
    shares = {1.0, *(rival.share for rival in chosen)}
    backlogs = {share: _backlog(int(events * share)) for share in sorted(shares)}
    ran: dict[str, list[dict[str, Any]]] = {"ledger": [], **{rival.name: [] for rival in chosen}}
    async with servers() as (stack, folder):
        sample = folder / "sample.json"
        for number in range(rounds):
            ran["ledger"].append(await ledger_round(stack, folder, backlogs[1.0]))
            sample.write_text(json.dumps(ran["ledger"][-1]["sizes"]))
            for rival in chosen:
                ran[rival.name].append(await rival_round(stack, folder, rival, backlogs[rival.share], sample))
            rates = ", ".join(f"{name} {rows[-1]['events_per_s']:,}" for name, rows in ran.items())
            say(f"round {number + 1} of {rounds}, events/s: {rates}")
    result = _result(events, ran, lacking)
    _show(result)
    return result


def _backlog(events: int) -> Backlog:
    return Backlog(mix_of(events), events)


def _result(events: int, ran: dict[str, list[dict[str, Any]]], lacking: dict[str, str]) -> Result:
    found = [f"{name}: {line}" for name, rows in ran.items() for one in rows for line in one["differences"]]
    return {
        "bench": "rivals",
        "exact": not found,
        "differences": found,
        "workload": {"events": events},
        "left_out": lacking,
        "systems": {
            name: {
                "events_per_s": spread([one["events_per_s"] for one in rows]),
                "ledger_is_times": ratios(ran["ledger"], rows),
                "cpu_us": {part: spread([one["cpu_us"][part] for one in rows])["median"] for part in rows[0]["cpu_us"]},
                "wal_bytes": spread([one["wal_bytes"] for one in rows])["median"],
                "others": spread([one["others"] for one in rows])["median"],
                "rounds": rows,
            }
            for name, rows in ran.items()
        },
    }


def _show(result: Result) -> None:
    rows = [
        (
            name,
            one["events_per_s"],
            one["ledger_is_times"],
            *(one["cpu_us"][part] for part in ("worker", "postgres", "broker")),
            one["wal_bytes"],
        )
        for name, one in result["systems"].items()
    ]
    columns = ("", "events/s", "the ledger is so many times as fast", "CPU us: worker", "database", "broker", "WAL B")
    show(f"The same job, {result['workload']['events']:,} events (median, least to most)", columns, rows)
    for name, why in result["left_out"].items():
        print(f"  {name} is left out: {why}")


def run_rivals(events: int, rounds: int, names: Sequence[str]) -> int:
    """The command. 2 when a name is none of the list."""
    unknown = [name for name in names if name not in {rival.name for rival in RIVALS}]
    if unknown:
        print(f"error: no rival {unknown[0]}; there are {', '.join(r.name for r in RIVALS)}", file=sys.stderr)
        return 2
    return run(lambda: bench(events, rounds, names))
