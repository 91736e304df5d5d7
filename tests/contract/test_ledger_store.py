"""One class of tests, two stores: the tables in memory must do what PostgreSQL does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from events.decode import encode_fact
from events.entries import Entry, Posting
from events.facts import Fact
from events.facts.ticks import slice_of
from infra.kafka.client import Record
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from infra.postgres.queries import load
from infra.settings import Settings
from services.ledger import rows
from services.ledger import store as tables
from services.ledger.batch import Batch, Chunk, Owned, Parked, Part
from services.ledger.store import SQL, Doubled, Fenced, PostgresStore, Refused, Store, Unsure
from services.programme.compile import compile_programme
from tests.drivers.facts import fact, told
from tests.drivers.ledger import until
from tests.drivers.ledger_memory import MemoryStore

PLAN = compile_programme(())
ENTRY = Entry("issued", "lot", 10, "base@0:+10 thé", 10, "never.1.1.p")
BUY = told("2011-03-01 buy p1 10.00")
PROGRAMME = fact(
    type="programme_published", id="programme:1", occurred_at="2010-01-01T00:00:00Z", text="x", sha256="0" * 64
)
TICK = fact(type="tick", id="t1", occurred_at="1970-01-01T00:00:05Z")


@pytest_asyncio.fixture
async def postgres_store(house: Settings) -> AsyncIterator[PostgresStore]:
    pool = await open_pool(house, max_size=5)
    await migrate(pool, SQL, "ledger")
    store = PostgresStore(pool)
    try:
        yield store
    finally:
        await store.close()
        await pool.close()


@pytest.fixture(params=["memory", "small batches", "large batches"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Large batches: every batch is written the way of a large one."""
    if request.param == "large batches":
        monkeypatch.setattr(tables, "AT_ONCE_FACTS", -1)
    found: Store = MemoryStore() if request.param == "memory" else request.getfixturevalue("postgres_store")
    return found


def part(
    *facts: Fact, partition: int = 0, epoch: int = 1, at: tuple[int, int] = (0, 1), more: dict[str, Any] | None = None
) -> Part:
    """A part that books these facts, one entry each where they are a member's."""
    offset, seq = at
    owned = Owned(partition, epoch, offset, seq, b"", {}, (), PLAN)
    end = offset + len(facts)
    mine = Part(owned, offset, seq, end, seq + len(facts), b"hash-of-%d" % end, Chunk(partition, seq - 1, seq))
    for n, one in enumerate(facts):
        name = getattr(one, "member", None)
        when = 5_000 if one.type == "tick" else 1_000
        body = encode_fact(one)
        mine.facts.append(
            (partition, seq + n, one.id, one.revision, name, one.type, when, 77, offset + n, b"h" * 16, body,
             b"outcome", b"[]")
        )  # fmt: skip
        if name:
            mine.entries.append((partition, seq + n, [Posting(name, 0, 0, 0, 0, 0, 0, (ENTRY, ENTRY))]))
    for name, value in (more or {}).items():
        setattr(mine, name, value)
    return mine


def member_rows(*rows: tuple[int, str, int | None, bytes]) -> list[tuple[Any, ...]]:
    """(partition, member, next due, state), the rest 0."""
    return [(p, name, slice_of(name), 0, 0, 0, 0, 0, 0, due, 0, state) for p, name, due, state in rows]


