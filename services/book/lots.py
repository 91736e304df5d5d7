"""Lots and debt: earning, expiring, spending in order, taking back, giving back.

Spending order is the lot's identity itself: soonest expiry, then oldest earned, then slot. Nothing is negative but
debt, and a debt remembers its cause and who repaid it, so that it can be undone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from operator import itemgetter

from events.entries import Account
from services.book.accounts import DEBT, EXPIRED, FORFEITED, ISSUED, LOT, REVERSED, SPENT, WRITTEN_OFF
from services.book.member import Broken, Drawing, Drawn, Member, Owed
from services.book.pages import fetch, open_page, soonest
from services.book.turn import Turn, lot_id
from services.programme.mechanic import Lot
from services.programme.policies import Shortfall

_owed = itemgetter(1)


def remaining(member: Member, lot: Lot) -> int:
    """What is left in a lot; 0 where there is none."""
    lots = member.lots
    index = bisect_left(lots, lot)  # a lot's identity sorts just before the identity with its amount
    return lots[index][4] if index < len(lots) and lots[index][:4] == lot else 0


def change(turn: Turn, lot: Lot, points: int) -> None:
    """Add to a lot, or take from it. The one writer of `lots`, `live` and `pending`, with `draw`. Raises Broken."""
    member = turn.member
    lots = member.lots
    member.live += points
    if lot[2] > turn.now_ms:
        member.pending += points
    index = bisect_left(lots, lot)
    if index == len(lots) or lots[index][:4] != lot:
        if points <= 0:
            raise Broken(f"{member.id}: {-points} points are taken from {lot_id(lot)}, which is not there")
        lots.insert(index, (*lot, points))
    elif rest := lots[index][4] + points:
        lots[index] = (*lot, rest)
    else:
        del lots[index]


def earn(turn: Turn, lot: Lot, points: int, why: str) -> None:
    """Grant points into a lot. One that has ended already expires at once; an active one repays debt first."""
    member = turn.member
    member.issued += points
    change(turn, lot, points)
    turn.enter(ISSUED, LOT, points, why, lot)
    if lot[0] <= turn.now_ms:
        expire(turn, lot, points)
    elif member.debt and lot[2] <= turn.now_ms:
        repay(turn, lot)


def expire(turn: Turn, lot: Lot, points: int) -> None:
    """Points of a lot that has ended. They are remembered by lot: a return re-labels them as taken back."""
    change(turn, lot, -points)
    turn.member.expired += points
    key = turn.enter(LOT, EXPIRED, points, "expiry", lot)
    if lot[0] < turn.now_ms and not turn.knows(("gone", key)):
        raise Broken(f"{turn.member.id}: the breakage of lot {key} was not looked up")
    turn.write("gone", key, (turn.read("gone", key, int) or 0) + points)


def draw(turn: Turn, points: int, to: Account, why: str) -> tuple[list[tuple[Lot | None, int]], int]:
    """Take points from the active lots in spending order. Returns what was taken from which, and what is missing."""
    member, now_ms = turn.member, turn.now_ms
    lots, index, wanted = member.lots, 0, points
    taken: list[tuple[Lot | None, int]] = []
    while points:
        while index < len(lots) and lots[index][2] > now_ms:
            index += 1
        lot = lots[index] if index < len(lots) else None
        page = soonest(member)
        if page is not None and (lot is None or page.first <= lot):
            open_page(turn, page)
            index = 0
            continue
        if lot is None:
            break
        source, part = lot[:4], lot[4]
        if part > points:
            part = points
            lots[index] = (*source, lot[4] - part)
        else:
            del lots[index]
        points -= part
        member.live -= part
        turn.enter(LOT, to, part, why, source)
        taken.append((source, part))
    if taken:
        credit(member, to, wanted - points)
    return taken, points


def take(turn: Turn, points: int, to: Account, why: str) -> Drawn:
    """Draw points; what the lots do not cover becomes debt of this turn's cause."""
    taken, missing = draw(turn, points, to, why)
    if missing:
        owe(turn, missing, to, why)
        taken.append((None, missing))
    return tuple(taken)


