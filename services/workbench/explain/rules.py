"""Which rules the points of an entry are by, with version, reason and receipt lines. Pure.

The book writes a whole award under each entry that it took: `base@1:-100` under the 70 of one lot and under the 30 of
the next. Here it is shared out to those entries in the order of posting, so that what an entry says of rules adds up to
the entry. What an award has with the other sign (a cap beside what it caps) goes to its first entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from events.entries import Entry
from services.book.baskets import Standing
from services.book.forward import Rated, RatedReturn
from services.book.retold import Deed
from services.programme.mechanic import CURRENCY, POINTS, Lot
from services.programme.plan import Plan, Version

_AWARD = re.compile(r"^(.+)@(\d+):([+-]\d+)$")


class Share(NamedTuple):
    """A rule's part of an entry; `points` < 0: taken back, or in exchange for something."""

    rule: str
    revision: int
    points: int
    receipt: tuple[Standing, Standing] | None = None
    """Of a return: which receipt the rule was asked of, before and after."""

    @property
    def name(self) -> str:
        """As a programme's mechanics are called."""
        return f"{self.rule}@{self.revision}"


def awards(why: str) -> list[Share]:
    """The rules of an entry's why, each with the whole that it gave to a lot; [] where it names no rules."""
    found = [_AWARD.match(part) for part in why.split(" ")]
    return [Share(one[1], int(one[2]), int(one[3])) for one in found if one is not None] if all(found) else []


def shares(fact: Any, entries: Sequence[Entry], currency: str = "", rated: Rated | None = None) -> list[list[Share]]:
    """Of each entry of a fact (None: of time) in one currency: its rules' parts, which add up to its points."""
    receipts = _receipts(rated, CURRENCY + currency if currency else POINTS)
    rest: dict[str, list[Share]] = {}
    found = []
    for entry in entries:
        if not rest.get(entry.why):
            whole = receipts[entry.why].pop(0) if receipts.get(entry.why) else awards(entry.why)
            rest[entry.why] = _by_sign(whole)
        part, rest[entry.why] = _first(rest[entry.why], entry.points)
        found.append(part or _of_another(fact, entry))
    return found


def _receipts(rated: Rated | None, unit: str) -> dict[str, list[list[Share]]]:
    """Of a return: the awards to each lot as the book wrote them, with the receipts that they are of; equal ones in the
    order of their lots, in which they are posted."""
    lots: dict[Lot, list[tuple[str, tuple[Standing, Standing]]]] = {}
    for before, after, moved in rated.parts if isinstance(rated, RatedReturn) else ():
        for rule, of, lot, points, to in moved:
            if of == unit and not to:
                lots.setdefault(lot, []).append((f"{rule}:{points:+}", (before, after)))
    found: dict[str, list[list[Share]]] = {}
    for _, parts in sorted(lots.items()):
        why = " ".join(said for said, _ in parts)
        whole = [share._replace(receipt=receipt) for share, (_, receipt) in zip(awards(why), parts, strict=True)]
        found.setdefault(why, []).append(whole)
    return found


def _by_sign(whole: list[Share]) -> list[Share]:
    """Those against the sum first."""
    total = sum(share.points for share in whole)
    return sorted(whole, key=lambda share: (share.points > 0) is (total > 0))


def _first(whole: list[Share], points: int) -> tuple[list[Share], list[Share]]:
    """The shares of so many points, and those that are left. `whole` is in the order of `_by_sign`."""
    sign = 1 if sum(share.points for share in whole) > 0 else -1
    part, left, missing = [], [], points
    for share in whole:
        size = min(share.points * sign, missing)
        missing -= size
        if size:
            part.append(share._replace(points=size * sign))
        if share.points != size * sign:
            left.append(share._replace(points=share.points - size * sign))
    return part, left


def _of_another(fact: Any, entry: Entry) -> list[Share]:
    """The rule by which another member's fact gave or took what came by message."""
    if fact is None or fact.type != "message" or entry.why != f"{fact.rule} of {fact.sender}":
        return []
    rule, at, revision = fact.rule.rpartition("@")
    return [Share(rule, int(revision), entry.points if entry.debit == "issued" else -entry.points)] if at else []


def told(share: Share, deed: Deed, version: Version | None, plan: Plan) -> dict[str, Any]:
    """A share with its version, why that rule gives, and the lines that it counted. `version`: that of the fact."""
    found: dict[str, Any] = {"rule": share.rule, "revision": share.revision, "points": share.points}
    if share.receipt is not None and share.receipt[0].purchase != deed.fact.purchase:  # type: ignore[union-attr]
        found["receipt"] = share.receipt[0].purchase
        version = plan.of(share.receipt[0].at_ms)
    if version is None or share.name not in version.mechanics:
        version = _newest_with(plan, share, deed.at_ms) or version
    if version is None:
        return found
    found["version"] = version.name
    if (mechanic := version.mechanics.get(share.name)) is not None:
        found["why"] = mechanic.why
        told_of = (_lines(lines, mechanic.measure, version, share.points) for lines in _receipt_lines(share, deed.fact))
        found["lines"] = next((lines for lines in told_of if lines), [])
    return found


def _receipt_lines(share: Share, fact: Any) -> Iterator[Sequence[Any]]:
    """The lines that a share may be for; the first that the rule counts at all. Of a return: the goods that came back
    take, what is left gives; and where a rule lost to another in the rest, it is for what was bought."""
    if share.receipt is None:
        yield getattr(fact, "lines", ())
        return
    before, after = share.receipt
    if before.purchase == fact.purchase:
        yield fact.lines if share.points < 0 else after.lines
    yield before.lines


def _newest_with(plan: Plan, share: Share, at_ms: int) -> Version | None:
    """The newest version at an instant that has the rule: a later one than the fact's where it took cells over."""
    return next((v for v in reversed(plan.versions) if v.starts_ms <= at_ms and share.name in v.mechanics), None)


def _lines(lines: Iterable[Any], measure: int | None, version: Version, given: int) -> list[dict[str, Any]]:
    """The lines of a receipt that a rule counted, each with its share of the points."""
    if measure is None:
        return []
    counted = [(line, money) for line in lines if (money := version.meter.measure((line,))[measure]) > 0]
    whole, so_far, shared, found = sum(money for _, money in counted), 0, 0, []
    for line, money in counted:
        so_far += money
        share = abs(given) * so_far // whole - shared
        shared += share
        found.append({"item": line.item, "total_minor": line.total_minor, "counted": money,
                      "points": share if given >= 0 else -share})  # fmt: skip
    return found
