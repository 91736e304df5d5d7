"""Every kind of bad record, for each topic that somebody may write to, with the reason that it must be parked with.

    for bad in bad_records(PURCHASES, number=7): ...

`number` keeps the ids of one call apart from those of another. A record with `after` is bad only because of the good
record there, which must have been read before it. What the reasons say is this table's own expectation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from events.topics import ADJUSTMENTS, DEEDS, ENROLMENTS, JOURNAL, PURCHASES, REDEMPTIONS, Topic
from infra.kafka.client import partition_of

AT = "2011-03-10T09:30:00Z"
FUTURE = "2999-12-31T23:59:59Z"
TOPICS = (PURCHASES, REDEMPTIONS, ENROLMENTS, ADJUSTMENTS, DEEDS, JOURNAL)

Headers = tuple[tuple[str, bytes], ...]
Json = dict[str, Any]


class Record(NamedTuple):
    """A record to write into the partition of `placed_by`, which is its key unless it has none."""

    placed_by: bytes
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Bad(NamedTuple):
    kind: str
    topic: Topic
    record: Record
    reason: str
    """A part of the reason that it is parked with."""
    after: Record | None = None


def good_record(topic: Topic, name: str) -> Json:
    """What is well said on a topic. `name` makes its id, and its member's."""
    lines = [{"item": "tea", "quantity": 2, "total_minor": 500}]
    said: dict[Topic, Json] = {
        PURCHASES: {"type": "purchase", "currency": "GBP", "total_minor": 500, "lines": lines},
        REDEMPTIONS: {"type": "redemption_requested", "points": 5},
        ENROLMENTS: {"type": "enrolled"},
        ADJUSTMENTS: {"type": "adjusted", "points": 5, "reason": "a gift", "actor": "ann"},
        DEEDS: {"type": "deed", "what": "empty-jar", "count": 5},
        JOURNAL: {"type": "purchase", "currency": "GBP", "lines": lines},
    }
    whose = {"member": f"mem_{name}"} if topic is JOURNAL else {"identifier": {"scheme": "card", "value": name}}
    return {"id": f"bad:{name}", "occurred_at": AT} | whose | said[topic]


def bad_records(topic: Topic, number: int, partitions: int) -> list[Bad]:
    """One of each kind that the topic knows. `partitions`: of the topic."""
    found = []
    for index, kind in enumerate(KINDS):
        if topic in kind.reasons:
            name = f"{number}-{index}"
            key = f"mem_{name}".encode() if topic is JOURNAL else b"bad-till-%d" % number
            record, after = kind.make(topic, name, key, partitions)
            found.append(Bad(kind.name, topic, record, kind.reasons[topic], after))
    return found


# ---------------------------------------------------------------- the kinds


Made = tuple[Record, Record | None]


class Kind(NamedTuple):
    name: str
    reasons: dict[Topic, str]
    make: Callable[[Topic, str, bytes, int], Made]


def everywhere(reason: str, **others: str) -> dict[Topic, str]:
    """The same reason on every topic, but for those named by the word before the dot."""
    return {topic: others.get(topic.name.partition(".")[0], reason) for topic in TOPICS}


def _kind(name: str, reasons: dict[Topic, str], spoil: Callable[[Json], bytes | None], headers: Headers = ()) -> Kind:
    """A good record, spoilt."""

    def make(topic: Topic, name: str, key: bytes, partitions: int) -> Made:
        del partitions
        return Record(key, key, spoil(good_record(topic, name)), headers), None

    return Kind(name, reasons, make)


def _with(**fields: Any) -> Callable[[Json], bytes]:
    return lambda good: json.dumps(good | fields).encode()


def _ending(text: bytes) -> Callable[[Json], bytes]:
    """More text before the last brace."""
    return lambda good: json.dumps(good).encode()[:-1] + b", " + text + b"}"


def _number(text: bytes) -> Callable[[Json], bytes]:
    """In the place of an amount; where there is none, in a field that nobody reads."""

    def spoil(good: Json) -> bytes:
        value = json.dumps(good).encode()
        for amount in (b'"total_minor": 500', b'"points": 5'):
            if amount in value:
                return value.replace(amount, amount.partition(b" ")[0] + b" " + text)
        return _ending(b'"note": ' + text)(good)

    return spoil


def _negative(good: Json) -> bytes:
    if "points" in good:
        return _with(points=-5)(good)
    return _with(lines=[good["lines"][0] | {"quantity": -2}])(good)


def _no_key(topic: Topic, name: str, key: bytes, partitions: int) -> Made:
    del partitions
    return Record(key, None, _with()(good_record(topic, name))), None


def _version_two(topic: Topic, name: str, key: bytes, partitions: int) -> Made:
    del partitions
    good = good_record(topic, name)
    return Record(key, key, _with()(good), (("ce_type", f"tallystick.{good['type']}.v2".encode()),)), None


def _anothers(topic: Topic, name: str, key: bytes, partitions: int) -> Made:
    """The same id once more, of somebody else. In the journal that one must live in the same partition."""
    good = good_record(topic, name)
    first = Record(key, key, _with()(good))
    if topic is not JOURNAL:
        return Record(key, key, _with(identifier={"scheme": "card", "value": f"other-{name}"})(good)), first
    others = (f"mem_{name}-other-{n}" for n in range(10_000))
    other = next(o for o in others if partition_of(o.encode(), partitions) == partition_of(key, partitions))
    return Record(other.encode(), other.encode(), _with(member=other)(good)), first


