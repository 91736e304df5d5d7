"""Which facts came before, and for which of them the index is asked."""

from __future__ import annotations

import pytest

from events.decode import encode_fact, same_content
from events.facts import Fact
from infra.kafka.client import Record
from services.book.member import Member
from services.ledger.batch import Item, Owned
from services.ledger.duplicates import set_repeats_aside, to_look_up
from services.ledger.reading import Draft, digest, read
from services.programme.calendar import instant_ms
from services.programme.compile import compile_programme
from tests.drivers.facts import fact, told


def owned(**high_water: str) -> Owned:
    """Partition 0 at the beginning, with members and their newest facts."""
    members = {name: Member(name, high_water_ms=instant_ms(at)) for name, at in high_water.items()}
    return Owned(0, 1, 0, 1, b"", {}, (), compile_programme(()), members)


def record(offset: int, said: Fact | bytes | None) -> Record:
    value = said if isinstance(said, (bytes, type(None))) else encode_fact(said)
    return Record("journal.v1", 0, offset, 0, b"ann", value, ())


def draft_of(mine: Owned, *said: Fact) -> Draft:
    items = [
        Item(record(n, one), one, instant_ms(one.occurred_at), getattr(one, "member", None))
        for n, one in enumerate(said)
    ]
    return Draft(mine, len(items), b"", items)


def test_only_facts_up_to_the_newest_one_are_looked_up() -> None:
    mine = owned(ann="2011-03-02T12:00:00Z")
    draft = draft_of(
        mine,
        told("2011-03-01 buy early 1.00"),
        told("2011-03-02 buy same 1.00"),
        told("2011-03-03 buy later 1.00"),
        told("2011-03-01 buy other 1.00", "bob"),
    )
    assert [key for _, key in to_look_up(draft, 0)] == [("early", 0), ("same", 0)]
    assert [key[0] for _, key in to_look_up(draft, 3)] == ["early", "same", "later"]


def test_what_concerns_a_whole_partition_is_always_looked_up() -> None:
    tick = fact(type="tick", id="t", occurred_at="2012-01-01T00:00:00Z")
    assert to_look_up(draft_of(owned(), tick), 0) == [(0, ("t", 0))]


def test_a_repeat_within_the_draft_is_set_aside_and_another_revision_is_not() -> None:
    bought, again = told("2011-03-01 buy p 1.00"), told("2011-03-01 buy p 1.00")
    fixed = told("2011-03-01 fix p r1 2.00")
    draft = draft_of(owned(), bought, fixed, again)
    set_repeats_aside(draft, None)
    assert [item.fact for item in draft.items] == [bought, fixed]
    assert [(item.record.offset, first) for item, first in draft.repeats] == [(2, None)]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"source": {"topic": "t", "partition": 1, "offset": 2}}, True),
        ({"a_field_of_next_year": 1}, True),
        ({"store": "s2"}, False),
        ({"occurred_at": "2011-03-01T12:00:01Z"}, False),
        ({"lines": [{"item": "tea", "total_minor": 101}]}, False),
    ],
)
def test_content_is_everything_but_the_source(other: dict[str, object], same: bool) -> None:
    said = {"type": "purchase", "id": "p", "occurred_at": "2011-03-01T12:00:00Z", "store": "s1",
            "lines": [{"item": "tea", "total_minor": 100}]}  # fmt: skip
    assert same_content(fact(**said), fact(**{**said, **other})) is same


TICK = fact(type="tick", id="t", occurred_at="2012-01-01T00:00:00Z")
BUY = told("2011-03-01 buy p 1.00")


@pytest.mark.parametrize(
    ("said", "stop", "taken"),
    [
        ([BUY, BUY], None, 2),
        ([BUY, TICK, BUY], None, 1),  # cut before the tick
        ([TICK, BUY], None, 1),  # a tick is alone
        ([TICK, TICK], None, 1),
        ([b"no fact", TICK], None, 1),
        ([None, BUY], None, 2),
        ([BUY, BUY, BUY], 1, 1),  # up to the fact that stops the partition
        ([BUY], 0, 0),
    ],
)
def test_where_a_batch_is_cut(said: list[Fact | bytes | None], stop: int | None, taken: int) -> None:
    records = [record(n, one) for n, one in enumerate(said)]
    drafts = read({0: records}, {0: owned()}, {} if stop is None else {0: stop}, wall=False)
    assert [draft.next_offset for draft in drafts] == ([taken] if taken else [])
    if drafts:
        assert drafts[0].last_hash == digest(records[taken - 1].value)


def test_ticks_of_some_partitions_put_the_others_off() -> None:
    mine = {0: owned(), 1: owned()}
    mine[1].partition = 1
    drafts = read({0: [record(0, BUY)], 1: [record(0, TICK), record(1, BUY)]}, mine, {}, wall=False)
    assert [(draft.owned.partition, draft.next_offset) for draft in drafts] == [(1, 1)]


def test_records_behind_the_position_are_passed_over() -> None:
    mine = owned()
    mine.next_offset = 2
    (draft,) = read({0: [record(n, BUY) for n in range(4)]}, {0: mine}, {}, wall=False)
    assert [item.record.offset for item in draft.items] == [2, 3]
