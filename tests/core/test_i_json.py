"""JSON that every reader understands alike: what is refused, and that the quick proof never accepts what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import i_json
from events.printable import printable

LEVELS = i_json.LEVELS_MAX


@pytest.mark.parametrize(
    "value",
    [
        b"{}",
        b' {"a": [1, -0, 1.5e10, true, null, "\\u0022\\\\"]} ',
        b'{"a": {"b": 1}, "b": {"a": 1}}',  # the same key in two objects
        b'{"a": "a", "b": "a"}',
        b'{"a": 1' + b"0" * 400 + b"}",
        b'{"a": ' + b"[" * (LEVELS - 1) + b"]" * (LEVELS - 1) + b"}",
        b'{"a": "' + b"[" * 10_000 + b'", "b": [' + b"[]," * 10_000 + b"{}]}",  # flat, whatever it looks like
        b'{"a": "\\"[[[[", "b": [' + b"[]," * LEVELS + b"{}]}",
    ],
)
def test_what_everybody_reads_alike(value: bytes) -> None:
    i_json.require(value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b'{"a": 1, "a": 1}', "the key 'a' stands twice"),
        (b'{"a": 1, "\\u0061": 1}', "the key 'a' stands twice"),
        (b'[{"b": [{"a": 1, "c": 2, "a": 3}]}]', "the key 'a' stands twice"),
        (b'{"a\\"": "\\"", "a\\"": 1}', "the key 'a\"' stands twice"),
        (b'{"a": NaN}', "malformed"),
        (b'{"a": Infinity}', "malformed"),
        (b'{"a": 1e400}', "out of range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"a": "\xff"}', "can't decode"),
        (b'{"a": "\xed\xa0\x80"}', "can't decode"),
        (b'{"a": "\\ud800"}', "truncated"),
        (b'{"a": 01}', "malformed"),
        (b'{"a": 1,}', "malformed"),
        (b"\xef\xbb\xbf{}", "malformed"),
        (b'{"a": ' + b"[" * LEVELS + b"]" * LEVELS + b"}", "nested deeper than 64 levels"),
        (b'{"a":' * LEVELS + b"[{}]" + b"}" * LEVELS, "nested deeper than 64 levels"),
        (b'{"a": "\\"", "b": ' + b"[" * LEVELS + b'"]"' + b"]" * LEVELS + b"}", "nested deeper than 64 levels"),
        (b'{"a": 1', "truncated"),
        (b"", "truncated"),
    ],
)
def test_what_readers_may_differ_about(value: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        i_json.require(value)


def test_nesting_beyond_any_stack_is_refused() -> None:
    with pytest.raises(RecursionError):
        i_json.require(b"[" * 100_000 + b"]" * 100_000)


texts = st.text(st.sampled_from('ab"\\[]{}:, \u00e9'), max_size=4)
values = st.recursive(
    st.one_of(texts, st.integers(-5, 5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


def written(draw: st.DrawFn, value: Any, twice: list[str]) -> str:
    """JSON with blanks where they may be, and now and then a member of an object once more."""
    blank = draw(st.sampled_from(["", " "]))
    if isinstance(value, list):
        return "[" + f"{blank},".join(written(draw, one, twice) for one in value) + "]"
    if isinstance(value, dict):
        members = list(value.items())
        if members and draw(st.integers(0, 5)) == 0:
            again = draw(st.sampled_from(members))
            twice.append(again[0])
            members.insert(draw(st.integers(0, len(members))), (again[0], draw(st.sampled_from(members))[1]))
        return "{" + ",".join(f"{_text(draw, k)}{blank}:{written(draw, v, twice)}" for k, v in members) + "}"
    return _text(draw, value) if isinstance(value, str) else json.dumps(value)


def _text(draw: st.DrawFn, text: str) -> str:
    if draw(st.booleans()):
        return '"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"'
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, bytes, bool]:
    """JSON, a part of it written again by a decoder that passes some of it over, and whether a key stands twice."""
    twice: list[str] = []
    value = written(draw, draw(values), twice).encode()
    plain = json.loads(value)
    if isinstance(plain, dict) and plain and draw(st.booleans()):
        plain.pop(draw(st.sampled_from(sorted(plain))))
    return value, json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(), bool(twice)


@given(documents())
def test_a_key_that_stands_twice_is_found_whatever_else_there_is(document: tuple[bytes, bytes, bool]) -> None:
    value, written_again, twice = document
    if twice:
        with pytest.raises(ValueError, match="stands twice"):
            i_json.require(value, written_again)
    else:
        i_json.require(value, written_again)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("tea é 茶 'x'", "tea é 茶 'x'"), ("a\x00b\nc\x1b[31m", r"a\x00b\nc\x1b[31m"), ("\ud800\u200b", r"\ud800\u200b")],
)
def test_text_that_can_be_kept_and_shown_anywhere(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert shown.isprintable()
