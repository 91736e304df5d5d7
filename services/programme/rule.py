"""A rule, compiled: a mechanic bound to its config, with all that decides whether and how it counts.

Owns the values alone. They are made in services/programme/compile.py, and asked in services/programme/rate.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from services.programme.mechanic import POINTS, Change, Due, Key, Mechanic
from services.programme.predicates import Predicate


def _unbound(*_: Any) -> Any:
    """Never called: each rule puts its mechanic's function in its place when it is made."""
    raise NotImplementedError


class Rule(msgspec.Struct, frozen=True):
    """A mechanic bound to its config. `name` is id@revision."""

    name: str
    mechanic: Mechanic
    measure: int | None
    """Index of the measure it needs: a change where that is 0 before and after is skipped. None: never skipped."""
    heir: Heir | None = None
    """The revision that takes over its cells; None: they stay its own for ever."""
    stack: Stack | None = None
    """A group that is rated as one, in place of the rule itself."""
    unit: str = POINTS
    """What the points that it gives are: regular, or of another currency."""
    of: frozenset[str] | None = None
    """Names of the rules whose points it counts. None: those of all before it."""
    when: Predicate | None = None
    """Receipts of which it does not hold are as if they were not there. None: all are."""
    per_purchase: bool = False
    """Derived, as what follows: the mechanic's own, at hand for every fact."""
    per_fact: bool = False
    key: Callable[[Change], Key | None] = _unbound
    absorb: Callable[[Any, Change], Any] = _unbound
    due: Callable[[Key | None, Any], tuple[Due, ...]] = _unbound

    def __post_init__(self) -> None:
        for name in ("per_purchase", "per_fact", "key", "absorb", "due"):
            msgspec.structs.force_setattr(self, name, getattr(self.mechanic, name))


class Stack(msgspec.Struct, frozen=True):
    """Rules of baskets that are rated together."""

    rules: tuple[Rule, ...]
    best: bool
    """Of each basket only the rule that gives most counts, the first of equals."""
    at_most: int | None
    """Points of one basket: the last rules give what is left of them. None: any."""


class Heir(msgspec.Struct, frozen=True):
    """The next revision of a rule, and from when and how it takes over the cells."""

    starts_ms: int
    rule: Rule
    top_up: bool
    """Only those cells that are then worth more."""
