"""A file of facts, one JSON object a line: what `simulate`, `quote` and `explain` read. Does not own what facts do."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from events.decode import decode_fact
from events.facts import FACTS, Fact
from events.values import millis
from services.programme.written import example_of

SAID_BY_HAND = sorted(
    {kind.model_fields["type"].default for kind in FACTS} - {"forwarded", "message", "programme_published", "tick"}
)
"""The types of what happens in a shop; the others the house says itself."""


class FileFault(ValueError):
    """A line of the facts file is no fact; the message says file, line and why."""


def read_facts(file: Path) -> Iterator[Fact]:
    """The facts of a JSON Lines file. Blank lines are passed over. Raises FileFault at the first line that is none.

    A key that no fact of its type has is passed over, as everywhere; the first of each is said on stderr, since in a
    file that a person made it is a slip.
    """
    said: set[tuple[str, str]] = set()
    with file.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            line = raw.removeprefix(BOM_UTF8) if number == 1 else raw
            if line.strip():
                try:
                    fact = decode_fact(line)
                    _check_instants(fact)
                except ValueError as error:  # Unreadable is its kind
                    raise FileFault(f"{file.name}:{number}: {_in_words(str(error))}") from None
                for key in _unread(msgspec.json.decode(line), fact):
                    if (fact.type, key) not in said:
                        said.add((fact.type, key))
                        print(f"note: {file.name}:{number}: a {fact.type} has no {key}; passed over", file=sys.stderr)
                yield fact


def _unread(value: Any, read: Any, path: str = "") -> Iterator[str]:
    """The keys of a JSON value that its struct does not have."""
    if isinstance(value, list):
        for part, of in zip(value, read, strict=True):
            yield from _unread(part, of, path)
    elif isinstance(value, dict) and isinstance(read, msgspec.Struct):
        for key, part in value.items():
            if key in read.__struct_fields__:
                yield from _unread(part, getattr(read, key), f"{path}{key}.")
            elif key != "type":
                yield path + key


def _check_instants(fact: Fact) -> None:
    """Raises ValueError for an instant like 31 February, which its pattern lets pass."""
    for name in ("occurred_at", "hold_until", "expires_at", "until"):
        if (said := getattr(fact, name, None)) is not None:
            try:
                millis(said)
            except ValueError as error:
                raise ValueError(f"{name} {said}: {error}") from None


def _in_words(error: str) -> str:
    """A decoder's error, with what to write where it names a pattern."""
    if "malformed" in error or "Expected `object`, got `array`" in error:
        return f"{error}; a line is one fact, as a JSON object"
    if "Invalid value" in error and "$.type" in error:
        return f"{error}; write one of {', '.join(SAID_BY_HAND)}"
    if "Expected `int`" in error and "got" in error:
        return f"{error}; write a whole number: money in minor units, points in their smallest unit"
    if ">= 0" in error and "lines" in error:
        return f"{error}; what comes back is a return, and its lines say how much"
    return f"{error}; {example_of(error)}" if "matching regex" in error else error
