"""The member's other receipts, and the cells of their periods: for points that a change of one receipt gives to others,
or takes from them (services/programme/rate.py). They lie in cold rows. Pure.

Owns finding them. Does not own when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.book.baskets import Standing, current, unread
from services.book.member import Member
from services.book.shelves import Place, places_at
from services.book.turn import Cold
from services.programme.by_lot import Elsewhere
from services.programme.calendar import month_start
from services.programme.mechanic import OF_MONTH, Basket, Key, Lot, month_of_slot
from services.programme.plan import Plan
from services.programme.rule import Rule


class Receipts:
    """As `by_lot.Others` asks for them."""

    def __init__(self, member: Member, plan: Plan, cold: Cold, bring: Callable[[Place], None]) -> None:
        """`bring` puts a shelf's cells beside those that are rated by, or raises Elsewhere."""
        self._member, self._plan, self._cold, self._bring = member, plan, cold, bring
        self.now: dict[str, Standing] = {}
        """Purchases that stand otherwise by now than `cold` has it."""

    def basket(self, purchase: str) -> Basket:
        stands = self.now.get(purchase)
        if stands is None:
            if lack := unread(purchase, self._cold):
                raise Elsewhere(lack)
            stands = current(purchase, self._cold)
            assert stands is not None  # it was given points
        return stands.basket(self._plan.of(stands.at_ms), self._member)

    def counting(self, lot: Lot) -> Sequence[Rule]:
        at_ms = lot[1]
        if lot[3].startswith(OF_MONTH):  # a later version may not have begun when the month's first points are given
            at_ms = max(month_start(month_of_slot(lot[3]), self._plan.zone), self._plan.starts_ms[0])
        version = self._plan.at(at_ms)
        return version.counting if version is not None else ()

    def reach(self, rule: Rule, key: Key) -> None:
        for place in places_at(self._member, rule, key) if isinstance(key, int) else ():
            self._bring(place)
