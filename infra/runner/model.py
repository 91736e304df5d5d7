"""What a read model is: a topic, a decoder, a pure fold, and a table's four queries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from infra.postgres.queries import Queries


class Sequenced(Protocol):
    """A decoded record: `seq` is gapless per partition, from 1."""

    @property
    def seq(self) -> int: ...


Placed = tuple[int, Any]
"""The partition that a record came from, and the decoded record."""


@dataclass(frozen=True)
class ReadModel:
    """One read model. Rows are named tuples whose fields are the columns, in the table's order; the key is the first.

    `queries` has `create` (the table's definition), `load` ($1: keys as text[]) and `save` ($1 ...: a column each, as
    arrays). `fold` gets the rows that exist of the keys that `touched` names, and returns the rows that changed.
    """

    name: str
    topic: str
    decode: Callable[[bytes], Sequenced]
    """Raises ValueError for bytes that are no such record (msgspec's errors are ValueErrors)."""
    row: Callable[..., Any]
    touched: Callable[[Sequence[Placed]], Collection[str]]
    fold: Callable[[Mapping[str, Any], Sequence[Placed]], Mapping[str, Any]]
    queries: Queries

    @property
    def shape(self) -> str:
        """Hash of the table's definition."""
        return hashlib.sha256(self.queries.create.encode()).hexdigest()
