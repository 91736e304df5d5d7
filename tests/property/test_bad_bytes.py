"""Whatever bytes come, intake and the ledger read them or park them: no other exception, and no fact stops a partition.

Method: good records of every kind, cut, spliced and with odd tokens put in, under any key and headers, through the code
that reads them; what survives intake must be read by the ledger. And facts that are each well said but together make no
sense (returns of nothing, holds that end before they begin, the largest amounts) through the ledger's worker.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from events.decode import Unreadable, encode_fact
from events.topics import INBOUND, JOURNAL, PURCHASES, Topic
from events.values import millis
from infra.kafka.client import Record
from services.intake.core.batch import Item, walk
from services.intake.core.identity import Decided
from services.intake.core.reading import hear
from services.ledger.batch import Owned
from services.ledger.reading import read
from services.programme.compile import compile_programme
from tests.drivers.bad_records import AT, good_record
from tests.drivers.examples import examples
from tests.drivers.ledger_play import PARTITIONS, Play, Process
from tests.property.test_decoders import GOOD_FACTS, GOOD_SAID
from tests.topology.test_ledger import programme

LOGGED = millis("2026-03-10T09:31:00Z")
INVOICE = b'{"InvoiceNo": "C536379", "InvoiceDate": "2010-12-01 09:41", "CustomerID": "14527", "Country": "EIRE", "rows": [["D", -1, "27.50"]]}'  # noqa: E501
SAID = [INVOICE, *(json.dumps(said).encode() for said in GOOD_SAID)]
FACTS = [json.dumps(fact).encode() for fact in GOOD_FACTS]
TOKENS = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"1e400", b"-1", b"0.5", b"9" * 40, b"\xff",
          b"\x00", b"\\u0000", b"\\ud800", b"\\ud83d\\ude00", b'"a":1,', b'"id":"x",', b"[" * 70, b" ", b"\n", b"true",
          b'"lines":[],', "é\u200b\u2028".encode()]  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, good: list[bytes]) -> bytes | None:
    """A good record after up to three accidents."""
    value = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(0, 3))):
        at, to = sorted(draw(st.integers(0, len(value))) for _ in range(2))
        match draw(st.integers(0, 5)):
            case 0:
                value = value[:at]
            case 1:
                value = value[:at] + value[to:]
            case 2:
                value = value[:at] + value[at:to] * 2 + value[to:]
            case 3:
                value = value[:at] + draw(st.binary(max_size=4)) + value[at:]
            case _:
                value = (
                    value[:at] + draw(st.sampled_from(TOKENS)) + value[min(len(value), at + draw(st.integers(0, 5))) :]
                )
    return draw(st.one_of(st.just(value), st.just(value), st.just(value), st.none(), st.binary(max_size=20)))


keys = st.one_of(st.just(b"mem_1"), st.none(), st.binary(max_size=3))
kinds = [
    b"uci.invoice.v1",
    b"tallystick.purchase.v1",
    b"tallystick.enrolled.v1",
    b"tallystick.purchase.v2",
    b"\xff",
    b"",
]
headers = st.lists(
    st.tuples(st.sampled_from(["ce_type", "retry_of", "x\x00", ""]), st.one_of(st.sampled_from(kinds), st.binary())),
    max_size=2,
).map(tuple)
topics = st.sampled_from(INBOUND)


def ledger_reads(key: bytes | None, value: bytes | None, headers: Any, *, wall: bool = True) -> str:
    """The reason that the ledger parks it with; "" for a fact."""
    owned = Owned(0, 1, 0, 1, b"", {}, (), compile_programme(()))
    record = Record(JOURNAL.name, 0, 0, LOGGED, key, value, headers)
    (draft,) = read({0: [record]}, {0: owned}, {}, wall=wall)
    assert (draft.next_offset, len(draft.items) + len(draft.parked)) == (1, 1)
    return draft.parked[0].reason if draft.parked else ""


def assert_shown(reason: str) -> None:
    assert reason
    assert reason.isprintable()
    assert len(reason) <= 1000


@examples(2000)
@given(topics, keys, headers, spoilt(SAID))
def test_intake_reads_or_parks_and_the_ledger_reads_what_it_writes(
    topic: Topic, key: bytes | None, headers: Any, value: bytes | None
) -> None:
    try:
        heard: Any = hear(topic, key, headers, value, LOGGED)
    except Unreadable as error:
        assert_shown(str(error))
        return
    items = [Item((topic.name, 0, 7), Decided.NOT_YET, heard, value)]
    plan = walk(items, {("card", "17"): "mem_17"}, {}, lambda: "mem_new")
    for _, reason in plan.parked:
        assert_shown(reason)
    for _, fact in plan.facts:
        assert ledger_reads(fact.member.encode(), encode_fact(fact), ()) == ""


@examples(2000)
@given(keys, headers, spoilt(FACTS), st.booleans())
def test_the_ledger_reads_or_parks(key: bytes | None, headers: Any, value: bytes | None, wall: bool) -> None:
    if reason := ledger_reads(key, value, headers, wall=wall):
        assert_shown(reason)


# ---------------------------------------------------------------- well said, and no sense in it

ids = st.sampled_from([f"f{n}" for n in range(8)])
members = st.sampled_from(["ann", "bob"])
dates = st.sampled_from(
    ["2011-03-10T09:30:00Z", "2011-03-11T09:30:00.5Z", "2011-02-31T00:00:00Z", "2011-13-01T00:00:00Z",
     "1970-01-01T00:00:00Z", "2011-03-27T01:30:00Z", "2012-02-29T23:59:59.999Z", "2011-03-10T24:00:00Z",
     "2999-12-31T23:59:59.999Z"]
)  # fmt: skip
amounts = st.sampled_from([0, 1, 99, 100, 12_345, 10**10])
points = st.sampled_from([1, 5, 100, 10**12])
lines = st.lists(
    st.fixed_dictionaries(
        {"item": st.sampled_from(["tea", "\x00"]), "total_minor": amounts},
        optional={
            "quantity": st.sampled_from([0, 1, 10**9]),
            "categories": st.sampled_from([["wine"], [], ["\x00", "\x00"]]),
        },
    ),
    min_size=1,
    max_size=3,
)
about = {"id": ids, "occurred_at": dates, "revision": st.sampled_from([0] * 6 + [1, 2**31 - 1, 2**31])}
shop = about | {"member": members, "partner": st.sampled_from([None, "shops-eire", "nobody"])}
basket = shop | {"currency": st.sampled_from(["GBP", "GBP", "EUR"]), "lines": lines}


def said(kind: str, fields: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields | {"type": st.just(kind)}, optional=optional)


facts = st.one_of(
    said("purchase", basket),
    said("purchase", basket),
    said("correction", basket),
    said("return", basket, purchase=ids),
    said("redemption_requested", shop | {"points": points}, hold_until=dates),
    said("redemption_taken", shop | {"points": points}),
    said("redemption_captured", shop | {"points": points, "redemption": ids}),
    said("redemption_voided", shop | {"redemption": ids}),
    said("enrolled", shop),
    said("identifier_added", about | {"member": members, "scheme": st.just("card")}),
    said("status_set", shop | {"status": ids}, until=dates),
    said("status_ended", shop | {"status": ids}),
    said("merged", about | {"member": members, "into": members}),
    said(
        "message",
        about
        | {
            "member": members,
            "sender": members,
            "cause": ids,
            "rule": ids,
            "account": st.sampled_from(["issued", "transferred", "lot"]),
            "revision": st.sampled_from([0, 1, 2]),
            "lots": st.lists(
                st.fixed_dictionaries(
                    {
                        "lot": st.sampled_from(["never.0.0.a", "1.2.3.b", f"{'9' * 14}.0.{'9' * 14}.c", "0.0.0.-v"]),
                        "points": st.sampled_from([-(10**12), -5, 0, 5, 10**12, 2**63 - 1]),
                    }
                ),
                max_size=3,
            ),
        },
    ),
    said(
        "adjusted",
        shop | {"points": st.sampled_from([-(10**12), -5, 0, 5]), "reason": ids, "actor": ids},
        expires_at=dates,
    ),
    said("deed", shop | {"what": ids}, count=st.sampled_from([-(10**9), -1, 0, 5])),
    said("price_found", shop | {"purchase": ids, "item": ids, "found_minor": st.just(5), "evidence": ids}),
    said("used", shop | {"what": ids}, count=st.sampled_from([1, 10**6])),
    said("erased", about | {"member": members, "reason": ids}),
    said("unmerged", about | {"member": members}),
    said("transfer_requested", shop | {"to": members, "points": points}),
    said("contribution_requested", shop | {"pool": members, "points": points}),
    said("pool_joined", about | {"member": members, "who": members}),
    said("pool_left", about | {"member": members, "who": members}),
    said(
        "forwarded",
        about
        | {
            "member": members,
            "sender": members,
            "way": st.sampled_from(["to", "back"]),
            "merge": ids,
            "facts": st.lists(
                st.fixed_dictionaries(
                    {
                        "fact": st.sampled_from(
                            [
                                "{}",
                                '{"type":"unmerged","id":"u","member":"ann","occurred_at":"2026-03-10T09:30:00Z"}',
                                '{"type":"tick","id":"u","occurred_at":"2026-03-10T09:30:00Z"}',
                                '{"type":"used","id":"v","member":"bob","occurred_at":"2026-02-31T09:30:00Z","what":"x"}',
                                '{"type":"enrolled","id":"w","member":"bob","occurred_at":"2026-03-10T09:30:00Z"}',
                            ]
                        )
                    },
                    optional={
                        "outcome": st.sampled_from(["{}", '{"status":"done"}', '{"status":"done","lots":[["x",1]]}']),
                        "given": st.sampled_from(["[]", "[[],[]]", '[[],[["ann","x","issued",[]]]]']),
                        "claimed_ms": st.sampled_from([0, 5]),
                    },
                ),
                max_size=2,
            ),
        },
    ),
    said("tick", about, slice=st.integers(0, 3), slices=st.integers(1, 4)),
)


@examples(120)
@given(st.lists(facts, min_size=10, max_size=25), st.sampled_from(["plain", "club"]), st.sampled_from([1, 5, 100]))
def test_no_fact_stops_a_partition(told: list[dict[str, Any]], name: str, most: int) -> None:
    async def play() -> str:
        played = Play(most=most)
        for partition, text in programme(name):
            played.topics.say(text, None, partition)
        for fact in told:
            member = fact.get("member")
            played.topics.say(json.dumps(fact).encode(), member, None if member else len(told) % PARTITIONS)
        process = Process(played, None)
        await process.work()
        await process.kill()
        for (partition, member), row in played.store.member.items():
            assert min(row[3:7]) >= 0, (partition, member, row)
        return process.health.report()

    assert "partitions: ready" in asyncio.run(play())


def test_the_records_that_are_spoilt_are_good() -> None:
    for topic in INBOUND:
        assert hear(topic, b"till", (), json.dumps(good_record(topic, "x")).encode(), millis(AT)).id == "bad:x"
    assert hear(PURCHASES, b"till", (("ce_type", b"uci.invoice.v1"),), INVOICE, LOGGED).kind == "return"
