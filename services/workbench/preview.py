"""What a basket would give: the awards of the same rules by the same cells as the ledger's, with nothing written. Pure.

Points go by what is paid, so the lines are those that a quote has priced. Whether the points repay a debt first is the
book's, and not looked at. Owns the report's values; the worth is services/programme/rate.py's.
"""

from __future__ import annotations

from typing import Any

import msgspec

from events.facts.purchases import Purchase
from events.values import half_up_div, instant
from services.book.member import Member
from services.programme.calendar import NEVER
from services.programme.mechanic import CURRENCY, POINTS, Basket, Change
from services.programme.plan import Version
from services.programme.pricing.price import Priced
from services.programme.rate import Award, worth


def preview(version: Version, asked: Purchase, listed: Basket, priced: Priced, member: Member) -> dict[str, Any]:
    """`points`: what the member's lots would be given, in the programme's smallest unit, caps applied; `gives`: rule by
    rule, also other currencies, things, what goes to others, and points that a voucher is drawn for. `listed`: the
    basket at list prices, in the level and at the instant that count."""
    lines = tuple(
        _paid(line, to_pay.before_minor, to_pay.after_minor)
        for line, to_pay in zip(listed.lines, priced.lines, strict=True)
    )
    paid = msgspec.structs.replace(listed, lines=lines, measures=version.meter.measure(lines))
    change = Change(asked, None, paid, [])
    awards = worth(change, version.touched(change), member.cells, listed.at_ms).awards
    own = [amount for _, unit, lot, amount, to in awards if unit == POINTS and not to and not lot[3].startswith("-")]
    return {"points": sum(own), "gives": [_row(version, award) for award in awards]}


def _paid(line: Any, before_minor: int, after_minor: int) -> Any:
    """A line at what it costs now; its tax keeps its share, half up."""
    if after_minor == before_minor:
        return line
    tax = half_up_div(line.tax_minor * after_minor, before_minor)
    return msgspec.structs.replace(line, total_minor=after_minor, tax_minor=tax)


def _row(version: Version, award: Award) -> dict[str, Any]:
    """An award as plain values. `from`, `until`: when points can be spent; null: no lot of points, or for ever."""
    rule, unit, lot, amount, to = award
    expires_ms, _, active_ms, slot = lot
    lasts = unit.startswith(POINTS) and not slot.startswith("-")
    return {
        "rule": rule.partition("@")[0],
        "unit": "points" if unit == POINTS else unit.removeprefix(CURRENCY),
        "amount": amount,
        "decimals": version.points_decimals
        if unit == POINTS
        else version.currencies.get(unit.removeprefix(CURRENCY), 0),
        "to": to or None,
        "from": instant(active_ms) if lasts else None,
        "until": instant(expires_ms) if lasts and expires_ms < NEVER else None,
        "why": version.mechanics[rule].why,
    }
