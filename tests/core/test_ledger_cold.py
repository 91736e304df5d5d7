"""Cold rows as a fact sees them: its batch's, then the batch's in flight, then the tables'."""

from __future__ import annotations

import msgspec

from events.facts import Fact
from services.book.member import new
from services.ledger.batch import Chunk, Done, Owned, Part
from services.ledger.cold import Cold, load
from services.programme.compile import compile_programme
from services.programme.mechanic import Change
from services.programme.rate import Worth
from tests.drivers.facts import told
from tests.drivers.ledger_memory import MemoryStore

KEY = ("use", "u1")
OWNED = Owned(0, 1, 0, 1, b"", {}, (), compile_programme(()))


def part(**cold: bytes | None) -> Part:
    """A part that wrote ("use", name) rows of ann."""
    rows = {("use", name): value for name, value in cold.items()}
    return Part(OWNED, 0, 1, 0, 1, b"", Chunk(0, 0, 0), cold={"ann": rows} if rows else {})


def done(fact: Fact) -> Done:
    return Done(fact, b"body", b"outcome", None)


async def seen(cold: Cold, key: tuple[str, str] = KEY, store: MemoryStore | None = None) -> bytes | None:
    await load(store or MemoryStore(cold={(0, "ann", *KEY): b"tables"}), [(cold, "ann", key)])
    return cold.of("ann")[key]


async def test_the_tables_speak_last() -> None:
    assert await seen(Cold(part(), None)) == b"tables"
    assert await seen(Cold(part(), part(u2=b"other"))) == b"tables"
    assert await seen(Cold(part(), part(u1=b"flying"))) == b"flying"
    assert await seen(Cold(part(), None), ("use", "u9")) is None


async def test_a_row_removed_in_flight_is_gone() -> None:
    assert await seen(Cold(part(), part(u1=None))) is None


async def test_what_a_fact_of_the_batch_wrote_is_seen_and_committed() -> None:
    mine = part()
    cold = Cold(mine, part(u1=b"flying"))
    assert await seen(cold) == b"flying"
    cold.wrote("ann", {KEY: b"mine"})
    assert cold.of("ann")[KEY] == b"mine"
    assert mine.cold == {"ann": {KEY: b"mine"}}


async def test_a_purchase_is_seen_in_the_batch_and_in_flight_by_its_own_member_only() -> None:
    bought = told("2011-03-01 buy p1 1.00")
    row = msgspec.msgpack.encode((b"body", b"outcome", 0))
    for flying in (False, True):
        before, mine = part(), part()
        (before if flying else mine).done["p1", 0] = done(bought)
        cold = Cold(mine, before)
        assert await seen(cold, ("fact", "p1")) == row
        await load(MemoryStore(), [(cold, "bob", ("fact", "p1"))])
        assert cold.of("bob") == {("fact", "p1"): None}


async def test_who_was_told_that_there_is_no_purchase_sees_it_once_it_is_booked() -> None:
    cold = Cold(part(), None)
    assert await seen(cold, ("fact", "p1")) is None
    cold.booked("ann", "p1", b"body", b"outcome")
    assert cold.of("ann")["fact", "p1"] == msgspec.msgpack.encode((b"body", b"outcome", 0))


def test_a_worth_is_known_until_something_is_folded_into_its_member() -> None:
    mine, rated = part(), Worth(Change(told("2011-03-01 buy p1 1.00"), None, None, []), [], [])
    cold = Cold(mine, None)
    cold.rated(7, rated)
    assert cold.worth("ann", 7) is rated
    assert cold.worth("ann", 8) is None
    mine.members["bob"] = new("bob")
    assert cold.worth("ann", 7) is rated
    mine.members["ann"] = new("ann")
    assert cold.worth("ann", 7) is None
