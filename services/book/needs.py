"""Which cold rows a fact needs, before it is folded. Pure.

A fact in order needs none. A return needs its purchase and the breakage of its lots; a void what its redemption drew;
spending beyond the hot row, or time that reaches a page, needs pages of lots. Some rows lead to others: ask until ().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.facts import MemberFact
from services.book.ahead import (
    carried_over,
    foreseen,
    lots_last,
    may_draw,
    places_of_find,
    places_of_return,
    taken_back,
    taken_over,
    to_walk,
)
from services.book.baskets import unread
from services.book.due import carried_ms
from services.book.giving_back import drawn_out, given_back, of_draws, of_redemption
from services.book.member import Member
from services.book.messages import lots_in, other_awards
from services.book.pages import missing
from services.book.purses import Rows, key_of, purse_of
from services.book.rewards import receipt_of
from services.book.shelves import absent, places_taken_over
from services.book.transfers import decided_lots
from services.book.turn import Cold, ColdKey, lot_id
from services.programme.by_lot import Elsewhere
from services.programme.mechanic import CURRENCY, POINTS, Change, Lot
from services.programme.plan import Plan
from services.programme.rate import Award, Worth, worth


def plain(member: Member, fact: MemberFact, at_ms: int, plan: Plan) -> bool:
    """Whether a fact comes in the order of time and needs no cold row: told without a look at what it says, and so for
    nearly all. False: it may still need none."""
    if member.holds or member.open_pages or member.purses or member.draws:
        return False
    seek = _SEEK.get(fact.type)
    if seek is not None and seek is not _of_request:  # a request asks for pages alone
        return False
    if plan.by_lot and fact.type == "purchase":
        return False
    if member.packed_pages and (seek is not None or plan.draws or member.packed_from_ms <= at_ms):
        return False
    return member.now_ms < at_ms and (not plan.carries or at_ms < carried_ms(member, plan))


def plain_soon(member: Member, fact: MemberFact, at_ms: int, plan: Plan) -> bool:
    """Whether a fact comes in the order of time and `soon` asks for no row, told as `plain` tells it."""
    if fact.type == "purchase":
        return member.now_ms < at_ms and _quiet(member, at_ms)
    return plain(member, fact, at_ms, plan)


def _quiet(member: Member, to_ms: int) -> bool:
    """Whether no hold lapses and no page opens until an instant, told at a glance."""
    return to_ms < member.packed_from_ms and not (member.holds or member.open_pages)


def soon(
    member: Member, fact: MemberFact, at_ms: int, plan: Plan, cold: Cold, ahead: Worth | None
) -> tuple[tuple[ColdKey, ...], Worth | None]:
    """As `needs`, for a batch: what a purchase draws is not rated for it, because it hardly ever leads to a row. With
    the fact's worth, where it was found on the way."""
    if fact.type == "purchase":
        to_ms = max(at_ms, member.now_ms)
        return () if _quiet(member, to_ms) else _time_needs(member, to_ms, ([], [], 0), cold), None
    ahead = ahead or foreseen(member, fact, at_ms, plan, cold)
    return needs(member, fact, at_ms, plan, cold, ahead), ahead


def needs(
    member: Member, fact: MemberFact, at_ms: int, plan: Plan, cold: Cold, ahead: Worth | None = None
) -> tuple[ColdKey, ...]:
    """The cold rows that the fact needs and `cold` does not have yet. Ask again until (): some lead to others.

    ahead: its worth, where that is known; None: it is rated here, if it must be.
    """
    try:
        return _needs(member, fact, max(at_ms, member.now_ms), plan, cold, ahead)
    except Elsewhere as lack:
        return lack.keys


