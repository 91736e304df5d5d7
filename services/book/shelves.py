"""Cells of long ago: the hot row holds those of a rule's newest periods, the others lie on shelves, several to a row.

A rule that counts by day or month has a cell for each, for ever, and a sale in order touches the newest alone. What
comes back, or was found cheaper, names its purchase, whose period says the shelf; it is brought into the hot row for
the fact, and goes back with it. So a late return finds its cell however old it is. Does not own what a cell is worth.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from services.book.member import Broken, Member, Shelf
from services.book.turn import Cold, ColdKey, Turn, newest
from services.programme.mechanic import Basket
from services.programme.plan import Plan
from services.programme.rule import Cells, Rule

HOT_CELLS_MAX = 16
"""Of a rule that counts by periods, in the hot row."""
TOGETHER = 8
"""Periods that share a shelf. Behind the newest period's shelf another one stays hot: the days of two zones differ."""

Place = tuple[str, int]
"""(rule, number of its shelf)."""


def row_of(place: Place) -> ColdKey:
    """Where a shelf lies."""
    return "cells", f"{place[0]}.{place[1]}"


def places_of(member: Member, basket: Basket, rules: Sequence[Rule]) -> list[Place]:
    """The shelves that hold what a change of a basket touches by these rules, under any revision of them."""
    found: dict[Place, None] = {}
    for rule in rules if member.away else ():
        if rule.mechanic.by_period:
            found |= dict.fromkeys(places_at(member, rule, rule.mechanic.period(basket)))
    return list(found)


def places_at(member: Member, rule: Rule, period: int) -> list[Place]:
    """The shelves that hold a rule's cells of a period, under any revision from this one on."""
    found, shelf, one = [], period // TOGETHER, rule
    while True:
        if one.name in member.away and shelf < member.away[one.name][1]:
            found.append((one.name, shelf))
        if one.heir is None:
            return found
        one = one.heir.rule


def places_taken_over(member: Member, plan: Plan, to_ms: int) -> list[Place]:
    """Every shelf of the rules whose cells versions take over that begin until an instant, and of their heirs."""
    if not member.away or not plan.carries:
        return []
    names: dict[str, None] = {}
    for version in plan.versions:
        if member.version_ms < version.starts_ms <= to_ms:
            for rule in version.carried:
                names[rule.name] = None
                if rule.heir is not None:
                    names[rule.heir.rule.name] = None
    return [(name, shelf) for name in names if name in member.away for shelf in range(*member.away[name])]


def absent(places: Iterable[Place], cold: Cold) -> tuple[ColdKey, ...]:
    """The rows of shelves that were not looked up."""
    return tuple([key for place in places if (key := row_of(place)) not in cold])


def cells_with(member: Member, places: Collection[Place], cold: Cold) -> Cells:
    """The member's cells with those of some shelves, which `cold` must hold; not to be written."""
    if not places:
        return member.cells
    cells: Cells = {rule: dict(mine) for rule, mine in member.cells.items()}
    for place in places:
        add_shelf(cells, place, cold)
    return cells


def add_shelf(cells: Cells, place: Place, cold: Cold) -> None:
    """Put the cells of a shelf, which `cold` must hold, among others."""
    for key, cell in (newest(cold[row_of(place)], Shelf) or {}).items():
        cells.setdefault(place[0], {})[key] = cell


def reach(turn: Turn, places: Iterable[Place]) -> None:
    """Bring the cells of shelves into the hot row, for this turn. Raises Broken when one was not looked up."""
    cells = turn.member.cells
    for place in places:
        if place in turn.reached:
            continue
        if not turn.knows(row_of(place)):
            raise Broken(f"{turn.member.id}: the shelf {place} of its cells was not looked up")
        turn.reached[place] = turn.read(*row_of(place), Shelf) or {}
        for key, cell in turn.reached[place].items():
            cells.setdefault(place[0], {})[key] = cell


def put_away(turn: Turn, plan: Plan) -> None:
    """Cells of long ago go to their shelves, old and new. One of the last things of a turn."""
    cells = turn.member.cells
    rules = {rule for rule, _ in turn.reached} if turn.reached else set()
    for rule, mechanic in plan.by_period.items():
        if rule in cells and len(mine := cells[rule]) > HOT_CELLS_MAX and _reaches_far(mine, mechanic):
            rules.add(rule)
    for rule in sorted(rules) if rules else ():
        _put_away(turn, rule, plan.by_period[rule])


def _reaches_far(cells: dict[Any, Any], mechanic: Any) -> bool:
    """Whether the first of a rule's cells may be put away, as far as the order of their making tells."""
    first, last = next(iter(cells)), next(reversed(cells))
    behind: int = mechanic.period_of(last, cells[last]) // TOGETHER - 1
    return mechanic.period_of(first, cells[first]) // TOGETHER < behind  # type: ignore[no-any-return]


def _put_away(turn: Turn, rule: str, mechanic: Any) -> None:
    member = turn.member
    mine = member.cells.get(rule, {})
    shelf_of = {key: mechanic.period_of(key, cell) // TOGETHER for key, cell in mine.items()}
    first, behind = member.away.get(rule, (0, 0))
    until = behind
    if len(mine) > HOT_CELLS_MAX:
        until = max(behind, max(shelf_of.values()) - 1)
    shelves: dict[int, dict[int | str, Any]] = {shelf: {} for name, shelf in turn.reached if name == rule}
    for key in sorted([key for key, shelf in shelf_of.items() if 0 < shelf < until], key=str):
        shelf = shelf_of[key]
        if shelf < behind and (rule, shelf) not in turn.reached:
            raise Broken(f"{member.id}: a cell of {rule} was made beside its shelf {shelf}")
        shelves.setdefault(shelf, {})[key] = mine.pop(key)
    if not mine:
        member.cells.pop(rule, None)
    if shelves:
        member.away[rule] = (min(first or min(shelves), *shelves), until)
    for shelf, cells in shelves.items():
        if cells != turn.reached.get((rule, shelf), {}):
            turn.write(*row_of((rule, shelf)), cells or None)
