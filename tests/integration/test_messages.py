"""Points between members on a real broker and database: the ledger is killed again and again, and nothing is lost,
doubled or left on its way. The oracle is `simulate`, over facts whose end does not depend on the order of arrival."""

from __future__ import annotations

import signal
from hashlib import sha256

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from events.decode import encode_fact
from events.facts import Fact
from events.topics import JOURNAL
from infra.kafka.client import partition_of
from infra.settings import Settings
from tests.core.test_messages import PROGRAMME
from tests.drivers.ledger import Ledger, ended, ledger_of, process_of, until
from tests.topology.test_messages import ONE_PERSON, SHARING, friends, merging, sharing, simulated

KILLS = 6
HOUSE_PARTITIONS = 4
"""Of the test houses."""


async def at_rest(ledger: Ledger) -> bool:
    """Whether every partition is booked and published up to the journal's own end, messages of the ledger included."""
    full = [
        TopicPartition(ledger.settings.topic_prefix + JOURNAL.name, partition)
        for partition in range(ledger.settings.partitions)
    ]
    consumer = AIOKafkaConsumer(bootstrap_servers=ledger.settings.kafka_bootstrap_servers)
    await consumer.start()
    try:
        ends = {tp.partition: end for tp, end in (await consumer.end_offsets(full)).items()}
    finally:
        await consumer.stop()
    rows = await ledger.rows("select partition, next_offset, next_seq, published_seq from position")
    return len(rows) == len(ends) and all(ends[p] == offset and seq == done + 1 for p, offset, seq, done in rows)


async def say(ledger: Ledger, facts: list[Fact]) -> None:
    for fact in facts:
        key = fact.member.encode()  # type: ignore[union-attr]
        await ledger.write(partition_of(key, ledger.settings.partitions), [(key, encode_fact(fact), ())])


@pytest.mark.parametrize(
    ("programme", "facts", "issued"),
    [(PROGRAMME, friends(), None), (SHARING, sharing(), -800), (ONE_PERSON, merging(HOUSE_PARTITIONS), None)],
    ids=["friends", "pools and gifts", "two cards of one person"],
)
async def test_nothing_is_lost_doubled_or_left_on_its_way(
    house: Settings, programme: str, facts: list[Fact], issued: int | None
) -> None:
    async with ledger_of(house) as ledger:
        told = {"type": "programme_published", "id": "programme:1", "occurred_at": "2010-01-01T00:00:00Z"}
        await ledger.say_to_all(told | {"text": programme, "sha256": sha256(programme.encode()).hexdigest()})
        share = len(facts) // KILLS + 1
        for number in range(KILLS):
            await say(ledger, facts[number * share : (number + 1) * share])
            place = ("after-commit:1", "before-mark:1")[number % 2]
            async with process_of(house, clock="facts", failpoint=place) as process:
                assert await ended(process) == -signal.SIGKILL
        async with process_of(house, clock="facts"):
            await until(lambda: at_rest(ledger), "everything is booked, and no message is on its way")
        assert await ledger.balances() == simulated(facts, programme)
        assert await ledger.rows("select * from parked_journal") == []
        sums = dict(await ledger.rows(
            "select account, sum(points)::int8 from (select credit as account, points from entry union all"
            " select debit, -points from entry) e group by account"
        ))  # fmt: skip
        assert sums.get("transferred", 0) == sums.get("moved", 0) == sum(sums.values()) == 0
        assert issued is None or sums["issued"] == issued