def _needs(
    member: Member, fact: MemberFact, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None
) -> tuple[ColdKey, ...]:
    if ahead is not None and fact.type == "purchase" and _stays_at_hand(member, ahead.awards, to_ms):
        return ()
    carried: list[Award] = []
    if plan.carries and to_ms >= carried_ms(member, plan):
        if lack := absent(places_taken_over(member, plan, to_ms), cold):
            return lack
        carried = carried_over(member, to_ms, plan, cold)
    own = _own(member, fact, to_ms, carried, plan, cold, ahead)
    elsewhere = member.purses or carried or _opens(fact, to_ms, plan, cold)
    return own + _of_purses(member, fact, to_ms, carried, plan, cold, ahead) if elsewhere else own


def _stays_at_hand(member: Member, awards: list[Award], to_ms: int) -> bool:
    """Whether what a purchase is worth needs no row, told at a glance: nothing lies in pages, no hold lapses, no lot
    that it gives to has ended, and it undoes no draw. False: it may still need none."""
    if member.packed_pages or member.open_pages or member.holds or member.purses:
        return False
    for _, _, (ends, _, _, slot), points, _ in awards:  # noqa: SIM110  # a generator costs more than what it asks
        if ends <= to_ms and (points > 0 or slot[0] != "-"):
            return False
    return True


def _opens(fact: Any, to_ms: int, plan: Plan, cold: Cold) -> bool:
    """Whether a fact may give points that have ended already, in a currency of which the member has had none."""
    if fact.type == "return":  # what comes back may let a rule count that did not
        return plan.currencies and not lots_last(fact, to_ms, plan, cold)
    return fact.type == "message" or (fact.type == "adjusted" and fact.unit is not None)


def _own(
    member: Member, fact: MemberFact, to_ms: int, carried: list[Award], plan: Plan, cold: Cold, ahead: Worth | None
) -> tuple[ColdKey, ...]:
    """What the member's regular points need."""
    seek = _SEEK.get(fact.type)
    moves_others = plan.by_lot and fact.type in ("purchase", "correction")
    if seek is None and not carried and not plan.draws and not moves_others:
        return () if _quiet(member, to_ms) else _time_needs(member, to_ms, ([], [], 0), cold)
    keys, lots, points = seek(member, fact, to_ms, plan, cold, ahead) if seek is not None else ([], [], 0)
    if keys and not (lots or points) and (leading := tuple([key for key in keys if key not in cold])):
        return leading  # what else is needed, they tell
    if carried:
        keys = keys + drawn_out(carried, POINTS, member, to_ms, cold)
    awards = carried
    if carried and fact.type == "return":  # what both undo goes further back than what each does
        awards = carried + taken_back(member, fact, to_ms, plan, cold, ahead)
    elif moves_others or (
        plan.draws and fact.type != "return" and (member.draws or member.packed_pages or member.open_pages)
    ):
        awards = carried + (may_draw(member, fact, to_ms, plan, cold) if ahead is None else ahead.awards)
    if awards:
        more = _of_awards(awards, POINTS, member, to_ms, cold)
        keys, lots, points = keys + more[0], lots + more[1], points + more[2]
    if member.holds:
        keys += given_back(member, to_ms, False, cold)
    found = tuple([key for key in keys if key not in cold]) if keys else ()
    return found + missing(member, cold, to_ms, points, lots) if member.pages else found


def _of_purses(
    member: Member, fact: Any, to_ms: int, carried: list[Award], plan: Plan, cold: Cold, ahead: Worth | None
) -> tuple[ColdKey, ...]:
    """What the member's other currencies need."""
    found: list[ColdKey] = []
    awards = carried + (taken_back(member, fact, to_ms, plan, cold, ahead) if fact.type == "return" else [])
    awards += other_awards(fact) if fact.type == "message" else []
    for currency, purse in _purses(member, awards, getattr(fact, "unit", None)):
        rows = Rows(cold, currency)
        keys, lots, points = _of_awards(awards, CURRENCY + currency, purse, to_ms, rows)
        keys = keys + drawn_out(carried, CURRENCY + currency, purse, to_ms, rows)
        if fact.type == "erased" or (getattr(fact, "unit", None) == currency and fact.type in _SEEK):
            more = _SEEK[fact.type](purse, fact, to_ms, plan, rows, None)
            keys, lots, points = keys + more[0], lots + more[1], points + more[2]
        if purse.holds:
            keys += given_back(purse, to_ms, False, rows)
        absent = [key for key in keys if key not in rows]
        if purse.pages:
            absent += missing(purse, rows, to_ms, points, lots)
        found += [key_of(currency, key) for key in absent]
    return tuple(found)


