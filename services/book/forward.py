"""One fact at its place in time: member and fact in, the member changed, and a turn full of entries and rows out.
Pure.

The order of a fact is: time first (holds lapse, lots end and begin, days leave the tier's window), then every refusal
in the order of events/refusals.py, before anything else is changed, then the fact. What was decided once is not
decided again: a redemption that was granted is booked, in debt if need be. Knows nothing of late facts
(services/book/ontime.py).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from typing import Any

import msgspec

from events.facts import MemberFact
from events.facts.purchases import Correction, Purchase, Return
from events.refusals import Refusal
from services.book import erasure, messages, pools, redemptions, transfers
from services.book.accounts import REVERSED
from services.book.ahead import places_of_find
from services.book.baskets import Standing, about, basket_of, keep, known, left_of, less, rows_of, seller, standing
from services.book.history import order_of
from services.book.lots import claw, draw_for, earn, expire, repay, take, undraw
from services.book.others import Receipts
from services.book.pages import open_ending, seal
from services.book.purses import PurseTurn
from services.book.rewards import receipt_of, together, told
from services.book.shelves import places_of, places_taken_over, put_away, reach
from services.book.status import note
from services.book.strict import is_strict, places_of_standing, rerated, walk
from services.book.turn import Cold, Turn
from services.programme.by_lot import worth_of_all
from services.programme.carried import migrate
from services.programme.mechanic import CURRENCY, POINTS, Basket, Change, Lot
from services.programme.plan import Plan, Version
from services.programme.policies import Shortfall
from services.programme.rate import Award, Worth, rate
from services.programme.timeline import TierRule

from services.book.member import Member, Told  # isort: skip


class Rated(msgspec.Struct, frozen=True, gc=False):
    """What the rules made of a fact."""

    version: Version | None
    tier: int
    """The level that a purchase was rated in."""
    told: Told = ()
    """What the partners are told of it."""


class RatedReturn(Rated, frozen=True, gc=False):
    """Of a return that names its receipt: what it did to each."""

    parts: tuple[tuple[Standing, Standing, tuple[Award, ...]], ...] = ()
    """That receipt, and (where returns are strict) others: before and after, and what that is worth."""


NOT_RATED = Rated(None, 0)


class Played(msgspec.Struct, frozen=True, gc=False):
    """A fact that was folded: `refusal` and `waits` have no effect but the time that passed."""

    turn: Turn
    rated: Rated
    refusal: Refusal | None = None
    waits: bool = False
    """A return whose purchase has not come."""


_WAITS = Rated(None, -1)


def play(
    member: Member,
    fact: MemberFact,
    at_ms: int,
    plan: Plan,
    cold: Cold,
    *,
    decided: bool,
    ahead: Worth | None = None,
) -> Played:
    """Fold one fact that is not earlier than the member's time. `cold` must hold what `needs` asked for.

    decided: it was granted when it came, and is not refused for want of points now. ahead: its worth, where that is
    known. Mutates `member`. Raises Broken.
    """
    turn = Turn(member, fact.id, cold)
    turn.ahead = ahead
    advance(turn, at_ms, plan)
    fold = _FOLDS.get(fact.type)
    rated: Rated | Refusal = NOT_RATED
    if member.between is not None and (no := erasure.barred(member, fact, decided)):
        rated = no
    elif fold is not None:
        rated = fold(turn, fact, at_ms, plan, decided)
    if member.between is not None and not isinstance(rated, Refusal):
        if not member.between.erased:
            pools.give_back(turn)
        else:
            for account in (turn, *(_purse(turn, currency) for currency in sorted(member.purses))):
                erasure.forfeit(account)
    finish(turn, plan)
    if isinstance(rated, Refusal):
        return Played(turn, NOT_RATED, rated)
    return Played(turn, NOT_RATED, waits=True) if rated is _WAITS else Played(turn, rated)


def finish(turn: Turn, plan: Plan) -> None:
    """The last thing of a turn: what is far in time goes out of the hot row."""
    seal(turn)
    if plan.by_period:
        put_away(turn, plan)


# ---------------------------------------------------------------- time


def advance(turn: Turn, to_ms: int, plan: Plan) -> None:
    """Let everything that is due by an instant happen, each at its own: holds lapse, lots end, lots become active."""
    member = turn.member
    if plan.starts_ms and member.version_ms < plan.starts_ms[-1] and member.version_ms < plan.begun_ms(to_ms):
        _begin_versions(turn, to_ms, plan)
    _let_happen(turn, to_ms)
    for currency in sorted(member.purses) if member.purses else ():
        if member.purses[currency].next_event_ms <= to_ms:
            _let_happen(_purse(turn, currency), to_ms)
    if member.timeline.next_due_ms <= to_ms:
        version = plan.at(to_ms)
        if version is not None and version.tier is not None:
            member.timeline.roll(to_ms, version.tier)


def _begin_versions(turn: Turn, to_ms: int, plan: Plan) -> None:
    """Each programme version that begins by an instant takes over the levels, at its own instant."""
    member = turn.member
    taken_over = places_taken_over(member, plan, to_ms)
    for index, version in enumerate(plan.versions):
        if not member.version_ms < version.starts_ms <= to_ms:
            continue
        member.version_ms = version.starts_ms
        _let_happen(turn, version.starts_ms)
        plan.begin_levels(member.timeline, index)
        if version.carried and (member.cells or member.away):
            reach(turn, taken_over)
            fact, turn.cause = turn.cause, f"version:{version.name}"  # whatever comes first after it
            _post(turn, migrate(member.cells, plan, index, _others(turn, plan)), version.shortfall)
            turn.cause = fact


def _let_happen(turn: Turn, to_ms: int) -> None:
    """What is due of lots and holds, each at its own instant."""
    member = turn.member
    while (due := member.next_event_ms) <= to_ms:
        turn.now_ms = member.now_ms = max(due, member.now_ms)
        if member.holds:
            redemptions.lapse(turn)
        if member.packed_pages or member.open_pages:
            open_ending(turn, due)
        active = [lot for lot in member.lots if lot[2] == due] if member.pending else []
        for lot in active:
            member.pending -= lot[4]
        while member.lots and member.lots[0][0] <= due:
            expire(turn, member.lots[0][:4], member.lots[0][4])
        for lot in active if member.debt else ():  # one that ends at this very instant is gone, and repays nothing
            repay(turn, lot[:4])
    turn.now_ms = member.now_ms = to_ms


def _purse(turn: Turn, currency: str) -> Turn:
    """The turn of one of the member's other currencies, at the same instant."""
    purse = turn.purses.get(currency)
    if purse is None:
        purse = turn.purses[currency] = PurseTurn(turn, currency)
    _let_happen(purse, turn.now_ms)
    return purse


