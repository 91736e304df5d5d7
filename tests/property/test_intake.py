"""Intake's pure part under any input: totals against decimal, verdicts against pydantic, decisions against a replay."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.decode import Unreadable, decode_said_slowly
from events.topics import JOURNAL, PURCHASES
from events.values import millis
from infra.kafka.client import Record
from services.intake.core.batch import Item
from services.intake.core.dialects import uci
from services.intake.core.faults import faults
from services.intake.core.identity import CLAIMED, Decided
from services.intake.core.reading import Heard, hear
from services.intake.recovery import Trace, _identities, _revision, _trace
from tests.drivers.sayings import Directory

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
        card = draw(st.sampled_from([None, "1", "2", "known"]))
        pence = draw(st.sampled_from([5, 6]))
        kind = draw(st.sampled_from(["purchase", "purchase", "return", "receipt_claimed"]))
        receipts = st.sampled_from(["r1", "r2", "r3"])
        record = {
            "type": kind,
            "id": draw(receipts),
            "occurred_at": "2026-03-10T09:30:00Z",
            "currency": "GBP",
            "total_minor": pence,
            "lines": [{"item": "tea", "total_minor": pence}],
            "identifier": None if card is None else {"scheme": "card", "value": card},
        }
        if kind == "return":
            record["purchase"] = draw(st.none() | receipts)
        elif kind == "receipt_claimed":
            record |= {"identifier": {"scheme": "card", "value": "known"}, "receipt": draw(receipts)}
        value = json.dumps(record).encode()
        items.append(
            Item(("purchases.v1", 0, offset), Decided.NOT_YET, hear(PURCHASES, b"till", (), value, None), value)
        )
    return items


@given(tills(), st.data())
def test_batches_crashes_and_restores_change_nothing(items: list[Item], data: st.DataObject) -> None:
    """One batch; cut anywhere; read again after a crash; restored from any older copy and the journal, which may lack
    returns of the moment before: all the same."""
    whole = Directory({("card", "known"): "mem_known"})
    whole.take(items)

    cut = data.draw(st.integers(0, len(items)))
    broken = Directory({("card", "known"): "mem_known"})
    broken.take(items[:cut], produce=data.draw(st.booleans()))
    broken.take(items[:cut], Decided.BEFORE_A_CRASH)
    broken.take(items[cut:])
    assert (broken.journal, broken.revisions, broken.parked) == (whole.journal, whole.revisions, whole.parked)

    older = Directory({("card", "known"): "mem_known"})
    older.take(items[:cut])
    since = {name: json.loads(fact) for name, fact in whole.journal.items() if name not in older.journal}
    followed = sorted(name for name, fact in since.items() if fact.get("purchase"))
    lost = data.draw(st.sets(st.sampled_from(followed))) if followed else set()
    older.journal = {}
    for name in since.keys() - lost:  # what recovery reads off the journal
        restore(older, items, whole.journal[name])
    past = data.draw(st.integers(0, cut))
    again = [(Decided.BEFORE_A_CRASH if item.place[2] < cut else Decided.BEFORE_A_RESTORE) for item in items]
    older.take([item._replace(decided=decided) for item, decided in zip(items, again, strict=True)][past:])
    for key, written in older.journal.items():
        fact, once = json.loads(written), json.loads(whole.journal[key])
        if key in lost:  # nobody has seen it: it may be another saying of the same that is booked
            del fact["source"], once["source"]
        assert fact == once
    missing = {key for key in whole.journal if key not in older.journal}
    assert all(json.loads(whole.journal[key])["source"]["offset"] < past for key in missing)
    assert lost <= older.journal.keys()
    in_vain = {item.place for item in items if item.heard.kind == CLAIMED}  # type: ignore[union-attr]  # set aside, or not
    assert older.parked.keys() - in_vain == whole.parked.keys() - in_vain
    assert older.members == whole.members


def restore(older: Directory, items: list[Item], fact: bytes) -> None:
    """A fact's row, and whom the card leads to that its record showed."""
    trace = cast("Trace", _trace(Record(JOURNAL.name, 0, 0, 0, b"", fact, ()), 1))
    heard = cast("Heard", items[trace.source[2]].heard)
    older.members |= _identities(trace, heard)
    older.put(_revision(trace, heard, older.revisions.get(trace.receipt, ())))