def claw(turn: Turn, lot: Lot, points: int, why: str, shortfall: Shortfall = "debt") -> None:
    """Take back what a lot was granted: from itself, from its own breakage, from the other lots, then as debt.

    shortfall "write_off": what no lot covers is written off; "source_lot": the other lots are left alone, too.
    """
    member = turn.member
    if member.pages:
        fetch(turn, lot)
    own = min(points, remaining(member, lot))
    if own:
        change(turn, lot, -own)
        member.reversed += own
        turn.enter(LOT, REVERSED, own, why, lot)
    rest = points - own
    if rest and lot[0] <= turn.now_ms:
        rest -= _take_broken(turn, lot, rest, why)
    if rest and shortfall == "write_off":
        _, rest = draw(turn, rest, REVERSED, why)
    if rest and shortfall == "debt":
        take(turn, rest, REVERSED, why)
    elif rest:
        _write_off(turn, rest, why)


def _take_broken(turn: Turn, lot: Lot, points: int, why: str) -> int:
    """Of the breakage of a lot, at most so many points. Returns how many there were."""
    if lot[0] < turn.now_ms and not turn.knows(("gone", lot_id(lot))):
        raise Broken(f"{turn.member.id}: the breakage of lot {lot_id(lot)} was not looked up")
    gone: int = turn.read("gone", lot_id(lot), int) or 0
    broken = min(points, gone)
    if broken:
        turn.member.expired -= broken
        turn.member.reversed += broken
        key = turn.enter(EXPIRED, REVERSED, broken, why, lot)
        turn.write("gone", key, gone - broken or None)
    return broken


def _write_off(turn: Turn, points: int, why: str) -> None:
    """Goods came back whose points are spent, and nobody owes them."""
    turn.member.written_off += points
    turn.member.reversed += points
    turn.enter(WRITTEN_OFF, REVERSED, points, why)


def draw_for(turn: Turn, slot: str, points: int, why: str) -> None:
    """Take points in exchange for what a rule gave, and remember from which lots: the newest draw of a slot is undone
    first."""
    made, newest = turn.member.draws.get(slot, (0, 0))
    fact, turn.cause = turn.cause, turn.cause + slot  # a debt of its own
    drawn = take(turn, points, SPENT, why)
    turn.write("draw", f"{slot}.{made + 1}", (newest, turn.cause, drawn))
    turn.cause = fact
    turn.member.draws[slot] = made + 1, made + 1


def undraw(turn: Turn, slot: str, points: int, why: str) -> None:
    """Undo the newest draws of a slot, for so many points: each part returns to its own lot. Raises Broken."""
    made, newest = turn.member.draws.get(slot, (0, 0))
    while points:
        drawing: Drawing | None = turn.read("draw", f"{slot}.{newest}", Drawing) if newest else None
        if drawing is None:
            raise Broken(f"{turn.member.id}: {points} points of {slot} are undone that were not drawn")
        before, cause, drawn = drawing
        whole = sum(part for _, part in drawn)
        kept, back = split(drawn, max(whole - points, 0))
        give_back(turn, cause, back, SPENT, why)
        points -= sum(part for _, part in back)
        turn.write("draw", f"{slot}.{newest}", (before, cause, kept) if kept else None)
        newest = newest if kept else before
        turn.member.draws[slot] = made, newest


def split(drawn: Drawn, points: int) -> tuple[Drawn, Drawn]:
    """The first `points` of what was drawn, and the rest: what spends first is captured first."""
    first, rest = [], []
    for lot, amount in drawn:
        part = min(points, amount)
        points -= part
        if part:
            first.append((lot, part))
        if amount > part:
            rest.append((lot, amount - part))
    return tuple(first), tuple(rest)


