"""A basket's change rated once, before it is folded: what the fact needs follows from its worth, and the fold takes it.

Rated by the cells as they are, which it leaves as they are: who folds the fact writes what they become. Only where time
moves nothing on the way: no version begins, no level changes. Pure. Owns which changes those are; not what is looked up
for them (needs.py), nor what is posted (forward.py).
"""

from __future__ import annotations

from typing import Any

from services.book.baskets import basket_of, current, left_of
from services.book.member import Member
from services.book.shelves import Place, absent, cells_with, places_of
from services.book.strict import is_strict
from services.book.turn import Cold
from services.programme.mechanic import Change
from services.programme.plan import Plan, Version
from services.programme.rate import Worth, worth


def look_ahead(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold) -> Worth | None:
    """A purchase, or a return of a known one. None: there is none, or time moves something before it."""
    begun = plan.at(to_ms)
    if begun is None or member.version_ms < begun.starts_ms:
        return None
    if fact.type == "purchase":
        if to_ms >= member.timeline.next_due_ms:
            return None
        change = Change(fact, None, basket_of(fact, to_ms, member.timeline.level, begun, member), [])
        return worth(change, begun.touched(change), member.cells, to_ms)
    if fact.type != "return" or fact.purchase is None:
        return None
    stands = current(fact.purchase, cold)
    version = plan.at(stands.at_ms) if stands is not None else None
    left = left_of(stands, fact) if stands is not None else None
    if version is None or stands is None or left is None or is_strict(version):
        return None
    basket = stands.basket(version, member)
    places = places_of(member, basket, version.rules["basket"])
    if places and absent(places, cold):
        return None
    change = Change(fact, basket, left.basket(version, member), [])
    return worth(change, version.touched(change), cells_with(member, places, cold), to_ms)


def places_of_find(member: Member, fact: Any, plan: Plan, version: Version, cold: Cold) -> list[Place]:
    """The shelves that a find touches: its purchase, as it stands, tells its period. `cold` has the purchase's rows."""
    stands = current(fact.purchase, cold)
    bought = plan.at(stands.at_ms) if stands is not None else None
    if stands is None or bought is None:
        return []
    return places_of(member, stands.basket(bought, member), version.rules.get(fact.type, ()))
