"""The ledger on a real broker and database: killed between any two of its steps, raced, cheated, and still exact.

The oracle is a count of its own over what was sent: one point for every whole pound of a receipt, less what an offline
till has given away. It shares no code with the ledger. After every story the topics, without their repeats, must be the
tables, seq by seq.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from typing import Any

from events.topics import JOURNAL
from infra.settings import Settings
from tests.drivers.ledger import Ledger, ledger_of, process_of, stopped, until

FACTS = "facts"  # settings.clock: no ticks of its own


def member(number: int) -> str:
    return f"mem_{number:04d}"


def story(first: int, count: int, members: int = 20) -> list[dict[str, Any]]:
    """Receipts and offline redemptions of `members` members, every 50th sent twice."""
    told = []
    for number in range(first, first + count):
        minute = number % (28 * 24 * 60)
        at = f"2011-02-{minute // 1440 + 1:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00Z"
        fact: dict[str, Any] = {"id": f"f{number}", "member": member(number % members), "occurred_at": at}
        if number % 7 == 3:
            fact |= {"type": "redemption_taken", "points": 1 + number % 11}
        else:
            lines = [{"item": "tea", "total_minor": 199 * (1 + number % 13)}, {"item": "cup", "total_minor": number}]
            fact |= {"type": "purchase", "currency": "GBP", "lines": lines}
        told.append(fact)
        if number % 50 == 9:
            told.append(fact)
    return told


def counted(told: list[dict[str, Any]]) -> Counter[str]:
    """Member -> points; a fact that was sent twice counts once."""
    balances: Counter[str] = Counter()
    for fact in {fact["id"]: fact for fact in told}.values():
        if fact["type"] == "purchase":
            balances[fact["member"]] += sum(line["total_minor"] for line in fact["lines"]) // 100
        else:
            balances[fact["member"]] -= fact["points"]
    return balances


async def assert_exact(ledger: Ledger, told: list[dict[str, Any]], others: int = 1) -> None:
    """Balances are the count's, every fact is booked once, `others` facts a partition beside them; topics = tables."""
    assert await ledger.balances() == counted(told)
    booked = Counter(row[0] for row in await ledger.rows("select fact_id from fact where member is not null"))
    assert booked == Counter({fact["id"] for fact in told})
    (unnamed,) = await ledger.rows("select count(*) from fact where member is null")
    assert unnamed == (others * ledger.settings.partitions,)
    await ledger.assert_topics_are_the_tables()


async def test_large_batches_overlap_with_the_commit_before(house: Settings) -> None:
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("plain")
        told = story(0, 12_000, members=300)
        await ledger.say(told)
        async with process_of(house, clock=FACTS):
            await ledger.all_booked()
        await assert_exact(ledger, told)


async def test_sessions_ended_by_an_administrator_cost_nothing(house: Settings) -> None:
    """Whatever was in flight is committed or not: the position says which, and the rest is folded again."""
    end_sessions = (
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where datname = current_database() and application_name = 'tallystick'"
    )
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("plain")
        told: list[dict[str, Any]] = []

        async def sessions_ended() -> bool:
            ((count,),) = await ledger.rows(end_sessions)
            return bool(count)  # none while the ledger waits for its next try

        async with process_of(house, clock=FACTS) as process:
            await ledger.all_booked()
            for first in range(0, 5_000, 500):
                more = story(first, 500)
                told += more
                await ledger.say(more)
                await until(sessions_ended, "the ledger has sessions to end")
            await ledger.all_booked()
            assert await stopped(process) == 0
        await assert_exact(ledger, told)


async def test_a_repeat_is_answered_again_and_other_content_is_parked(house: Settings) -> None:
    receipt = story(0, 1)[0]
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("plain")
        await ledger.say([receipt])
        async with process_of(house, clock=FACTS):
            await ledger.all_booked()
            moved = receipt | {"source": {"topic": "purchases.v1", "partition": 1, "offset": 7}}
            other = receipt | {"lines": [{"item": "tea", "total_minor": 5000}]}
            await ledger.say([moved, other])
            await ledger.all_booked()

            async def answered() -> bool:
                return len(await ledger.outcomes()) == 2

            await until(answered, "the repeat is answered")
        first, second = await ledger.outcomes()
        assert first == second
        parked = await ledger.rows("select reason, value from parked_journal")
        assert [json.loads(value) for _, value in parked] == [other]
        assert "other content" in parked[0][0]
        await assert_exact(ledger, [receipt])


