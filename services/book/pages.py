"""Far lots: a saver's hot row holds the soonest lots and the sums; the rest lies in pages, out of the way.

A page is sealed when too many lots lie open in the hot row, from those that are spent last, and opened when time or
spending reaches its first lot. A lot that is to be taken back is fetched from its page alone. The soonest pages are
near: packed in the hot row, where they cost a fact nothing but their bytes. The others are cold rows of their own; and
where these are many, some of them are sealed into a page of pages, so that the hot row is bounded. Pages may overlap;
a lot may stand in a page and in the hot row, and is one lot again when the page is opened. Pending lots are never
sealed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import takewhile
from operator import attrgetter
from typing import Any

import msgspec

from services.book.member import Broken, Edge, LiveLot, Member, Page
from services.book.turn import Cold, ColdKey, Turn, newest
from services.programme.mechanic import Lot

HOT_LOTS_MAX = 16
"""Lots that lie open in the hot row: of about 50 bytes each, and decoded with it."""
PAGE_LOTS = 12
NEAR_PAGES = 4
"""A member with up to 64 lots has no cold row of them."""
LEVEL_PAGES_MAX = 12
"""Pages of one level in the hot row, besides the near ones."""
PAGE_PAGES = 8
"""In a page of pages."""

_pack = msgspec.msgpack.Encoder().encode
_Lots = list[LiveLot]
_Pages = list[Page]
_lots = msgspec.msgpack.Decoder(_Lots).decode
_first = attrgetter("first")


# ---------------------------------------------------------------- sealing


def seal(turn: Turn) -> None:
    """Move the lots that are spent last into pages, while too many lie open. The last thing of a turn."""
    if turn.purses:
        for purse in turn.purses.values():
            seal(purse)
    member = turn.member
    if len(member.lots) <= HOT_LOTS_MAX:
        return
    made = member.pages_made
    while len(member.lots) > HOT_LOTS_MAX:
        far = [lot for lot in member.lots if lot[2] <= turn.now_ms][-PAGE_LOTS:]
        if len(far) < PAGE_LOTS:
            break
        leaving = set(far)
        member.lots[:] = [lot for lot in member.lots if lot not in leaving]
        _add(member, 0, far[0][:2], far[-1][:2], sum(lot[4] for lot in far), _pack(far))
    if member.pages_made > made:
        _put_away(turn)


def _put_away(turn: Turn) -> None:
    """Keep the hot row bounded: all but the soonest pages go to cold rows, and many of a level into one of the next."""
    member = turn.member
    for page in [page for page in member.pages if page.packed][NEAR_PAGES:]:
        turn.write("lots", str(page.number), msgspec.Raw(page.packed))
        member.pages[member.pages.index(page)] = msgspec.structs.replace(page, packed=b"")
    level = 0
    while len(there := [page for page in member.pages if page.level == level and not page.packed]) > 0:
        if len(there) > LEVEL_PAGES_MAX:
            far = there[-PAGE_PAGES:]
            for page in far:
                member.pages.remove(page)
            last = max(page.last for page in far)
            _add(member, level + 1, far[0].first, last, sum(page.points for page in far), b"")
            turn.write("lots", str(member.pages_made), far)
        level += 1


def _add(member: Member, level: int, first: Any, last: Any, points: int, packed: bytes) -> None:
    member.pages_made += 1
    insort(member.pages, Page(member.pages_made, level, first, last, points, packed), key=_first)


# ---------------------------------------------------------------- opening


def open_page(turn: Turn, page: Page) -> None:
    """Bring what a page holds back into the hot row. Raises Broken when its row was not loaded or is another."""
    member, rows = turn.member, _rows_of(turn, page)
    member.pages.remove(page)
    if not page.packed:
        turn.write("lots", str(page.number), None)
    if page.level:
        for inner in rows:
            insort(member.pages, inner, key=_first)
    else:
        member.lots[:] = merged(member.lots, rows)


def fetch(turn: Turn, lot: Lot) -> None:
    """Bring what pages hold of one lot back into the hot row; their other lots stay where they are."""
    member, slot = turn.member, lot[3].encode()
    around = _around(member.pages, lot[:2])
    while shelves := [page for page in around if page.level]:
        for shelf in shelves:
            open_page(turn, shelf)
        around = _around(member.pages, lot[:2])
    for page in around:
        row = page.packed or turn.row(_row_of(page))
        if row is not None and slot not in row:  # a text lies in a row as it is
            continue
        rows = _rows_of(turn, page)
        index = bisect_left(rows, lot)
        if index < len(rows) and rows[index][:4] == lot:
            part = rows.pop(index)
            insert(member.lots, part)
            _replace(turn, page, rows, page.points - part[4])


def _replace(turn: Turn, page: Page, rows: list[LiveLot], points: int) -> None:
    """Fewer lots are left in a page, of so many points."""
    member = turn.member
    member.pages.remove(page)
    if not page.packed:
        turn.write("lots", str(page.number), rows or None)
    if rows:
        packed = _pack(rows) if page.packed else b""
        insort(member.pages, Page(page.number, 0, rows[0][:2], rows[-1][:2], points, packed), key=_first)


def _rows_of(turn: Turn, page: Page) -> Any:
    """What a page holds. Raises Broken."""
    key = str(page.number)
    rows: Any = _lots(page.packed) if page.packed else turn.read("lots", key, _Pages if page.level else _Lots)
    if rows is None or _points(page, rows) != page.points:
        what = "missing" if rows is None else "not what was sealed"
        raise Broken(f"{turn.member.id}: page {key} of its lots is {what}")
    return rows


def _points(page: Page, rows: Any) -> int:
    return sum([row.points for row in rows] if page.level else [row[4] for row in rows])


def insert(lots: list[LiveLot], lot: LiveLot) -> None:
    """Put a lot in its place, together with what stands there of the same identity."""
    index = bisect_left(lots, lot[:4])
    if index < len(lots) and lots[index][:4] == lot[:4]:
        lots[index] = (*lot[:4], lots[index][4] + lot[4])
    else:
        lots.insert(index, lot)


def merged(some: list[LiveLot], others: list[LiveLot]) -> list[LiveLot]:
    """All of them in spending order, each identity once."""
    lots: list[LiveLot] = []
    for lot in sorted(some + others):
        if lots and lots[-1][:4] == lot[:4]:
            lots[-1] = (*lot[:4], lots[-1][4] + lot[4])
        else:
            lots.append(lot)
    return lots


def soonest(member: Member) -> Page | None:
    """The page whose first lot is spent first; None without pages."""
    pages = member.pages
    return pages[0] if pages else None


def open_ending(turn: Turn, by_ms: int) -> None:
    """Open every page with a lot that ends by an instant."""
    pages = turn.member.pages
    while pages and pages[0].first[0] <= by_ms:
        open_page(turn, pages[0])


# ---------------------------------------------------------------- looking


def missing(member: Member, cold: Cold, to_ms: int, points: int, lots: Iterable[Lot]) -> tuple[ColdKey, ...]:
    """The pages of a member who has any that a fact will open and that `cold` does not have yet: by time, by its own
    lots, by spending.

    `points` is at most what it will draw. Ask again with what was loaded: what it reaches depends on it.
    """
    pages, edges = member.pages, sorted({lot[:2] for lot in lots})
    closed: list[Page] = []
    todo = _reached(pages, to_ms, edges)
    for page in todo:
        if page.packed:
            continue
        if (key := _row_of(page)) not in cold:
            closed.append(page)
        elif page.level:
            todo += _reached(newest(cold[key], _Pages) or [], to_ms, edges)
    if points and not closed and not _covers(member, (), pages[0], to_ms, points):  # rare: hot lots go first
        there, first = _until_closed(pages, cold)
        if first is not None and not _covers(member, there, first, to_ms, points):
            closed.append(first)
    return tuple([_row_of(page) for page in closed])


def _reached(pages: list[Page], to_ms: int, edges: Iterable[Edge]) -> list[Page]:
    """Of pages in their order, those that time opens until an instant, and those that may hold a lot of such an
    identity."""
    found = list(takewhile(lambda page: page.first[0] <= to_ms, pages))
    for edge in edges:
        found += [page for page in _around(pages, edge) if page not in found]
    return found


def _around(pages: list[Page], edge: Edge) -> list[Page]:
    """The pages within whose bounds a lot is."""
    return [page for page in pages if page.last >= edge >= page.first]  # one too late is rarer than one too early


def _until_closed(pages: list[Page], cold: Cold) -> tuple[list[Page], Page | None]:
    """The soonest page whose row is not there, and the pages of lots before it."""
    there: list[Page] = []
    todo = list(pages)
    for page in todo:
        if page.packed:
            there.append(page)
        elif (key := _row_of(page)) not in cold:
            return there, page
        elif page.level:
            for inner in newest(cold[key], _Pages) or ():
                insort(todo, inner, key=_first)  # none of them begins before it
        else:
            there.append(page)
    return there, None


def _covers(member: Member, there: Iterable[Page], first: Page, to_ms: int, points: int) -> bool:
    """Whether so many points are spent before those of a page, from the hot row and pages that are there."""
    rest = points - sum([page.points for page in there if page.last < first.first and page.first[0] > to_ms])
    for lot in member.lots:
        if rest <= 0 or lot[:2] >= first.first:
            break
        if lot[0] > to_ms >= lot[2]:
            rest -= lot[4]
    return rest <= 0


def lots_of(member: Member, pages: Iterable[Page], cold: Cold) -> list[LiveLot]:
    """Every lot that lies open in the hot row and of these pages, in spending order. `cold` must hold their rows."""
    there, closed = _at_hand(pages, cold)
    if closed:
        raise Broken(f"{member.id}: pages {[page.number for page in closed]} of its lots were not looked up")
    return merged(member.lots, _lots_in(there, cold))


def lots_at_hand(member: Member, cold: Cold) -> list[LiveLot]:
    """The lots that lie open in the hot row, and of the pages whose rows are there."""
    return member.lots + _lots_in(_at_hand(member.pages, cold)[0], cold)


def rows_missing(pages: Iterable[Page], cold: Cold) -> tuple[ColdKey, ...]:
    """The rows that `lots_of` needs and `cold` does not have yet. Ask again: pages of pages lead to others."""
    return tuple([_row_of(page) for page in _at_hand(pages, cold)[1]])


def _at_hand(pages: Iterable[Page], cold: Cold) -> tuple[list[Page], list[Page]]:
    """The pages of lots that can be read, and the pages, of lots or of pages, whose rows are not there."""
    there: list[Page] = []
    closed: list[Page] = []
    todo = list(pages)
    for page in todo:
        if page.packed:
            there.append(page)
        elif (key := _row_of(page)) not in cold:
            closed.append(page)
        elif page.level:
            todo += newest(cold[key], _Pages) or ()
        else:
            there.append(page)
    return there, closed


def _lots_in(pages: Iterable[Page], cold: Cold) -> list[LiveLot]:
    """The lots of pages of lots that can be read."""
    lots: list[LiveLot] = []
    for page in pages:
        lots += _lots(page.packed) if page.packed else newest(cold["lots", str(page.number)], _Lots) or ()
    return lots


def _row_of(page: Page) -> ColdKey:
    return "lots", str(page.number)