class TestPositions:
    async def test_partitions_never_read_begin_at_nothing(self, store: Store) -> None:
        assert await store.positions([0, 1]) == {}
        (position,) = (await store.claim([1], "id-1")).values()
        assert position == (1, "id-1", 0, 1, 0, 1, b"")
        assert await store.positions([0, 1]) == {1: position}
        assert await store.locked_positions([1]) == {1: position}

    async def test_a_claim_raises_the_epoch_and_keeps_the_topic(self, store: Store) -> None:
        await store.claim([0, 1], "id-1")
        again = await store.claim([1, 2], "id-2")
        assert {p: (row.epoch, row.topic_id) for p, row in again.items()} == {1: (2, "id-1"), 2: (1, "id-2")}

    async def test_published_moves_forward_and_for_the_owner_only(self, store: Store) -> None:
        await store.claim([0, 1], "id-1")
        await store.save_published([(1, 7, 1), (0, 5, 1)])
        await store.save_published([(0, 4, 1), (1, 9, 0)])
        assert {p: row.published_seq for p, row in (await store.positions([0, 1])).items()} == {0: 5, 1: 7}


class TestCommit:
    async def test_a_batch_is_all_there(self, store: Store) -> None:
        await store.claim([0, 1], "id-1")
        more = {
            "rewards": [(0, "eire", 1, 1, b"r1"), (0, "eire", 2, 2, b"r2")],
            "reward_seqs": {"eire": 3},
            "messages": [(0, 1, 0, b"m1"), (0, 2, 0, b"m2")],
            "cold": {"ann": {("use", "u1"): b"a", ("use", "u2"): None}},
        }
        first = part(BUY, told("2011-03-02 buy p2 10.00"), more=more)
        second = part(PROGRAMME, TICK, partition=1)
        await store.commit(Batch([second, first], member_rows((0, "ann", 5, b"state"))))
        rows = await store.positions([0, 1])
        assert [(r.next_offset, r.next_seq, r.last_hash) for r in rows.values()] == [(2, 3, b"hash-of-2")] * 2
        stored = await store.facts_from(0, 0, 2, 10)
        first = stored[0]
        assert (first.partition, first.seq, first.recorded_at_ms, first.body) == (0, 1, 77, encode_fact(BUY))
        assert [(s.outcome, s.postings, list(s.entries)) for s in stored] == [
            (b"outcome", b"[]", [("ann", ENTRY), ("ann", ENTRY)])
        ] * 2
        assert await store.rewards_of(0, 1, 2) == [("eire", b"r2")]
        assert await store.messages_of(0, 0, 1) == [b"m1"]
        assert await store.reward_positions([0, 1]) == {0: {"eire": 3}}
        assert await store.members([(0, "ann"), (1, "ann")]) == [(0, "ann", b"state")]
        assert await store.cold_rows([(0, "ann", ("use", "u1")), (0, "ann", ("use", "u2"))]) == [
            (0, "ann", ("use", "u1"), b"a")
        ]
        assert await store.programmes([0, 1]) == {1: [encode_fact(PROGRAMME)]}
        assert await store.newest_tick(1) == 5_000
        assert await store.newest_tick(0) is None

    async def test_rows_are_written_over_and_removed(self, store: Store) -> None:
        await store.claim([0], "id-1")
        cold: dict[str, Any] = {"ann": {("use", "u1"): b"a", ("use", "u2"): b"b"}}
        await store.commit(
            Batch([part(BUY, more={"cold": cold, "reward_seqs": {"eire": 2}})], member_rows((0, "ann", 5, b"old")))
        )
        gone = {"ann": {("use", "u1"): b"new", ("use", "u2"): None}}
        behind = part(TICK, at=(1, 2), more={"cold": gone, "reward_seqs": {"eire": 4}})
        await store.commit(Batch([behind], member_rows((0, "ann", None, b"new"))))
        assert await store.members([(0, "ann")]) == [(0, "ann", b"new")]
        assert await store.count_due(0, 10) == 0
        found = await store.cold_rows([(0, "ann", ("use", "u1")), (0, "ann", ("use", "u2"))])
        assert found == [(0, "ann", ("use", "u1"), b"new")]
        assert await store.reward_positions([0]) == {0: {"eire": 4}}

    @pytest.mark.parametrize(
        ("epoch", "at"), [(0, (0, 1)), (2, (0, 1)), (1, (1, 1)), (1, (0, 2))], ids=["older", "newer", "offset", "seq"]
    )
    async def test_who_is_not_where_the_tables_are_is_fenced(
        self, store: Store, epoch: int, at: tuple[int, int]
    ) -> None:
        before = await store.claim([0, 1], "id-1")
        with pytest.raises(Fenced):
            await store.commit(Batch([part(BUY, epoch=epoch, at=at), part(TICK, partition=1)]))
        assert await store.positions([0, 1]) == before
        assert await store.facts_from(1, 0, 9, 9) == []
        await store.commit(Batch([part(BUY)]))  # the connection is fit for more

    async def test_a_fact_twice_changes_nothing(self, store: Store) -> None:
        await store.claim([0], "id-1")
        await store.commit(Batch([part(BUY)]))
        with pytest.raises(Doubled):
            await store.commit(Batch([part(TICK, BUY, at=(1, 2))]))
        assert (await store.positions([0]))[0].next_seq == 2
        await store.commit(Batch([part(TICK, at=(1, 2))]))

    async def test_a_part_without_facts_moves_the_position(self, store: Store) -> None:
        await store.claim([0], "id-1")
        parked = Parked(Record("journal.v1", 0, 0, 0, None, b"x", ()), "no fact")
        mine = part(more={"next_offset": 1, "parked": [parked]})
        await store.commit(Batch([mine]))
        assert (await store.positions([0]))[0].next_offset == 1


