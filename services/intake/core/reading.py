"""Bytes and headers to what was said, whatever its dialect, checked and ready for a decision."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from events.decode import Unreadable
from events.said import AnySaid
from events.topics import Topic
from events.values import instant, millis
from services.intake.core import dialects
from services.intake.core.faults import faults
from services.intake.core.guests import Guest
from services.intake.core.identity import Key, key_of

CONTENT_BYTES = 16

_IDENTITY = frozenset({"id", "identifier", "total_minor"})
"""Not content: what names the record, who it shows, and a sum of the rest."""

_canonical = msgspec.json.Encoder(order="sorted").encode


class Heard(NamedTuple):
    """A record that can be decided on."""

    id: str
    """Of what is decided on: a claim by number is about the receipt."""
    kind: str
    content: bytes
    """blake2b, 16 bytes, of what was said in canonical JSON, without the id and the identifier."""
    lines: int
    identifier: Key | None
    """None: a guest's, or a return's that names its receipt."""
    said: AnySaid | None
    """None for a guest's receipt in a dialect that can hold more than the language can say: it is never booked."""
    receipt: str | None = None
    """What a return names: whoever has that receipt has the return, and not whose card was shown."""


def hear(
    topic: Topic,
    key: bytes | None,
    headers: Sequence[tuple[str, bytes]],
    value: bytes | None,
    logged_at_ms: int | None,
) -> Heard:
    """What the record says. `logged_at_ms` is None where the data are the clock. Raises Unreadable with every fault."""
    if value is None:
        raise Unreadable("the record has no value")
    if len(value) > topic.max_bytes:
        raise Unreadable(f"the record has {len(value)} bytes, and a record has at most {topic.max_bytes}")
    if not key:
        raise Unreadable("the record has no key: without its source it has no place in an order")
    said = dialects.read(headers, value)
    if isinstance(said, Guest):
        return Heard(said.id, said.kind, _hash(said.canonical), said.lines, None, None)
    if type(said).__name__ not in topic.models:
        raise Unreadable(f"a {said.type} is not said on {topic.name}")
    if wrong := faults(said, logged_at_ms):
        raise Unreadable("; ".join(wrong))
    lines = len(getattr(said, "lines", ()))
    if said.type == "return" and said.purchase is not None:
        return Heard(said.id, said.type, content_of(said), lines, None, said, said.purchase)
    if said.identifier is None:
        return Heard(said.id, said.type, content_of(said), lines, None, said)
    about = said.receipt if said.type == "receipt_claimed" else said.id
    return Heard(about, said.type, content_of(said), lines, key_of(said.identifier), said)


def content_of(said: AnySaid) -> bytes:
    """The hash of what was said. Fields at their defaults are left out, so a new field changes no old hash."""
    names, defaults = _fields(type(said))
    content = {name: value for name in names if (value := getattr(said, name)) != defaults.get(name)}
    if "." in said.occurred_at:  # 09:30:00.000 is 09:30:00
        content["occurred_at"] = instant(millis(said.occurred_at))
    return _hash(said.type.encode() + _canonical(content))


@cache
def _fields(struct: type) -> tuple[tuple[str, ...], dict[str, object]]:
    """The names of a kind's content fields, and the defaults of those that have one."""
    infos = [field for field in msgspec.structs.fields(struct) if field.name not in _IDENTITY]
    return (
        tuple(field.name for field in infos),
        {field.name: field.default for field in infos if field.default is not msgspec.NODEFAULT},
    )


def _hash(canonical: bytes) -> bytes:
    return blake2b(canonical, digest_size=CONTENT_BYTES).digest()
