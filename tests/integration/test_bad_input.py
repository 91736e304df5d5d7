"""5,000 bad records of every kind among 50,000 good ones, on every inbound topic and on the journal itself.

Every bad one must be found again by its coordinates, byte for byte and with its reason; no process may stumble; every
good one must be booked exactly; and none may wait more than a second because of the bad ones.

How the wait is judged. From event to outcome, by the broker's own log times of the record that a till wrote and of
the outcome that the ledger published: no clock of the test's. On a busy machine such a wait says more about the
machine than about the program. So rounds of good records alone (control) are sent in turn with rounds of as many
among bad ones (mixed), at a fixed rate. What bad records do, they do in each mixed round, because each has every
kind; what the machine does, it does in some rounds and not in others. So the calmest mixed round may be at most a
second worse than the calmest control round. All rounds are printed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from events.topics import ENROLMENTS, INBOUND, JOURNAL, OUTCOMES, PURCHASES, REDEMPTIONS, Topic
from infra.clock import monotonic
from infra.kafka.client import Message, Writer, partition_of
from infra.postgres.pool import open_pool
from infra.settings import Settings
from infra.stack.house import INTAKE, LEDGER
from infra.stack.probes import http_ok
from services.workbench.parked.records import Coordinates, Filter, Parked, shelves
from tests.drivers.bad_records import KINDS, Bad, Record, bad_records
from tests.drivers.bad_records import TOPICS as SPOILT
from tests.drivers.intake import PATIENCE_S, Shop, purchase, shop_of, shown
from tests.drivers.ledger import Ledger, ledger_of
from tests.drivers.servers import running

MIXED_ROUNDS, CONTROL_ROUNDS = 10, 4
GOOD_A_ROUND, BAD_A_ROUND = 5_000, 500
GOOD_A_SECOND = 1_500
SLICE_S = 0.02
SECOND_MS = 1_000
CARDS = 300
BEGAN = 1_299_749_400
"""2011-03-10T09:30:00Z: the first of them, and a second more for each."""


class Round(NamedTuple):
    mixed: bool
    good: list[tuple[Topic, Record]]
    bad: list[Bad]


@dataclass
class Sent:
    """What was written where, and which points there must be."""

    points: dict[str, int] = field(default_factory=dict)
    """By card."""
    ids: dict[str, tuple[Topic, int]] = field(default_factory=dict)
    """Fact id of each good record -> its topic, and its round."""
    bad: list[tuple[asyncio.Future[int], Bad, int]] = field(default_factory=list)
    """With the offset behind it, and its partition."""
    acknowledged: list[asyncio.Future[int]] = field(default_factory=list)


def good_round(number: int, sent: Sent) -> list[tuple[Topic, Record]]:
    """Receipts, offline redemptions and enrolments of a few hundred cards, each from its own till."""
    found: list[tuple[Topic, Record]] = []
    for n in range(GOOD_A_ROUND):
        card = f"card-{n % CARDS}"
        name, till = f"good:{number}-{n}", f"till-{n % CARDS % 40}"
        if n % 20 == 7:
            topic, said = REDEMPTIONS, {"type": "redemption_taken", "points": 1 + n % 3}
            sent.points[card] = sent.points.get(card, 0) - (1 + n % 3)
        elif n % 20 == 13:
            topic, said = ENROLMENTS, {"type": "enrolled"}
        else:
            pence = 150 + 37 * n % 5_000
            topic, said = PURCHASES, purchase(name, card, pence)
            sent.points[card] = sent.points.get(card, 0) + pence // 100
        at = datetime.fromtimestamp(BEGAN + number * GOOD_A_ROUND + n, UTC)  # in order: what is late costs more anyway
        value = {"id": name, "identifier": shown(card)} | said | {"occurred_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        found.append((topic, Record(till.encode(), till.encode(), json.dumps(value).encode())))
        sent.ids[name] = topic, number
    return found


def bad_round(number: int, partitions: int) -> list[Bad]:
    """Every kind on every topic, again and again; ten megabytes on two topics in turn, enough for their neighbours."""
    found: list[Bad] = []
    large = 0
    for again in range(100):
        for nth, topic in enumerate(SPOILT):  # no two speak of the same ids, but where they mean to
            for bad in bad_records(topic, 10_000 * number + 10 * again + nth, partitions):
                if bad.kind == "10 MB":
                    large += 1
                    if large not in (1 + number % len(SPOILT), 1 + (number + 2) % len(SPOILT)):
                        continue
                found.append(bad)
                if len(found) == BAD_A_ROUND:
                    return found
    raise AssertionError("the kinds are few")


async def send(writer: Writer, settings: Settings, this: Round, sent: Sent) -> None:
    """At the fixed rate, evenly mixed, without waiting for acknowledgement."""
    slices = max(1, int(len(this.good) / GOOD_A_SECOND / SLICE_S))
    began = monotonic()
    for n in range(slices):
        await asyncio.sleep(max(0.0, began + n * SLICE_S - monotonic()))
        groups: dict[tuple[Topic, int], list[Message]] = {}
        for topic, record in _share(this.good, n, slices):
            place = topic, partition_of(record.placed_by, settings.partitions)
            groups.setdefault(place, []).append(tuple(record[1:]))  # type: ignore[arg-type]
        for (topic, partition), messages in groups.items():
            sent.acknowledged += await writer.send(topic.name, partition, messages)
        for bad in _share(this.bad, n, slices):
            partition = partition_of(bad.record.placed_by, settings.partitions)
            if bad.after is not None:
                sent.acknowledged += await writer.send(bad.topic.name, partition, [bad.after[1:]])
            (end,) = await writer.send(bad.topic.name, partition, [bad.record[1:]])
            sent.bad.append((end, bad, partition))
    await asyncio.gather(*sent.acknowledged, *(end for end, _, _ in sent.bad))


def _share(of: list[Any], n: int, slices: int) -> list[Any]:
    return of[n * len(of) // slices : (n + 1) * len(of) // slices]


async def reaches(count: Callable[[], Awaitable[dict[Any, int]]], end: dict[Any, int], what: str) -> None:
    """Wait until a count is there, however slow the machine; not when it stands still."""
    newest, since = None, monotonic()
    while (there := await count()) != end:
        if there != newest:
            newest, since = there, monotonic()
        assert monotonic() - since < PATIENCE_S, f"{what} {there} of {end}, and no more for {PATIENCE_S} s"
        await asyncio.sleep(0.02)


async def done(shop: Shop, ledger: Ledger) -> None:
    """Until intake is behind every inbound record, and the ledger behind every record of the journal and published."""
    settings = shop.settings
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:

        async def ends(*topics: Topic) -> dict[tuple[str, int], int]:
            tps = [
                TopicPartition(settings.topic_prefix + t.name, p) for t in topics for p in range(settings.partitions)
            ]
            found = await consumer.end_offsets(tps)
            return {(tp.topic.removeprefix(settings.topic_prefix), tp.partition): n for tp, n in found.items()}

        inbound = await ends(*INBOUND)

        async def read() -> dict[tuple[str, int], int]:
            rows = await shop.rows("select topic, partition, next_offset from intake_position")
            return {(topic, p): n for topic, p, n in rows}

        async def booked() -> dict[tuple[str, int], int]:
            rows = await ledger.rows(
                "select partition, case when published_seq = next_seq - 1 then next_offset else -1 end from position"
            )
            return {(JOURNAL.name, p): n for p, n in rows}

        await reaches(read, inbound, "intake has read")
        await reaches(booked, await ends(JOURNAL), "the ledger has booked and published")
    finally:
        await consumer.stop()


async def logged(settings: Settings, topics: Iterable[Topic], name: str) -> dict[str, int]:
    """The log time of each JSON object of these topics, by the field `name` of it, where that is a good record's id."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False, fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        tps = [TopicPartition(settings.topic_prefix + t.name, p) for t in topics for p in range(settings.partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        left = sum((await consumer.end_offsets(tps)).values())
        found: dict[str, int] = {}
        while left:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                left -= len(records)
                for record in records:
                    if record.value and b'"good:' in record.value:
                        found.setdefault(json.loads(record.value)[name], record.timestamp)
    finally:
        await consumer.stop()
    return found


