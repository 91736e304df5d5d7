"""One fact folded into one member: state and fact in, state, outcome, entries and cold rows out. Pure: the room's door.

A fact in order is folded forward (services/book/forward.py); one that comes late is folded where it belongs in time
(services/book/ontime.py). Decisions are taken here, when a fact comes, and once. Owns the outcome.
"""

from __future__ import annotations

from typing import Any

import msgspec

from events.entries import Entry, Outcome, Posting
from events.facts import MemberFact, Message
from events.refusals import Refusal
from services.book import needs as forward_needs
from services.book.ahead import foreseen
from services.book.baskets import current, unread
from services.book.due import begins_ms, due_ms
from services.book.forward import advance, finish, play
from services.book.history import order_of, record
from services.book.member import Member
from services.book.merging import Did, forward, hand_over, inner_key, is_for_itself, known_inner, take_in
from services.book.messages import hear, heard, letters, row_of
from services.book.ontime import Missing, Refolded, is_late, late_needs, refold, said_before
from services.book.ontime import rerate as refold_from
from services.book.purses import purse_of
from services.book.rewards import RewardDue, rewards_of
from services.book.transfers import Lots
from services.book.turn import Cold, ColdKey, Turn
from services.programme.plan import Plan
from services.programme.rate import Worth

BETWEEN = frozenset({"merged", "unmerged", "forwarded"})
"""Facts that concern accounts of one person."""

_NO_ROWS: tuple[ColdKey, ...] | None = ()

__all__ = ["Missing", "Result", "needs", "needs_nothing", "rerate", "step", "tick"]


class Result(msgspec.Struct, frozen=True, gc=False):
    """Everything that a fact did. `cold` are rows to write (None deletes)."""

    outcome: Outcome
    posting: Posting
    cold: dict[ColdKey, bytes | None]
    rewards: tuple[RewardDue, ...] = ()
    messages: tuple[Message, ...] = ()
    """To other members, through the journal."""
    elsewhere: tuple[Posting, ...] = ()
    """To the member's accounts in other currencies, as far as they were touched."""


def needs(
    member: Member, fact: MemberFact, at_ms: int, plan: Plan, cold: Cold, ahead: Worth | None = None
) -> tuple[tuple[ColdKey, ...], Worth | None]:
    """The cold rows that a fact seems to need and `cold` does not have yet; some lead to others. For batches. With the
    fact's worth, where it was found on the way: for the next look, and for the fold.

    ahead: that of the look before, while nothing was folded into the member since.
    """
    _, keys = _look(member, fact, at_ms, cold)
    return forward_needs.soon(member, fact, at_ms, plan, cold, ahead) if keys is None else (keys, ahead)


def needs_nothing(member: Member, fact: MemberFact, at_ms: int, plan: Plan) -> bool:
    """Whether `needs` asks for no row, told at a glance. False: it may still ask for none."""
    return member.merges is None and forward_needs.plain_soon(member, fact, at_ms, plan)


def _look(member: Member, fact: MemberFact, at_ms: int, cold: Cold) -> tuple[bool, tuple[ColdKey, ...] | None]:
    """Whether a fact that is not plain comes late, as far as its rows tell, and which rows it needs first. None: what
    it needs is told by what it does (needs.py)."""
    merges = member.merges
    if fact.type in BETWEEN or (merges is not None and merges.into):
        return False, ()  # merging.py asks for what it needs
    if merges is not None and inner_key(fact) not in cold:
        return False, (inner_key(fact),)
    if absent := said_before(fact, cold):
        return False, absent
    if is_late(member, fact, at_ms, cold):
        return True, late_needs(member, fact, at_ms, cold)
    if fact.type == "return" and fact.purchase is not None and (rows := unread(fact.purchase, cold)):
        return False, rows
    return False, None


def step(
    member: Member,
    fact: MemberFact,
    at_ms: int,
    seq: int,
    plan: Plan,
    cold: Cold,
    claimed_ms: int = 0,
    ahead: Worth | None = None,
) -> Result:
    """Fold one fact of the instant `at_ms`, with the place `seq` in the book. Mutates `member`.

    claimed_ms: when the journal took it. ahead: its worth, of `needs` or of the Missing that its last try has raised,
    while nothing was folded into the member since.

    Raises Missing, before any change, where it needs cold rows that were not looked up; and Broken.
    """
    late, missing = False, _NO_ROWS
    if member.merges is not None or not forward_needs.plain(member, fact, at_ms, plan):
        late, missing = _look(member, fact, at_ms, cold)
    if missing is None:
        ahead = ahead or foreseen(member, fact, at_ms, plan, cold)
        missing = forward_needs.needs(member, fact, at_ms, plan, cold, ahead)
    if missing:
        raise Missing(missing, ahead)
    if at_ms > member.high_water_ms:
        member.high_water_ms = at_ms
    if fact.type in BETWEEN or member.merges is not None:
        if (did := _merging(member, fact, claimed_ms, plan, cold)) is not None:
            return _of_merging(member, did)
        if (taken := known_inner(fact, cold)) is not None and taken.revision >= fact.revision:
            return Result(Outcome("done"), posting(member, ()), {})  # it came here from another account
    if (fact.type == "correction" or member.ahead) and _is_old(member, fact, cold):
        return Result(Outcome("done"), posting(member, ()), {})
    if fact.type == "message" and (known := heard(fact, cold)) and known.revision >= fact.revision:
        return Result(Outcome("done"), posting(member, ()), {})
    if late:
        again = refold(member, fact, at_ms, seq, plan, cold)
        outcome = _outcome(again.refusal, again.waits, again.version, again.tier, again.lots)
        result = _of_refold(member, outcome, again)
        if fact.type == "correction" and current(fact.id, cold) is None:
            member.ahead.append(fact.id)
    else:
        result = _forward(member, fact, at_ms, seq, plan, cold, ahead)
    if fact.type == "message":
        result.cold[row_of(fact)] = hear(fact, at_ms)
    return result


