"""What a change of a basket is worth: for every rule it can touch, due(new) - due(old).

Owns the diff of dues and the cells' bookkeeping. Does not own lots or accounts: an award is handed to the book.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.programme.compile import Rule
from services.programme.mechanic import POINTS, Change, Due, Key, Lot

Award = tuple[str, str, Lot, int, str]
"""(rule, unit, lot, amount, to): a difference of two dues. `rule` reads "base@0": its id and revision."""

Cells = dict[str, dict[Key, Any]]
"""rule -> key -> cell. Empty cells and empty rules are not kept."""


def rate(change: Change, rules: Sequence[Rule], cells: Cells) -> list[Award]:
    """The awards of a change, in the order of the rules. Writes the new cells into `cells`."""
    awards: list[Award] = []
    before, after = change.before, change.after
    for rule in rules:
        mechanic, name = rule.mechanic, rule.name
        index = mechanic.measure
        if index is not None and not (
            (after is not None and after.measures[index]) or (before is not None and before.measures[index])
        ):
            continue
        if mechanic.per_purchase:
            old = mechanic.due(None, before) if before is not None else ()
            new = mechanic.due(None, after) if after is not None else ()
        else:
            key = mechanic.key(change)
            if key is None:
                continue
            old, new = _absorb(rule, key, change, cells)
        if old != new:
            _diff(name, old, new, awards, change.points)
    return awards


def _absorb(rule: Rule, key: Key, change: Change, cells: Cells) -> tuple[tuple[Due, ...], tuple[Due, ...]]:
    mechanic = rule.mechanic
    mine = cells.get(rule.name, {})
    old = mine.get(key)
    new = mechanic.absorb(old, change)
    if new == old:
        return (), ()
    if new is None:
        del mine[key]
        if not mine:
            cells.pop(rule.name)
    else:
        mine[key] = new
        cells[rule.name] = mine
    return (
        mechanic.due(key, old) if old is not None else (),
        mechanic.due(key, new) if new is not None else (),
    )


def _diff(
    rule: str, old: tuple[Due, ...], new: tuple[Due, ...], awards: list[Award], points: list[tuple[Lot, int]]
) -> None:
    if not old and len(new) == 1:  # by far the most frequent: a new purchase
        unit, amount, lot, to = new[0]
        awards.append((rule, unit, lot, amount, to))
        if unit == POINTS:
            points.append((lot, amount))
        return
    was = {(unit, lot, to): amount for unit, amount, lot, to in old}
    moved = [((unit, lot, to), amount - was.pop((unit, lot, to), 0)) for unit, amount, lot, to in new]
    moved += [(identity, -amount) for identity, amount in was.items()]
    for (unit, lot, to), amount in moved:
        if amount:
            awards.append((rule, unit, lot, amount, to))
            if unit == POINTS:
                points.append((lot, amount))
