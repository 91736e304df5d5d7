"""The language itself (events/said.py): what a till says that was built for this ledger."""

from __future__ import annotations

from collections.abc import Callable

from events.decode import Unreadable, decode_said
from events.said import SAID, AnySaid

TYPES = {f"tallystick.{kind}.v1": kind for kind in (str(model.model_fields["type"].default) for model in SAID)}
"""The `ce_type` of each kind of record, to its bare name."""

read = decode_said
"""The value alone says what it is."""


def reader(kind: str) -> Callable[[bytes], AnySaid]:
    """Reads records whose header says `kind`. Raises Unreadable when the value says something else."""

    def read_as(value: bytes) -> AnySaid:
        said = decode_said(value)
        if said.type != kind:
            raise Unreadable(f"the header says {kind}, the value says {said.type}")
        return said

    return read_as
