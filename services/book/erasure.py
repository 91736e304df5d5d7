"""A person is forgotten: what the account still had ends here, and what comes to it later ends at once.

Points in lots and holds go to the account `forfeited`, and what was owed comes from there; nothing remains of levels,
statuses, cells and things. What happened before and comes late is folded where it was, and forfeited then. Afterwards
nothing is earned, asked or taken back: such a fact is declined. What was decided or given all the same (an offline
discount, a message of another member) is booked, and ends in the same account. Does not own the identifiers: they are
the directory's (services/intake).
"""

from __future__ import annotations

from typing import Any

from events.refusals import Refusal
from services.book import redemptions
from services.book.accounts import DEBT, FORFEITED, LOT
from services.book.lots import change, credit, settle
from services.book.member import Member
from services.book.pages import open_page
from services.book.turn import Turn
from services.programme.timeline import Timeline

WHY = "erased"

BOOKED = frozenset({"message", "redemption_taken", "redemption_captured", "redemption_voided", "erased"})
"""What is booked of somebody who is forgotten, since it has happened."""
GRANTED = frozenset({"redemption_requested", "transfer_requested", "contribution_requested"})
"""And what was granted before that was known."""


def barred(member: Member, fact: Any, decided: bool) -> Refusal | None:
    """Whether a fact comes to somebody who is forgotten."""
    if not member.beyond.erased or fact.type in BOOKED or (decided and fact.type in GRANTED):
        return None
    return Refusal.MEMBER_MUST_NOT_BE_ERASED


def erase(turn: Turn) -> None:
    """End all that the account has."""
    member = turn.member
    member.shared().erased = True
    redemptions.release_all(turn, WHY)
    while member.pages:
        open_page(turn, member.pages[0])
    member.timeline, member.cells, member.away, member.units = Timeline(), {}, {}, {}
    member.statuses, member.waiting = {}, {}


def forfeit(turn: Turn) -> None:
    """What there is ends, and nothing is owed. Part of every fact of somebody who is forgotten, once it is folded."""
    member = turn.member
    for live in list(member.lots):
        lot, points = live[:4], live[4]
        change(turn, lot, -points)
        credit(member, FORFEITED, points)
        turn.enter(LOT, FORFEITED, points, WHY, lot)
    for cause, owed in sorted(member.debts.items(), key=lambda item: item[1][0]):
        if owed[1]:
            member.debt -= owed[1]
            credit(member, FORFEITED, -owed[1])
            turn.enter(FORFEITED, DEBT, owed[1], WHY)
        settle(turn, cause, (owed[0], 0, owed[2]))