async def test_records_that_are_no_facts_are_parked_with_their_bytes(house: Settings) -> None:
    bad = [b"{", b"\xff\xfe", b'{"type":"purchase"}', b'{"type":"unheard"}', b"null"]
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("plain")
        await ledger.write(0, [(b"k", value, ()) for value in bad] + [(b"k", b"", ())])
        told = story(0, 50)
        await ledger.say(told)
        async with process_of(house, clock=FACTS):
            await ledger.all_booked()
        parked = await ledger.rows('select "offset", value from parked_journal where partition = 0 order by 1')
        assert parked == [(1 + n, value) for n, value in enumerate([*bad, b""])]
        await assert_exact(ledger, told)


async def test_a_member_whose_state_is_broken_stops_its_partition_alone(house: Settings) -> None:
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("plain")
        told = story(0, 40)
        await ledger.say(told)
        async with process_of(house, clock=FACTS) as process:
            await ledger.all_booked()
            assert await stopped(process) == 0
        ((partition, state),) = await ledger.rows("select partition, state from member where member = $1", member(3))
        await ledger.pool.execute("update member set state = '\\x00' where member = $1", member(3))
        more = story(40, 400)
        await ledger.say(more)
        others = {p: n for p, n in ledger.sent.items() if p != partition}

        async def others_booked() -> bool:
            found = dict(await ledger.rows("select partition, next_offset from position"))
            return all(found[p] == n for p, n in others.items())

        port = free_port()

        async def told_of_it() -> bool:
            ready, metrics = await page(port, "/readyz"), await page(port, "/metrics")
            why = f"partitions: not ready ({JOURNAL.name}/{partition} stops at offset "
            return why in ready and "tallystick_ledger_stopped_partitions 1.0" in metrics

        async with process_of(house, clock=FACTS, http_port=str(port)) as process:
            await until(others_booked, "the other partitions go on")
            await until(told_of_it, "it is told on /readyz and in the metrics")
            ((reached,),) = await ledger.rows("select next_offset from position where partition = $1", partition)
            assert reached < ledger.sent[partition]
            assert await stopped(process) == 0
        await ledger.pool.execute("update member set state = $2 where member = $1", member(3), state)
        async with process_of(house, clock=FACTS, http_port=str(port)):
            await ledger.all_booked()
            assert "partitions: ready" in await page(port, "/readyz")
            assert "tallystick_ledger_stopped_partitions 0.0" in await page(port, "/metrics")
        await assert_exact(ledger, told + more)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def page(port: int, path: str) -> str:
    """What the process says there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return (await reader.read()).decode()
    finally:
        writer.close()


async def test_the_days_ticks_are_written_once_and_let_points_end(house: Settings) -> None:
    """Points of 2011 that were valid for three months have ended by today, whoever visits or not."""
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("club")
        told = [fact for fact in story(0, 60) if fact["type"] == "purchase"]
        await ledger.say(told)

        async def ended_points() -> bool:
            return set((await ledger.balances()).values()) == {0}

        for epoch in (1, 2):  # a restart on the same day writes none

            async def claimed(epoch: int = epoch) -> bool:
                return await ledger.booked() and await ledger.rows("select min(epoch) from position") == [(epoch,)]

            async with process_of(house, clock="wall") as process:
                await until(claimed, "started, and all booked")
                await until(ended_points, "all points have ended")
                assert await stopped(process) == 0
        ticks = await ledger.rows("select partition, count(*) from fact where type = 'tick' group by 1")
        assert {count for _, count in ticks} == {1}
        ((expired,),) = await ledger.rows("select sum(points) from entry where credit = 'expired'")
        ((earned,),) = await ledger.rows("select sum(points) from entry where debit = 'issued'")
        assert expired == earned > 0
        await ledger.assert_topics_are_the_tables()
