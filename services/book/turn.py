"""One member's turn: the entries and cold rows that one fact or tick makes, while the member's state is changed.

Owns the recording of entries and of cold rows. Does not decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from events.entries import Account, Entry
from services.book.member import Member
from services.programme.calendar import NEVER
from services.programme.mechanic import Lot

ColdKey = tuple[str, str]
"""(kind, key) of a cold row of one member: "purchase", "use", "debt", "gone"; "fact" is a purchase's row of `fact`."""

Cold = Mapping[ColdKey, bytes | None]
"""Cold rows that were looked up; None: there is none."""

_encode = msgspec.msgpack.Encoder().encode


def lot_id(lot: Lot) -> str:
    """A lot's identity as text, on topics and in rows: expiry, earning and activation instants, slot."""
    expires = "never" if lot[0] >= NEVER else str(lot[0])
    return f"{expires}.{lot[1]}.{lot[2]}.{lot[3]}"


def lot_of(text: str) -> Lot:
    """The lot that `lot_id` named."""
    expires, earned, active, slot = text.split(".", 3)
    return (NEVER if expires == "never" else int(expires), int(earned), int(active), slot)


class Turn:
    """What one fact or tick does to `member`. `now_ms` is the book's time: it never goes back."""

    __slots__ = ("cause", "cold", "entries", "member", "now_ms", "written")

    def __init__(self, member: Member, cause: str, cold: Cold) -> None:
        self.member = member
        self.now_ms = member.now_ms
        self.cause = cause
        self.entries: list[Entry] = []
        self.cold = cold
        self.written: dict[ColdKey, bytes | None] = {}

    def enter(self, debit: Account, credit: Account, points: int, why: str, lot: Lot | None = None) -> None:
        """Record a movement that was just made to the member's sums."""
        member = self.member
        text = lot_id(lot) if lot is not None else ""
        self.entries.append(Entry(debit, credit, points, why, member.live - member.debt, text))

    def read(self, kind: str, key: str, shape: Any) -> Any:
        """A cold row in the type `shape`, as this turn wrote it or as it was loaded. None: there is none."""
        row = self.written[kind, key] if (kind, key) in self.written else self.cold.get((kind, key))
        return None if row is None else msgspec.msgpack.decode(row, type=shape)

    def write(self, kind: str, key: str, value: Any) -> None:
        """A cold row to be stored with the fact; None deletes it."""
        self.written[kind, key] = None if value is None else _encode(value)
