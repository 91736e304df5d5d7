"""JSON that every reader understands alike (I-JSON, RFC 7493): what a record must be before its fields count.

Decoders differ in what they pass over: a key that stands twice, bytes that are no UTF-8 in a field nobody reads, NaN,
1e400, nesting without end. Here such a record is refused whole, so that two readers of one record cannot disagree.
Owns these refusals. Does not own what the fields mean (events/decode.py).
"""

from __future__ import annotations

import json
import re

import msgspec

LEVELS_MAX = 64
"""Of nesting. What we know is four deep; how deep a decoder would go depends on its own stack."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_SQUARE = bytes(set(range(256)) - set(b"[]"))

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def require(value: bytes, written_again: bytes | None = None) -> None:
    """Raises ValueError (msgspec's errors are such) or RecursionError with the reason, unless `value` is I-JSON.

    `written_again`: what a decoder understood, in JSON; it holds nothing that `value` does not hold. For nearly all
    records it is a quick proof: where it has as many quotes, and nothing is escaped, no key was passed over or stands
    twice. None: there is no decoder, look closely.
    """
    if written_again is not None and (value == written_again or _as_many_quotes(value, written_again)):
        return
    plain = _decode(value)
    if _deeper_than(LEVELS_MAX, value):
        raise ValueError(f"nested deeper than {LEVELS_MAX} levels")
    if not _as_many_quotes(value, _encode(plain)):
        json.loads(value, object_pairs_hook=_once)


def _as_many_quotes(value: bytes, written_again: bytes) -> bool:
    return b"\\" not in value and value.count(b'"') == written_again.count(b'"')


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object from its keys and values. Raises ValueError for a key that stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:100]!r} stands twice")
    return found


def _deeper_than(levels: int, value: bytes) -> bool:
    """Whether JSON is nested deeper: brackets without anything between them are taken away level by level."""
    if value.count(b"[") + value.count(b"{") <= levels:
        return False
    brackets = _STRING.sub(b"", value).translate(_SQUARE).translate(None, _NOT_SQUARE)
    for _ in range(levels):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True
