"""Both decoders give the same verdict: msgspec's twins decode what the pydantic models define, and nothing else.

Method: thousands of records, good ones and ones with a field that is wrong, missing, of another type, too long, too
large, or with bytes that are no JSON. Both accept (and then say the same fact), or both refuse.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.decode import (
    Unreadable,
    decode_fact,
    decode_fact_slowly,
    decode_said,
    decode_said_slowly,
    encode_fact,
)
from tests.drivers.examples import examples

I63 = 2**63 - 1
ODD_TEXTS = ["", "a", "a\n", "a\u0661", "-a", "A" * 100, "A" * 101, "A" * 201,
             "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "2026-01-01T00:00:00.5Z", "2026-01-01 00:00:00Z",
             "GBP", "gbp", "GBPX", "é", "mem_1", "a b"]  # fmt: skip
ODD_NUMBERS = [0, 1, -1, 1.0, 1.5, I63, I63 + 1, -I63, -I63 - 1, 2**64, 10**40, 1023, 1024, 1025,
               10**9, 10**9 + 1, 10**12, 10**12 + 1, -(10**12), -(10**12) - 1]  # fmt: skip
UNREAD = [b"NaN", b"-Infinity", b"1e400", b"9" * 5000, b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\u0000"',
          b'"\x01"', b"[" * 190 + b"]" * 190, b"[" * 900 + b"]" * 900, b'{"a":1,"a":1}', b'{"":1}', b"01", b"nul",
          b'"\\x"', b"1e5", b'{"\xff":1}', b"[1,]", b""]  # fmt: skip
odd = st.one_of(
    st.sampled_from(ODD_TEXTS), st.sampled_from(ODD_NUMBERS), st.none(), st.booleans(), st.just([]), st.just({}),
    st.just([[]]), st.text(max_size=4), st.integers(), st.just([{"item": "a", "total_minor": 1}]),
    st.just([{"item": "a", "total_minor": -1}]), st.just([{"item": "a"}]), st.just({"scheme": "card", "value": "1"}),
)  # fmt: skip

LINES = [
    {"item": "tea", "quantity": 2, "total_minor": 199, "tax_minor": 33, "categories": ["hot"]},
    {"item": "cup", "total_minor": 5},
]
ABOUT = {"id": "f:1", "occurred_at": "2026-03-10T09:30:00Z"}
FACT = ABOUT | {"member": "mem_1", "source": {"topic": "purchases.v1", "partition": 0, "offset": 7}}
SHOP = FACT | {"store": "s1", "partner": None}
GOOD_FACTS: list[dict[str, Any]] = [
    SHOP | {"type": "purchase", "currency": "GBP", "lines": LINES, "channel": "web", "codes": ["SPRING"]},
    SHOP | {"type": "correction", "revision": 1, "currency": "GBP", "lines": LINES},
    SHOP | {"type": "return", "currency": "GBP", "lines": LINES, "purchase": "f:0"},
    SHOP | {"type": "redemption_requested", "points": 5, "hold_until": "2026-03-10T09:35:00.250Z"},
    SHOP | {"type": "redemption_taken", "points": 5, "unit": "promo"},
    SHOP | {"type": "redemption_captured", "points": 5, "redemption": "f:0"},
    SHOP | {"type": "redemption_voided", "redemption": "f:0", "points": 3},
    SHOP | {"type": "used", "what": "free-coffee", "count": 2},
    SHOP | {"type": "adjusted", "points": -5, "reason": "said twice", "actor": "clerk:7"},
    SHOP | {"type": "adjusted", "points": 5, "reason": "é", "actor": "a", "expires_at": "2027-01-01T00:00:00Z"},
    SHOP | {"type": "deed", "what": "empty-jar", "count": -5},
    SHOP | {"type": "price_found", "purchase": "f:0", "item": "tea", "found_minor": 150, "evidence": "a leaflet"},
    SHOP | {"type": "enrolled", "referrer": "mem_2"},
    FACT | {"type": "identifier_added", "scheme": "card"},
    SHOP | {"type": "status_set", "status": "segment", "value": "loyal", "until": "2027-01-01T00:00:00Z"},
    SHOP | {"type": "status_ended", "status": "students"},
    FACT | {"type": "merged", "into": "mem_2"},
    FACT | {"type": "erased", "reason": "asked for by the person"},
    FACT | {"type": "unmerged"},
    SHOP | {"type": "transfer_requested", "to": "mem_2", "points": 5},
    SHOP | {"type": "contribution_requested", "pool": "mem_3", "points": 5},
    FACT | {"type": "pool_joined", "who": "mem_2"},
    FACT | {"type": "pool_left", "who": "mem_2"},
    FACT
    | {
        "type": "forwarded",
        "sender": "mem_2",
        "way": "to",
        "merge": "f:9",
        "said": 3,
        "legs": [{"member": "mem_2", "into": "mem_3", "merge": "x0"}],
        "facts": [{"fact": "{}", "outcome": "{}", "given": "[]", "claimed_ms": 5}, {"fact": "{}"}],
    },
    FACT
    | {"type": "message", "sender": "mem_2", "cause": "f:0", "rule": "friend@0", "account": "issued", "revision": 3},
    FACT
    | {
        "type": "message",
        "sender": "m",
        "cause": "f:0",
        "rule": "friend@0",
        "account": "issued",
        "lots": [{"lot": "1798761600000.0.1.p:f:0", "points": -5, "unit": "coffee"}],
    },
    ABOUT | {"type": "tick", "slice": 3, "slices": 8},
    ABOUT | {"type": "programme_published", "text": "programme: x", "sha256": "0" * 64},
]
SAID = ABOUT | {"identifier": {"scheme": "card", "value": "17"}, "store": "s1", "partner": "p"}
GOOD_SAID: list[dict[str, Any]] = [
    SAID | {"type": "purchase", "currency": "GBP", "total_minor": 204, "lines": LINES, "identifier": None},
    SAID | {"type": "return", "currency": "GBP", "total_minor": 204, "lines": LINES, "purchase": None},
    SAID | {"type": "redemption_requested", "points": 5, "hold_until": None},
    SAID | {"type": "redemption_taken", "points": 5, "unit": "promo"},
    SAID | {"type": "redemption_captured", "points": 5, "redemption": "f:0"},
    SAID | {"type": "redemption_voided", "redemption": "f:0", "points": None},
    SAID | {"type": "used", "what": "voucher", "count": 1},
    SAID | {"type": "adjusted", "points": 5, "reason": "goodwill", "actor": "clerk:7", "expires_at": None},
    SAID | {"type": "deed", "what": "birthday", "count": 1},
    SAID | {"type": "price_found", "purchase": "f:0", "item": "tea", "quantity": 2, "found_minor": 1, "evidence": "x"},
    SAID | {"type": "enrolled", "referrer": {"scheme": "card", "value": "18"}},
    SAID | {"type": "identifier_added", "added": {"scheme": "phone", "value": "1"}},
    SAID | {"type": "status_set", "status": "students", "value": None, "until": None},
    SAID | {"type": "status_ended", "status": "students"},
    SAID | {"type": "receipt_claimed", "receipt": "r1"},
    SAID | {"type": "merged", "into": {"scheme": "phone", "value": "1"}},
    SAID | {"type": "erased", "reason": "asked for by the person"},
    SAID | {"type": "unmerged"},
    SAID | {"type": "transfer_requested", "to": {"scheme": "card", "value": "18"}, "points": 5},
    SAID | {"type": "contribution_requested", "pool": {"scheme": "pool", "value": "7"}, "points": 5},
    SAID | {"type": "pool_joined", "who": {"scheme": "card", "value": "18"}},
    SAID | {"type": "pool_left", "who": {"scheme": "card", "value": "18"}},
]


def spoilt(good: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """A good record with up to two of its fields, at any depth, replaced, removed or added."""

    @st.composite
    def record(draw: st.DrawFn) -> bytes:
        value = json.loads(json.dumps(draw(st.sampled_from(good))))
        for _ in range(draw(st.integers(0, 2))):
            places = [(value, key) for key in value]
            nested = value.get("lines") if isinstance(value.get("lines"), list) else []
            places += [(part, key) for part in (*nested, value.get("source")) if isinstance(part, dict) for key in part]
            where, key = draw(st.sampled_from(places))
            if draw(st.booleans()):
                where[key] = copy.deepcopy(draw(odd))  # it may be spoilt in turn
            else:
                where.pop(key, None)
        if draw(st.integers(0, 9)) == 0:
            value["unknown"] = draw(odd)
        text = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
        match draw(st.integers(0, 23)):
            case 0:
                return text[: draw(st.integers(0, len(text)))]
            case 1:
                return text + draw(st.sampled_from([b"x", b"{}", b" ", b"\n"]))
            case 2:
                return text.replace(b"1", draw(st.sampled_from([b"1e2", b"NaN", b"1e400", b"\xff", b"01", b"-0"])), 1)
            case 3:  # in a field that nobody reads
                return text[:-1] + b', "note": ' + draw(st.sampled_from(UNREAD)) + b"}"
            case 4:  # a key that stands twice
                key, again = draw(st.sampled_from(sorted(value))), json.dumps(draw(odd)).encode()
                return text[:-1] + b", " + json.dumps(key).encode() + b": " + again + b"}"
            case 5:
                at = draw(st.integers(0, len(text)))
                return text[:at] + draw(st.binary(min_size=1, max_size=3)) + text[at + draw(st.integers(0, 3)) :]
        return text

    return record()


def verdict(decode: Callable[[bytes], Any], value: bytes) -> bytes | None:
    """The fact as the journal would have it; None: refused."""
    try:
        return encode_fact(decode(value))
    except Unreadable:
        return None


def said_verdict(decode: Callable[[bytes], Any], value: bytes) -> Any:
    try:
        said = decode(value)
    except Unreadable:
        return None
    plain = said.model_dump(mode="json") if hasattr(said, "model_dump") else json.loads(encode_fact(said))
    return {key: field for key, field in plain.items() if field is not None} | {
        "lines": [{"quantity": 1, "tax_minor": 0, "categories": []} | line for line in plain.get("lines", ())],
        "revision": plain.get("revision", 0),
        "count": plain.get("count", 1),
        "codes": plain.get("codes", []),
        "quantity": plain.get("quantity", 1),
    }


@examples(6000)
@given(spoilt(GOOD_FACTS))
def test_facts_get_the_same_verdict(value: bytes) -> None:
    assert verdict(decode_fact, value) == verdict(decode_fact_slowly, value), value


@examples(4000)
@given(spoilt(GOOD_SAID))
def test_what_shops_say_gets_the_same_verdict(value: bytes) -> None:
    assert said_verdict(decode_said, value) == said_verdict(decode_said_slowly, value), value


@pytest.mark.parametrize("good", GOOD_FACTS, ids=lambda g: g["type"])
def test_the_good_facts_are_good(good: dict[str, Any]) -> None:
    fact = decode_fact(json.dumps(good).encode())
    assert (fact.id, fact.type, fact.occurred_at) == (good["id"], good["type"], good["occurred_at"])
    assert encode_fact(decode_fact(encode_fact(fact))) == encode_fact(fact)
    assert verdict(decode_fact_slowly, json.dumps(good).encode()) == encode_fact(fact)


@pytest.mark.parametrize("good", GOOD_SAID, ids=lambda g: g["type"])
def test_the_good_sayings_are_good(good: dict[str, Any]) -> None:
    assert said_verdict(decode_said, json.dumps(good).encode()) is not None


@pytest.mark.parametrize(
    "value", [b"[" * 10_000, b'{"type":' * 10_000, b'"' + b"a" * 10_000_000, b"", b"null", b"\x00", b"\xff\xfe"]
)
def test_bytes_that_are_no_record_are_refused_by_both(value: bytes) -> None:
    for decode in (decode_fact, decode_fact_slowly, decode_said, decode_said_slowly):
        with pytest.raises(Unreadable) as refused:
            decode(value)
        assert len(str(refused.value)) <= 300
