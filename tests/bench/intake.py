"""`./run bench intake`: how fast intake makes facts of what tills say, against the ledger in alternating rounds.

The same receipts, said by tills on the inbound topics under a card's number; enrolments first. The clock runs from the
moment at which the members are known to the last saved position. Then the journal is read from its beginning and
compared, fact by fact, with what was said.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from events.cloudevents import headers
from events.topics import ENROLMENTS, INBOUND, JOURNAL, PURCHASES, REDEMPTIONS
from infra.kafka.client import Message, Ranges, TopicPartition, Writer, partition_of
from infra.kafka.topics_admin import ensure_topics
from infra.stack.stack import Stack
from tests.bench.backlog import Backlog, ledger_round, mix_of
from tests.bench.house import WRITE_AT_ONCE, Round, round_on, servers, worker_of
from tests.bench.report import Result, ratios, run, say, show, spread
from tests.bench.steps import shared_out
from tests.bench.workload import PARTITIONS

TOPIC = {
    "purchase": PURCHASES.name,
    "return": PURCHASES.name,
    "redemption_requested": REDEMPTIONS.name,
    "enrolled": ENROLMENTS.name,
}
FIRST = 20


class Saying(NamedTuple):
    """A record of an inbound topic. `fact` is what must come of it, without member and source."""

    topic: str
    partition: int
    message: Message
    card: str
    fact: dict[str, Any]


def saying(value: bytes) -> Saying:
    """A fact of the workload as a till says it: a card for the member, a total to be checked, no coordinates."""
    fact = json.loads(value)
    card = fact.pop("member")
    fact.pop("source", None)
    said = fact | {"identifier": {"scheme": "card", "value": card}}
    if "lines" in said:
        said["total_minor"] = sum(line["total_minor"] for line in said["lines"])
    till = fact.get("store", "store-000")
    named = headers(fact["id"], till, fact["type"], fact["occurred_at"])
    message = till.encode(), json.dumps(said, separators=(",", ":")).encode(), named
    return Saying(TOPIC[fact["type"]], partition_of(till.encode(), PARTITIONS), message, card, fact)


Places = dict[tuple[str, int, int], Saying]
"""(topic, partition, offset) -> what stands there."""


async def _tell(house: Round, said: Sequence[Saying]) -> Places:
    """Write to the inbound topics. Returns where each record stands."""
    await ensure_topics(house.settings, (*INBOUND, JOURNAL))
    writer, places, ends = Writer(house.settings), Places(), dict[tuple[str, int], int]()
    await writer.start()
    try:
        for start in range(0, len(said), WRITE_AT_ONCE):
            parts: dict[tuple[str, int], list[Message]] = {}
            for one in said[start : start + WRITE_AT_ONCE]:
                at = one.topic, one.partition
                places[*at, ends.setdefault(at, 0)] = one
                ends[at] += 1
                parts.setdefault(at, []).append(one.message)
            for (topic, partition), messages in parts.items():
                await writer.write(topic, partition, messages)
    finally:
        await writer.stop()
    house.written = len(said)
    return places


async def intake_round(stack: Stack, folder: Path, backlog: IntakeBacklog, file: Path | None = None) -> dict[str, Any]:
    """One round. file: sample it, and write that there."""
    module = "services.intake"
    command = ("-m", module) if file is None else ("-m", "tests.bench.watched", module, str(file))
    async with round_on(stack, folder) as house:
        places = await _tell(house, backlog.said)
        await house.pool.execute("checkpoint")

        async def read() -> int:
            try:
                return int(await house.pool.fetchval("select coalesce(sum(next_offset), 0) from intake_position"))
            except asyncpg.UndefinedTableError:
                return 0

        async with worker_of(house, sys.executable, *command) as worker:
            first = await house.until(read, backlog.warm, worker)
            if file is not None:
                worker.process.send_signal(signal.SIGUSR1)
            before = await house.used(worker)
            last = await house.until(read, house.written, worker)
            after = await house.used(worker)
            await worker.stop()
        found = await _differences(house, places)
    return {**after.since(before, last - first), "differences": found}


async def _differences(house: Round, places: Places) -> list[str]:
    """Every fact once, as it was said, under one member a card, in the order of its till."""
    facts = {one.fact["id"]: one for one in places.values()}
    member_of: dict[str, str] = {}
    seen: set[str] = set()
    found: list[str] = []
    ranges = Ranges(house.settings)
    try:
        for partition in range(PARTITIONS):
            tp = TopicPartition(JOURNAL.name, partition)
            end = (await ranges.end_offsets([tp]))[tp]
            newest: dict[tuple[str, int], int] = {}
            for record in await ranges.range(tp, 0, end, end) if end else ():
                fact = json.loads(record.value or b"")
                member, source = fact.pop("member"), fact.pop("source")
                at = source["topic"], source["partition"]
                there = places.get((*at, source["offset"]))
                if fact["id"] in seen:
                    found.append(f"{fact['id']} came twice")
                elif fact["id"] not in facts or there is None or there.fact != fact:
                    found.append(f"{fact['id']} is not what was said")
                elif (record.key or b"").decode() != member or member_of.setdefault(there.card, member) != member:
                    found.append(f"{fact['id']} went to another member than the card's")
                elif newest.get(at, -1) >= source["offset"]:
                    found.append(f"{fact['id']} came out of order")
                seen.add(fact["id"])
                newest[at] = source["offset"]
    finally:
        await ranges.stop()
    if missing := facts.keys() - seen:
        found.append(f"{len(missing)} facts are missing, {min(missing)} for one")
    if len(set(member_of.values())) != len(member_of):
        found.append("two cards led to one member")
    parked = await house.pool.fetchval("select count(*) from parked")
    return ([*found, f"{parked} parked"] if parked else found)[:FIRST]


class IntakeBacklog:
    """What tills say, made of the ledger's backlog."""

    def __init__(self, backlog: Backlog) -> None:
        self.said = [saying(sent.value) for sent in backlog.sent]
        self.warm = backlog.warm - PARTITIONS


