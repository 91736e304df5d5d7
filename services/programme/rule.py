"""A rule, compiled: a mechanic bound to its config, with all that decides whether and how it counts.

Owns the values, and which revision holds a cell. They are made in services/programme/compile.py, and asked in
services/programme/rate.py.
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


Asked = tuple[
    int | None,
    Predicate | None,
    Callable[[Change], Key | None] | None,
    Callable[[Key | None, Any], tuple[Due, ...]],
]
"""What a rule is asked for every change, at hand at once: measure, when, the mechanic's key and due. Without a key
nothing is stored: the basket is the cell, or the fact."""


Cells = dict[str, dict[Key, Any]]
"""rule -> key -> cell. Empty cells and empty rules are not kept."""


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
    counts: frozenset[str] = frozenset()
    """Of a rule that counts points: the ids of those whose points it counts."""
    of_purchases: bool = False
    """Whether it counts lots of purchases alone."""
    of: frozenset[str] | None = None
    """The names of the same, where they must be told apart. None: all before it."""
    when: Predicate | None = None
    """Receipts of which it does not hold are as if they were not there. None: all are."""
    of_baskets: bool = False
    """Derived: whether changes of baskets concern it."""
    due: Callable[[Key | None, Any], tuple[Due, ...]] = _unbound
    """Derived: the mechanic's own."""
    asked: Asked = (None, None, None, _unbound)
    """Derived."""

    @property
    def id(self) -> str:
        """Its name without the revision."""
        return self.name.partition("@")[0]

    def __post_init__(self) -> None:
        one = self.mechanic
        key = None if one.per_purchase or one.per_fact else one.key
        msgspec.structs.force_setattr(self, "of_baskets", "basket" in one.kinds and one.of_baskets)
        msgspec.structs.force_setattr(self, "due", one.due)
        msgspec.structs.force_setattr(self, "asked", (self.measure, self.when, key, one.due))


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


def holder_of(rule: Rule, key: Key, cells: Cells, now_ms: int) -> Rule:
    """The revision that holds a cell by now. One that was not worth taking over is still where it was."""
    while (heir := rule.heir) is not None and heir.starts_ms <= now_ms:
        if heir.top_up and key in cells.get(rule.name, ()):
            break
        rule = heir.rule
    return rule
