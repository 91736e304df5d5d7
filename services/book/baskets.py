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
    back: _Lines = ()
    """The same of what has come back: a correction of the receipt does not undo that."""

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
    return Standing(fact.id, at_ms, tier, fact.partner or "", rows_of(fact))


def rows_of(fact: Purchase | Correction | Return) -> _Lines:
    """Its lines as a cold row holds them."""
    return tuple((line.item, line.quantity, line.total_minor, line.categories) for line in fact.lines)


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


def less(purchase: Standing, back: _Lines) -> Standing | None:
    """What is left after goods came back: of each item, those of the line's own categories first. None: more came
    back than is there."""
    rest: dict[str, dict[tuple[str, ...], tuple[int, int]]] = {}
    for item, quantity, total, categories in purchase.rows:
        kinds = rest.setdefault(item, {})
        had = kinds.get(categories, (0, 0))
        kinds[categories] = had[0] + quantity, had[1] + total
    for item, quantity, total, categories in back:
        kinds = rest.get(item, {})
        missing = quantity, total
        for kind in (categories, *kinds):
            had = kinds.get(kind, (0, 0))
            part = min(missing[0], had[0]), min(missing[1], had[1])
            if any(part):
                kinds[kind] = had[0] - part[0], had[1] - part[1]
                missing = missing[0] - part[0], missing[1] - part[1]
        if any(missing):
            return None
    rows = tuple((item, *left, kind) for item, kinds in rest.items() for kind, left in kinds.items() if any(left))
    return Standing(purchase.purchase, purchase.at_ms, purchase.tier, purchase.partner, rows, purchase.back + back)
