"""From one book to another: the entries that lead from how a member stood to how it stands. Pure arithmetic.

Every account's difference is taken, and what some have less is moved to those that have more. Between two lots it goes
through the account `moved`, which is empty again after every fact. Owns nothing of the why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from events.entries import Account, Entry
from services.book.accounts import (
    DEBT,
    EXPIRED,
    FEE,
    FORFEITED,
    HELD,
    ISSUED,
    LOT,
    MOVED,
    REVERSED,
    SPENT,
    TRANSFERRED,
    WRITTEN_OFF,
)
from services.book.member import Member, Page
from services.book.pages import lots_of
from services.book.turn import Cold, lot_id
from services.programme.mechanic import Lot


class Place(NamedTuple):
    """Where points can be: an account, and for `lot` which one ("" else). Sorts in the order of the chart."""

    order: int
    account: Account
    lot: str = ""


_CHART = (ISSUED, DEBT, WRITTEN_OFF, HELD, SPENT, EXPIRED, REVERSED, TRANSFERRED, FEE, FORFEITED)
_ACCOUNTS = {account: Place(n, account) for n, account in enumerate(_CHART)}
_MOVED = Place(99, MOVED)


def positions(member: Member, without: Sequence[Page], cold: Cold) -> dict[Place, int]:
    """What stands where, counted as assets of the member's: sums to nothing but what `without` (pages) leaves out."""
    found = {
        _ACCOUNTS[ISSUED]: -member.issued,
        _ACCOUNTS[DEBT]: -member.debt,
        _ACCOUNTS[WRITTEN_OFF]: -member.written_off,
        _ACCOUNTS[HELD]: member.held,
        _ACCOUNTS[SPENT]: member.spent,
        _ACCOUNTS[EXPIRED]: member.expired,
        _ACCOUNTS[REVERSED]: member.reversed,
        _ACCOUNTS[TRANSFERRED]: member.beyond.transferred,
        _ACCOUNTS[FEE]: member.beyond.fee,
        _ACCOUNTS[FORFEITED]: member.beyond.forfeited,
    }
    for lot in lots_of(member, [page for page in member.pages if page not in without], cold):
        found[_place(lot[:4])] = lot[4]
    return found


def _place(lot: Lot) -> Place:
    return Place(0, LOT, lot_id(lot))


def difference(before: Mapping[Place, int], after: Mapping[Place, int], member: Member, why: str) -> tuple[Entry, ...]:
    """The entries from `before` to `after`, in one order. `member` is as it stood before."""
    change = {place: after.get(place, 0) - before.get(place, 0) for place in sorted({*before, *after})}
    less = {place: -n for place, n in change.items() if n < 0}
    more = {place: n for place, n in change.items() if n > 0}
    moves: list[tuple[Place, Place, int]] = []
    for from_lot, to_lot in ((False, True), (True, False), (False, False)):
        for giver in [place for place in less if bool(place.lot) is from_lot]:
            for taker in [place for place in more if bool(place.lot) is to_lot]:
                points = min(less[giver], more[taker])
                if points:
                    less[giver] -= points
                    more[taker] -= points
                    moves.append((giver, taker, points))
    moves += [(place, _MOVED, points) for place, points in less.items() if points]
    moves += [(_MOVED, place, points) for place, points in more.items() if points]
    balance, entries = member.live - member.debt, []
    for debit, credit, points in moves:
        balance += points * ((credit.account in (LOT, DEBT)) - (debit.account in (LOT, DEBT)))
        entries.append(Entry(debit.account, credit.account, points, why, balance, debit.lot or credit.lot))
    return tuple(entries)