# ---------------------------------------------------------------- deeds


def _deed(turn: Turn, fact: Any, at_ms: int, plan: Plan, decided: bool) -> Rated | Refusal:
    """A fact without a basket: what it says of the member, and what the rules say that read its type."""
    member = turn.member
    note(member, fact, at_ms)
    version = plan.at(at_ms)
    if fact.type == "adjusted" and not _has_currency(version, fact.unit):
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    rules = version.rules.get(fact.type) if version is not None else None
    if version is None or not rules:
        return NOT_RATED
    if fact.type == "price_found" and member.away:
        reach(turn, places_of_find(member, fact, plan, version, turn.cold))
    if fact.type == "enrolled" and fact.referrer == member.id:  # nobody brings herself, on her other card either
        fact = msgspec.structs.replace(fact, referrer=None)
    of = about(fact, at_ms, member.timeline.level, version, member)
    awards = rate(Change(fact, None, None, [], of), rules, member.cells, turn.now_ms)
    _post(turn, awards)
    return Rated(version, 0, told(version, getattr(fact, "partner", None), awards))


def _has_currency(version: Version | None, currency: str | None) -> bool:
    return currency is None or (version is not None and currency in version.currencies)


def _message(turn: Turn, fact: Any, at_ms: int, plan: Plan, decided: bool) -> Rated | Refusal:
    """What another member's fact gives to this one. What rules make of it goes no further."""
    version = plan.at(at_ms)
    mechanic = version.mechanics.get(fact.rule) if version is not None else None
    if fact.sender == turn.member.id and mechanic is not None and mechanic.gives_away:
        return NOT_RATED  # who brought a friend is found to be the friend
    granted = messages.receive(turn, fact, version.shortfall if version is not None else "debt")
    if others := messages.other_awards(fact):
        _post(turn, others, version.shortfall if version is not None else "debt")
    if version is not None and granted and (rules := version.rules.get("message")):
        of = about(fact, at_ms, turn.member.timeline.level, version, turn.member)
        awards = rate(Change(fact, None, None, granted, of), rules, turn.member.cells, turn.now_ms)
        _post(turn, [award for award in awards if not award[4]])
    return NOT_RATED


