"""What is wrong with a record whose fields are each right: the checks over two fields and over real dates.

Every fault is a sentence; a record with any is parked. Does not own the limits of single fields (events/said.py), nor
refusals of the business: those are the ledger's, and the asker sees them.
"""

from __future__ import annotations

from collections.abc import Iterator

from events.facts import forwarded, messages, programmes, ticks
from events.said import AdjustedSaid, AnySaid, Identifier
from events.values import millis
from services.intake.core.facts import OTHERS
from services.intake.core.identity import key_of

ALONE = {
    "merged": "a member cannot be merged into itself",
    "transfer_requested": "a member cannot give points to itself",
    "contribution_requested": "a pool cannot share itself",
    "pool_joined": "a pool cannot share itself",
    "pool_left": "a pool cannot share itself",
}
"""What one identifier cannot say of itself."""

SKEW_MS = 15 * 60_000
"""How far a till's clock may run ahead of the broker's. More is a wrong clock or a wrong zone, and would book points
into a day that has not come."""
OURS = (ticks.ID, programmes.ID, messages.ID, forwarded.ID)
"""A till that spoke under such an id would take a tick's or a programme's place in the book."""


def faults(said: AnySaid, logged_at_ms: int | None) -> tuple[str, ...]:
    """Every fault, in the order of the checks; () for a sound record.

    `logged_at_ms` is the record's log time; None where the data themselves are the clock (demo, replay).
    """
    return tuple(_faults(said, logged_at_ms))


def _faults(said: AnySaid, logged_at_ms: int | None) -> Iterator[str]:
    if said.id.startswith(OURS):
        yield f"ids that begin with {', '.join(OURS[:-1])} or {OURS[-1]} are the house's own"
    occurred_at_ms = _millis(said.occurred_at)
    if occurred_at_ms is None:
        yield f"occurred_at {said.occurred_at} is no date"
    elif logged_at_ms is not None and occurred_at_ms > logged_at_ms + SKEW_MS:
        ahead_s = (occurred_at_ms - logged_at_ms) // 1000
        yield f"occurred_at {said.occurred_at} is {ahead_s} s after the record was logged (at most {SKEW_MS // 1000})"
    if said.identifier is not None and not key_of(said.identifier)[1]:
        yield "identifier.value holds nothing that can be printed"
    if said.type == "purchase" or said.type == "return":
        lines_minor = sum([line.total_minor for line in said.lines])
        if said.total_minor != lines_minor:
            yield f"total_minor is {said.total_minor}, but its lines come to {lines_minor}"
        for number, line in enumerate(said.lines, 1):
            if line.tax_minor > line.total_minor:
                yield f"the tax of line {number} is {line.tax_minor}, more than its total of {line.total_minor}"
    elif said.type == "redemption_requested":
        hold_until = said.hold_until
        hold_until_ms = None if hold_until is None else _millis(hold_until)
        if hold_until is not None and hold_until_ms is None:
            yield f"hold_until {hold_until} is no date"
        elif hold_until_ms is not None and occurred_at_ms is not None and hold_until_ms <= occurred_at_ms:
            yield f"hold_until {hold_until} is not after occurred_at {said.occurred_at}"
    elif said.type == "adjusted":
        yield from _of_adjusted(said, occurred_at_ms)
    elif said.type == "deed":
        if said.count == 0:
            yield "count is 0; a deed was done (more than 0) or said too often (less than 0)"
    elif said.type in OTHERS:
        name = OTHERS[said.type]
        other: Identifier | None = getattr(said, name)
        if other is not None and not key_of(other)[1]:
            yield f"{name}.value holds nothing that can be printed"
        elif other is not None and said.type in ALONE and key_of(other) == key_of(said.identifier):
            yield f"{name} is the identifier itself: {ALONE[said.type]}"
    elif said.type == "identifier_added":
        if not key_of(said.added)[1]:
            yield "added.value holds nothing that can be printed"
    elif said.type == "status_set":
        until_ms = None if said.until is None else _millis(said.until)
        if said.until is not None and until_ms is None:
            yield f"until {said.until} is no date"
        elif until_ms is not None and occurred_at_ms is not None and until_ms <= occurred_at_ms:
            yield f"until {said.until} is not after occurred_at {said.occurred_at}"


def _of_adjusted(said: AdjustedSaid, occurred_at_ms: int | None) -> Iterator[str]:
    expires_at = said.expires_at
    if said.points == 0:
        yield "points is 0; an adjustment gives (more than 0) or takes (less than 0)"
    if expires_at is None:
        return
    expires_at_ms = _millis(expires_at)
    if expires_at_ms is None:
        yield f"expires_at {expires_at} is no date"
    elif said.points < 0:
        yield "expires_at says when points that were given end, and these are taken"
    elif occurred_at_ms is not None and expires_at_ms <= occurred_at_ms:
        yield f"expires_at {expires_at} is not after occurred_at {said.occurred_at}"


def _millis(instant: str) -> int | None:
    try:
        return millis(instant)
    except ValueError:
        return None
