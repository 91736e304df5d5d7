"""Far lots: a saver's hot row holds the soonest lots and the sums; the rest lies in pages, cold rows of their own.

A page is sealed when the hot row has too many lots, from those that are spent last, and opened when time or spending
reaches its first lot, or when one of its own lots is taken back. Pages may overlap; a lot may stand in a page and in
the hot row, and is one lot again when the page is opened. Pending lots never leave the hot row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from services.book.member import Broken, LiveLot, Member, Page
from services.book.turn import Cold, ColdKey, Turn, newest
from services.programme.mechanic import Lot

HOT_LOTS_MAX = 64
"""With 42 bytes a lot, about 2.7 kB of hot row."""
PAGE_LOTS = 32

_Rows = list[LiveLot]


def seal(turn: Turn) -> None:
    """Move the lots that are spent last into pages, while there are too many in the hot row."""
    member = turn.member
    while len(member.lots) > HOT_LOTS_MAX:
        far = [lot for lot in member.lots if lot[2] <= turn.now_ms][-PAGE_LOTS:]
        if len(far) < PAGE_LOTS:
            return
        leaving = set(far)
        member.lots[:] = [lot for lot in member.lots if lot not in leaving]
        member.pages_made += 1
        number = member.pages_made
        turn.write("lots", str(number), far)
        member.pages.append((number, far[0][:4], far[-1][:4], sum(lot[4] for lot in far)))


def open_page(turn: Turn, page: Page) -> None:
    """Bring a page's lots back into the hot row. Raises Broken when its row was not loaded or is not what it was."""
    member, key = turn.member, str(page[0])
    rows: _Rows | None = turn.read("lots", key, _Rows)
    if rows is None or sum(lot[4] for lot in rows) != page[3]:
        raise Broken(f"{member.id}: page {key} of its lots is {'missing' if rows is None else 'not what was sealed'}")
    member.pages.remove(page)
    turn.write("lots", key, None)
    for lot in rows:
        insert(member.lots, lot)


def insert(lots: list[LiveLot], lot: LiveLot) -> None:
    """Put a lot in its place, together with what stands there of the same identity."""
    index = bisect_left(lots, lot[:4])
    if index < len(lots) and lots[index][:4] == lot[:4]:
        lots[index] = (*lot[:4], lots[index][4] + lot[4])
    else:
        lots.insert(index, lot)


def soonest(member: Member) -> Page | None:
    """The page whose first lot is spent first; None without pages."""
    return min(member.pages, key=_first) if member.pages else None


def open_holding(turn: Turn, lot: Lot) -> None:
    """Open every page that may hold a lot."""
    for page in [page for page in turn.member.pages if page[1] <= lot <= page[2]]:
        open_page(turn, page)


def missing(member: Member, cold: Cold, to_ms: int, points: int, lots: Iterable[Lot]) -> tuple[ColdKey, ...]:
    """The pages that a fact will open and that `cold` does not have yet: by time, by its own lots, by spending.

    `points` is at most what it will draw. Ask again with what was loaded: what spending reaches depends on it.
    """
    closed = [page for page in member.pages if ("lots", str(page[0])) not in cold]
    wanted = {page for page in closed if page[1][0] <= to_ms or any(page[1] <= lot <= page[2] for lot in lots)}
    rest = [page for page in closed if page not in wanted]
    if points and rest and not wanted:
        known = list(member.lots)
        for page in member.pages:
            row = cold.get(("lots", str(page[0])))
            if row is not None:
                known += newest(row, _Rows) or ()
        first = min(rest, key=_first)
        before = sum(lot[4] for lot in known if lot[:4] < first[1] and lot[0] > to_ms >= lot[2])
        if before < points:
            wanted.add(first)
    return tuple(("lots", str(page[0])) for page in sorted(wanted))


def lots_of(member: Member, pages: Iterable[Page], cold: Cold) -> list[LiveLot]:
    """Every lot of the hot row and of these pages, in spending order. `cold` must hold the pages."""
    lots = list(member.lots)
    for page in pages:
        for lot in newest(cold["lots", str(page[0])], _Rows):
            insert(lots, lot)
    return lots


def _first(page: Page) -> Lot:
    return page[1]
