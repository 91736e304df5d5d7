"""One fact folded into one member: state and fact in, state, outcome, entries and cold rows out. Pure.

The order of a step is: time first (holds lapse, lots end and begin, days leave the tier's window), then every refusal
in the order of events/refusals.py, before anything else is changed, then the fact. Decisions are taken here and once.
A fact that comes late is folded when it comes, at the book's own time; its points have its own instants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from events.entries import Outcome, Posting
from events.facts import MemberFact, Message
from events.facts.purchases import Correction, Purchase, Return
from events.refusals import Refusal
from services.book import redemptions
from services.book.baskets import basket_of, keep, known, less, rows_of, standing
from services.book.lots import claw, earn, expire, repay
from services.book.member import Member
from services.book.pages import open_page, seal
from services.book.rewards import RewardDue, rewards_of
from services.book.turn import Cold, ColdKey, Turn
from services.programme.calendar import instant_ms
from services.programme.compile import Plan, Version
from services.programme.mechanic import POINTS, Basket, Change, Lot
from services.programme.rate import Award, rate
from services.programme.timeline import TierRule


class Result(NamedTuple):
    """Everything that a fact did. `cold` are rows to write (None deletes)."""

    outcome: Outcome
    posting: Posting
    cold: dict[ColdKey, bytes | None]
    rewards: tuple[RewardDue, ...] = ()
    messages: tuple[Message, ...] = ()
    """To other members, through the journal. No mechanic of today sends any."""


class _Rated(NamedTuple):
    version: Version | None
    tier: int
    points: int
    """Net change of points by the rules."""


NOT_RATED = _Rated(None, 0, 0)


def step(member: Member, fact: MemberFact, plan: Plan, cold: Cold) -> Result:
    """Fold one fact. `cold` must hold what `needs` asked for. Mutates `member`. Raises Broken."""
    at_ms = instant_ms(fact.occurred_at)
    turn = Turn(member, fact.id, cold)
    _advance(turn, max(at_ms, member.now_ms), plan)
    if at_ms > member.high_water_ms:
        member.high_water_ms = at_ms
    rated: _Rated | Refusal = NOT_RATED
    fold = _FOLDS.get(fact.type)
    if fold is not None:
        rated = fold(turn, fact, at_ms, plan)
    seal(turn)
    if isinstance(rated, Refusal):
        return Result(Outcome("declined", rated.text), posting(turn), turn.written)
    version, tier, points = rated
    outcome = Outcome("done", "", version.name if version is not None else "", tier)
    return Result(outcome, posting(turn), turn.written, rewards_of(version, getattr(fact, "partner", None), points))


def tick(member: Member, at_ms: int, plan: Plan, cold: Cold) -> Result | None:
    """Advance a member to an instant: what lapses, ends or begins by then. None: nothing did.

    `cold` must hold what `tick_needs` asked for. Raises Broken."""
    due = member.next_due_ms
    if due is None or due > at_ms:
        return None
    turn = Turn(member, "tick", cold)
    _advance(turn, at_ms, plan)
    seal(turn)
    return Result(Outcome("done"), posting(turn), turn.written)


def posting(turn: Turn) -> Posting:
    """What the turn did, and how the member stands after it."""
    member = turn.member
    timeline = member.timeline
    return Posting(
        member.id,
        member.live - member.pending,
        member.pending,
        member.held,
        member.debt,
        timeline.level,
        timeline.sum_minor,
        tuple(turn.entries),
    )


# ---------------------------------------------------------------- time


def _advance(turn: Turn, to_ms: int, plan: Plan) -> None:
    """Let everything that is due by an instant happen, each at its own: holds lapse, lots end, lots become active."""
    member = turn.member
    if member.lots or member.pages or member.holds:
        while (due := member.next_event_ms) <= to_ms:
            turn.now_ms = member.now_ms = max(due, member.now_ms)
            redemptions.lapse(turn)
            for page in [page for page in member.pages if page[1][0] <= due]:
                open_page(turn, page)
            active = [lot for lot in member.lots if lot[2] == due]
            member.pending -= sum(lot[4] for lot in active)
            while member.lots and member.lots[0][0] <= due:
                expire(turn, member.lots[0][:4], member.lots[0][4])
            for lot in active:  # one that ends at this very instant is gone, and repays nothing
                repay(turn, lot[:4])
    turn.now_ms = member.now_ms = to_ms
    if member.timeline.next_due_ms <= to_ms:
        version = plan.at(to_ms)
        if version is not None and version.tier is not None:
            member.timeline.roll(to_ms, version.tier)


# ---------------------------------------------------------------- baskets


def _receipt(turn: Turn, fact: Purchase | Return, at_ms: int, plan: Plan) -> _Rated | Refusal:
    """A basket of its own: bought, or brought back without its receipt.

    The second takes back what the same goods would earn now, in the level held now.
    """
    version = plan.at(at_ms)
    if version is None:
        return NOT_RATED
    if fact.currency != version.currency:
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    tier = turn.member.timeline.level
    basket = basket_of(fact, at_ms, tier, version)
    change = Change(fact, None, basket, []) if fact.type == "purchase" else Change(fact, basket, None, [])
    return _Rated(version, tier, _post(turn, change, version))


def _return(turn: Turn, fact: Return, at_ms: int, plan: Plan) -> _Rated | Refusal:
    if fact.purchase is None:
        return _receipt(turn, fact, at_ms, plan)
    bought = known(turn, fact.purchase)
    if bought is None:
        return Refusal.PURCHASE_MUST_BE_KNOWN
    version = plan.at(bought.at_ms)
    if version is not None and fact.currency != version.currency:
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    left = less(bought, rows_of(fact))
    if left is None:
        return Refusal.RETURN_MUST_NOT_EXCEED_THE_PURCHASE
    keep(turn, left)
    if version is None:
        return NOT_RATED
    change = Change(fact, bought.basket(version), left.basket(version), [])
    return _Rated(version, bought.tier, _post(turn, change, version))


def _correction(turn: Turn, fact: Correction, at_ms: int, plan: Plan) -> _Rated | Refusal:
    """The receipt as it should have been, less what has come back of it: the old one is taken back and the new one is
    bought, in the same context."""
    said = known(turn, fact.id)
    if said is None:
        return Refusal.PURCHASE_MUST_BE_KNOWN
    was, now = plan.at(said.at_ms), plan.at(at_ms)
    if now is not None and fact.currency != now.currency:
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    corrected = less(standing(fact, at_ms, said.tier), said.back)
    if corrected is None:
        return Refusal.RETURN_MUST_NOT_EXCEED_THE_PURCHASE
    keep(turn, corrected)
    awards: list[Award] = []
    if was is not None:
        awards += _rate(turn, Change(fact, said.basket(was), None, []), was)
    if now is not None:
        awards += _rate(turn, Change(fact, None, corrected.basket(now), []), now)
    return _Rated(now, said.tier, _post_awards(turn, awards))


def _rate(turn: Turn, change: Change, version: Version) -> list[Award]:
    """What a change of a basket is worth; its qualifying spend goes to the tier's timeline, on the basket's own day."""
    if version.tier is not None:
        _qualify(turn, version.tier, change.before, change.after)
    return rate(change, version.rules["basket"], turn.member.cells)


def _qualify(turn: Turn, rule: TierRule, before: Basket | None, after: Basket | None) -> None:
    timeline = turn.member.timeline
    timeline.roll(turn.now_ms, rule)
    spend = (after.measures[rule.measure] if after is not None else 0) - (
        before.measures[rule.measure] if before is not None else 0
    )
    basket = after if after is not None else before
    if basket is not None:
        timeline.put(basket.day, spend, rule, turn.now_ms)


# ---------------------------------------------------------------- posting


def _post(turn: Turn, change: Change, version: Version) -> int:
    """Rate a change and post its awards. Returns the net change of points."""
    return _post_awards(turn, _rate(turn, change, version))


def _post_awards(turn: Turn, awards: list[Award]) -> int:
    """Post awards, netted per lot, in one order: what is earned first, then what is taken back, each by lot."""
    if len(awards) == 1 and awards[0][3] > 0:
        rule, _, lot, points, _ = awards[0]
        earn(turn, lot, points, f"{rule}:{points:+d}")
        return points
    net: dict[Lot, int] = {}
    why: dict[Lot, list[str]] = {}
    for rule, unit, lot, points, _ in awards:
        if unit == POINTS:
            net[lot] = net.get(lot, 0) + points
            why.setdefault(lot, []).append(f"{rule}:{points:+d}")
    for lot in sorted(net, key=lambda lot: (net[lot] < 0, lot)):
        points = net[lot]
        if points > 0:
            earn(turn, lot, points, " ".join(why[lot]))
        elif points < 0:
            claw(turn, lot, -points, " ".join(why[lot]))
    return sum(net.values())


def _redemption(fold: Callable[[Turn, Any], Refusal | None]) -> Callable[[Turn, Any, int, Plan], _Rated | Refusal]:
    def folded(turn: Turn, fact: Any, at_ms: int, plan: Plan) -> _Rated | Refusal:
        refusal = fold(turn, fact)
        return NOT_RATED if refusal is None else refusal

    return folded


_FOLDS: dict[str, Callable[[Turn, Any, int, Plan], _Rated | Refusal]] = {
    "purchase": _receipt,
    "correction": _correction,
    "return": _return,
    "redemption_requested": _redemption(redemptions.request),
    "redemption_taken": _redemption(redemptions.taken),
    "redemption_captured": _redemption(redemptions.capture),
    "redemption_voided": _redemption(redemptions.void),
}
"""What a fact of each type does. The others (enrolled, identifier_added ...) move nothing unless a rule reads them."""
