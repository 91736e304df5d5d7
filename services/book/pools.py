"""Pools: an account that several members share. Its lots remember who put them in, and go back to those who left.

Owns who shares it and the giving back. Spending, holding and cancelling are those of every account, in one
spending order over all lots: what a cancelled redemption gives back returns to the lots it came from, and from there,
if their owner shares the pool no longer, to the owner's own account. Points without a mark are the pool's own.
"""

from __future__ import annotations

from typing import Any

from events.refusals import Refusal
from services.book import messages
from services.book.accounts import LOT, TRANSFERRED
from services.book.lots import change, credit
from services.book.owners import bare, owner_of
from services.book.pages import open_page
from services.book.turn import Turn
from services.programme.mechanic import Lot
from services.programme.plan import Version


def joined(turn: Turn, fact: Any, version: Version | None, decided: bool) -> Refusal | None:
    """One more shares the pool."""
    if fact.who == turn.member.id:
        return Refusal.POOL_MUST_NOT_SHARE_ITSELF
    shared = turn.member.shared()
    shared.circle = tuple(sorted({*(shared.circle or ()), fact.who}))
    return None


def left(turn: Turn, fact: Any, version: Version | None, decided: bool) -> Refusal | None:
    """One shares it no longer: `give_back` sees to what was left."""
    member = turn.member
    if fact.who not in (member.beyond.circle or ()):
        return Refusal.POOL_MUST_BE_SHARED
    shared = member.shared()
    shared.circle = tuple(name for name in shared.circle or () if name != fact.who)
    while member.pages:
        open_page(turn, member.pages[0])
    return None


def give_back(turn: Turn) -> None:
    """Send lots whose owner does not share the pool to the owner. Part of every fact, once it is folded."""
    member = turn.member
    circle = member.beyond.circle or ()
    parts: dict[tuple[str, str], list[tuple[Lot, int]]] = {}
    for away in [lot for lot in member.lots if owner_of(lot[3]) not in ("", *circle)]:
        lot, points = away[:4], away[4]
        change(turn, lot, -points)
        credit(member, TRANSFERRED, points)
        turn.enter(LOT, TRANSFERRED, points, messages.GIVEN_BACK, lot)
        parts.setdefault((owner_of(lot[3]), messages.GIVEN_BACK), []).append((bare(lot), points))
    if parts:
        turn.sent = tuple(sorted((*turn.sent, *messages.whole(parts))))
