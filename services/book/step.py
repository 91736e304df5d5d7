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
from services.book.baskets import Standing, basket_of, keep, known, less, standing
from services.book.lots import claw, earn, expire, repay
from services.book.member import Member, Owed
from services.book.pages import missing, open_page, seal
from services.book.rewards import RewardDue, rewards_of
from services.book.turn import Cold, ColdKey, Turn, lot_id
from services.programme.calendar import instant_ms
from services.programme.compile import Plan, Version
from services.programme.mechanic import POINTS, Basket, Change, Lot
from services.programme.rate import Award, rate


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


def needs(member: Member, fact: MemberFact, plan: Plan, cold: Cold) -> tuple[ColdKey, ...]:
    """The cold rows that the fact needs and `cold` does not have yet. Ask again until (): some lead to others."""
    purchase = _purchase_of(fact)
    if purchase is not None and ("purchase", purchase) not in cold:
        return ("purchase", purchase), ("fact", purchase)
    redemption = getattr(fact, "redemption", None)
    if redemption is not None and redemption not in member.holds and ("use", redemption) not in cold:
        return (("use", redemption),)
    lots, points = _touched(fact, plan, member, cold)
    keys: list[ColdKey] = [("gone", lot_id(lot)) for lot in sorted(lots)]
    if redemption is not None:
        keys += _draws_of(redemption, member, cold)
    found = tuple(key for key in keys if key not in cold)
    if member.pages:
        to_ms = max(instant_ms(fact.occurred_at), member.now_ms)
        found += missing(member, cold, to_ms, points, lots)
    return found


def tick_needs(member: Member, at_ms: int, cold: Cold) -> tuple[ColdKey, ...]:
    """The cold rows that `tick` needs and `cold` does not have yet: pages of lots whose first one ends by then."""
    return missing(member, cold, at_ms, 0, ()) if member.pages else ()


def _purchase_of(fact: MemberFact) -> str | None:
    """The purchase that a fact changes; None: it changes none."""
    if fact.type == "return":
        return fact.purchase
    return fact.id if fact.type == "correction" else None


def _touched(fact: MemberFact, plan: Plan, member: Member, cold: Cold) -> tuple[set[Lot], int]:
    """The lots whose points a fact may take back, and at most how many points it draws from whatever there is."""
    if fact.type == "return" or fact.type == "correction":
        baskets = _taken_back(fact, plan, member, cold)
        awards = [award for version, basket in baskets for award in _full(version, fact, basket)]
        return {award[2] for award in awards if award[1] == POINTS}, sum(award[3] for award in awards)
    if fact.type.startswith("redemption_"):
        return set(), getattr(fact, "points", 0)
    return set(), 0


def _taken_back(fact: Return | Correction, plan: Plan, member: Member, cold: Cold) -> list[tuple[Version, Basket]]:
    """The baskets, as they stand and as they will, that a return or a correction moves between."""
    at_ms = instant_ms(fact.occurred_at)
    baskets = []
    purchase = _purchase_of(fact)
    stands = known(Turn(member, fact.id, cold), purchase) if purchase is not None else None
    if stands is not None and (version := plan.at(stands.at_ms)) is not None:
        baskets.append((version, stands.basket(version)))
    if (purchase is None or fact.type == "correction") and (version := plan.at(at_ms)) is not None:
        levels = (
            range(len(version.levels)) if stands is None else (stands.tier,)
        )  # which level holds by then is not known
        baskets += [(version, standing(fact, at_ms, level).basket(version)) for level in levels]
    return baskets


def _full(version: Version, fact: MemberFact, basket: Basket) -> list[Award]:
    """What the per-purchase rules give a basket in full."""
    return rate(Change(fact, None, basket, []), version.rules["basket"], {})


