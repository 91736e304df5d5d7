"""Points given to another account: which lots go is decided once, when the request comes, and stays so.

A request is declined in debt, for want of points, and to oneself. The programme's fee is a share of the points, rounded
down, taken first and so from what ends soonest; the rest goes lot by lot, each with its own expiry. Counted again after
a late fact, it takes the same lots; where they hold less by then, the rest from the others, and then as debt.
"""

from __future__ import annotations

from typing import Any

import msgspec

from events.facts import ContributionRequested, TransferRequested
from events.refusals import Refusal
from events.values import floor_div
from services.book import messages
from services.book.accounts import FEE, LOT, TRANSFERRED
from services.book.lots import change, credit, draw, remaining, take
from services.book.member import Member
from services.book.owners import bare
from services.book.pages import fetch
from services.book.turn import Cold, Turn, lot_id, lot_of
from services.programme.mechanic import Lot
from services.programme.plan import Version

Lots = tuple[tuple[str, int], ...]
"""(lot's identity, points): what was decided."""

REQUESTS = ("transfer_requested", "contribution_requested")

SENT = "sent"
"""The cold row's kind of a decided transfer, by its id: from the outcome of its fact; none while it is not decided."""

_pack = msgspec.msgpack.Encoder().encode
_lots = msgspec.msgpack.Decoder(Lots).decode


def row(lots: Lots) -> bytes:
    """What was decided, as a cold row."""
    return _pack(lots)


def decided_lots(fact: Any, cold: Cold) -> list[tuple[Lot, int]] | None:
    """The lots that a request was granted with. None: it is not decided yet."""
    found = cold.get((SENT, fact.id))
    return None if found is None else [(lot_of(text), points) for text, points in _lots(found)]


def refused(member: Member, fact: TransferRequested | ContributionRequested, now_ms: int) -> Refusal | None:
    """Whether the points may go, as the member stands. Asked once, when the request comes."""
    if _receiver(fact) == member.id:
        return Refusal.TRANSFER_MUST_GO_TO_ANOTHER
    if member.debt:
        return Refusal.DEBT_MUST_BE_REPAID_FIRST
    return Refusal.BALANCE_MUST_COVER_THE_POINTS if member.available < fact.points else None


def request(turn: Turn, fact: Any, version: Version | None, decided: bool) -> Refusal | None:
    """Take the points, and send them. One that comes late must find them at its own place in time, too."""
    if not decided and (refusal := refused(turn.member, fact, turn.now_ms)):
        return refusal
    why = _why(fact)
    lots = decided_lots(fact, turn.cold)
    if lots is not None:
        for lot, points in lots:
            _take_from(turn, lot, points, why)
        take(turn, fact.points - sum(points for _, points in lots), FEE, why)
    else:
        if turn.member.available < fact.points:
            return Refusal.BALANCE_MUST_COVER_THE_POINTS
        percent = version.transfer_fee_percent if version is not None and fact.type == "transfer_requested" else 0
        fee = floor_div(fact.points * percent, 100)
        take(turn, fee, FEE, why)
        lots = [(lot, points) for lot, points in draw(turn, fact.points - fee, TRANSFERRED, why)[0] if lot is not None]
    turn.lots = tuple((lot_id(lot), points) for lot, points in lots)
    turn.sent = messages.whole({(_receiver(fact), why): [(bare(lot), points) for lot, points in lots]})
    return None


def _take_from(turn: Turn, lot: Lot, points: int, why: str) -> None:
    """From a lot, as far as it goes; the rest in spending order, then as debt."""
    if turn.member.pages:
        fetch(turn, lot)
    own = min(points, remaining(turn.member, lot)) if lot[2] <= turn.now_ms else 0
    if own:
        change(turn, lot, -own)
        credit(turn.member, TRANSFERRED, own)
        turn.enter(LOT, TRANSFERRED, own, why, lot)
    take(turn, points - own, TRANSFERRED, why)


def _receiver(fact: Any) -> str:
    return fact.to if fact.type == "transfer_requested" else fact.pool  # type: ignore[no-any-return]


def _why(fact: Any) -> str:
    return messages.TRANSFER if fact.type == "transfer_requested" else messages.CONTRIBUTION