def shown_waits(waits: dict[int, list[int]], mixed: set[int]) -> str:
    """A line for each round: half of its records, 99 of 100, and all of them were answered within so many ms."""
    lines = ["round            p50      p99      max   (ms from event to outcome)"]
    for number, unsorted in waits.items():
        ms = sorted(unsorted)
        name = f"{number} {'mixed' if number in mixed else 'control'}"
        lines.append(f"{name:<12} {ms[len(ms) // 2]:7d}  {ms[len(ms) * 99 // 100]:7d}  {ms[-1]:7d}")
    return "\n".join(lines)


async def test_bad_records_are_found_again_and_cost_the_good_ones_nothing(house: Settings) -> None:
    sent = Sent()
    rounds: list[Round] = []
    for number in range(MIXED_ROUNDS + CONTROL_ROUNDS):
        mixed = number % 3 != 2 or number >= 3 * CONTROL_ROUNDS
        rounds.append(Round(mixed, good_round(number, sent), bad_round(number, house.partitions) if mixed else []))
    assert sum(this.mixed for this in rounds) == MIXED_ROUNDS
    kinds = {(bad.topic, bad.kind) for this in rounds for bad in this.bad}
    assert kinds == {(topic, kind.name) for kind in KINDS for topic in kind.reasons}

    async with shop_of(house) as shop, ledger_of(house) as ledger, running(house, LEDGER, INTAKE) as stack:
        await ledger.publish_programme("plain")
        await done(shop, ledger)
        pids = stack.pids()
        for this in rounds:
            await send(ledger.writer, house, this, sent)
            await done(shop, ledger)
        assert stack.pids() == pids, "a process died"
        for name, address in stack.metrics().items():
            host, port = address.removeprefix("http://").removesuffix("/metrics").split(":")
            assert await http_ok(host, int(port), "/readyz")(), f"{name} is not ready"

        await assert_every_bad_one_is_found(house, sent)
        await assert_every_good_one_is_booked(shop, ledger, sent)
        said, answered = await logged(house, INBOUND, "id"), await logged(house, [OUTCOMES], "fact")

    waits: dict[int, list[int]] = {number: [] for number in range(len(rounds))}
    for name, (_, number) in sent.ids.items():
        waits[number].append(answered[name] - said[name])
    print(f"\n{len(sent.bad):,} bad records among {sum(len(r.good) for r in rounds if r.mixed):,} good ones")
    print(shown_waits(waits, {number for number, this in enumerate(rounds) if this.mixed}))
    calmest = {
        mixed: min(max(waits[number]) for number, this in enumerate(rounds) if this.mixed is mixed)
        for mixed in (True, False)
    }
    assert calmest[True] <= calmest[False] + SECOND_MS