_Sought = tuple[list[ColdKey], list[Lot], int]
"""(rows that a fact reads, lots whose points it may take back, at most how many points it draws from whatever is)."""


def _of_purchase(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    """What a return or a correction needs: the purchase, and the breakage of its lots that have ended."""
    if ahead is not None:  # then what leads to it is there
        return _of_taken(fact, ahead.awards, member, to_ms, plan, cold)
    purchase = fact.id if fact.type == "correction" else fact.purchase
    if purchase is not None and (keys := unread(purchase, cold)):
        return list(keys), [], 0
    if fact.type == "correction":
        return [], [], 0
    if rows := to_walk(fact, member, plan, cold):
        return rows, [], 0
    if member.away and (shelves := absent(places_of_return(fact, to_ms, plan, member, cold), cold)):
        return list(shelves), [], 0
    if not member.draws and lots_last(fact, to_ms, plan, cold) and not (member.packed_pages or member.open_pages):
        return [], [], 0
    return _of_taken(fact, taken_back(member, fact, to_ms, plan, cold, None), member, to_ms, plan, cold)


def _of_taken(fact: Any, awards: list[Award], member: Member, to_ms: int, plan: Plan, cold: Cold) -> _Sought:
    """What posting a return's awards needs, and the other receipts whose points they move: their partners are told."""
    keys, lots, points = _of_awards(awards, POINTS, member, to_ms, cold)
    purchase = fact.purchase or fact.id
    others = {receipt_of(award, purchase) for award in awards} - {purchase} if plan.tells else set()
    return keys + [(kind, other) for other in sorted(others) for kind in ("purchase", "fact")], lots, points


def _of_find(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    """What was found cheaper needs the cell of its purchase, which may be put away."""
    version = plan.at(to_ms)
    if not member.away or version is None:
        return [], [], 0
    if keys := unread(fact.purchase, cold):
        return list(keys), [], 0
    return list(absent(places_of_find(member, fact, plan, version, cold), cold)), [], 0


def _of_awards(awards: list[Award], unit: str, member: Member, to_ms: int, cold: Cold) -> _Sought:
    """What posting awards of a unit needs: the breakage of their lots that have ended, their draws that are undone."""
    lots: list[Lot] = []
    ended: set[Lot] = set()
    moved, undrawn = 0, []
    for _, of, lot, points, to in awards:
        if of != unit or to:
            continue
        moved += points if points > 0 else -points
        if lot[3][0] != "-":
            lots.append(lot)
            if lot[0] <= to_ms:
                ended.add(lot)
        elif points > 0:
            undrawn.append((lot[3], points))
    keys: list[ColdKey] = [("gone", lot_id(lot)) for lot in sorted(ended)] if ended else []
    if undrawn:
        keys += of_draws(undrawn, member, to_ms, cold)
    return keys, lots, moved


def _of_carried(carried: list[Award], unit: str, member: Member, to_ms: int, cold: Cold) -> _Sought:
    """What versions need that take cells over, one after the other."""
    keys, lots, points = _of_awards(carried, unit, member, to_ms, cold)
    return keys + drawn_out(carried, unit, member, to_ms, cold), lots, points


def _of_request(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    return [], [], fact.points


def _of_adjustment(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    """What is given with an end of its own may have ended already: it is breakage at once."""
    version = plan.at(to_ms)
    if fact.points <= 0 or fact.expires_at is None or version is None:
        return [], [], max(0, -fact.points)
    given = worth(Change(fact, None, None, []), version.rules.get("adjusted", ()), {}, to_ms)
    return [("gone", lot_id(award[2])) for award in given.awards if award[2][0] <= to_ms], [], 0


def _of_message(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    """The lots that it gives to or takes back, and the breakage of those that have ended."""
    shares = lots_in(fact)
    ended = sorted(lot for lot, _ in shares if lot[0] <= to_ms)
    taken = sum(-points for _, points in shares if points < 0)
    return [("gone", lot_id(lot)) for lot in ended], [lot for lot, _ in shares], taken


def _of_redemption(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    """What a capture or a void needs: what became of the redemption, and what giving it back touches."""
    use = ("use", fact.redemption)
    if fact.redemption not in member.holds and use not in cold:
        return [use], [], 0
    keys = of_redemption(fact.redemption, member, cold) + given_back(member, to_ms, True, cold)
    return keys, [], fact.points or 0


def _of_transfer(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    return [], [lot for lot, _ in decided_lots(fact, cold) or ()], fact.points


def _of_all(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    """Every lot: nothing stays."""
    holds = [key for name in sorted(member.holds) for key in of_redemption(name, member, cold)]
    debts: list[ColdKey] = [("debt", cause) for cause in member.debts]
    return holds + debts, [], 1 << 60


def _of_nothing(member: Member, fact: Any, to_ms: int, plan: Plan, cold: Cold, ahead: Worth | None) -> _Sought:
    return [], [], 0


_SEEK: dict[str, Callable[[Member, Any, int, Plan, Cold, Worth | None], _Sought]] = {
    "return": _of_purchase,
    "correction": _of_purchase,
    "price_found": _of_find,
    "adjusted": _of_adjustment,
    "message": _of_message,
    "transfer_requested": _of_transfer,
    "contribution_requested": _of_transfer,
    "pool_left": _of_all,
    "erased": _of_all,
    "merged": _of_nothing,  # services/book/merging.py asks for what these need
    "unmerged": _of_nothing,
    "forwarded": _of_nothing,
    "redemption_requested": _of_request,
    "redemption_taken": _of_request,
    "redemption_captured": _of_redemption,
    "redemption_voided": _of_redemption,
}
"""What facts need beyond what passing time does. Those that are not here need nothing."""


def tick_needs(member: Member, at_ms: int, plan: Plan, cold: Cold) -> tuple[ColdKey, ...]:
    """What passing time needs of the member and of its other currencies."""
    if member.away and (lack := absent(taken_over(member, at_ms, plan), cold)):
        return lack
    try:
        carried = carried_over(member, at_ms, plan, cold)
    except Elsewhere as others:
        return others.keys
    found = _time_needs(member, at_ms, _of_carried(carried, POINTS, member, at_ms, cold), cold)
    for currency, purse in _purses(member, carried):
        rows = Rows(cold, currency)
        sought = _of_carried(carried, CURRENCY + currency, purse, at_ms, rows)
        found += tuple(key_of(currency, key) for key in _time_needs(purse, at_ms, sought, rows))
    return found


def _purses(member: Member, awards: list[Award], said: str | None = None) -> list[tuple[str, Member]]:
    """The member's other currencies, those that awards will make, and the one that a fact names."""
    more = {award[1].removeprefix(CURRENCY) for award in awards if award[1].startswith(CURRENCY)}
    if said is not None:
        more.add(said)
    return [(currency, purse_of(member, currency)) for currency in sorted({*member.purses, *more})]


def _time_needs(member: Member, at_ms: int, posted: _Sought, cold: Cold) -> tuple[ColdKey, ...]:
    """The cold rows that passing time needs and `cold` does not have yet: pages of lots whose first one ends by then,
    the breakage of lots that holds give back after they have ended, and what posting needs where a version takes cells
    over."""
    keys, lots, points = posted
    if member.holds:
        keys = keys + given_back(member, at_ms, False, cold)
    found = tuple(key for key in keys if key not in cold)
    return found + (missing(member, cold, at_ms, points, lots) if member.pages else ())
