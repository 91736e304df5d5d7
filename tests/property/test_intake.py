"""Intake's pure part under any input: totals against decimal, verdicts against pydantic, decisions against a replay."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.decode import Unreadable, decode_said_slowly, encode_fact
from events.topics import PURCHASES
from events.values import millis
from services.intake.core.batch import Item, walk
from services.intake.core.dialects import uci
from services.intake.core.faults import faults
from services.intake.core.identity import Decided, Revision
from services.intake.core.reading import hear

prices = st.decimals(min_value=Decimal(-99_999), max_value=Decimal(99_999), allow_nan=False, places=3)


@given(st.integers(-80_995, 80_995), prices)
def test_line_totals_are_those_of_decimal(quantity: int, price: Decimal) -> None:
    pence = (quantity * price * 100).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    assert uci.total_minor(quantity, format(price, "f")) == pence


amounts = st.integers(-2, 7)
instants = st.sampled_from(["2026-03-10T09:30:00Z", "2026-02-30T09:30:00Z", "2026-03-10T09:30:00.5Z", "soon"])
lines = st.fixed_dictionaries({"item": st.sampled_from(["tea", "te a"]), "total_minor": amounts})
cards = st.fixed_dictionaries({"scheme": st.just("card"), "value": st.text(max_size=3)})
purchases = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["purchase", "return"]),
        "id": st.sampled_from(["r1", "till:7/4711", "", "a b"]),
        "occurred_at": instants,
        "currency": st.sampled_from(["GBP", "gbp"]),
        "total_minor": amounts,
        "lines": st.lists(lines, max_size=3),
    },
    optional={"identifier": st.none() | cards},
)


def _sound(record: dict[str, Any]) -> bool:
    """The verdict by pydantic, and by the two-field rules said in the plainest way."""
    try:
        said = decode_said_slowly(json.dumps(record).encode())
    except Unreadable:
        return False
    return not faults(said, None)


@given(purchases)
def test_a_record_is_heard_exactly_when_pydantic_and_the_checks_pass_it(record: dict[str, Any]) -> None:
    if not _sound(record):
        with pytest.raises(Unreadable, match=r"\w"):
            hear(PURCHASES, b"till", (), json.dumps(record).encode(), None)
        return
    heard = hear(PURCHASES, b"till", (), json.dumps(record).encode(), None)
    assert heard.lines == len(record["lines"])
    assert record["total_minor"] == sum(line["total_minor"] for line in record["lines"])
    assert millis(record["occurred_at"]) > 0


@given(st.binary(max_size=60), st.sampled_from(["uci.invoice.v1", "tallystick.purchase.v1", "x", ""]))
def test_any_bytes_are_heard_or_refused_with_a_reason(value: bytes, ce_type: str) -> None:
    with suppress(Unreadable):  # any other exception would stop the topic
        hear(PURCHASES, b"till", (("ce_type", ce_type.encode()),), value, None)


@st.composite
def tills(draw: st.DrawFn) -> list[Item]:
    """Records of few receipts, cards and amounts, so that they meet."""
    items = []
    for offset in range(draw(st.integers(1, 25))):
        card = draw(st.sampled_from([None, "1", "2"]))
        pence = draw(st.sampled_from([5, 6]))
        record = {
            "type": draw(st.sampled_from(["purchase", "purchase", "return"])),
            "id": draw(st.sampled_from(["r1", "r2", "r3"])),
            "occurred_at": "2026-03-10T09:30:00Z",
            "currency": "GBP",
            "total_minor": pence,
            "lines": [{"item": "tea", "total_minor": pence}],
            "identifier": None if card is None else {"scheme": "card", "value": card},
        }
        value = json.dumps(record).encode()
        items.append(
            Item(("purchases.v1", 0, offset), Decided.NOT_YET, hear(PURCHASES, b"till", (), value, None), value)
        )
    return items


class _House:
    """A directory of dictionaries, and what has been written to the journal."""

    def __init__(self) -> None:
        self.members: dict[tuple[str, str], str] = {}
        self.revisions: dict[str, list[Revision]] = {}
        self.journal: dict[tuple[str, int], bytes] = {}
        self.parked: set[tuple[str, int, int]] = set()
        self.drawn = 0

    def draw(self) -> str:
        self.drawn += 1
        return f"mem_{self.drawn}"

    def take(self, items: list[Item], *, produce: bool = True) -> None:
        plan = walk(items, self.members, self.revisions, self.draw)
        self.members |= plan.identities
        for row in plan.revisions.values():
            kept = [r for r in self.revisions.get(row.receipt, []) if r.number != row.revision.number]
            self.revisions[row.receipt] = sorted([*kept, row.revision])
        self.parked |= {place for place, _ in plan.parked}
        for _, fact in plan.facts if produce else ():
            written = encode_fact(fact)
            assert self.journal.setdefault((fact.id, fact.revision), written) == written


@given(tills(), st.data())
def test_batches_crashes_and_restores_change_nothing(items: list[Item], data: st.DataObject) -> None:
    """One batch; cut anywhere; read again after a crash; restored from any older copy and the journal: all the same."""
    whole = _House()
    whole.take(items)

    cut = data.draw(st.integers(0, len(items)))
    broken = _House()
    broken.take(items[:cut], produce=data.draw(st.booleans()))
    broken.take([item._replace(decided=Decided.BEFORE_A_CRASH) for item in items[:cut]])
    broken.take(items[cut:])
    assert (broken.journal, broken.revisions, broken.parked) == (whole.journal, whole.revisions, whole.parked)

    older = _House()
    older.take(items[:cut])
    older.journal = {}
    for item in items:  # what recovery reads off the journal
        for number, revision in enumerate(whole.revisions[item.heard.id]):  # type: ignore[union-attr]
            if revision.source == item.place and revision.member is not None and item.place[2] >= cut:
                rows = older.revisions.setdefault(item.heard.id, [])  # type: ignore[union-attr]
                rows[number:] = [revision]
                older.members[item.heard.identifier] = revision.member  # type: ignore[union-attr,index]
    past = data.draw(st.integers(0, cut))
    again = [(Decided.BEFORE_A_CRASH if item.place[2] < cut else Decided.BEFORE_A_RESTORE) for item in items]
    older.take([item._replace(decided=decided) for item, decided in zip(items, again, strict=True)][past:])
    for key, written in older.journal.items():
        assert whole.journal[key] == written
    missing = {key for key in whole.journal if key not in older.journal}
    assert all(json.loads(whole.journal[key])["source"]["offset"] < past for key in missing)
    assert older.parked == whole.parked
    assert older.members == whole.members
