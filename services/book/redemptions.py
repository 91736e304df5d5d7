"""Redemptions: asked for and held or spent, taken without asking, captured, voided, lapsed.

A decision is taken once, here, when the request is folded; its outcome is stored and never decided again. What became
of a redemption lies in the cold row ("use", redemption id), for the void or the late capture that may come.
"""

from __future__ import annotations

from typing import Literal

from events.facts.redemptions import RedemptionCaptured, RedemptionRequested, RedemptionTaken, RedemptionVoided
from events.refusals import Refusal
from services.book.accounts import HELD, SPENT
from services.book.lots import Renewed, credit, give_back, settle, split, take
from services.book.member import Drawn, Member
from services.book.owners import marked, owner_of
from services.book.turn import Turn
from services.programme.calendar import day_of, instant_ms, midnight, same_term
from services.programme.mechanic import Lot
from services.programme.plan import Version

Use = tuple[Literal["spent", "lapsed", "voided"], str, Drawn]
"""(what became of it, the cause that its debt is booked under, what was taken from which lot)."""


def refused(member: Member, fact: RedemptionRequested, now_ms: int) -> Refusal | None:
    """Whether the points are granted, as the member stands. Asked once, when the request comes."""
    if fact.hold_until is not None and instant_ms(fact.hold_until) <= now_ms:
        return Refusal.HOLD_MUST_END_AFTER_IT_BEGINS
    return Refusal.BALANCE_MUST_COVER_THE_POINTS if member.available < fact.points else None


def request(turn: Turn, fact: RedemptionRequested, version: Version | None, decided: bool) -> Refusal | None:
    """Spend at once, or hold until an instant. What was granted is booked at its place in time, in debt if need be."""
    if not decided and (refusal := refused(turn.member, fact, turn.now_ms)):
        return refusal
    if fact.hold_until is None:
        _use(turn, fact.id, "spent", take(turn, fact.points, SPENT, "redemption"))
    else:
        turn.member.holds[fact.id] = (instant_ms(fact.hold_until), take(turn, fact.points, HELD, "hold"))
    return None


def taken(turn: Turn, fact: RedemptionTaken, version: Version | None, decided: bool) -> Refusal | None:
    """An offline till has given the discount already: booked, in debt if need be."""
    _use(turn, fact.id, "spent", take(turn, fact.points, SPENT, "redemption taken"))
    return None


def capture(turn: Turn, fact: RedemptionCaptured, version: Version | None, decided: bool) -> Refusal | None:
    """Held points become spent, the rest is released. After a lapse the discount was given all the same: booked, unless
    the programme refuses it."""
    hold = turn.member.holds.get(fact.redemption)
    if hold is None:
        use = turn.read("use", fact.redemption, Use)
        if use is None:
            return Refusal.REDEMPTION_MUST_BE_KNOWN
        refused = not decided and version is not None and version.late_capture == "refuse"
        if use[0] != "lapsed" or refused:
            return Refusal.REDEMPTION_MUST_BE_OPEN
        _use(turn, fact.redemption, "spent", take(turn, fact.points, SPENT, "late capture"))
        return None
    drawn = hold[1]
    held = sum(points for _, points in drawn)
    if fact.points > held:
        return Refusal.CAPTURE_MUST_NOT_EXCEED_THE_HOLD
    del turn.member.holds[fact.redemption]
    spent, released = split(drawn, fact.points)
    for lot, points in spent:
        credit(turn.member, HELD, -points)
        credit(turn.member, SPENT, points)
        turn.enter(HELD, SPENT, points, "capture", lot)
    give_back(turn, fact.redemption, released, HELD, "release")
    if owed := turn.member.debts.get(fact.redemption):
        settle(turn, fact.redemption, owed)
    _use(turn, fact.redemption, "spent", spent)
    return None


def void(turn: Turn, fact: RedemptionVoided, version: Version | None, decided: bool) -> Refusal | None:
    """The redemption did not happen: held points are released, spent ones go back to their lots and their expiry, or
    where the programme says so to a new lot, if theirs has ended.

    In part where the fact says how much: what was taken last returns first.
    """
    hold = turn.member.holds.get(fact.redemption)
    use = None if hold is not None else turn.read("use", fact.redemption, Use)
    if hold is None and use is None:
        return Refusal.REDEMPTION_MUST_BE_KNOWN
    if use is not None and use[0] != "spent":
        return Refusal.REDEMPTION_MUST_BE_OPEN
    drawn = hold[1] if hold is not None else use[2] if use is not None else ()
    whole = sum(points for _, points in drawn)
    if fact.points is not None and fact.points > whole:
        return Refusal.VOID_MUST_NOT_EXCEED_THE_REDEMPTION
    kept, back = split(drawn, 0 if fact.points is None else whole - fact.points)
    again = None if version is None else _again(version, fact.id, turn.now_ms)
    if hold is not None and kept:
        give_back(turn, fact.redemption, back, HELD, "void", again)
        turn.member.holds[fact.redemption] = (hold[0], kept)
    elif hold is not None:
        _release(turn, fact.redemption, "voided", "void", again)
    elif use is not None:
        give_back(turn, use[1], back, SPENT, "void", again)
        turn.write("use", fact.redemption, ("spent" if kept else "voided", use[1], kept))
    return None


def lapse(turn: Turn) -> None:
    """Release every hold that has ended by now, in the order of their ids."""
    ended = sorted(redemption for redemption, (until, _) in turn.member.holds.items() if until <= turn.now_ms)
    for redemption in ended:
        _release(turn, redemption, "lapsed", "hold lapsed")


def _again(version: Version, void: str, now_ms: int) -> Renewed | None:
    """The lot that a cancellation of now gives in the place of one that has ended. None: that one, which has ended."""
    today = day_of(now_ms, version.zone)

    def again(lot: Lot) -> str:
        slot = "v:" + void
        return marked((*lot[:3], slot), owner)[3] if (owner := owner_of(lot[3])) else slot

    def grace(lot: Lot) -> Lot:
        return (midnight(today + version.grace_days + 1, version.zone), now_ms, now_ms, again(lot))

    def reissue(lot: Lot) -> Lot:
        return (same_term(lot[1], lot[0], today, version.zone), now_ms, now_ms, again(lot))

    return {"original": None, "grace": grace, "reissue": reissue}[version.after_expiry]


def release_all(turn: Turn, why: str) -> None:
    """Release every hold, in the order of their ids."""
    for redemption in sorted(turn.member.holds):
        _release(turn, redemption, "lapsed", why)


def _release(
    turn: Turn, redemption: str, state: Literal["lapsed", "voided"], why: str, again: Renewed | None = None
) -> None:
    _, drawn = turn.member.holds.pop(redemption)
    give_back(turn, redemption, drawn, HELD, why, again)
    _use(turn, redemption, state, ())


def _use(turn: Turn, redemption: str, state: Literal["spent", "lapsed", "voided"], drawn: Drawn) -> None:
    turn.write("use", redemption, (state, turn.cause, drawn))
