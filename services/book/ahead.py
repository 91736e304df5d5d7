"""What a fact is worth, told before it is folded: what it needs follows from that.

Rated by cells that stay as they are, or by a copy of them: who folds the fact writes what they become. A basket's
change is rated once where time moves nothing on the way, and the fold takes it. Pure. Owns how a fact is rated
beforehand; not which rows follow (needs.py), nor what is posted (forward.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from events.facts import MemberFact
from events.facts.purchases import Return
from services.book.accounts import ISSUED
from services.book.baskets import about, basket_of, current, left_of, unread
from services.book.due import carried_ms
from services.book.member import Member
from services.book.messages import lots_in
from services.book.others import Receipts
from services.book.shelves import Place, absent, add_shelf, cells_with, places_of, places_taken_over, row_of
from services.book.strict import is_strict, places_of_standing, rerated, rows_to_walk, walk
from services.book.turn import Cold, ColdKey
from services.programme.by_lot import Elsewhere, worth_of_all
from services.programme.carried import migrated
from services.programme.mechanic import Change
from services.programme.plan import Plan, Version
from services.programme.rate import Award, Worth, worth
from services.programme.rule import Cells


def look_ahead(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold) -> Worth | None:
    """A purchase, or a return of a known one. None: there is none, time moves something before it, or it moves points
    of other receipts that a cap counts elsewhere."""
    begun = plan.at(to_ms)
    if begun is None or member.version_ms < begun.starts_ms:
        return None
    if fact.type == "purchase":
        if to_ms >= member.timeline.next_due_ms:
            return None
        change = Change(fact, None, basket_of(fact, to_ms, member.timeline.level, begun, member), [])
        return _worth(change, begun, member.cells, to_ms, member, plan)
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
    return _worth(change, version, cells_with(member, places, cold), to_ms, member, plan)


def _worth(change: Change, version: Version, cells: Cells, to_ms: int, member: Member, plan: Plan) -> Worth | None:
    if not plan.by_lot:
        return worth(change, version.touched(change), cells, to_ms)
    try:  # the fold would not have what is elsewhere among its cells
        return worth_of_all(change, version.touched(change), cells, to_ms, Receipts(member, plan, {}, _not_at_hand))
    except Elsewhere:
        return None


def _not_at_hand(place: Place) -> None:
    raise Elsewhere((row_of(place),))


def places_of_find(member: Member, fact: Any, plan: Plan, version: Version, cold: Cold) -> list[Place]:
    """The shelves that a find touches: its purchase, as it stands, tells its period. `cold` has the purchase's rows."""
    stands = current(fact.purchase, cold)
    bought = plan.at(stands.at_ms) if stands is not None else None
    if stands is None or bought is None:
        return []
    return places_of(member, stands.basket(bought, member), version.rules.get(fact.type, ()))


def foreseen(member: Member, fact: Any, at_ms: int, plan: Plan, cold: Cold) -> Worth | None:
    """A fact's worth, where that tells what it needs. None: it does not, or time moves something before."""
    kind = fact.type
    if kind != "purchase" and kind != "return":
        return None
    to_ms = max(at_ms, member.now_ms)
    tells: Any = member.draws or member.packed_pages or member.open_pages
    if kind == "purchase":
        tells = (tells and plan.draws) or plan.by_lot
    elif not tells:
        tells = member.purses or not lots_last(fact, to_ms, plan, cold)
    return look_ahead(member, fact, to_ms, plan, cold) if tells else None


def taken_over(member: Member, to_ms: int, plan: Plan) -> list[Place]:
    """The shelves of cells that versions take over which begin by then."""
    return [] if to_ms < carried_ms(member, plan) else places_taken_over(member, plan, to_ms)


def carried_over(member: Member, to_ms: int, plan: Plan, cold: Cold) -> list[Award]:
    """What it is worth that versions begin by then which take cells over."""
    if to_ms < carried_ms(member, plan):
        return []
    there = set(places_taken_over(member, plan, to_ms))
    cells = _copy(cells_with(member, there, cold))
    return migrated(cells, plan, member.version_ms, to_ms, _others(member, plan, cold, cells, there))


def may_draw(member: Member, fact: MemberFact, to_ms: int, plan: Plan, cold: Cold) -> list[Award]:
    """What a fact that takes nothing back is worth, as far as it may draw."""
    version, (cells, there) = plan.at(to_ms), _cells_by(member, to_ms, plan, (), cold)
    if version is None:
        return []
    if fact.type in ("purchase", "correction"):
        levels = _levels(member, to_ms, version)
        baskets = [basket_of(fact, to_ms, level, version, member) for level in levels]
        return [
            award
            for basket in baskets
            for award in _rated(Change(fact, None, basket, []), version, member, to_ms, plan, cells, there, cold)
        ]
    rules = version.rules.get(fact.type)
    if rules is None:
        return []
    granted = lots_in(fact) if fact.type == "message" and fact.account == ISSUED else []
    of = about(fact, to_ms, member.timeline.level, version, member)
    return worth(Change(fact, None, None, granted, of), rules, cells, to_ms).awards


