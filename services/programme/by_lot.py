"""Points of other receipts than the one that moves them: caps and vouchers count each lot where it belongs.

Goods that come back may give to other receipts: a wider cap above has room for them, or a gift is theirs now. What a
lot is given, or loses, is told to the rules that count it in the version of the lot's own instant, in the period of its
own purchase, if that meets their condition. What these give or take is told in turn. Pure. Does not own how the other
receipts are found (services/book/others.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from services.programme.mechanic import OF_PURCHASE, POINTS, Basket, Change, Key, Lot
from services.programme.rate import Award, Worth, Written, count, worth
from services.programme.rule import Cells, Rule


class Elsewhere(Exception):
    """A change moves points of other receipts, and what counts them is not at hand. Nothing has been changed.

    keys: the cold rows that were not looked up.
    """

    def __init__(self, keys: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"{len(keys)} cold rows")
        self.keys = keys


class Others(Protocol):
    """The member's other receipts, and the cells of other periods."""

    def counting(self, lot: Lot) -> Sequence[Rule]:
        """The rules that count points, in their order, in the version of a lot's own instant."""

    def basket(self, purchase: str) -> Basket:
        """A purchase as it stands. May raise Elsewhere."""

    def reach(self, rule: Rule, key: Key) -> None:
        """Have a rule's cell among the cells that are rated by, where there is one. May raise Elsewhere."""


def worth_of_all(change: Change, rules: Sequence[Rule], cells: Cells, now_ms: int, others: Others | None) -> Worth:
    """As `rate.worth`, with what it comes to for the member's other receipts. Raises Elsewhere.

    others: None where no rule of any version counts points that a receipt may move of another one.
    """
    basket = change.after or change.before
    if others is None or basket is None:
        return worth(change, rules, cells, now_ms)
    here = others.counting((0, basket.at_ms, 0, OF_PURCHASE))
    slot = OF_PURCHASE + basket.purchase

    def own(rule: Rule, lot: Lot) -> bool:
        if lot[3].startswith(OF_PURCHASE):
            return lot[3] == slot
        return not rule.of_purchases and others.counting(lot) is here

    found = worth(change, rules, cells, now_ms, own)
    tell(found.awards, len(found.awards), own, change, cells, found.written, now_ms, others)
    return found


def tell(
    awards: list[Award], told: int, own: Callable[[Rule, Lot], bool], change: Change,
    cells: Cells, written: Written, now_ms: int, others: Others,
) -> None:  # fmt: skip
    """Let every award be counted that is not yet: of the first `told` ones, those that `own` does not say. What that
    comes to is added to `awards`, and to `written`."""
    live = _Live(cells, written)
    number = 0
    while number < len(awards):
        name, unit, lot, amount, to = awards[number]
        if unit.startswith(POINTS) and not to and lot[3][0] != "-":
            for rule in others.counting(lot):
                counts = rule.unit == unit and name.partition("@")[0] in rule.counts
                if counts and not (number < told and own(rule, lot)):
                    _tell(rule, lot, amount, change, live, now_ms, awards, others)
        number += 1
    written[:] = live.written()


def _tell(
    rule: Rule, lot: Lot, amount: int, change: Change, live: _Live, now_ms: int, awards: list[Award], others: Others
) -> None:
    """Let a rule count points of a lot, if it counts that lot."""
    part = Change(change.fact, None, None, [(lot, amount)])
    if lot[3].startswith(OF_PURCHASE):
        purchase = lot[3].removeprefix(OF_PURCHASE)
        basket = change.after or change.before
        if basket is None or purchase != basket.purchase:
            basket = others.basket(purchase)
        if rule.when is not None and not rule.when(basket):
            return
        key = rule.mechanic.key(Change(change.fact, None, basket, part.points))
    else:
        key = None if rule.of_purchases else rule.mechanic.key_of(lot[3])
    if key is None:
        return
    others.reach(rule, key)
    wrote: Written = []
    count(rule, key, part, live, now_ms, awards, wrote, [])
    for name, place, cell in wrote:
        live.put(name, place, cell)


class _Live(dict[str, Any]):
    """Cells with what was made of some of them since; for `get` alone."""

    def __init__(self, cells: Cells, written: Written) -> None:
        super().__init__()
        self._cells = cells
        for name, key, cell in written:
            self.put(name, key, cell)

    def put(self, name: str, key: Key, cell: Any) -> None:
        self.setdefault(name, {})[key] = cell

    def get(self, name: str, default: Any = None) -> Any:
        there = self._cells.get(name, {}) | super().get(name, {})
        return {key: cell for key, cell in there.items() if cell is not None} or default

    def written(self) -> Written:
        return [
            (name, key, cell)
            for name, mine in self.items()
            for key, cell in mine.items()
            if cell is not None or key in self._cells.get(name, {})
        ]
