"""A Faust agent with a Table, exactly-once: state in the Table (and so in its changelog topic), entries on a topic.

The same fold again. Members, facts and cold rows live in one Table of bytes, by keys that say what they are; Faust
writes each change to the changelog in the transaction in which it commits the offsets. When every record is handled,
the Table is written into `rival_member` for the check; the clock has stopped by then.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import asyncpg
import faust

from events.decode import decode_fact_slowly
from events.entries import encode_outcome
from services.book.member import decode, encode, new
from services.book.step import Missing, step
from services.book.turn import ColdKey, pack
from services.ledger.published import entries_message
from services.programme.calendar import instant_ms
from tests.bench.rivals import ground


def build() -> Any:
    """The app, and the agent in it."""
    app = faust.App(
        "rival",
        broker=f"kafka://{ground.BROKERS}",
        store="memory://",
        datadir=ground.FOLDER / "faust",
        processing_guarantee="exactly_once",
        topic_partitions=ground.PARTITIONS,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        worker_redirect_stdouts=False,
        value_serializer="raw",
        key_serializer="raw",
    )
    journal = app.topic(ground.JOURNAL, key_type=bytes, value_type=bytes)
    entries = app.topic(ground.ENTRIES, key_type=bytes, value_type=bytes)
    rows = app.Table("rows", partitions=ground.PARTITIONS, key_type=bytes, value_type=bytes)
    plan, clock = ground.plan(), ground.Clock()
    seqs: dict[int, int] = {}
    ending: list[asyncio.Future[None]] = []

    def name(kind: str, key: str) -> bytes:
        return f"{kind} {key}".encode()

    @app.agent(journal)
    async def book(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            fact: Any = decode_fact_slowly(message.value)
            if fact.type != "programme_published" and name("fact", fact.id) not in rows:
                state = rows.get(name("member", fact.member))
                member = new(fact.member) if state is None else decode(fact.member, state)
                cold: dict[ColdKey, bytes | None] = {}
                seq = seqs[message.partition] = seqs.get(message.partition, 0) + 1
                result = None
                while result is None:
                    try:
                        result = step(member, fact, instant_ms(fact.occurred_at), seq, plan, cold)
                    except Missing as missing:
                        for kind, key in missing.keys:
                            cold[kind, key] = rows.get(name(kind, key if kind == "fact" else f"{fact.member} {key}"))
                for (kind, key), value in result.cold.items():
                    rows[name(kind, f"{fact.member} {key}")] = value
                booked = pack(message.value, encode_outcome(result.outcome))
                rows[name("fact", fact.id)] = rows[name("step", f"{fact.member} {seq}")] = booked
                rows[name("member", fact.member)] = encode(member)
                stamp = int(message.timestamp * 1000)
                told = entries_message(message.partition, seq, fact, stamp, result.outcome, (result.posting,))
                await entries.send(key=told[0], value=told[1], partition=message.partition, headers=dict(told[2]))
            if clock.done(1):
                ending.append(asyncio.ensure_future(_end(app, rows, clock)))

    return app


async def _end(app: Any, rows: Any, clock: ground.Clock) -> None:
    """When the last record is acknowledged by its agent: commit, stop the clock, write the members, and go."""
    await asyncio.sleep(0)
    await app.consumer.commit()
    clock.say()
    await _write(rows)
    os.kill(os.getpid(), signal.SIGTERM)


async def _write(rows: Any) -> None:
    connection = await asyncpg.connect(ground.DATABASE)
    await connection.execute(
        "create table rival_member (member text primary key, available bigint, debt bigint, tier int)"
    )
    members = [
        decode(key.decode().partition(" ")[2], value) for key, value in rows.items() if key.startswith(b"member ")
    ]
    await connection.executemany(
        "insert into rival_member values ($1, $2, $3, $4)", [(m.id, m.available, m.debt, m.tier) for m in members]
    )
    await connection.close()


if __name__ == "__main__":
    worker = faust.Worker(build(), loglevel="WARNING", logfile=sys.stderr)
    worker.execute_from_commandline()
