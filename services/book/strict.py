"""Strict returns: the levels that purchases since then would have been rated in, had the goods never gone. Pure.

The levels alone are walked again, from the kept state before the purchase (services/book/history.py), over the facts
since then, each purchase with what is left of it. The return posts what that is worth (services/book/forward.py). Knows
no lots.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from events.decode import decode_fact
from events.facts.purchases import Return
from services.book.baskets import Standing, basket_of, current, standing
from services.book.history import base_of, chunk_keys, since
from services.book.member import Broken, Member, decode, new
from services.book.shelves import Place, places_of
from services.book.turn import Cold, ColdKey, as_of, newest, unpack
from services.programme.by_lot import Others, worth_of_all
from services.programme.mechanic import Change, Lot
from services.programme.plan import Plan, Version
from services.programme.rate import Award
from services.programme.rule import Cells
from services.programme.timeline import Timeline


class Walked(NamedTuple):
    """What a strict return leads to beside its own purchase."""

    timeline: Timeline
    """The member's levels from now on."""
    moved: tuple[tuple[Standing, Standing], ...]
    """Purchases as they stand, in the level of before and in the one of now."""


def is_strict(version: Version) -> bool:
    """Whether returns of what was bought under a version may move later purchases."""
    return version.returns == "strict" and version.tier is not None


def rows_to_walk(member: Member, from_ms: int, cold: Cold) -> list[ColdKey]:
    """The rows that `walk` reads for a purchase of an instant. Ask again: some lead to others."""
    base = base_of(member, from_ms)
    keys = chunk_keys(member, base)
    if any(key not in cold for key in keys):
        return keys
    steps, written = since(member, base, cold)
    purchases = [key for key in written if key[0] == "purchase"]
    firsts: list[ColdKey] = [("fact", purchase) for _, purchase in purchases]
    return [("step", str(step[1])) for step in steps] + purchases + firsts


def walk(member: Member, left: Standing, now_ms: int, plan: Plan, cold: Cold) -> Walked:
    """Walk the levels again from a purchase on, of which so much is left. `cold` holds `rows_to_walk`."""
    base = base_of(member, left.at_ms)
    steps, written = since(member, base, cold)
    levels = _Levels(member, cold["state", str(base)] if base else None, plan)
    facts = [(*_booked(cold, seq), at_ms) for at_ms, seq, _, _ in steps]
    here = {fact.id for fact, _, _ in facts}
    for _, purchase in (key for key in written if key[0] == "purchase" and key[1] not in here):
        levels.lower(current(purchase, cold), current(purchase, {**cold, **_then(purchase, cold, levels.turns)}))
    moved: list[tuple[Standing, Standing]] = []
    after = False
    for fact, tier, at_ms in facts:
        levels.to(at_ms)
        if fact.type == "return":
            levels.loose(fact, at_ms)
        elif fact.type in ("purchase", "correction"):
            stands = newest(cold.get(("purchase", fact.id)), Standing) or standing(fact, at_ms, tier)
            if fact.id == left.purchase:
                stands = left
            if after and stands.tier != levels.timeline.level:
                moved.append((stands, msgspec.structs.replace(stands, tier=levels.timeline.level)))
            after = after or stands is left
            levels.count(stands)
    levels.to(now_ms)
    return Walked(levels.timeline, tuple(moved))


def rerated(
    fact: Return,
    before: Standing,
    after: Standing,
    plan: Plan,
    member: Member,
    cells: Cells,
    now_ms: int,
    others: Others | None,
) -> list[Award]:
    """What it is worth that a member's purchase stands otherwise after a return. Writes the new cells."""
    version = plan.of(before.at_ms)
    was, now = before.basket(version, member), after.basket(version, member)
    if before.tier == after.tier:
        change = Change(fact, was, now, [])
        return worth_of_all(change, version.touched(change), cells, now_ms, others).take(cells)
    # in two, so that a rule which counts points of one level alone has all of them go, or all of them come
    moved: dict[tuple[str, str, Lot, str], int] = {}
    for change in (Change(fact, was, None, []), Change(fact, None, now, [])):
        for rule, unit, lot, amount, to in worth_of_all(change, version.touched(change), cells, now_ms, others).take(
            cells
        ):
            moved[rule, unit, lot, to] = moved.get((rule, unit, lot, to), 0) + amount
    return [(rule, unit, lot, amount, to) for (rule, unit, lot, to), amount in moved.items() if amount]


def places_of_standing(member: Member, stands: Standing, plan: Plan) -> list[Place]:
    """The shelves of cells that a change of a purchase touches."""
    version = plan.of(stands.at_ms)
    return places_of(member, stands.basket(version, member), version.rules["basket"]) if member.away else []


class _Levels:
    """The timeline as it was kept, brought forward."""

    def __init__(self, member: Member, state: bytes | None, plan: Plan) -> None:
        kept = new(member.id) if state is None else decode(member.id, state)
        self._member = member
        self.timeline, self.turns = kept.timeline, kept.turns
        self._now_ms, self._version_ms, self._plan = kept.now_ms, kept.version_ms, plan

    def to(self, at_ms: int) -> None:
        for index, version in enumerate(self._plan.versions):
            if self._version_ms < version.starts_ms <= at_ms:
                self._version_ms = version.starts_ms
                self._plan.begin_levels(self.timeline, index)
        now = self._plan.at(at_ms)
        if now is not None and now.tier is not None:
            self.timeline.roll(at_ms, now.tier)
        self._now_ms = at_ms

    def count(self, stands: Standing) -> None:
        """A purchase of now, with what is left of it."""
        version = self._plan.at(stands.at_ms)
        if version is not None and version.tier is not None:
            day, spend = self._spend(stands, version)
            self.timeline.put(day, spend, version.tier, self._now_ms)

    def loose(self, fact: Any, at_ms: int) -> None:
        """A return of now, if it has no receipt and was not declined."""
        version = self._plan.at(at_ms)
        if fact.purchase is None and version is not None and version.tier and fact.currency == version.currency:
            basket = basket_of(fact, at_ms, 0, version, self._member)
            self.timeline.put(basket.day, -basket.measures[version.tier.measure], version.tier, self._now_ms)

    def lower(self, now: Standing | None, then: Standing | None) -> None:
        """An earlier purchase, of which less is left now than there was when the state was kept."""
        version = self._plan.at(now.at_ms) if now is not None else None
        if now is None or then is None or version is None or version.tier is None:
            return
        (day, left), (_, had) = self._spend(now, version), self._spend(then, version)
        rule = self._plan.tier_of(version, day, self._now_ms)
        if rule is not None:
            self.timeline.put(day, left - had, rule, self._now_ms)

    def _spend(self, stands: Standing, version: Version) -> tuple[int, int]:
        """A purchase's day and qualifying spend."""
        basket = stands.basket(version, self._member)
        return basket.day, 0 if version.tier is None else basket.measures[version.tier.measure]


def _booked(cold: Cold, seq: int) -> tuple[Any, int]:
    """A fact, and the level that it was said to be rated in."""
    row = cold["step", str(seq)]
    if row is None:
        raise Broken(f"the fact of seq {seq} is not in the tables")
    body, outcome = unpack(row)
    return decode_fact(body), outcome.tier


def _then(purchase: str, cold: Cold, turns: int) -> dict[ColdKey, bytes | None]:
    """The row of a purchase as it was when so many turns were made."""
    key = ("purchase", purchase)
    return {key: as_of(cold[key], turns)}
