"""Bad records as intake reads them and as the ledger does: each is refused with its own reason, none breaks anything.

What makes a record bad only beside another one (a receipt of another member) is decided later: test_intake_batch.py,
tests/topology/test_ledger.py, and on the servers tests/integration/test_intake.py.
"""

from __future__ import annotations

import pytest

from events.decode import Unreadable
from events.topics import INBOUND, JOURNAL
from events.values import millis
from infra.kafka.client import Record
from services.intake.core.reading import hear
from services.ledger.batch import Owned
from services.ledger.reading import SKEW_MS, read
from services.programme.compile import compile_programme
from tests.drivers.bad_records import AT, KINDS, TOPICS, Bad, bad_records, good_record
from tests.drivers.documents import ROOT
from tests.drivers.facts import fact

LOGGED = millis(AT) + 1000
ALL = [bad for topic in TOPICS for bad in bad_records(topic, 0, partitions=4)]
INTAKES = [bad for bad in ALL if bad.topic is not JOURNAL]
LEDGERS = [bad for bad in ALL if bad.topic is JOURNAL]


def name(bad: Bad) -> str:
    return f"{bad.topic.name} {bad.kind}"


def ledger_reads(record: Record, *, wall: bool = True) -> str:
    """The reason that the ledger parks it with; "" for a fact."""
    owned = Owned(0, 1, record.offset, 1, b"", {}, (), compile_programme(()))
    (draft,) = read({0: [record]}, {0: owned}, {}, wall=wall)
    assert draft.next_offset == record.offset + 1
    assert len(draft.items) + len(draft.parked) == 1
    return draft.parked[0].reason if draft.parked else ""


def in_journal(bad: Bad) -> Record:
    return Record(JOURNAL.name, 0, 7, LOGGED, bad.record.key, bad.record.value, bad.record.headers)


@pytest.mark.parametrize("bad", [bad for bad in INTAKES if bad.after is None], ids=name)
def test_intake_says_why(bad: Bad) -> None:
    key, value, headers = bad.record[1:]
    with pytest.raises(Unreadable) as refused:
        hear(bad.topic, key, headers, value, LOGGED)
    assert bad.reason in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("bad", [bad for bad in LEDGERS if bad.after is None], ids=name)
def test_the_ledger_says_why(bad: Bad) -> None:
    reason = ledger_reads(in_journal(bad))
    assert bad.reason in reason
    assert reason.isprintable()
    assert len(reason) < 400


def test_every_kind_is_tried_on_every_topic_that_knows_it() -> None:
    assert {bad.topic for bad in ALL} == set(TOPICS)
    assert len(ALL) == sum(len(kind.reasons) for kind in KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_what_is_not_spoilt_is_read(topic: object) -> None:
    import json

    assert topic in TOPICS
    value = json.dumps(good_record(topic, "x")).encode()
    if topic is JOURNAL:
        assert ledger_reads(Record(JOURNAL.name, 0, 7, LOGGED, b"mem_x", value, ())) == ""
    else:
        assert topic in INBOUND
        assert hear(topic, b"till", (), value, LOGGED).id == "bad:x"


@pytest.mark.parametrize(
    ("type_", "ahead_ms", "wall", "parked"),
    [
        ("enrolled", SKEW_MS, True, False),
        ("enrolled", SKEW_MS + 1000, True, True),
        ("enrolled", 10**12, False, False),  # the data are the clock
        ("tick", SKEW_MS + 1000, True, True),
        ("programme_published", 10**12, True, False),  # it says when it begins to hold
    ],
)
def test_how_far_a_fact_may_lie_ahead_of_the_journal(type_: str, ahead_ms: int, wall: bool, parked: bool) -> None:
    from events.decode import encode_fact
    from events.values import instant

    said = {"type": type_, "id": "x", "occurred_at": instant(millis(AT) + ahead_ms), "member": "mem_x"}
    if type_ == "programme_published":
        said |= {"text": "x", "sha256": "0" * 64}
    record = Record(JOURNAL.name, 0, 7, millis(AT), b"mem_x", encode_fact(fact(**said)), ())
    assert bool(ledger_reads(record, wall=wall)) is parked


def test_the_page_for_operators_lists_every_kind_with_its_reasons() -> None:
    page = (ROOT / "docs" / "parked.md").read_text().partition("<!-- compared with tests/drivers/bad_records.py -->")[2]
    rows = [line for line in page.partition("- **Time**")[0].splitlines() if line.startswith("| ")][1:]

    def cell(reasons: list[str]) -> str:
        return " or ".join(f"`` {reason} ``" for reason in dict.fromkeys(reasons)) or "–"

    assert rows == [
        f"| {kind.name} | {cell([kind.reasons[topic] for topic in INBOUND if topic in kind.reasons])}"
        f" | {cell([kind.reasons[JOURNAL]] if JOURNAL in kind.reasons else [])} |"
        for kind in KINDS
    ]