# ---------------------------------------------------------------- baskets


def _receipt(
    turn: Turn, fact: Purchase | Correction | Return, at_ms: int, plan: Plan, decided: bool
) -> Rated | Refusal:
    """A basket of its own: bought, or brought back without its receipt.

    The second takes back what the same goods would earn now, in the level held now.
    """
    version = plan.at(at_ms)
    member = turn.member
    if version is not None and fact.currency != version.currency:
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    tier = member.timeline.level
    bought = fact.type != "return"
    awards: list[Award] = []
    if version is not None:
        if turn.ahead is not None:
            change = turn.ahead.change
        else:
            basket = basket_of(fact, at_ms, tier, version, member)
            change = Change(fact, None, basket, []) if bought else Change(fact, basket, None, [])
        awards = _rate(turn, change, version, version.tier, plan)
    if fact.type == "correction":
        keep(turn, standing(fact, at_ms, tier))
    if bought and fact.id in member.waiting:
        awards += _waiting(turn, fact, at_ms, tier, plan)
    if version is None:
        return NOT_RATED
    lack: Shortfall = "debt" if bought or version.shortfall == "debt" else "write_off"
    _post(turn, awards, lack)
    tells = told(version, fact.partner, awards) if bought else _told(turn, version, fact.partner, fact.id, awards)
    return Rated(version, tier, tells)


def _waiting(turn: Turn, fact: Any, at_ms: int, tier: int, plan: Plan) -> list[Award]:
    """The returns that stand before their purchase in time: it comes with less."""
    awards: list[Award] = []
    member, stands, version = turn.member, standing(fact, at_ms, tier), plan.at(at_ms)
    for back, rows in member.waiting.pop(fact.id):
        left = less(stands, rows)
        if left is None:
            member.aside.append(back)
            continue
        if version is not None:
            change = Change(fact, stands.basket(version, member), left.basket(version, member), [])
            awards += _rate(turn, change, version, version.tier, plan)
        stands = left
        keep(turn, stands)
    return awards


