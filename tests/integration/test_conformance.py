"""Every case of the conformance pack through a real ledger: journal, process, tables, and what they come to at its end.

Each case has a house of its own. Its facts are written into the journal in the order in which they arrive, then a tick
of the last instant; what its last step wants must stand in the tables. The steps before it are tried without servers
(tests/conformance/test_pack.py).
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from hashlib import sha256
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from events.topics import JOURNAL
from infra.kafka.local import LocalKafka
from infra.postgres.local import LocalPostgres
from services.book.member import decode
from services.workbench.simulate import Simulation, report
from tests.conformance.pack import CASES, Case, Report, differences, read
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
                    return [
                        f"{case.name}: {what}" for what in differences(case.steps[-1].wanted, await told(ledger, case))
                    ]
            finally:
                await postgres.drop_database(house.database)
                await delete_topics(settings)

    cases = [read(file) for file in sorted(CASES.glob("*.yaml"))]
    assert len(cases) >= 40
    found = await asyncio.gather(*(tried(case) for case in cases))
    assert [what for one in found for what in one] == []


async def told(ledger: Ledger, case: Case) -> Report:
    """What the tables say when a case was told."""
    consumer = AIOKafkaConsumer(bootstrap_servers=ledger.settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        for number, text in enumerate(case.programmes):
            named = {"type": "programme_published", "id": f"programme:{number}", "occurred_at": "2010-01-01T00:00:00Z"}
            await ledger.say_to_all({**named, "text": text, "sha256": sha256(text.encode()).hexdigest()})
        facts = [fact for step in case.steps for fact in step.facts]
        if len({fact["member"] for fact in facts}) == 1:
            await ledger.say(facts)
            await quiet(ledger, consumer)
        else:
            for fact in facts:
                await ledger.say([fact])
                await quiet(ledger, consumer)  # what it says to other members comes before the next, as in `simulate`
        await ledger.say_to_all({"type": "tick", "id": "tick:{p}:end:0/1", "occurred_at": case.steps[-1].until})
        await quiet(ledger, consumer)
    finally:
        await consumer.stop()
    return await in_the_tables(ledger, case)


async def quiet(ledger: Ledger, consumer: AIOKafkaConsumer) -> None:
    """Everything is booked that is in the journal, with what the ledger itself has written there."""
    prefix, partitions = ledger.settings.topic_prefix, range(ledger.settings.partitions)
    journal = [TopicPartition(prefix + JOURNAL.name, partition) for partition in partitions]

    async def all_there() -> bool:
        ends = await consumer.end_offsets(journal)
        ledger.sent = {place.partition: end for place, end in ends.items() if end}
        return await ledger.booked() and await consumer.end_offsets(journal) == ends

    await until(all_there, "the journal's end")


async def in_the_tables(ledger: Ledger, case: Case) -> dict[str, Any]:
    """The report of `simulate`, of the members and rows in the tables."""
    simulation = Simulation(case.programmes, [f"programme {n}" for n in range(len(case.programmes))])
    for member, state in await ledger.rows("select member, state from member"):
        simulation.members[member] = decode(member, state)
    for member, kind, key, value in await ledger.rows("select member, kind, key, value from cold"):
        simulation._cold.setdefault(member, {})[kind, key] = value
    accounts = Counter[str]()
    for debit, credit, points in await ledger.rows("select debit, credit, points from entry"):
        accounts[debit] -= points
        accounts[credit] += points
    facts = await ledger.rows("select fact_id, outcome from fact where type not in ('tick', 'programme_published')")
    outcomes = [{"fact": name, "refusal": None, **json.loads(outcome)} for name, outcome in facts]
    parked = await ledger.rows("select value from parked_journal")
    told_otherwise = [{"fact": json.loads(value)["id"]} for (value,) in parked]
    return report(simulation) | {"accounts": dict(accounts), "outcomes": outcomes, "parked": told_otherwise}
