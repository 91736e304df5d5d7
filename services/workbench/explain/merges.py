"""What became of an account by merges: which it was merged into, which it took in, and what was undone. Pure.

A merge moves facts, which stand at their own instants in the book that counts them. That they moved is told here, of
the records that an account has sent and got, in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from events.decode import decode_fact
from events.entries import Outcome
from events.values import millis
from services.book.way import way_of
from services.workbench.explain.words import MERGES


class Record(NamedTuple):
    """A fact of the kinds `merged`, `unmerged` and `forwarded`, as the account has it."""

    seq: int
    fact: Any
    outcome: Outcome


class Event(NamedTuple):
    """A merge, or its undoing, as one of the two accounts saw it."""

    at_ms: int
    what: str
    type: str
    fact: str
    """The fact that did it."""
    others: tuple[str, ...]
    """The other account; and those that had come to it by merges."""
    seq: int


def events(name: str, records: Sequence[Record]) -> Iterator[Event]:
    """Every merge that this account took part in."""
    told: set[tuple[str, ...]] = set()
    undoings = [record.fact for record in records if record.fact.type == "unmerged"]
    for seq, fact, outcome in records:
        if fact.type == "merged" and outcome.status == "done":
            yield _event(fact, "gone", "merged", fact.id, (fact.into,), seq)
        if fact.type != "forwarded" or outcome.status == "forwarded":
            continue
        key = (fact.way, fact.sender, fact.merge)
        alone = decode_fact(fact.facts[0].fact.encode()) if len(fact.facts) == 1 else None
        if alone is not None and alone.type == "unmerged":
            if outcome.status == "done":
                yield _event(fact, "let go", "unmerged", alone.id, (alone.member,), seq)
        elif fact.way == "back" and key not in told:
            undone = next((one.id for one in undoings if one.occurred_at == fact.occurred_at), fact.merge)
            yield _event(fact, "home", "unmerged", undone, (fact.sender,), seq)
        elif key not in told:
            others = sorted({leg.member for leg in way_of(name, fact)} - {name, fact.sender})
            yield _event(fact, "came", "merged", fact.merge, (fact.sender, *others), seq)
        told.add(key)


def _event(fact: Any, how: str, kind: str, by: str, others: tuple[str, ...], seq: int) -> Event:
    what = MERGES[how].format(other=" and ".join(others), by=by)
    return Event(millis(fact.occurred_at), what, kind, by, others, seq)