def taken_back(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> list[Award]:
    """What a return takes back; nothing while its purchase, or what it is rated by, is not looked up."""
    if ahead is not None:
        return ahead.awards
    if fact.purchase is not None and unread(fact.purchase, cold):
        return []
    if to_walk(fact, member, plan, cold):
        return []
    if member.away and absent(places_of_return(fact, to_ms, plan, member, cold), cold):
        return []
    return _rated_back(fact, to_ms, plan, member, cold)


def _rated_back(fact: Return, at_ms: int, plan: Plan, member: Member, cold: Cold) -> list[Award]:
    """The awards of a return, rated on a copy of the cells."""
    if fact.purchase is None:
        version, (cells, there) = plan.at(at_ms), _cells_by(member, at_ms, plan, (), cold)
        if version is None:
            return []
        baskets = [basket_of(fact, at_ms, level, version, member) for level in _levels(member, at_ms, version)]
        return [
            award
            for basket in baskets
            for award in _rated(Change(fact, basket, None, []), version, member, at_ms, plan, cells, there, cold)
        ]
    stands = current(fact.purchase, cold)
    version = plan.at(stands.at_ms) if stands is not None else None
    left = left_of(stands, fact) if stands is not None else None
    if version is None or stands is None or left is None:
        return []
    changes = [(stands, left)]
    if is_strict(version):
        changes += walk(member, left, at_ms, plan, cold).moved
    cells, there = _cells_by(member, at_ms, plan, places_of_return(fact, at_ms, plan, member, cold), cold)
    cells = _copy(cells)
    others = _others(member, plan, cold, cells, there) if plan.by_lot else None
    awards: list[Award] = []
    for before, after in changes:
        awards += rerated(fact, before, after, plan, member, cells, at_ms, others)
        if others is not None:
            others.now[after.purchase] = after
    return awards


def _rated(
    change: Change,
    version: Version,
    member: Member,
    at_ms: int,
    plan: Plan,
    cells: Cells,
    there: set[Place],
    cold: Cold,
) -> list[Award]:
    """What a change is worth by cells that stay as they are; those of the shelves `there` are among them."""
    if not plan.by_lot:
        return worth(change, version.touched(change), cells, at_ms).awards
    cells = _copy(cells)
    others = _others(member, plan, cold, cells, set(there))
    return worth_of_all(change, version.touched(change), cells, at_ms, others).awards


def _others(member: Member, plan: Plan, cold: Cold, cells: Cells, there: set[Place]) -> Receipts:
    """The member's other receipts, for cells that have those of the shelves `there` among them: others are added."""

    def bring(place: Place) -> None:
        if place in there:
            return
        if lack := absent((place,), cold):
            raise Elsewhere(lack)
        there.add(place)
        add_shelf(cells, place, cold)

    return Receipts(member, plan, cold, bring)


def to_walk(fact: Return, member: Member, plan: Plan, cold: Cold) -> list[ColdKey]:
    """What a strict return reads of what came after its purchase."""
    stands = current(fact.purchase, cold) if fact.purchase is not None else None
    version = plan.at(stands.at_ms) if stands is not None else None
    if stands is None or version is None or not is_strict(version):
        return []
    return [key for key in rows_to_walk(member, stands.at_ms, cold) if key not in cold]


def lots_last(fact: Return, to_ms: int, plan: Plan, cold: Cold) -> bool:
    """Whether no lot of what comes back can have ended yet, whatever it was worth."""
    stands = current(fact.purchase, cold) if fact.purchase is not None else None
    bought_ms = to_ms if stands is None else stands.at_ms
    version = plan.at(bought_ms)
    if version is None or is_strict(version):  # later purchases may come to be worth less
        return version is None
    return to_ms < bought_ms + version.lots_last_ms


def _levels(member: Member, to_ms: int, version: Version) -> Iterable[int]:
    """The levels that a member may hold by then: the one of now, unless time moves it."""
    quiet = to_ms < member.timeline.next_due_ms and member.version_ms >= version.starts_ms
    return (member.timeline.level,) if quiet else range(len(version.levels))


def places_of_return(fact: Return, to_ms: int, plan: Plan, member: Member, cold: Cold) -> list[Place]:
    """The shelves that a return touches, and of what it moves besides. `cold` has its purchase, and what it walks."""
    stands = current(fact.purchase, cold) if fact.purchase is not None and member.away else None
    version = plan.at(stands.at_ms) if stands is not None else None
    if stands is None or version is None:
        return []
    left = left_of(stands, fact)
    moved = walk(member, left, to_ms, plan, cold).moved if left is not None and is_strict(version) else ()
    found = [place for one in (stands, *(one for one, _ in moved)) for place in places_of_standing(member, one, plan)]
    return list(dict.fromkeys(found))


def _cells_by(member: Member, at_ms: int, plan: Plan, places: Sequence[Place], cold: Cold) -> tuple[Cells, set[Place]]:
    """A member's cells, those of some shelves among them, as they are when the versions have begun that begin by then;
    not to be written. And which shelves these are."""
    there = {*places, *taken_over(member, at_ms, plan)}
    cells = cells_with(member, there, cold)
    if plan.carries:
        cells = _copy(cells)
        migrated(cells, plan, member.version_ms, at_ms, _others(member, plan, cold, cells, there))
    return cells, there


def _copy(cells: Cells) -> Cells:
    return {rule: dict(mine) for rule, mine in cells.items()}
