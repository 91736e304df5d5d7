"""What a change of a basket is worth: for every rule it can touch, due(new) - due(old).

Owns the diff of dues and the cells' bookkeeping, over a rule's revisions too. Does not own lots or accounts: an award
is handed to the book.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from services.programme.mechanic import (
    POINTS,
    Basket,
    Change,
    Due,
    Key,
    Lot,
    LotPoints,
    Sums,
)
from services.programme.predicates import Predicate
from services.programme.rule import Cells, Rule, Stack, holder_of

Award = tuple[str, str, Lot, int, str]
"""(rule, unit, lot, amount, to): a difference of two dues. `rule` reads "base@0": its id and revision."""

Written = list[tuple[str, Key, Any]]
"""(rule, key, cell) of the cells that a change leaves otherwise; None: it is empty."""


class Worth(msgspec.Struct, frozen=True, gc=False):
    """What the rules make of a change, and of the cells."""

    change: Change
    awards: list[Award]
    """In the order of the rules."""
    written: Written

    def take(self, cells: Cells) -> list[Award]:
        """The awards; writes into the cells, which must still be those that it was found by, what becomes of them."""
        for name, key, cell in self.written:
            mine = cells.get(name)
            if mine is not None and cell is not None:
                mine[key] = cell
            else:
                store(cells, name, key, cell)
        return self.awards


def rate(change: Change, rules: Sequence[Rule], cells: Cells, now_ms: int) -> list[Award]:
    """The awards of a change, as `worth` says. Writes the new cells into `cells`."""
    return worth(change, rules, cells, now_ms).take(cells)


def worth(
    change: Change,
    rules: Sequence[Rule],
    cells: Cells,
    now_ms: int,
    own: Callable[[Rule, Lot], bool] | None = None,
) -> Worth:
    """What the rules (of its purchase's version, for the fact's type or "basket") make of a change. The cells stay as
    they are.

    `now_ms`: how far time has come in them, so that a cell is found under the revision that has taken it over by then
    (services/programme/carried.py). `own`: whether a rule counts a lot's points here; None: any's.
    """
    awards: list[Award] = []
    written: Written = []
    before, after = change.before, change.after
    was: Any = before.measures if before is not None else after.measures if after is not None else _ANY
    now: Any = after.measures if after is not None else was
    alone = after if before is None else before if after is None else None
    old: tuple[Due, ...]
    new: tuple[Due, ...]
    for rule in rules:
        index, when, key, due = rule.asked
        if index is not None and not now[index] and not was[index]:
            continue
        seen = change
        if when is not None:
            if alone is None:
                part = _seen(when, rule, change)
                if part is None:
                    continue
                seen = part
            elif not when(alone):
                continue
        if key is None:
            if rule.stack is not None:
                _stacked(rule.stack, before, after, awards, change.points)
                continue
            if alone is None and before is None:
                old, new = (), due(None, change.fact)
            elif before is None:  # by far the most frequent: a sale
                old, new = (), due(None, after)
            else:
                old = due(None, seen.before) if seen.before is not None else ()
                new = due(None, seen.after) if seen.after is not None else ()
            if old != new:
                give(rule, moved(old, new) if old else new, awards, change.points)
            continue
        if rule.of is not None:
            seen = Change(change.fact, seen.before, seen.after, points_of(rule.of, rule.unit, awards))
        if own is not None and rule.mechanic.reads_points:
            seen = Change(change.fact, seen.before, seen.after, [one for one in seen.points if own(rule, one[0])])
        here = key(seen)
        if here is not None:
            count(rule, here, seen, cells, now_ms, awards, written, change.points)
    return Worth(change, awards, written)


def count(
    rule: Rule, place: Key, change: Change, cells: Cells, now_ms: int,
    awards: list[Award], written: Written, points: list[LotPoints],
) -> None:  # fmt: skip
    """Let a cell count a change."""
    holder = rule if rule.heir is None else holder_of(rule, place, cells, now_ms)
    name, due = holder.name, holder.due
    mine = cells.get(name)
    cell = mine.get(place) if mine is not None else None
    becomes = rule.mechanic.absorb(cell, change)  # as it rated the purchase; worth what its rule of today says
    if becomes == cell:
        return
    written.append((name, place, becomes))
    old = due(place, cell) if cell is not None else ()
    new = due(place, becomes) if becomes is not None else ()
    if old != new:
        give(holder, moved(old, new) if old else new, awards, points)


class _Any(Sums):
    """The measures of no basket: whatever a rule needs is there."""

    def __missing__(self, index: int) -> int:
        return 1


_ANY = _Any()


def _seen(when: Predicate, rule: Rule, change: Change) -> Change | None:
    """The change of two baskets, or of none, as a rule with a condition sees it: a basket of which it does not hold is
    none. Of facts without a basket, a rule that counts baskets, or what was used, sees all; one that counts deeds sees
    those of which it holds. None: it sees nothing."""
    before, after = change.before, change.after
    if before is None or after is None:
        all_of_it = change.about is None or change.fact.type == "used" or rule.of_baskets
        return change if all_of_it or when(change.about) else None  # type: ignore[arg-type]
    was, now = when(before), when(after)
    if was and now:
        return change
    return Change(change.fact, before if was else None, after if now else None, change.points) if was or now else None


def store(cells: Cells, name: str, key: Key, cell: Any) -> None:
    if cell is not None:
        cells.setdefault(name, {})[key] = cell
        return
    mine = cells[name]
    del mine[key]
    if not mine:
        del cells[name]


def points_of(of: frozenset[str], kind: str, awards: list[Award]) -> list[tuple[Lot, int]]:
    """What some of the rules before gave to lots of this member, for this change."""
    return [
        (lot, amount)
        for rule, unit, lot, amount, to in awards
        if rule in of and unit == kind and not to and lot[3][0] != "-"
    ]


def _stacked(stack: Stack, before: Basket | None, after: Basket | None, awards: list[Award], points: list[Any]) -> None:
    """The rules of a group together: of what is left of a basket, another one may be the best."""
    was = {} if before is None else _stack(stack, before)
    now = {} if after is None else _stack(stack, after)
    for one in stack.rules if was or now else ():
        old, new = was.get(one.name, ()), now.get(one.name, ())
        if old != new:
            give(one, moved(old, new), awards, points)


def _stack(stack: Stack, basket: Basket) -> dict[str, tuple[Due, ...]]:
    """What each rule of the group gives for a basket."""
    found: dict[str, tuple[Due, ...]] = {}
    most: int | None = None
    for rule in stack.rules:
        index, when, due = rule.measure, rule.when, rule.due
        if not ((index is None or basket.measures[index]) and (when is None or when(basket))):
            continue
        dues = due(None, basket)
        if not stack.best:
            found[rule.name] = dues
            continue
        given = all_given(dues)
        if most is None or given > most:
            most, found = given, {rule.name: dues}
    if stack.at_most is None:
        return found
    room, capped = stack.at_most, {}
    for name, dues in found.items():
        kept: list[Due] = []
        for unit, amount, lot, to in dues:
            part = min(amount, room) if unit == POINTS else amount
            room -= part if unit == POINTS else 0
            if part:
                kept.append((unit, part, lot, to))
        capped[name] = tuple(kept)
    return capped


def all_given(dues: tuple[Due, ...]) -> int:
    """How much dues give in all: a draw on other lots only moves what was given."""
    given = 0
    for _, amount, lot, _ in dues:
        if lot[3][0] != "-":
            given += amount
    return given


def moved(old: tuple[Due, ...], new: tuple[Due, ...]) -> tuple[Due, ...]:
    """What must be given, or taken, for dues to become others."""
    if len(old) == len(new) == 1 and old[0][2] == new[0][2] and old[0][0] == new[0][0] and old[0][3] == new[0][3]:
        unit, amount, lot, to = new[0]
        return ((unit, amount - old[0][1], lot, to),)
    was = {(unit, lot, to): amount for unit, amount, lot, to in old}
    more = [(unit, amount - was.pop((unit, lot, to), 0), lot, to) for unit, amount, lot, to in new]
    return (*more, *[(unit, -amount, lot, to) for (unit, lot, to), amount in was.items()])


def give(rule: Rule, moved: tuple[Due, ...], awards: list[Award], points: list[tuple[Lot, int]]) -> None:
    name, kind = rule.name, rule.unit
    for unit, amount, lot, to in moved:
        if not amount:
            continue
        if unit != POINTS:
            awards.append((name, unit, lot, amount, to))
            continue
        awards.append((name, kind, lot, amount, to))
        if kind == POINTS and not to and lot[3][0] != "-":
            points.append((lot, amount))