async def assert_every_bad_one_is_found(house: Settings, sent: Sent) -> None:
    """By its coordinates, with its reason and its bytes; and nothing else is parked."""
    pool = await open_pool(house)
    try:
        found = await shelves(pool)
        listed: dict[Coordinates, Parked] = {}
        async for page in found.pages(Filter()):
            listed |= {record.at: record for record in page}
        expected = {Coordinates(bad.topic.name, partition, end.result() - 1): bad for end, bad, partition in sent.bad}
        assert len(expected) == len(sent.bad) == MIXED_ROUNDS * BAD_A_ROUND
        unlike = sorted(map(str, listed.keys() ^ expected.keys()))
        assert unlike[:10] == []
        wrong = {
            str(at): (bad.kind, listed[at].reason)
            for at, bad in expected.items()
            if bad.reason not in listed[at].reason
        }
        assert wrong == {}
        assert {record.state for record in listed.values()} == {"parked"}
        for at, bad in expected.items():
            one = await found.one(at)
            assert one is not None
            assert tuple(one[1]) == tuple(bad.record[1:]), f"{at} {bad.kind}"
            assert one[0].logged_at_ms is not None
    finally:
        await pool.close()


async def assert_every_good_one_is_booked(shop: Shop, ledger: Ledger, sent: Sent) -> None:
    """Once, and every card has its points."""
    booked = await ledger.rows("select fact_id, count(*) from fact where fact_id like 'good:%' group by 1")
    assert dict(booked) == dict.fromkeys(sent.ids, 1)
    members, balances = await shop.members(), await ledger.balances()
    assert {card: balances[members[card]] for card in sent.points} == sent.points
