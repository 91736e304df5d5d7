"""A purchase as it stands: what is left of it, and the context that it was rated in.

It is made from the purchase's own fact and outcome; only a purchase that a return or a correction has touched, or that
a late fact has moved to another level, has a cold row ("purchase", id). A return without a receipt is a basket of its
own, rated as if bought at the return.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from events.decode import decode_fact, twin
from events.facts.purchases import Correction, Line, Purchase, Return
from services.book.history import RANKS
from services.book.member import Back, Member
from services.book.turn import Cold, ColdKey, Turn, newest, unpack
from services.programme.calendar import instant_ms
from services.programme.mechanic import Basket, Context
from services.programme.plan import Version

_Line = twin(Line)


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a later return or correction needs to know of a purchase."""

    purchase: str
    at_ms: int
    tier: int
    partner: str
    store: str
    revision: int
    rows: Back
    """Of what is left."""
    channel: str = ""
    codes: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """Of what is left."""
        lines: Any = tuple(
            [
                _Line(item=item, quantity=quantity, total_minor=total, tax_minor=tax, categories=categories)
                for item, quantity, total, tax, categories in self.rows
            ]
        )
        return lines  # type: ignore[no-any-return]

    def basket(self, version: Version, member: Member) -> Basket:
        """As it is rated under a programme version. What held of the member at its instant holds of it for ever."""
        context = (
            Context(member.id, member.statuses, self.store, self.channel, self.codes) if version.contextual else None
        )
        return version.basket(self.purchase, self.at_ms, self.lines, self.tier, self.partner, self.store, context)


def basket_of(fact: Purchase | Correction | Return, at_ms: int, tier: int, version: Version, member: Member) -> Basket:
    """A receipt as it was said, rated under a programme version: the path of every till event."""
    context = context_of(fact, member) if version.contextual else None
    return version.basket(fact.id, at_ms, fact.lines, tier, fact.partner, fact.store, context)


def about(fact: Any, at_ms: int, tier: int, version: Version, member: Member) -> Basket:
    """What conditions are asked of where a fact has no basket: one without lines."""
    partner, store = getattr(fact, "partner", None), getattr(fact, "store", None)
    return version.basket(fact.id, at_ms, (), tier, partner, store, context_of(fact, member))


def context_of(fact: Any, member: Member) -> Context:
    """Whose a fact is, and where and how it was made."""
    store, channel = getattr(fact, "store", None), getattr(fact, "channel", None)
    return Context(member.id, member.statuses, store or "", channel or "", getattr(fact, "codes", ()))


def standing(fact: Purchase | Correction | Return, at_ms: int, tier: int) -> Standing:
    """A receipt's content as it was said."""
    return Standing(
        fact.id, at_ms, tier, fact.partner or "", fact.store or "", fact.revision, rows_of(fact),
        fact.channel or "", getattr(fact, "codes", ()),
    )  # fmt: skip


def rows_of(fact: Purchase | Correction | Return) -> Back:
    """The lines of a receipt as a cold row holds them."""
    return tuple([(line.item, line.quantity, line.total_minor, line.tax_minor, line.categories) for line in fact.lines])


def known(turn: Turn, purchase: str, by: tuple[int, int, str]) -> Standing | None:
    """A purchase of this member as it stands. None: there is none that comes before `by` in the order of time."""
    stands: Standing | None = turn.read("purchase", purchase, Standing) or _first(turn.cold.get(("fact", purchase)))
    if stands is None or (stands.at_ms, RANKS["purchase"], purchase) > by:
        return None
    return stands


def current(purchase: str, cold: Cold) -> Standing | None:
    """A purchase as it stands in the book now, wherever it lies in time. None: there is none."""
    return newest(cold.get(("purchase", purchase)), Standing) or _first(cold.get(("fact", purchase)))


def unread(purchase: str, cold: Cold) -> tuple[ColdKey, ...]:
    """The rows that `current` reads and that were not looked up."""
    return tuple([key for key in (("purchase", purchase), ("fact", purchase)) if key not in cold])


@lru_cache(256)  # asked of the same row for what a fact needs, and then for the fact
def _first(row: bytes | None) -> Standing | None:
    """A purchase as it was said first, in the level of its outcome. None: there is no such fact, or it was declined."""
    if row is None:
        return None
    body, outcome = unpack(row)
    fact = decode_fact(body)
    if fact.type != "purchase" or outcome.status != "done":
        return None
    return standing(fact, instant_ms(fact.occurred_at), outcome.tier)


def seller(turn: Turn, purchase: str) -> str:
    """The partner in whose shop a purchase was made; "" for the operator's own. Its rows are looked up."""
    stands: Standing | None = turn.read("purchase", purchase, Standing) or _first(turn.cold.get(("fact", purchase)))
    return "" if stands is None else stands.partner


def keep(turn: Turn, now: Standing) -> None:
    """Store how a purchase stands after a return or a correction."""
    turn.write("purchase", now.purchase, now)


@lru_cache(256)  # likewise
def left_of(purchase: Standing, fact: Return) -> Standing | None:
    """What is left after a return. None: more came back than is there."""
    return less(purchase, rows_of(fact))


def less(purchase: Standing, back: Back) -> Standing | None:
    """What is left after goods came back: of each item, those of the line's own categories first. A line that says no
    tax takes what was bought its share by money. None: more came back than is there."""
    rest: dict[str, dict[tuple[str, ...], tuple[int, int, int]]] = {}
    for item, quantity, total, tax, categories in purchase.rows:
        kinds = rest.setdefault(item, {})
        had = kinds.get(categories, (0, 0, 0))
        kinds[categories] = had[0] + quantity, had[1] + total, had[2] + tax
    for item, quantity, total, tax, categories in back:
        kinds = rest.get(item, {})
        had = kinds.get(categories, (0, 0, 0))
        silent = not tax
        taken = _tax_share(had, total) if silent and had[2] else tax
        if had[0] >= quantity and had[1] >= total and had[2] >= taken:  # nearly always: of the line that was bought
            kinds[categories] = had[0] - quantity, had[1] - total, had[2] - taken
            continue
        missing = quantity, total, tax
        for kind in (categories, *kinds):
            had = kinds.get(kind, (0, 0, 0))
            money = min(missing[1], had[1])
            taken = _tax_share(had, money) if silent else min(missing[2], had[2])
            part = min(missing[0], had[0]), money, taken
            if any(part):
                kinds[kind] = had[0] - part[0], had[1] - part[1], had[2] - part[2]
                missing = missing[0] - part[0], missing[1] - part[1], missing[2] - part[2]
        if any(missing[:2]):
            return None
    rows = tuple(
        [(item, *left, kind) for item, kinds in rest.items() for kind, left in kinds.items() if left[0] or left[1]]
    )
    return msgspec.structs.replace(purchase, rows=rows)


def _tax_share(had: tuple[int, int, int], total: int) -> int:
    """Of the tax in what is there of an item, that in so much of its money: half up, to the minor unit."""
    return (2 * had[2] * min(total, had[1]) + had[1]) // (2 * had[1]) if had[2] and had[1] else 0
