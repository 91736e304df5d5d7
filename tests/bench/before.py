"""What a house has behind it when a bench begins: a million members, or millions of earlier facts, put into the tables.

They are what the ledger would have written, made by the tables' own server or copied in, because folding them would
take hours. Owns that filling. The count knows of each member what stands here (`Count.given`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from events.decode import decode_fact
from events.facts.ticks import slice_of
from events.values import millis
from infra.kafka.client import partition_of
from services.book.member import encode, new
from services.book.step import step
from services.programme.compile import compile_programme
from tests.bench.house import Round
from tests.bench.report import say
from tests.bench.workload import PARTITIONS, PROGRAMME, START, Mix, Workload

COLUMNS = ("partition", "member", "slice", "available", "pending", "held", "debt", "tier", "qualifying_minor",
           "next_due", "high_water", "state")  # fmt: skip
AT_ONCE = 50_000
VISITS = 4

FACTS = """insert into fact (partition, seq, fact_id, revision, member, type, occurred_at, recorded_at, "offset", hash,
    body, outcome, postings)
select $1::int2, s, 'till-' || lpad((s % 97)::text, 3, '0') || ':2024-' || lpad((s * 12 + $1::int2)::text, 10, '0'), 0,
    ($2::text[])[1 + s % cardinality($2::text[])], 'purchase', $3::bigint + s, $3::bigint + s, s,
    decode(md5(s::text), 'hex'), $4, $5, $6
from generate_series(2, $7::bigint + 1) s"""
ENTRIES = """insert into entry (partition, seq, n, member, debit, credit, points, lot, why, balance_after)
select $1::int2, s, 0, ($2::text[])[1 + s % cardinality($2::text[])], 'issued', 'lot', 47,
    '1740787199000.1724489999000.1724489999000.p:till-000:2024-' || lpad(s::text, 10, '0'), 'base@0:+47', s
from generate_series(2, $3::bigint + 1) s"""
OUTCOME = b'{"status":"done","programme":"bench-1"}'


def visits(member: str) -> list[bytes]:
    """Receipts of the month before the bench: what every given member has behind her."""
    found = []
    for number in range(VISITS):
        at = (START - timedelta(days=30 - 7 * number)).strftime("%Y-%m-%dT12:00:00Z")
        line = b'{"item":"4006381000001","total_minor":%d,"categories":["fresh"]}' % (1_200 + 700 * number)
        found.append(
            b'{"type":"purchase","id":"before:%d","occurred_at":"%b","member":"%b","currency":"GBP","lines":[%b]}'
            % (number, at.encode(), member.encode(), line)
        )
    return found


async def give_members(house: Round, names: list[str]) -> None:
    """Rows of these members, each after `visits`. The programme must be booked."""
    name = names[0]
    plan, member = compile_programme([PROGRAMME.read_text("utf-8")]), new(name)
    for number, value in enumerate(visits(name)):
        fact: Any = decode_fact(value)
        step(member, fact, millis(fact.occurred_at), number, plan, {})
    sums = member.available, member.pending, member.held, member.debt, member.tier, member.qualifying_minor
    rest = member.next_due_ms, member.high_water_ms
    before, after = encode(member).split(name.encode())  # all ids have one length
    async with house.pool.acquire() as connection:
        for start in range(0, len(names), AT_ONCE):
            rows = [
                (partition_of(key, PARTITIONS), one, slice_of(one), *sums, *rest, before + key + after)
                for one in names[start : start + AT_ONCE]
                for key in (one.encode(),)
            ]
            await connection.copy_records_to_table("member", records=rows, columns=COLUMNS)
    await house.pool.execute("analyze member")
    house.given = len(names)


async def give_facts(house: Round, facts: int) -> None:
    """Earlier facts of the workload's members with an entry each. The programme must be booked: it is the first fact.

    Indexes are dropped and made again, which is several times as quick.
    """
    each = facts // PARTITIONS
    body = next(iter(Workload(Mix(), 1).facts(1))).value
    names: list[list[str]] = [[] for _ in range(PARTITIONS)]
    for key in Workload(Mix(), 1).members:
        names[partition_of(key.encode(), PARTITIONS)].append(key)
    at_ms = int((START - timedelta(days=360)).timestamp() * 1000)
    again = await _drop_indexes(house, "fact") + await _drop_indexes(house, "entry")
    for partition in range(PARTITIONS):
        stood = b'["%b",470,0,0,0,1,23412]' % names[partition][0].encode()
        await house.pool.execute(
            FACTS, partition, names[partition], at_ms, body, OUTCOME, b"[%b]" % stood, each, timeout=3_600
        )
        await house.pool.execute(ENTRIES, partition, names[partition], each, timeout=3_600)
        say(f"{each * (partition + 1):,} of {facts:,} earlier facts")
    for statement in again:
        await house.pool.execute(statement, timeout=3_600)
    await house.pool.execute("analyze fact, entry")
    await house.pool.execute("update position set next_seq = $1 + 1, published_seq = $1", each + 1)
    house.earlier = each + 1


async def _drop_indexes(house: Round, table: str) -> list[str]:
    """Drop keys and indexes of a table. Returns the statements that make them again."""
    keys = await house.pool.fetch(
        "select conname, pg_get_constraintdef(oid) as text from pg_constraint "
        "where conrelid = $1::text::regclass and contype in ('p', 'u')",
        table,
    )
    again = [f"alter table {table} add constraint {key['conname']} {key['text']}" for key in keys]
    for key in keys:
        await house.pool.execute(f"alter table {table} drop constraint {key['conname']}")
    indexes = await house.pool.fetch("select indexname, indexdef from pg_indexes where tablename = $1", table)
    for index in indexes:
        await house.pool.execute(f"drop index {index['indexname']}")
    return again + [index["indexdef"] for index in indexes]
