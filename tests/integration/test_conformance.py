"""Every case of the conformance pack through a real ledger: journal, process, tables, and what they come to.

Each case has a house of its own. After the facts of each step comes a tick of the instant to look at, and what the step
wants must stand in the tables; what a later step tells of an earlier time comes after that tick, and late. Where every
order of arrival must end alike, members of other names have been told the same in another order.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import count
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from events.topics import JOURNAL
from infra.kafka.client import partition_of
from infra.kafka.local import LocalKafka
from infra.postgres.local import LocalPostgres
from services.book.member import decode
from services.workbench.simulate import Simulation, report
from tests.conformance.pack import CASES, Case, Fact, differences, read, the_end
from tests.drivers.ledger import Ledger, ledger_of, process_of, until
from tests.drivers.servers import Servers, delete_topics

AT_ONCE = 3
"""Ledgers beside each other."""


async def test_every_case_comes_to_the_same_in_a_real_ledger(
    servers: Servers, kafka: LocalKafka, postgres: LocalPostgres
) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def tried(case: Case) -> list[str]:
        async with free:
            house = servers.fresh_house()
            assert house.database is not None
            settings = servers.stack.settings_of(house)
            await postgres.create_database(house.database)
            try:
                async with ledger_of(settings) as ledger, process_of(settings, clock="facts"):
                    return [f"{case.name}{what}" for what in await told(ledger, case)]
            finally:
                await postgres.drop_database(house.database)
                await delete_topics(settings)

    cases = [read(file) for file in sorted(CASES.glob("*.yaml"))]
    assert len(cases) >= 40
    found = await asyncio.gather(*(tried(case) for case in cases))
    assert [what for one in found for what in one] == []


async def told(ledger: Ledger, case: Case) -> list[str]:
    """What stands otherwise than a step wants it."""
    consumer = AIOKafkaConsumer(bootstrap_servers=ledger.settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    found: list[str] = []
    try:
        for number, text in enumerate(case.programmes):
            named = {"type": "programme_published", "id": f"programme:{number}", "occurred_at": "2010-01-01T00:00:00Z"}
            await ledger.say_to_all({**named, "text": text, "sha256": sha256(text.encode()).hexdigest()})
        names = members(case)
        others = elsewhere(names, ledger.settings.partitions) if case.any_order else {}
        if others:
            facts = [fact for step in case.steps for fact in step.facts]
            await say(ledger, consumer, renamed(random.Random(case.name).sample(facts, len(facts)), others))
        for number, step in enumerate(case.steps, 1):
            await say(ledger, consumer, step.facts)
            if len(names) > 1:
                await quiet(ledger, consumer)
            await ledger.say_to_all({"type": "tick", "id": f"tick:{{p}}:{number}:0/1", "occurred_at": step.until})
            await quiet(ledger, consumer)
            stands = await in_the_tables(ledger, case, names)
            found += [f", step {number}: {what}" for what in differences(step.wanted, stands)]
        if others:
            stands = await in_the_tables(ledger, case, set(others.values()))
            wanted = renamed(the_end(case.steps[-1].wanted), others)
            found += [f", in another order: {what}" for what in differences(wanted, stands)]
    finally:
        await consumer.stop()
    return found


async def say(ledger: Ledger, consumer: AIOKafkaConsumer, facts: Sequence[Fact]) -> None:
    """Facts in their order. Of several members, what one causes comes before the next, as in `simulate`."""
    if len({fact["member"] for fact in facts}) <= 1:
        await ledger.say(facts)
        return
    for fact in facts:
        await ledger.say([fact])
        await quiet(ledger, consumer)


def members(case: Case) -> set[str]:
    """Everybody whom the case names."""
    told = {str(fact["member"]) for step in case.steps for fact in step.facts}
    return told | {name for step in case.steps for name in step.wanted["then"]}


def elsewhere(names: set[str], partitions: int) -> dict[str, str]:
    """Another name for each, all of them in partitions where none of these is: an id is known by partition."""
    taken = {partition_of(name.encode(), partitions) for name in names}
    found = {}
    for name in sorted(names):
        new = (f"{name}-{number}" for number in count(2))
        found[name] = next(one for one in new if partition_of(one.encode(), partitions) not in taken)
    return found


def renamed(said: Any, others: Mapping[str, str]) -> Any:
    """Facts, or what is wanted, with other names for members wherever they stand."""
    if isinstance(said, Mapping):
        return {others.get(key, key): renamed(value, others) for key, value in said.items()}
    if isinstance(said, list):
        return [renamed(value, others) for value in said]
    return others.get(said, said) if isinstance(said, str) else said


async def quiet(ledger: Ledger, consumer: AIOKafkaConsumer) -> None:
    """Everything is booked that is in the journal, with what the ledger itself has written there."""
    prefix, partitions = ledger.settings.topic_prefix, range(ledger.settings.partitions)
    journal = [TopicPartition(prefix + JOURNAL.name, partition) for partition in partitions]

    async def all_there() -> bool:
        ends = await consumer.end_offsets(journal)
        ledger.sent = {place.partition: end for place, end in ends.items() if end}
        return await ledger.booked() and await consumer.end_offsets(journal) == ends

    await until(all_there, "the journal's end")


async def in_the_tables(ledger: Ledger, case: Case, names: set[str]) -> dict[str, Any]:
    """The report of `simulate`, of these members and their rows in the tables."""
    simulation = Simulation(case.programmes, [f"programme {n}" for n in range(len(case.programmes))])
    for member, state in await ledger.rows("select member, state from member"):
        if member in names:
            simulation.members[member] = decode(member, state)
    for member, kind, key, value in await ledger.rows("select member, kind, key, value from cold"):
        simulation._cold.setdefault(member, {})[kind, key] = value
    accounts, entries = Counter[str](), dict[str, list[dict[str, Any]]]()
    for owner, *rest in await ledger.rows(ENTRIES):
        if owner.partition("~")[0] in names:
            entry = dict(zip(("fact", "debit", "credit", "points", "lot"), rest, strict=True))
            entries.setdefault(owner, []).append(entry)
            accounts[entry["debit"]] -= entry["points"]
            accounts[entry["credit"]] += entry["points"]
    facts = await ledger.rows("select member, fact_id, outcome from fact where member is not null")
    outcomes = [{"fact": name, "refusal": None, **json.loads(said)} for member, name, said in facts if member in names]
    parked = [json.loads(value) for (value,) in await ledger.rows("select value from parked_journal")]
    rewards = [json.loads(value) for (value,) in await ledger.rows("select value from reward")]
    found = report(simulation)
    for one in found["members"]:
        one["entries"] = entries.get(one["member"], [])
    return found | {
        "accounts": dict(accounts),
        "outcomes": outcomes,
        "parked": [{"fact": said["id"]} for said in parked if said["member"] in names],
        "rewards": [{**said, "fact": said["id"]} for said in rewards],
    }


ENTRIES = """
select entry.member, fact.fact_id, entry.debit, entry.credit, entry.points, entry.lot
from entry join fact using (partition, seq)
order by partition, seq, n
"""
