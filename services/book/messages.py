"""Messages between accounts: what a fact gives to another member, and what that does in the other's book.

A message holds the whole of what one fact gives one member by one rule, under a key of these; when a late fact changes
it, it is said anew with the next revision. In the receiver's book it is a fact like others, at the giving fact's own
instant; what it causes there is never given on. Does not own its way through the journal (services/ledger/relay.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, cast

import msgspec

from events.decode import twin
from events.entries import Account
from events.facts import MemberFact
from events.facts.messages import ID, Message, Share
from services.book.accounts import ISSUED, TRANSFERRED
from services.book.lots import claw, earn, give_back
from services.book.member import Member, Sent
from services.book.owners import marked
from services.book.turn import Cold, ColdKey, Turn, lot_id, lot_of
from services.programme.mechanic import POINTS, Lot, LotPoints
from services.programme.policies import Shortfall
from services.programme.rate import Award

_MESSAGE: Any = twin(Message)
_SHARE: Any = twin(Share)

TRANSFER, CONTRIBUTION, GIVEN_BACK = "transfer", "contribution", "given back"
"""What gives where no rule does: a member, one who shares a pool, a pool. No rule is named so: theirs hold an @."""

_Parts = dict[tuple[str, str, Account], dict[tuple[str, Lot], int]]


class Heard(NamedTuple):
    """The newest revision of a message that has come, and its instant: the row ("message", id)."""

    revision: int
    at_ms: int


_pack = msgspec.msgpack.Encoder().encode
_heard = msgspec.msgpack.Decoder(Heard).decode


# ---------------------------------------------------------------- sending


def given(awards: Iterable[Award]) -> Sent:
    """What awards of a fact give to other members, by receiver and rule."""
    parts: _Parts = {}
    for rule, unit, lot, points, to in awards:
        mine = parts.setdefault((to, rule, ISSUED), {})
        mine[unit, lot] = mine.get((unit, lot), 0) + points
    return sent(parts)


def whole(parts: Mapping[tuple[str, str], Iterable[LotPoints]]) -> Sent:
    """What a fact hands on of the member's own points, by receiver and why."""
    found: _Parts = {}
    for (to, why), lots in parts.items():
        mine = found.setdefault((to, why, TRANSFERRED), {})
        for lot, points in lots:
            mine[POINTS, lot] = mine.get((POINTS, lot), 0) + points
    return sent(found)


def sent(parts: _Parts) -> Sent:
    """In one order, without what comes to nothing."""
    found = [
        (*key, tuple((unit, lot, points) for (unit, lot), points in sorted(mine.items()) if points))
        for key, mine in sorted(parts.items())
    ]
    return tuple(one for one in found if one[3])


def letters(member: Member, fact: MemberFact, was: Sent, now: Sent, *, moved: bool = False) -> Iterator[Message]:
    """The messages that lead from what a fact gave to what it gives. moved: it has another instant than before."""
    before: Mapping[Any, Any] = {one[:3]: one[3] for one in was}
    after: Mapping[Any, Any] = {one[:3]: one[3] for one in now}
    for key in sorted({*before, *after}):
        lots = after.get(key, ())
        if moved or lots != before.get(key, ()):
            yield _letter(member, fact, key, lots)


def _letter(member: Member, fact: MemberFact, key: tuple[str, str, Account], lots: Any) -> Message:
    to, rule, account = key
    member.said += 1
    sender = fact.member  # of a forwarded fact, whose it was: the key stays
    name = "\n".join((sender, fact.id, rule, to)).encode()
    message = _MESSAGE(
        id=ID + blake2b(name, digest_size=16).hexdigest(),
        revision=member.said,
        occurred_at=fact.occurred_at,
        member=to,
        sender=sender,
        cause=fact.id,
        rule=rule,
        account=account,
        lots=tuple(
            _SHARE(lot=lot_id(lot), points=points, unit=None if unit == POINTS else unit) for unit, lot, points in lots
        ),
    )
    return cast("Message", message)


# ---------------------------------------------------------------- receiving


def row_of(message: Message) -> ColdKey:
    """The cold row that remembers which revision has come: known by arrival, never folded again."""
    return "message", message.id


def heard(message: Message, cold: Cold) -> Heard | None:
    """The newest revision of this message that has come. None: it is new. `cold` must hold its row."""
    row = cold[row_of(message)]
    return None if row is None else _heard(row)


def hear(message: Message, at_ms: int) -> bytes:
    """The row of a message that has come now."""
    return _pack(Heard(message.revision, at_ms))


def lots_in(message: Message) -> list[tuple[Lot, int]]:
    """The lots of points in a message, as they are in the receiver's book."""
    lots = [(lot_of(share.lot), share.points) for share in message.lots if share.unit is None]
    return [(marked(lot, message.sender), n) for lot, n in lots] if message.rule == CONTRIBUTION else lots


def other_awards(message: Message) -> list[Award]:
    """What a message gives that is no regular points: of other currencies, or things."""
    return [
        (message.rule, share.unit, lot_of(share.lot), share.points, "")
        for share in message.lots
        if share.unit is not None
    ]


def receive(turn: Turn, message: Message, shortfall: Shortfall) -> list[LotPoints]:
    """Book the points that a message gives, what is given first, and what it takes back. Returns those that the
    programme granted: what rules that read messages may count."""
    why = f"{message.rule} of {message.sender}"
    shares = sorted(lots_in(message), key=lambda share: (share[1] < 0, share[0]))
    for lot, points in shares:
        if points < 0:
            claw(turn, lot, -points, why, shortfall)
        elif points and message.account == ISSUED:
            earn(turn, lot, points, why)
        elif points:
            give_back(turn, turn.cause, ((lot, points),), TRANSFERRED, why)
    return shares if message.account == ISSUED else []