def _merging(member: Member, fact: Any, claimed_ms: int, plan: Plan, cold: Cold) -> Did | None:
    """What accounts of one person do with a fact. None: it is this account's own affair."""
    merges = member.merges
    if merges is not None and merges.into:
        stays = is_for_itself(member, fact)
        return take_in(member, fact, plan, cold) if stays else forward(member, fact, claimed_ms)
    if fact.type == "forwarded":
        return take_in(member, fact, plan, cold)
    if fact.type == "merged":
        return hand_over(member, fact, cold)
    return Did(Outcome("declined", Refusal.MEMBER_MUST_BE_MERGED.text)) if fact.type == "unmerged" else None


def _forward(
    member: Member, fact: MemberFact, at_ms: int, seq: int, plan: Plan, cold: Cold, ahead: Worth | None
) -> Result:
    played = play(member, fact, at_ms, plan, cold, decided=False, ahead=ahead)
    turn, rated, refusal = played.turn, played.rated, played.refusal
    version, told = rated.version, rated.told
    if refusal is None or fact.type == "return":  # one that brings back too much may do so no longer, later
        member.newest = order_of(fact, at_ms)
        record(turn, (at_ms, seq, told, turn.sent), plan)
    outcome = _outcome(refusal, played.waits, version.name if version is not None else "", rated.tier, turn.lots)
    rewards = tuple(rewards_of(fact, told)) if told else ()
    sent = tuple(letters(member, fact, (), turn.sent)) if turn.sent else ()
    return Result(
        outcome, posting(member, turn.entries), turn.written, rewards, sent, _elsewhere(turn) if turn.purses else ()
    )


def _outcome(refusal: Refusal | None, waits: bool, version: str, tier: int, lots: Lots) -> Outcome:
    if refusal is not None:
        return Outcome("declined", refusal.text)
    return Outcome("waiting") if waits else Outcome("done", "", version, tier, lots)


def _is_old(member: Member, fact: MemberFact, cold: Cold) -> bool:
    """Whether a newer revision of this purchase has come before it; a purchase is expected no longer."""
    if fact.type == "purchase" and fact.id in member.ahead:
        member.ahead.remove(fact.id)
        return True
    stands = current(fact.id, cold) if fact.type == "correction" else None
    return stands is not None and stands.revision >= fact.revision


def rerate(member: Member, from_ms: int, plan: Plan, cold: Cold) -> Result | None:
    """Rate again what lies at or after an instant, where a programme begins that was published later. None: nothing
    does, nor will the version take anything over. Raises as `step`."""
    if member.now_ms < from_ms:
        concerned = begins_ms(member, plan) == from_ms
        return Result(Outcome("done"), posting(member, ()), {}) if concerned else None
    again = refold_from(member, from_ms, plan, cold)
    return _of_refold(member, Outcome("done"), again)


def tick(member: Member, at_ms: int, plan: Plan, cold: Cold) -> Result | None:
    """Advance a member to an instant: what lapses, ends or begins by then. None: nothing did. Raises as `step`."""
    due = due_ms(member, plan)
    if due is None or due > at_ms:
        return None
    if missing := forward_needs.tick_needs(member, at_ms, plan, cold):
        raise Missing(missing)
    turn = Turn(member, "tick", cold)
    advance(turn, at_ms, plan)
    finish(turn, plan)
    return Result(Outcome("done"), posting(member, turn.entries), turn.written, elsewhere=_elsewhere(turn))


def _of_merging(member: Member, did: Did) -> Result:
    elsewhere = tuple(posting(purse_of(member, currency), moved) for currency, moved in did.elsewhere.items())
    return Result(did.outcome, posting(member, did.entries), dict(did.cold), did.rewards, did.messages, elsewhere)


def _of_refold(member: Member, outcome: Outcome, again: Refolded) -> Result:
    elsewhere = tuple(posting(purse_of(member, currency), moved) for currency, moved in again.elsewhere.items())
    return Result(outcome, posting(member, again.entries), again.cold, again.rewards, again.messages, elsewhere)


def _elsewhere(turn: Turn) -> tuple[Posting, ...]:
    return (
        tuple([posting(purse.member, purse.entries) for _, purse in sorted(turn.purses.items())]) if turn.purses else ()
    )


def posting(member: Member, entries: tuple[Entry, ...] | list[Entry]) -> Posting:
    """What a fact did, and how the member stands after it."""
    timeline = member.timeline
    return Posting(
        member.id,
        member.live - member.pending,
        member.pending,
        member.held,
        member.debt,
        timeline.level,
        timeline.sum_minor,
        tuple(entries),
    )
