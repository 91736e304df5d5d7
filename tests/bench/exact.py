"""Whether a house's tables and topics say what was counted from the records that were sent: every difference in words.

Compared: every member's points, debt, level and spend; facts, repeats and declines; points moved by account; rewards by
partner; numbers without gaps; bodies; and entries.v1, without its repeats, against the tables.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from events.topics import ENTRIES
from infra.kafka.client import Ranges, TopicPartition
from services.book.member import decode
from tests.bench import workload
from tests.bench.count import Count
from tests.bench.house import Round

FIRST = 20
"""So many differences are told."""

MEMBERS = """select member, available, pending, debt, tier, qualifying_minor, state
from member where member = any($1::text[])"""
FACTS = """select
    count(*) filter (where member is not null and type <> 'message') as facts,
    count(*) filter (where type = 'message') as messages,
    coalesce(sum(length(body)) filter (where member is not null and type <> 'message'), 0) as bytes,
    count(*) filter (where convert_from(outcome, 'utf8')::json ->> 'status' = 'declined') as declined
from fact where partition = any($1::int2[]) and seq > $2"""
POINTS = """select
    coalesce(sum(points * ((debit = 'issued')::int - (credit = 'issued')::int)), 0) as issued,
    coalesce(sum(points * ((credit = 'spent')::int - (debit = 'spent')::int)), 0) as spent,
    coalesce(sum(points * ((credit = 'expired')::int - (debit = 'expired')::int)), 0) as expired,
    coalesce(sum(points * ((credit = 'reversed')::int - (debit = 'reversed')::int)), 0) as reversed
from """
REWARDS = """select partner, value ->> 'kind', sum((value ->> 'points')::bigint)::bigint
from (select partner, convert_from(value, 'utf8')::json as value from reward) r group by 1, 2"""
GAPS = """select 'fact ' || partition from fact where partition = any($1::int2[]) and seq > $2
group by partition having min(seq) <> $2 + 1 or max(seq) <> $2 + count(*)
union all select 'reward ' || partition || ' ' || partner from reward group by partition, partner
having min(seq) <> 1 or max(seq) <> count(*)"""
TOLD = """select f.seq, f.fact_id, coalesce(sum(e.points), 0)::bigint
from fact f left join entry e using (partition, seq)
where f.partition = $1 and f.seq > $2 group by 1, 2 order by 1"""
PARTITIONS = list(range(workload.PARTITIONS))


async def differences(house: Round, counted: Count) -> list[str]:
    """What the house says otherwise than the count; empty: exact."""
    found = await _members(house, counted)
    facts = await house.pool.fetchrow(FACTS, PARTITIONS, house.earlier)
    assert facts is not None
    wanted = {"facts": counted.facts, "messages": counted.messages, "bytes": counted.size, "declined": counted.declined}
    found += _unlike("sum of", dict(facts.items()), wanted)
    found += await _points(house, counted, "entry where partition = any($1) and seq > $2", PARTITIONS, house.earlier)
    if parked := await house.pool.fetchval("select count(*) from parked_journal"):
        found.append(f"{parked} records are parked")
    rewards = {(partner, kind): points for partner, kind, points in await house.pool.fetch(REWARDS)}
    found += _unlike("reward", *_told_net(rewards, counted))
    found += [f"{row[0]}: numbers have gaps" for row in await house.pool.fetch(GAPS, PARTITIONS, house.earlier)]
    found += await _topic(house)
    return found[:FIRST]


async def rival_differences(house: Round, counted: Count, check: Sequence[str], records: int) -> list[str]:
    """The same of a rival's tables and topic, as far as it has them (rivals/README.md). records: of the journal."""
    found, pool = [], house.pool
    if "rows" in check:
        rows = await pool.fetchval("select count(*) from rival_fact")
        found += [f"{rows} rows of {records} records"] if rows != records else []
    if "member" in check:
        ours = {
            row[0]: tuple(row[1:]) for row in await pool.fetch("select member, available, debt, tier from rival_member")
        }
        found += _unlike("member", ours, {name: (m.available, m.debt, m.tier) for name, m in counted.members.items()})
    if "fact" in check:
        row = await pool.fetchrow("select count(*), count(distinct id), sum(length(body)) from rival_fact")
        assert row is not None
        if tuple(row) != (counted.facts, counted.facts, counted.size):
            found.append(f"facts, ids, bytes: {tuple(row)}, counted {counted.facts} of {counted.size}")
    if "entry" in check:
        found += await _points(house, counted, "rival_entry")
    if "reward" in check:
        rows = await pool.fetch("select partner, kind, sum(points)::bigint from rival_reward group by 1, 2")
        found += _unlike("reward", {(a, b): n for a, b, n in rows}, {k: n for k, n in counted.rewards.items() if n})
    if "topic" in check and (there := await house.published()) < counted.facts:
        found.append(f"{there} records on {ENTRIES.name} for {counted.facts} facts")
    return found[:FIRST]


