"""One member's turn: the entries and cold rows that one fact or tick makes, while the member's state is changed.

Owns the recording of entries and of cold rows, and the shape of a cold row. Does not decide anything.

A cold row holds its newest value and, as far back as a late fact may have to go, the values before it, each stamped
with the member's count of turns. So the rows as they were at a snapshot are there without a copy of them: `as_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from events.entries import Account, Entry, Outcome, decode_outcome
from services.book.member import Member, Sent
from services.programme.calendar import NEVER
from services.programme.mechanic import Lot
from services.programme.rate import Worth

ColdKey = tuple[str, str]
"""(kind, key) of a cold row of one member.

Versioned, written by `Turn.write`: "purchase", "use", "debt", "gone", "lots", "cells". As they are: "chunk" and "state"
(services/book/history.py), "message" (services/book/messages.py), "inner" and the "step" of a forwarded fact
(services/book/merging.py). Not written here: "fact", a purchase's own row of `fact`, and "step", any row of `fact`,
by its seq; both are msgpack of (body, outcome, when the journal took it).
"""

Cold = Mapping[ColdKey, bytes | None]
"""Cold rows that were looked up; None: there is none."""

_encode = msgspec.msgpack.Encoder().encode
_decoder = cache(msgspec.msgpack.Decoder)
"""By the type to decode to: making one costs more than what it decodes."""

_Versions = list[tuple[int, msgspec.Raw]]
"""(turns, value), the newest first; the value nil: deleted."""
_versions = msgspec.msgpack.Decoder(_Versions).decode
_NIL = b"\xc0"


def as_of(row: bytes | None, turns: int) -> bytes | None:
    """A versioned row without what was written after so many turns. None: there was no such row."""
    if row is None:
        return None
    kept = [version for version in _versions(row) if version[0] <= turns]
    return _encode(kept) if kept else None


def lot_id(lot: Lot) -> str:
    """A lot's identity as text, on topics and in rows: expiry, earning and activation instants, slot."""
    ends, earned_ms, active_ms, slot = lot
    earned = str(earned_ms)  # a number's text costs as much as all the rest
    active = earned if active_ms == earned_ms else str(active_ms)
    return f"{'never' if ends >= NEVER else ends}.{earned}.{active}.{slot}"


def lot_of(text: str) -> Lot:
    """The lot that `lot_id` named."""
    expires, earned, active, slot = text.split(".", 3)
    return (NEVER if expires == "never" else int(expires), int(earned), int(active), slot)


def newest(row: bytes | None, shape: Any) -> Any:
    """The newest value of a versioned row in the type `shape`. None: there is none."""
    value = None if row is None else _versions(row)[0][1]
    return None if value is None or bytes(value) == _NIL else _decoder(shape).decode(value)


_booked = msgspec.msgpack.Decoder(tuple[bytes, bytes, int]).decode


def pack(body: bytes, outcome: bytes, claimed_ms: int = 0) -> bytes:
    """A row of `fact` as a cold row; `claimed_ms`: when the journal took it."""
    return _encode((body, outcome, claimed_ms))


def unpack(row: bytes) -> tuple[bytes, Outcome]:
    """Body and outcome of a row of `fact`."""
    body, outcome, _ = _booked(row)
    return body, decode_outcome(outcome)


def claimed_of(row: bytes) -> int:
    """When the journal took the fact of such a row."""
    return _booked(row)[2]


def versioned(member: Member, value: Any) -> bytes:
    """A row with one version, of now."""
    return _encode([(member.turns, value)])


class Turn:
    """What one fact or tick does to `member`. `now_ms` is the book's time, which only goes forward in a turn."""

    __slots__ = (
        "ahead", "cause", "cold", "entries", "lots", "member", "now_ms", "purses", "reached", "sent", "written",
    )  # fmt: skip

    def __init__(self, member: Member, cause: str, cold: Cold) -> None:
        member.turns += 1
        self.member = member
        self.now_ms = member.now_ms
        self.cause = cause
        self.entries: list[Entry] = []
        self.cold = cold
        self.written: dict[ColdKey, bytes | None] = {}
        self.sent: Sent = ()
        self.lots: tuple[tuple[str, int], ...] = ()
        self.reached: dict[tuple[str, int], dict[int | str, Any]] = {}
        """The shelves whose cells are in the hot row for this turn, as they lay there (services/book/shelves.py)."""
        self.ahead: Worth | None = None
        """What the rules make of the fact, where that was asked before (services/book/ahead.py)."""
        self.purses: dict[str, Turn] = {}
        """What it does to the member's other currencies (services/book/purses.py)."""

    def enter(self, debit: Account, credit: Account, points: int, why: str, lot: Lot | None = None) -> str:
        """Record a movement that was just made to the member's sums. Returns the lot's identity as text."""
        member = self.member
        text = lot_id(lot) if lot is not None else ""
        self.entries.append(Entry(debit, credit, points, why, member.live - member.debt, text))
        return text

    def row(self, key: ColdKey) -> bytes | None:
        """A cold row's bytes, as this turn wrote it or as it was loaded. None: there is none, or it was not loaded."""
        return self.written[key] if key in self.written else self.cold.get(key)

    def knows(self, key: ColdKey) -> bool:
        """Whether a cold row was looked up, or written."""
        return key in self.written or key in self.cold

    def read(self, kind: str, key: str, shape: Any) -> Any:
        """The newest value of a versioned row in the type `shape`. None: there is none."""
        return newest(self.row((kind, key)), shape)

    def write(self, kind: str, key: str, value: Any) -> None:
        """The newest value of a versioned row; None: there is none from now on."""
        member, name = self.member, (kind, key)
        versions: list[tuple[int, Any]] = [(member.turns, value)]
        row = self.row(name)
        if row is not None and member.chunks:
            kept_since = member.chunks[0][2]
            for turns, old in _versions(row):
                if turns < member.turns:
                    versions.append((turns, old))
                if turns <= kept_since:
                    break
        if value is None and len(versions) == 1:
            self.written[name] = None
        else:
            self.written[name] = _encode(versions)
        if name not in member.written:
            member.written.append(name)