def _return(turn: Turn, fact: Return, at_ms: int, plan: Plan, decided: bool) -> Rated | Refusal:
    if fact.purchase is None:
        return _receipt(turn, fact, at_ms, plan, decided)
    member = turn.member
    bought = known(turn, fact.purchase, order_of(fact, at_ms))
    if bought is None:
        said = plan.at(at_ms)
        if said is not None and fact.currency != said.currency:
            return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
        member.waiting[fact.purchase] = (*member.waiting.get(fact.purchase, ()), (fact.id, rows_of(fact)))
        return _WAITS
    version = plan.at(bought.at_ms)
    if version is not None and fact.currency != version.currency:
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    left = left_of(bought, fact)
    if left is None:
        member.aside.append(fact.id)
        return Refusal.RETURN_MUST_NOT_EXCEED_THE_PURCHASE
    keep(turn, left)
    if version is None:
        return NOT_RATED
    if turn.ahead is not None:
        change = turn.ahead.change
    else:
        change = Change(fact, bought.basket(version, member), left.basket(version, member), [])
    basket = change.before
    assert basket is not None
    reach(turn, places_of(member, basket, version.rules["basket"]))
    strict = is_strict(version)
    rule = None if strict else plan.tier_of(version, basket.day, at_ms)
    awards = _rate(turn, change, version, rule, plan)
    tells, parts = [_told(turn, version, bought.partner, bought.purchase, awards)], [(bought, left, tuple(awards))]
    if strict:
        others = _others(turn, plan) if plan.by_lot else None
        member.timeline, moved = walk(member, left, turn.now_ms, plan, turn.cold)
        for one, other in moved:
            reach(turn, places_of_standing(member, one, plan))
            awards += (more := rerated(fact, one, other, plan, member, member.cells, turn.now_ms, others))
            tells.append(_told(turn, plan.of(one.at_ms), one.partner, one.purchase, more))
            parts.append((one, other, tuple(more)))
            keep(turn, other)
    _post(turn, awards, version.shortfall)
    return RatedReturn(version, bought.tier, together(tells) if strict else tells[0], tuple(parts))


def _told(turn: Turn, version: Version, partner: str | None, purchase: str, awards: list[Award]) -> Told:
    """What the partners are told of goods that come back: each of the points of its own receipts. They may make room
    for what a cap had cut of another receipt, or let another one count in their place."""
    parts: dict[str, list[Award]] = {purchase: []}
    for award in awards if version.partners else ():
        parts.setdefault(receipt_of(award, purchase), []).append(award)
    if len(parts) == 1:
        return told(version, partner, awards)
    return together(told(version, partner if of == purchase else seller(turn, of), part) for of, part in parts.items())


def _rate(turn: Turn, change: Change, version: Version, rule: TierRule | None, plan: Plan) -> list[Award]:
    """What a change of a basket is worth under the version it was bought under. Its qualifying spend, as that version
    measures it, goes to the tier's timeline, on the basket's own day, by the rule in force now (None: it counts no
    more)."""
    if rule is not None and version.tier is not None:
        _qualify(turn, rule, version.tier.measure, change.before, change.after)
    if turn.ahead is not None and turn.ahead.change is change:
        return turn.ahead.take(turn.member.cells)
    others, cells = _others(turn, plan) if plan.by_lot else None, turn.member.cells
    return worth_of_all(change, version.touched(change), cells, turn.now_ms, others).take(cells)


def _others(turn: Turn, plan: Plan) -> Receipts:
    """The member's other receipts."""
    rows: Cold = ChainMap(turn.written, turn.cold)  # type: ignore[arg-type]  # it writes into the first one alone
    return Receipts(turn.member, plan, rows, lambda place: reach(turn, (place,)))


def _qualify(turn: Turn, rule: TierRule, measure: int, before: Basket | None, after: Basket | None) -> None:
    timeline = turn.member.timeline
    timeline.roll(turn.now_ms, rule)
    spend = (after.measures[measure] if after is not None else 0) - (
        before.measures[measure] if before is not None else 0
    )
    basket = after if after is not None else before
    if basket is not None:
        timeline.put(basket.day, spend, rule, turn.now_ms)


# ---------------------------------------------------------------- posting