class TestReading:
    async def test_known_facts_by_id_and_revision(self, store: Store) -> None:
        await store.claim([0], "id-1")
        await store.commit(Batch([part(BUY, told("2011-03-02 fix p1 r1 5.00"))]))
        found = await store.known_facts([(0, ("p1", 0)), (0, ("p1", 2)), (1, ("p1", 0)), (0, ("p1", 1))])
        assert sorted(s.seq for s in found) == [1, 2]
        assert list(found[0].entries) == [("ann", ENTRY), ("ann", ENTRY)]

    async def test_first_revisions_of_the_member_only(self, store: Store) -> None:
        await store.claim([0], "id-1")
        await store.commit(Batch([part(BUY, told("2011-03-02 fix p1 r1 5.00"))]))
        found = await store.first_revisions([(0, "ann", "p1"), (0, "bob", "p1"), (0, "ann", "p9")])
        assert found == [(0, "ann", "p1", encode_fact(BUY), b"outcome")]

    async def test_due_members_of_a_slice_in_order(self, store: Store) -> None:
        await store.claim([0, 1], "id-1")
        rows = [(0, f"m{n}", (None, 10, 20)[n % 3], b"%d" % n) for n in range(30)] + [(1, "other", 10, b"")]
        await store.commit(Batch([part(TICK), part(TICK, partition=1)], member_rows(*rows)))
        due = [f"m{n}" for n in range(30) if n % 3 == 1]
        assert await store.count_due(0, 19) == 10
        assert [name for name, _ in await store.due_members(0, 10, 0, 1)] == sorted(due)
        sliced = [[name for name, _ in await store.due_members(0, 10, i, 3)] for i in range(3)]
        assert sliced == [[name for name in sorted(due) if slice_of(name) % 3 == i] for i in range(3)]

    async def test_facts_in_pages(self, store: Store) -> None:
        await store.claim([0], "id-1")
        await store.commit(Batch([part(*(told(f"2011-03-01 buy p{n} 1.00") for n in range(5)))]))
        assert [s.seq for s in await store.facts_from(0, 1, 4, 2)] == [2, 3]
        assert [s.seq for s in await store.facts_from(0, 3, 4, 2)] == [4]


