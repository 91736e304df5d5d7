"""A member's state: what a fact in order needs, decoded once, kept in the worker's cache, encoded once a batch.

It is a cache of facts: whatever it lacks lies in cold rows or is folded again from the journal. It is mutable and
belongs to whoever folds it; after a failed commit it is thrown away and read again. Instants are milliseconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from events.entries import Account
from services.programme.calendar import NEVER
from services.programme.mechanic import Lot, Spans
from services.programme.timeline import Timeline

LiveLot = tuple[int, int, int, str, int]
"""A lot's identity and what remains of it (> 0). Sorts by identity."""

Drawn = tuple[tuple[Lot | None, int], ...]
"""What was taken from which lot, in order; None: what no lot covered, owed as debt."""

Drawing = tuple[int, str, Drawn]
"""(the draw before it, 0: none; the cause that its debt is booked under; what was taken from which lot)."""

Hold = tuple[int, Drawn]
"""(ends at, what it reserves)."""

Owed = tuple[int, int, tuple[tuple[Lot, int], ...]]
"""(order of its making, still open, who repaid how much): a debt remembers its provenance."""

Edge = tuple[int, int]
"""(expires at, earned at): the beginning of a lot's identity, which bounds it."""


class Page(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Far lots out of the way (services/book/pages.py)."""

    number: int
    level: int
    """0: it holds lots; else pages of the level below."""
    first: Edge
    last: Edge
    points: int
    packed: bytes = b""
    """Its lots, while it is near; empty: they lie in a cold row."""


Sent = tuple[tuple[str, str, Account, tuple[tuple[str, Lot, int], ...]], ...]
"""(receiver, rule, from which account, ((unit, lot, amount), ...)): what a fact gave to other members."""

Told = tuple[tuple[str, int], ...]
"""(partner, points): what the rules gave (or, negative, took) for a fact in a partner's shops, as it was last rated."""

Step = tuple[int, int, Told, Sent]
"""(at_ms, seq, told, sent): a fact that counts, by its place in time and in the book. seq < 0: the number of one that
another account has forwarded (services/book/merging.py)."""

Chunk = tuple[int, int, int]
"""(the last step's at_ms, number, turns so far): steps whose member row was kept (services/book/history.py)."""

Back = tuple[tuple[str, int, int, int, tuple[str, ...]], ...]
"""(item, quantity, total and its tax in minor units, categories) of goods that came back."""

_Cell = int | str | tuple[int | str | tuple[int | str | tuple[int | str, ...], ...], ...]
Shelf = dict[int | str, _Cell]
"""Cells of a rule out of the way (services/book/shelves.py)."""


class Between(msgspec.Struct, array_like=True, gc=False):
    """What only a member has whose points met other members' accounts; folded like the rest."""

    transferred: int = 0
    """Points given to other accounts, less those that came from them. Over the whole house: what is on its way."""
    fee: int = 0
    forfeited: int = 0
    circle: tuple[str, ...] | None = None
    """Of a pool: the members who share it (services/book/pools.py). None: it is no pool."""
    erased: bool = False
    """The person is forgotten (services/book/erasure.py)."""

    @property
    def gone(self) -> int:
        """Points that left the account by one of these ways."""
        return self.transferred + self.fee + self.forfeited


class Merges(msgspec.Struct, array_like=True, gc=False):
    """What an account knows of other accounts of the same person (services/book/merging.py)."""

    into: str = ""
    """The account that this one's facts go to; "": it is nobody else's."""
    merge: str = ""
    """The newest fact that merged it."""
    taken: dict[str, tuple[str, str]] = {}
    """Whose facts have come here -> (the member they came through, "" for itself; the fact that merged it)."""
    released: tuple[str, ...] = ()
    """Merges that were taken back."""
    inner: int = 0
    """Facts of others that came here: they are numbered."""


class Broken(Exception):
    """An invariant does not hold: the fold is wrong, or its state is. The partition must stop."""


class Member(msgspec.Struct, array_like=True, gc=False):
    """See the module's head. Sums are kept beside the lots so that a fact in order never walks them."""

    id: str
    now_ms: int = -NEVER
    """How far time has come in this book: the newest instant of any fact, or of anything that time alone did."""
    high_water_ms: int = -NEVER
    """The newest occurred_at of a fact of this member: a fact not later than this might be a duplicate."""
    turns: int = 0
    """How often this state was changed: the stamp of cold rows (services/book/turn.py)."""
    newest: tuple[int, int, str] = (-NEVER, 0, "")
    """The place in time of the newest fact that counts (services/book/history.py order_of)."""
    live: int = 0
    """Points in lots, active and pending."""
    pending: int = 0
    debt: int = 0
    held: int = 0
    issued: int = 0
    spent: int = 0
    expired: int = 0
    reversed: int = 0
    debts_made: int = 0
    pages_made: int = 0
    chunks_made: int = 0
    lots: list[LiveLot] = []
    open_pages: list[Page] = []
    packed_pages: bytes = b""
    """`pages`, packed from an encoding until a fact asks for them: either these or the open ones."""
    packed_from_ms: int = NEVER
    """The first expiry in the packed pages."""
    holds: dict[str, Hold] = {}
    debts: dict[str, Owed] = {}
    """Open debts by cause; a repaid one moves to a cold row."""
    cells: dict[str, dict[int | str, _Cell]] = {}
    timeline: Timeline = msgspec.field(default_factory=Timeline)
    version_ms: int = -NEVER
    """When the newest programme version began whose beginning has been folded."""
    units: dict[str, int] = {}
    """What rules gave that is no points, by unit (vouchers, free items), less what was used."""
    recent: bytes = b""
    """The facts that count since the last chunk, in on-time order: steps, packed one after another. Only a late fact
    and the chunk's end read them."""
    steps: int = 0
    """How many those are."""
    written: list[tuple[str, str]] = []
    """The cold rows written since the last chunk."""
    chunks: list[Chunk] = []
    """The chunks whose member row is kept, oldest first; the older, the farther between."""
    waiting: dict[str, tuple[tuple[str, Back], ...]] = {}
    """Purchase that has not come -> (return, its lines) that wait for it."""
    aside: list[str] = []
    """Returns that brought back more than there was: without effect."""
    ahead: list[str] = []
    """Purchases of which a correction came first."""
    written_off: int = 0
    """Points of goods that came back which nobody owes (services/programme/policies.py)."""
    statuses: dict[str, Spans] = {}
    """Status -> when it held, and with which value (services/book/status.py)."""
    between: Between | None = None
    said: int = 0
    """Messages that this account has sent: the newest one's revision."""
    merges: Merges | None = None
    draws: dict[str, tuple[int, int]] = {}
    """Slot of a draw -> (draws made, the newest that stands; 0: none): their lots lie in cold rows."""

    purses: dict[str, Member] = {}
    """Currency -> the account of it (services/book/purses.py). The regular points are the member's own."""
    away: dict[str, tuple[int, int]] = {}
    """Rule -> (the first of its shelves, the first period's that are hot): services/book/shelves.py."""

    @property
    def pages(self) -> list[Page]:
        """Lots out of the way, by their first edge. A fact in order asks for none of them."""
        if self.packed_pages:
            self.open_pages, self.packed_pages, self.packed_from_ms = _pages(self.packed_pages), b"", NEVER
        return self.open_pages

    @property
    def beyond(self) -> Between:
        """What met other accounts; all zero where nothing did. To be read only: `shared` is to be changed."""
        return self.between or _NOTHING

    def shared(self) -> Between:
        """The same, kept from now on."""
        if self.between is None:
            self.between = Between()
        return self.between

    @property
    def available(self) -> int:
        """Points that can be spent now: in active lots. 0 in debt, which active lots repay first."""
        return self.live - self.pending

    @property
    def tier(self) -> int:
        """The level held now; 0 is the lowest."""
        return self.timeline.level

    @property
    def qualifying_minor(self) -> int:
        """Qualifying spend of the window, in minor units."""
        return self.timeline.sum_minor

    @property
    def next_event_ms(self) -> int:
        """When a lot ends or becomes active, or a hold lapses; NEVER without one."""
        due = self.lots[0][0] if self.lots else NEVER
        if self.packed_from_ms < due:
            due = self.packed_from_ms
        if self.open_pages and self.open_pages[0].first[0] < due:
            due = self.open_pages[0].first[0]
        if pending := self.pending:
            now_ms = self.now_ms
            for lot in self.lots:  # asked for every fact
                if lot[2] > now_ms:
                    if lot[2] < due:
                        due = lot[2]
                    pending -= lot[4]
                    if not pending:
                        break
        if self.holds:
            for until, _ in self.holds.values():
                if until < due:
                    due = until
        return due

    @property
    def next_due_ms(self) -> int | None:
        """When time alone does something: its next event, or a move of its tier. None: never."""
        due, moves = self.next_event_ms, self.timeline.next_due_ms
        if moves < due:
            due = moves
        if self.purses:
            due = min(due, *[purse.next_event_ms for purse in self.purses.values()])
        return due if due < NEVER else None

    def check(self) -> None:
        """Raises Broken unless every account adds up. For tests after every step; not run for each fact."""
        live = sum(lot[4] for lot in self.lots) + sum(page.points for page in self.pages)
        held = sum(points for _, drawn in self.holds.values() for _, points in drawn)
        wrong = [
            what
            for what, holds in (
                (
                    "lots are sorted and positive",
                    self.lots == sorted(self.lots) and all(lot[4] > 0 for lot in self.lots),
                ),
                ("live = sum of lots and pages", self.live == live),
                ("pending = sum of lots not yet active", self.pending == self._pending()),
                ("held = sum of holds", self.held == held),
                ("debt = sum of open debts", self.debt == sum(owed[1] for owed in self.debts.values())),
                (
                    "nothing but the balance is negative",
                    min(self.debt, self.held, self.spent, self.expired, self.written_off) >= 0,
                ),
                (
                    "issued + debt + written off = lots + held + spent + expired + reversed + gone",
                    self.issued + self.debt + self.written_off
                    == live + held + self.spent + self.expired + self.reversed + self.beyond.gone,
                ),
            )
            if not holds
        ]
        if wrong:
            raise Broken(f"{self.id}: {'; '.join(wrong)}")
        for purse in self.purses.values():
            purse.check()

    def _pending(self) -> int:
        return sum(lot[4] for lot in self.lots if lot[2] > self.now_ms)


_NOTHING = Between()


def new(member: str) -> Member:
    """A member of whom nothing is known yet."""
    return Member(member)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Member).decode
_pages = msgspec.msgpack.Decoder(list[Page]).decode


def encode(member: Member) -> bytes:
    """The hot row. Packs the member's pages."""
    if member.open_pages:
        _pack_pages(member)
    if member.purses:
        for purse in member.purses.values():
            if purse.open_pages:
                _pack_pages(purse)
    return _encode(member)


def _pack_pages(member: Member) -> None:
    member.packed_from_ms, member.packed_pages = member.open_pages[0].first[0], _encode(member.open_pages)
    member.open_pages = []


def decode(member: str, row: bytes) -> Member:
    """From the hot row. Raises Broken when it is another member's, or no such row."""
    try:
        found: Any = _decode(row)
    except msgspec.DecodeError as error:
        raise Broken(f"{member}: the stored state cannot be read: {error}") from None
    if found.id != member:
        raise Broken(f"{member}: the stored state is {found.id}'s")
    return found  # type: ignore[no-any-return]