def _post(turn: Turn, awards: list[Award], shortfall: Shortfall = "debt") -> None:
    """Post awards, netted per lot, in one order: what is earned first, then what is taken back, each by lot."""
    if len(awards) == 1:  # nearly every purchase, and its return
        rule, unit, lot, points, to = awards[0]
        if points and unit == POINTS and not to and lot[3][0] != "-":
            if points > 0:
                earn(turn, lot, points, f"{rule}:+{points}")
            else:
                claw(turn, lot, -points, f"{rule}:{points}", shortfall)
            return
    net: dict[Lot, tuple[int, str]] = {}
    away: list[Award] = []
    elsewhere: dict[str, list[Award]] = {}
    for award in awards:
        rule, unit, lot, points, to = award
        if to:
            away.append(award)
        elif unit == POINTS:
            said = f"{rule}:+{points}" if points > 0 else f"{rule}:{points}"
            had = net.get(lot)
            net[lot] = (points, said) if had is None else (had[0] + points, f"{had[1]} {said}")
        elif unit.startswith(CURRENCY):
            elsewhere.setdefault(unit.removeprefix(CURRENCY), []).append((rule, POINTS, lot, points, ""))
        else:
            _count(turn.member.units, unit, points)
    for currency in sorted(elsewhere) if elsewhere else ():
        _post(_purse(turn, currency), elsewhere[currency], shortfall)
    if away:
        turn.sent = messages.given(away)
    taken = []
    for lot, (points, why) in sorted(net.items()):
        if points < 0:
            taken.append((lot, points, why))
        elif lot[3][0] == "-":
            _draw(turn, lot[3], -points, why)
        elif points:
            earn(turn, lot, points, why)
    for lot, points, why in taken:
        if lot[3][0] == "-":
            _draw(turn, lot[3], -points, why)
        else:
            claw(turn, lot, -points, why, shortfall)


def _draw(turn: Turn, slot: str, points: int, why: str) -> None:
    """A draw (negative: undone). What a person takes by hand is no exchange, and nothing undoes it."""
    if slot.startswith("-a:"):
        take(turn, points, REVERSED, why)
    elif points > 0:
        draw_for(turn, slot, points, why)
    elif points < 0:
        undraw(turn, slot, -points, why)


def _count(units: dict[str, int], unit: str, change: int) -> None:
    rest = units.get(unit, 0) + change
    if rest:
        units[unit] = rest
    else:
        units.pop(unit, None)


_NEED_POINTS = {
    "redemption_requested": Refusal.BALANCE_MUST_COVER_THE_POINTS,
    "redemption_captured": Refusal.REDEMPTION_MUST_BE_KNOWN,
    "redemption_voided": Refusal.REDEMPTION_MUST_BE_KNOWN,
}
"""Why a fact is refused to a member who has never had points of its currency."""

_Fold = Callable[[Turn, Any, int, Plan, bool], Rated | Refusal]


def _asked(fold: Callable[[Turn, Any, Version | None, bool], Refusal | None]) -> _Fold:
    def folded(turn: Turn, fact: Any, at_ms: int, plan: Plan, decided: bool) -> Rated | Refusal:
        version, account, currency = plan.at(at_ms), turn, getattr(fact, "unit", None)
        if currency is not None:
            if not _has_currency(version, currency) and currency not in turn.member.purses:
                return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
            if not decided and currency not in turn.member.purses and fact.type in _NEED_POINTS:
                return _NEED_POINTS[fact.type]
            account = _purse(turn, currency)
        refusal = fold(account, fact, version, decided)
        return NOT_RATED if refusal is None else refusal

    return folded


def _erased(turn: Turn, fact: Any, at_ms: int, plan: Plan, decided: bool) -> Rated | Refusal:
    for account in (turn, *(_purse(turn, currency) for currency in sorted(turn.member.purses))):
        erasure.erase(account)
    return NOT_RATED


_FOLDS: dict[str, _Fold] = {
    "purchase": _receipt,
    "correction": _receipt,
    "return": _return,
    "redemption_requested": _asked(redemptions.request),
    "redemption_taken": _asked(redemptions.taken),
    "redemption_captured": _asked(redemptions.capture),
    "redemption_voided": _asked(redemptions.void),
    "enrolled": _deed,
    "status_set": _deed,
    "status_ended": _deed,
    "used": _deed,
    "adjusted": _deed,
    "deed": _deed,
    "price_found": _deed,
    "message": _message,
    "transfer_requested": _asked(transfers.request),
    "contribution_requested": _asked(transfers.request),
    "pool_joined": _asked(pools.joined),
    "pool_left": _asked(pools.left),
    "erased": _erased,
}
"""What a fact of each type does. The others (identifier_added ...) move nothing."""