def _invoice(rows: bytes) -> Callable[[Json], bytes]:
    return lambda good: (
        b'{"InvoiceNo": "%b", "InvoiceDate": "2010-12-01 08:26", "CustomerID": "17850", "Country": "EIRE", "rows": %b}'
        % (good["id"].encode(), rows)
    )


_UCI: Headers = (("ce_type", b"uci.invoice.v1"),)
_DEEP = b'"note": ' + b"[" * 10_000 + b"]" * 10_000
_TEN_MB = 10 * 1024 * 1024
_TOO_LARGE = "bytes, and a record has at most 1048588"
_BASKETS = (PURCHASES, JOURNAL)

KINDS = (
    _kind("truncated JSON", everywhere("Input data was truncated"), lambda good: _with()(good)[:-7]),
    _kind("an empty value", everywhere("Input data was truncated"), lambda _: b""),
    _kind("no JSON at all", everywhere("JSON is malformed"), lambda _: b"%PDF-1.7"),
    _kind("no object", everywhere("Expected `object`, got `int`"), lambda _: b"7"),
    _kind("bad UTF-8", everywhere("'utf-8' codec can't decode byte 0xff"), _ending(b'"store": "\xff"')),
    _kind(
        "bad UTF-8 in a field that nobody reads",
        everywhere("'utf-8' codec can't decode byte 0xff"),
        _ending(b'"note": "\xff"'),
    ),
    _kind("half a surrogate pair", everywhere("Input data was truncated"), _ending(b'"note": "\\ud800"')),
    _kind("NaN", everywhere("JSON is malformed: invalid character"), _number(b"NaN")),
    _kind("1e400", everywhere("Number out of range"), _number(b"1e400")),
    _kind("depth 10,000", everywhere("nested deeper than 64 levels"), _ending(_DEEP)),
    _kind(
        "10 MB",
        everywhere(_TOO_LARGE, journal="Expected `str` matching regex"),
        _with(store="s" * _TEN_MB),
    ),
    _kind("duplicate keys", everywhere("the key 'id' stands twice"), _ending(b'"id": "bad:twice"')),
    _kind("null value", everywhere("the record has no value"), lambda _: None),
    Kind("no key", everywhere("the record has no key"), _no_key),
    _kind("unknown type", everywhere("Invalid value 'gift'"), _with(type="gift")),
    _kind(
        "unknown type with control characters",
        everywhere(r"Invalid value 'gi\x00ft\x1b[31m'"),
        _with(type="gi\x00ft\x1b[31m"),
    ),
    _kind(
        "no type",
        everywhere("missing required field `type`"),
        lambda good: json.dumps({name: field for name, field in good.items() if name != "type"}).encode(),
    ),
    Kind("unknown version", everywhere(".v2' is a dialect", journal=".v2' is not what the value says"), _version_two),
    _kind(
        "a type of another topic",
        dict.fromkeys((PURCHASES, REDEMPTIONS, ADJUSTMENTS, DEEDS), "a enrolled is not said on"),
        _with(type="enrolled"),
    ),
    _kind(
        "negative quantity",
        {PURCHASES: "Expected `int` >= 0", REDEMPTIONS: "Expected `int` >= 1", JOURNAL: "Expected `int` >= 0"},
        _negative,
    ),
    _kind(
        "negative quantity on an invoice",
        {PURCHASES: "a quantity of -1 is no quantity of a purchase"},
        _invoice(b'[["85123A", -1, "0.00"]]'),
        _UCI,
    ),
    _kind(
        "a total other than its lines",
        {PURCHASES: "total_minor is 501, but its lines come to 500"},
        _with(total_minor=501),
    ),
    Kind(
        "a receipt of another member",
        everywhere("the receipt is another member's", journal="is known with other content"),
        _anothers,
    ),
    _kind(
        "nothing asked for",
        dict.fromkeys((REDEMPTIONS, JOURNAL), "Expected `int` >= 1"),
        _with(type="redemption_requested", points=0),
    ),
    _kind(
        "nothing taken",
        dict.fromkeys((REDEMPTIONS, JOURNAL), "Expected `int` >= 1"),
        _with(type="redemption_taken", points=0),
    ),
    _kind("a time in the future", everywhere("s after the record was logged"), _with(occurred_at=FUTURE)),
    _kind("a day that is none", everywhere("occurred_at 2011-02-30T09:30:00Z is no date"),
          _with(occurred_at="2011-02-30T09:30:00Z")),
    _kind(
        "a hold until a day that is none",
        dict.fromkeys((REDEMPTIONS, JOURNAL), "hold_until 2011-02-30T09:30:00Z is no date"),
        _with(type="redemption_requested", points=5, hold_until="2011-02-30T09:30:00Z"),
    ),
    _kind(
        "points until a day that is none",
        dict.fromkeys((ADJUSTMENTS, JOURNAL), "expires_at 2011-02-30T09:30:00Z is no date"),
        _with(type="adjusted", points=5, reason="a gift", actor="ann", expires_at="2011-02-30T09:30:00Z"),
    ),
)  # fmt: skip
