"""A purchase as it stands: what is left of it, and the context that it was rated in.

It is made from the purchase's own fact and outcome; only a purchase that a return or a correction has touched has a
cold row ("purchase", id). A return without a receipt is a basket of its own, rated as if bought at the return.
"""

from __future__ import annotations

from typing import Any

import msgspec

from events.decode import decode_fact, twin
from events.entries import decode_outcome
from events.facts.purchases import Correction, Line, Purchase, Return
from services.book.member import Broken
from services.book.turn import Turn
from services.programme.calendar import day_of, instant_ms
from services.programme.compile import Version
from services.programme.mechanic import Basket

_Line = twin(Line)
_Lines = tuple[tuple[str, int, int, tuple[str, ...]], ...]


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a later return or correction needs to know of a purchase."""

    purchase: str
    at_ms: int
    tier: int
    partner: str
    rows: _Lines
    """(item, quantity, total in minor units, categories) of what is left."""

    def basket(self, version: Version) -> Basket:
        """As it is rated under a programme version."""
        lines: Any = tuple(
            _Line(item=item, quantity=quantity, total_minor=total, categories=categories)
            for item, quantity, total, categories in self.rows
        )
        day = day_of(self.at_ms, version.zone)
        measures = version.meter.measure(lines)
        return Basket(self.purchase, self.at_ms, day, lines, self.tier, self.partner, measures)


def basket_of(fact: Purchase | Return, at_ms: int, tier: int, version: Version) -> Basket:
    """A receipt as it was said, rated under a programme version: the path of every till event."""
    lines = fact.lines
    return Basket(
        fact.id, at_ms, day_of(at_ms, version.zone), lines, tier, fact.partner or "", version.meter.measure(lines)
    )


def standing(fact: Purchase | Correction | Return, at_ms: int, tier: int) -> Standing:
    """A receipt's content as it was said."""
    rows = tuple((line.item, line.quantity, line.total_minor, line.categories) for line in fact.lines)
    return Standing(fact.id, at_ms, tier, fact.partner or "", rows)


def known(turn: Turn, purchase: str) -> Standing | None:
    """A purchase of this member as it stands. None: the member has no such purchase, or it was declined."""
    touched: Standing | None = turn.read("purchase", purchase, Standing)
    if touched is not None:
        return touched
    row = turn.read("fact", purchase, tuple[bytes, bytes])
    if row is None:
        return None
    fact, outcome = decode_fact(row[0]), decode_outcome(row[1])
    if fact.type != "purchase" or outcome.status != "done":
        return None
    return standing(fact, instant_ms(fact.occurred_at), outcome.tier)


def keep(turn: Turn, now: Standing) -> None:
    """Store how a purchase stands after a return or a correction."""
    turn.write("purchase", now.purchase, now)


def less(purchase: Standing, back: Return) -> Standing | None:
    """What is left after goods came back, item by item. None: more came back than is there."""
    rest: dict[str, tuple[str, int, int, tuple[str, ...]]] = {}
    for item, quantity, total, categories in purchase.rows:
        had = rest.get(item)
        rest[item] = (item, quantity, total, categories) if had is None else (
            item, had[1] + quantity, had[2] + total, had[3],
        )  # fmt: skip
    for line in back.lines:
        there = rest.get(line.item)
        if there is None or line.quantity > there[1] or line.total_minor > there[2]:
            return None
        rest[line.item] = (line.item, there[1] - line.quantity, there[2] - line.total_minor, there[3])
    if any(total < 0 for _, _, total, _ in rest.values()):
        raise Broken(f"purchase {purchase.purchase} has less than nothing left")
    rows = tuple(row for row in rest.values() if row[1] or row[2])
    return Standing(purchase.purchase, purchase.at_ms, purchase.tier, purchase.partner, rows)