class TestPostgresAlone:
    """What only a database can do."""

    async def test_the_rows_are_read_as_they_were_meant(self, postgres_store: PostgresStore, house: Settings) -> None:
        await postgres_store.claim([0], "id-1")
        await postgres_store.commit(Batch([part(BUY, TICK, more={"rewards": [(0, "é", 1, 2, b"\x00v")]})]))
        connection = await asyncpg.connect(house.database_url.get_secret_value())
        try:
            rows = [tuple(row) for row in await connection.fetch("select * from fact order by seq")]
            entries = [tuple(row) for row in await connection.fetch("select * from entry order by seq, n")]
            rewards = [tuple(row) for row in await connection.fetch("select * from reward")]
        finally:
            await connection.close()
        tail = (b"outcome", b"[]")
        assert rows == [
            (0, 1, "p1", 0, "ann", "purchase", 1_000, 77, 0, b"h" * 16, encode_fact(BUY), *tail),
            (0, 2, "t1", 0, None, "tick", 5_000, 77, 1, b"h" * 16, encode_fact(TICK), *tail),
        ]
        assert entries == [(0, 1, n, "ann", "issued", "lot", 10, "never.1.1.p", "base@0:+10 thé", 10) for n in range(2)]
        assert rewards == [(0, "é", 1, 2, b"\x00v")]

    async def test_a_lost_connection_leaves_a_commit_unsure_and_the_store_usable(
        self, postgres_store: PostgresStore, house: Settings
    ) -> None:
        await postgres_store.claim([0], "id-1")
        blocker = await asyncpg.connect(house.database_url.get_secret_value())
        try:
            async with blocker.transaction():
                await blocker.execute("select from position for update")
                commit = asyncio.ensure_future(postgres_store.commit(Batch([part(BUY)])))
                waiting = (
                    "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
                )

                async def it_waits() -> bool:
                    return await blocker.fetchval(waiting) is not None

                await until(it_waits, "the commit waits for the row")
                await blocker.execute("select pg_terminate_backend($1)", await blocker.fetchval(waiting))
                with pytest.raises(Unsure):
                    await commit
        finally:
            await blocker.close()
        assert (await postgres_store.locked_positions([0]))[0].next_seq == 1
        await postgres_store.commit(Batch([part(BUY)]))

    async def test_a_connection_lost_while_the_server_takes_no_more_leaves_a_commit_unsure(
        self, postgres_store: PostgresStore, house: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A large batch goes by COPY, which waits for a server that reads more slowly than we write."""
        monkeypatch.setattr(tables, "AT_ONCE_FACTS", 0)
        monkeypatch.setattr(tables, "COMMAND_SECONDS", 2)
        await postgres_store.claim([0], "id-1")
        await postgres_store.commit(Batch([part(BUY)]))
        protocol, copying = postgres_store._writer._protocol, asyncio.Event()

        async def slowly(*_: object, **__: object) -> AsyncIterator[bytes]:
            protocol.pause_writing()
            copying.set()
            yield rows.HEADER
            yield rows.HEADER

        with monkeypatch.context() as slow:
            slow.setattr(tables, "_pieces", slowly)
            commit = asyncio.ensure_future(postgres_store.commit(Batch([part(BUY, at=(1, 2))])))
            await copying.wait()
            other = await asyncpg.connect(house.database_url.get_secret_value())
            await other.execute("select pg_terminate_backend($1)", postgres_store._writer.get_server_pid())
            await other.close()
            await asyncio.wait([commit], timeout=20)
            assert isinstance(commit.exception(), Unsure)
        assert (await postgres_store.locked_positions([0]))[0].next_seq == 2

    async def test_both_stores_answer_to_the_same_queries(self) -> None:
        asked = {name for name in vars(Store) if not name.startswith("_")}
        assert asked <= set(dir(MemoryStore)) & set(dir(PostgresStore))


async def test_what_is_parked_is_kept_as_it_came_and_linked_to_what_it_brings_again(
    postgres_store: PostgresStore, house: Settings
) -> None:
    def record(offset: int, value: bytes | None, *headers: tuple[str, bytes]) -> Record:
        return Record("journal.v1", 0, offset, 1_000 + offset, b"\xff\x00", value, headers)

    first = record(0, b"{\x00", ("h\x00", b"\x00\xff"))
    lie, again, twice = (record(n, v, ("retry_of", b"0")) for n, v in enumerate((b"other", b"{\x00", b"{\x00"), 1))
    none, none_again = record(4, None), record(5, None, ("retry_of", b"4"))
    said = "Invalid value 'gi\x00ft \ud800 \x1b[31m'"
    await postgres_store.claim([0], "id-1")
    for at, end, records in ((0, 1, [first]), (1, 4, [lie, again, twice]), (4, 6, [none, none_again])):
        mine = part(at=(at, 1), more={"next_offset": end, "parked": [Parked(one, said) for one in records]})
        mine.retries = [one for one in records if one.headers and one.headers[-1][0] == "retry_of"]
        await postgres_store.commit(Batch([mine]))
    connection = await asyncpg.connect(house.database_url.get_secret_value())
    try:
        query = 'select "offset", value, state, retry_of, retried_as from parked_journal order by 1'
        assert [tuple(row) for row in await connection.fetch(query)] == [
            (0, b"{\x00", "retried", None, 2),  # its bytes came again at 2; what came at 1 is not they
            (1, b"other", "parked", None, None),
            (2, b"{\x00", "parked", 0, None),  # and 3 says the same: it is kept already
            (4, None, "parked", None, None),  # nobody retries what is not in the tables yet
            (5, None, "parked", None, None),
        ]
        row = await connection.fetchrow('select * from parked_journal where "offset" = 0')
        assert (row["key"], row["logged_at"]) == (b"\xff\x00", 1_000)
        assert row["headers"] == '[["h\\u0000", "\\u0000\\u00ff"]]'
        assert row["reason"] == r"Invalid value 'gi\x00ft \ud800 \x1b[31m'"
    finally:
        await connection.close()


async def test_what_an_account_of_one_person_did_is_found_by_its_index(
    postgres_store: PostgresStore, house: Settings
) -> None:
    connection = await asyncpg.connect(house.database_url.get_secret_value())
    try:
        rows = "select 0, n, 'p:' || n, 0, 'ann', 'purchase', n, n, n, '', '', '', '' from generate_series(1, 5000) n"
        await connection.execute(f"insert into fact {rows}")
        await connection.execute("analyze fact")
        plan = await connection.fetch("explain " + load(SQL).facts_between, 0, "ann")
        assert any("fact_between" in row[0] for row in plan), plan
    finally:
        await connection.close()


async def test_a_row_that_no_column_takes_is_refused_and_nothing_of_its_batch_is_written(
    postgres_store: PostgresStore,
) -> None:
    await postgres_store.claim([0, 1], "id-1")
    nul = [(0, 1, "p\x001", 0, "ann", "purchase", 1, 77, 0, b"h" * 16, b"", b"", b"")]
    with pytest.raises(Refused):
        await postgres_store.commit(Batch([part(BUY, more={"facts": nul}), part(BUY, partition=1)]))
    rows = member_rows((0, "ann", 2**63, b""))  # refused by the driver, which calls it an InterfaceError
    with pytest.raises(Refused):
        await postgres_store.commit(Batch([part(BUY), part(BUY, partition=1)], rows))
    assert [p.next_offset for p in (await postgres_store.positions([0, 1])).values()] == [0, 0]
    await postgres_store.commit(Batch([part(BUY), part(BUY, partition=1)]))


async def test_the_zone_rules_that_were_in_use_are_remembered(postgres_store: PostgresStore) -> None:
    assert await postgres_store.use_zone_rules("2026a") == []
    assert await postgres_store.use_zone_rules("2026a") == []
    assert await postgres_store.use_zone_rules("2026f") == ["2026a"]
    assert await postgres_store.use_zone_rules("2027a") == ["2026a", "2026f"]
