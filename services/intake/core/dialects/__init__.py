"""Dialects: which reader understands a record, chosen by its header `ce_type`.

A dialect is one function from the record's value to what was said, or to a guest's receipt. A new one is a file beside
this and a row in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from events.cloudevents import type_of
from events.decode import Unreadable
from events.said import AnySaid
from services.intake.core.dialects import tallystick, uci
from services.intake.core.guests import Guest

Dialect = Callable[[bytes], AnySaid | Guest]

DIALECTS: dict[str | None, Dialect] = {None: tallystick.read, uci.TYPE: uci.read} | {
    name: tallystick.reader(kind) for name, kind in tallystick.TYPES.items()
}
"""By `ce_type`; None is a record without that header, which must speak the language of events/said.py."""


def read(headers: Sequence[tuple[str, bytes]], value: bytes) -> AnySaid | Guest:
    """What the record says. Raises Unreadable."""
    ce_type = type_of(headers)
    dialect = DIALECTS.get(ce_type)
    if dialect is None:
        raise Unreadable(f"ce_type {str(ce_type)[:100]!r} is a dialect that intake does not speak")
    return dialect(value)