async def bench(events: int, rounds: int) -> Result:
    """The whole bench."""
    backlog = Backlog(mix_of(events), events)
    inbound = IntakeBacklog(backlog)
    intake: list[dict[str, Any]] = []
    ledger: list[dict[str, Any]] = []
    async with servers() as (stack, folder):
        for number in range(rounds):
            intake.append(await intake_round(stack, folder, inbound))
            ledger.append(await ledger_round(stack, folder, backlog))
            rates = f"intake {intake[-1]['events_per_s']:,}, ledger {ledger[-1]['events_per_s']:,}"
            say(f"round {number + 1} of {rounds}, events/s: {rates}")
        file = folder / "watched.json"
        sampled = await intake_round(stack, folder, inbound, file)
        steps = shared_out(json.loads(file.read_text())["samples"], sampled["cpu_us"]["worker"])
    found = [line for one in (*intake, *ledger, sampled) for line in one["differences"]]
    result = {
        "bench": "intake",
        "exact": not found,
        "differences": found,
        "workload": {"events": events, "members": backlog.mix.members},
        "events_per_s": spread([one["events_per_s"] for one in intake]),
        "ledger_events_per_s": spread([one["events_per_s"] for one in ledger]),
        "share_of_the_ledger": ratios(intake, ledger),
        "cpu_us": {part: spread([one["cpu_us"][part] for one in intake]) for part in intake[0]["cpu_us"]},
        "wal_bytes": spread([one["wal_bytes"] for one in intake]),
        "others": spread([one["others"] for one in intake]),
        "steps_us": steps,
        "rounds": {"intake": intake, "ledger": ledger},
    }
    _show(result)
    return result


def _show(result: Result) -> None:
    rows: list[Sequence[object]] = [
        ("intake, events per second", result["events_per_s"]),
        ("the ledger, events per second", result["ledger_events_per_s"]),
        ("intake is of the ledger", result["share_of_the_ledger"]),
        *((f"CPU us per event, {part}", figure) for part, figure in result["cpu_us"].items()),
        ("WAL bytes per event", result["wal_bytes"]),
        ("share of both cores that went to others", result["others"]),
    ]
    show(
        f"From the tills to the journal, {result['workload']['events']:,} events a round",
        ("", "median (least-most)"),
        rows,
    )
    show("Where intake's time goes (one sampled round)", ("step", "us per event"), list(result["steps_us"].items()))


def run_intake(events: int, rounds: int) -> int:
    """The command."""
    return run(lambda: bench(events, rounds))