def owe(turn: Turn, points: int, to: Account, why: str) -> None:
    """Book points that no lot covers as a debt of this turn's cause."""
    member = turn.member
    owed = member.debts.get(turn.cause)
    if owed is None:
        member.debts_made += 1
        owed = (member.debts_made, 0, ())
    member.debts[turn.cause] = (owed[0], owed[1] + points, owed[2])
    member.debt += points
    credit(member, to, points)
    turn.enter(DEBT, to, points, why)


def repay(turn: Turn, lot: Lot) -> None:
    """Let an active lot repay the open debts, oldest first."""
    member = turn.member
    rest = remaining(member, lot)
    for cause, owed in sorted(member.debts.items(), key=_owed):
        if not rest:
            break
        part = min(rest, owed[1])
        if not part:
            continue  # repaid, and kept for the hold that rests on it
        rest -= part
        change(turn, lot, -part)
        member.debt -= part
        settle(turn, cause, (owed[0], owed[1] - part, (*owed[2], (lot, part))))
        turn.enter(LOT, DEBT, part, "debt repaid", lot)


def settle(turn: Turn, cause: str, owed: Owed) -> None:
    """Keep a debt where it belongs: with the member while it is open or a hold rests on it, else in a cold row."""
    if owed[1] or cause in turn.member.holds:
        turn.member.debts[cause] = owed
        return
    turn.member.debts.pop(cause, None)
    turn.write("debt", cause, owed if owed[2] else None)


Renewed = Callable[[Lot], Lot]
"""The lot that stands for one which has ended."""


def give_back(turn: Turn, cause: str, drawn: Drawn, frm: Account, why: str, again: Renewed | None = None) -> None:
    """Undo a draw: what was taken last returns first, each part to its own lot and its own expiry; or, for a lot that
    has ended, to the one that `again` says."""
    for lot, points in reversed(drawn):
        if lot is None:
            _forgive(turn, cause, points, frm, why, again)
        else:
            _return_to(turn, lot, points, frm, why, again)


def _return_to(turn: Turn, lot: Lot, points: int, frm: Account, why: str, again: Renewed | None) -> None:
    if again is not None and lot[0] <= turn.now_ms:
        lot = again(lot)
    change(turn, lot, points)
    credit(turn.member, frm, -points)
    turn.enter(frm, LOT, points, why, lot)
    if lot[0] <= turn.now_ms:
        expire(turn, lot, points)
    elif turn.member.debt and lot[2] <= turn.now_ms:
        repay(turn, lot)


def _forgive(turn: Turn, cause: str, points: int, frm: Account, why: str, again: Renewed | None) -> None:
    """The part of a draw that was owed: what is still open is forgiven, what was repaid goes back to who repaid it."""
    member = turn.member
    number, still_open, repaid = member.debts.get(cause) or turn.read("debt", cause, Owed) or (0, 0, ())
    part = min(points, still_open)
    if part:
        member.debt -= part
        credit(member, frm, -part)
        turn.enter(frm, DEBT, part, why)
    rest = points - part
    kept: list[tuple[Lot, int]] = []
    back: list[tuple[Lot, int]] = []
    for lot, by in reversed(repaid):
        gives = min(rest, by)
        rest -= gives
        if gives:
            back.append((lot, gives))
        if by > gives:
            kept.insert(0, (lot, by - gives))
    settle(turn, cause, (number, still_open - part, tuple(kept)))
    for lot, gives in back:
        _return_to(turn, lot, gives, frm, why, again)
    if rest:  # owed by somebody who is forgotten, and waived
        credit(member, frm, -rest)
        credit(member, FORFEITED, rest)
        turn.enter(frm, FORFEITED, rest, why)


def credit(member: Member, account: Account, points: int) -> None:
    """Add to one of the member's sums by the account's name."""
    if account == "spent":
        member.spent += points
    elif account == "held":
        member.held += points
    elif account == "transferred":
        member.shared().transferred += points
    elif account == "fee":
        member.shared().fee += points
    elif account == "forfeited":
        member.shared().forfeited += points
    else:
        member.reversed += points