def _draws_of(redemption: str, member: Member, cold: Cold) -> list[ColdKey]:
    """What giving a redemption back touches: its debt, and the breakage of the lots it drew from and was repaid by."""
    turn = Turn(member, "", cold)
    use = turn.read("use", redemption, redemptions.Use)
    if use is None:
        return []
    keys: list[ColdKey] = [("gone", lot_id(lot)) for lot, _ in use[2] if lot is not None]
    if any(lot is None for lot, _ in use[2]):
        keys.append(("debt", use[1]))
        owed = member.debts.get(use[1]) or turn.read("debt", use[1], Owed)
        keys += [("gone", lot_id(lot)) for lot, _ in (owed[2] if owed else ())]
    return keys


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
            while member.lots and member.lots[0][0] <= due:
                *lot, rest = member.lots[0]
                expire(turn, tuple(lot), rest)  # type: ignore[arg-type]
            for *lot, rest in [lot for lot in member.lots if lot[2] == due]:
                member.pending -= rest
                repay(turn, tuple(lot))  # type: ignore[arg-type]
    turn.now_ms = member.now_ms = to_ms
    if member.timeline.next_drop_ms <= to_ms:
        version = plan.at(to_ms)
        if version is not None and version.tier is not None:
            member.timeline.roll(to_ms, version.tier)


# ---------------------------------------------------------------- baskets


def _purchase(turn: Turn, fact: Purchase, at_ms: int, plan: Plan) -> _Rated | Refusal:
    version = plan.at(at_ms)
    if version is None:
        return NOT_RATED
    if fact.currency != version.currency:
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    tier = turn.member.timeline.level
    after = basket_of(fact, at_ms, tier, version)
    _qualify(turn, version, None, after)
    return _Rated(version, tier, _post(turn, Change(fact, None, after, []), version))


def _return(turn: Turn, fact: Return, at_ms: int, plan: Plan) -> _Rated | Refusal:
    if fact.purchase is None:
        return _unlinked_return(turn, fact, at_ms, plan)
    bought = known(turn, fact.purchase)
    if bought is None:
        return Refusal.PURCHASE_MUST_BE_KNOWN
    version = plan.at(bought.at_ms)
    left = less(bought, fact)
    if left is None:
        return Refusal.RETURN_MUST_NOT_EXCEED_THE_PURCHASE
    keep(turn, left)
    if version is None:
        return NOT_RATED
    before, after = bought.basket(version), left.basket(version)
    _qualify(turn, version, before, after)
    return _Rated(version, bought.tier, _post(turn, Change(fact, before, after, []), version))


def _unlinked_return(turn: Turn, fact: Return, at_ms: int, plan: Plan) -> _Rated | Refusal:
    """Without a receipt: what the same goods would earn now, in the level held now, is taken back."""
    version = plan.at(at_ms)
    if version is None:
        return NOT_RATED
    if fact.currency != version.currency:
        return Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES
    tier = turn.member.timeline.level
    before = basket_of(fact, at_ms, tier, version)
    _qualify(turn, version, before, None)
    return _Rated(version, tier, _post(turn, Change(fact, before, None, []), version))


def _correction(turn: Turn, fact: Correction, at_ms: int, plan: Plan) -> _Rated | Refusal:
    """The receipt as it should have been: the old one is taken back and the new one is bought, in the same context."""
    said = known(turn, fact.id)
    if said is None:
        return Refusal.PURCHASE_MUST_BE_KNOWN
    corrected = standing(fact, at_ms, said.tier)
    keep(turn, corrected)
    points = 0
    changes = [(said, plan.at(said.at_ms), False), (corrected, plan.at(at_ms), True)]
    awards: list[Award] = []
    for stands, version, bought in changes:
        if version is not None:
            basket = stands.basket(version)
            before, after = (None, basket) if bought else (basket, None)
            _qualify(turn, version, before, after)
            awards += rate(Change(fact, before, after, []), version.rules["basket"], turn.member.cells)
    points = _post_awards(turn, awards)
    return _Rated(plan.at(at_ms), said.tier, points)


def _qualify(turn: Turn, version: Version, before: Basket | None, after: Basket | None) -> None:
    """Move the tier's timeline by what a change of a basket qualifies for, on the day of that basket."""
    rule = version.tier
    if rule is None:
        return
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
    return _post_awards(turn, rate(change, version.rules["basket"], turn.member.cells))


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
    "purchase": _purchase,
    "correction": _correction,
    "return": _return,
    "redemption_requested": _redemption(redemptions.request),
    "redemption_taken": _redemption(redemptions.taken),
    "redemption_captured": _redemption(redemptions.capture),
    "redemption_voided": _redemption(redemptions.void),
}
"""What a fact of each type does. The others (enrolled, identifier_added ...) move nothing unless a rule reads them."""

__all__ = ["Cold", "ColdKey", "Result", "Standing", "needs", "posting", "step", "tick"]