def _unlike(what: str, ours: dict[Any, Any], counted: dict[Any, Any]) -> list[str]:
    return [
        f"{what} {key}: {ours.get(key)}, counted {counted.get(key)}"
        for key in sorted(ours.keys() | counted.keys())
        if ours.get(key) != counted.get(key)
    ]


def _told_net(rewards: dict[tuple[str, str], int], counted: Count) -> tuple[dict[Any, int], dict[Any, int]]:
    """Points by partner and kind, ours and counted. Where records come late, what was told is told otherwise later:
    then by partner, less what was taken back."""
    both = rewards, {key: points for key, points in counted.rewards.items() if points}
    if not counted.late:
        return both
    net: tuple[dict[Any, int], dict[Any, int]] = {}, {}
    for told, sums in zip(both, net, strict=True):
        for (partner, kind), points in told.items():
            sums[partner] = sums.get(partner, 0) + (points if kind == "earned" else -points)
    return net


async def _members(house: Round, counted: Count) -> list[str]:
    rows = await house.pool.fetch(MEMBERS, list(counted.everybody))
    ours = {row[0]: (*row[1:6], decode(row[0], row[6]).units) for row in rows}
    theirs = {name: (m.available, m.pending, m.debt, m.tier, m.spend, m.units) for name, m in counted.everybody.items()}
    there, wanted = await house.pool.fetchval("select count(*) from member"), house.given or len(theirs)
    return _unlike("member", ours, theirs) + ([f"{there} members, not {wanted}"] if there != wanted else [])


async def _points(house: Round, counted: Count, table: str, *arguments: object) -> list[str]:
    """Points moved, by account."""
    row = await house.pool.fetchrow(POINTS + table, *arguments)
    assert row is not None
    return _unlike("points", {k: int(v) for k, v in row.items()}, {k: counted.moved[k] for k, _ in row.items()})


async def _topic(house: Round) -> list[str]:
    """entries.v1 after dropping `seq <= last`, against the tables: which fact has which number, and its points."""
    found = []
    ranges = Ranges(house.settings)
    try:
        for partition in range(house.settings.partitions):
            rows = await house.pool.fetch(
                TOLD,
                partition,
                house.earlier,
            )
            tp = TopicPartition(ENTRIES.name, partition)
            end = (await ranges.end_offsets([tp]))[tp]
            values = [record.value or b"" for record in await ranges.range(tp, 0, end, end)] if end else []
            if _told(values, house.earlier) != [tuple(row) for row in rows]:
                found.append(f"{ENTRIES.name}/{partition} is not what the tables hold")
    finally:
        await ranges.stop()
    return found


def _told(values: Sequence[bytes], last: int) -> list[tuple[int, str, int]]:
    """(seq, fact, points) of the records above `last`, each once."""
    told = []
    for value in values:
        record = json.loads(value)
        if record["seq"] > last:
            last = record["seq"]
            points = sum(entry["points"] for posting in record["postings"] for entry in posting["entries"])
            told.append((last, record["fact"], points))
    return told
