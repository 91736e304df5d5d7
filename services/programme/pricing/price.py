"""What a basket costs: the price rules of a version, one after another, each off what the ones before have left.

Owns the `price` of the programme file: stacking, rounding, sharing. What a rule takes is rounded once, on all its
lines, half up to the minor unit, and then shared over them by the largest remainder; a line never costs less than
nothing. Pure, and nothing is kept: the prices that were given are in the lines of the purchase, and goods come back at
what they cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Literal, NamedTuple, Self

import msgspec
from pydantic import Field, model_validator

from events.values import Code, half_up_div
from services.programme.claims import BoundClaim, Claim, bind
from services.programme.conditions import Known
from services.programme.entitlements import Entitlement
from services.programme.mechanic import Basket, Frame, Meter
from services.programme.pricing.discounts import (
    KINDS,
    AmountOff,
    BySpend,
    ByVolume,
    Discount,
    EveryNth,
    PercentOff,
    Row,
)
from services.programme.pricing.spent import Spent

Stacking = Literal["sum", "best", "exclusive"]


class PriceText(Claim):
    """One rule of prices, as written: an id, who has it, and exactly one kind of discount."""

    id: Code
    group: Code | None = None
    """Rules of one group meet as `groups` says: sum, best or exclusive."""
    entitled: Annotated[tuple[Code, ...], Field(min_length=1)] | None = None
    """Entitlements that the member must have."""
    percent_off: PercentOff | None = None
    amount_off: AmountOff | None = None
    by_spend: BySpend | None = None
    by_volume: ByVolume | None = None
    every_nth: EveryNth | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"a price rule has exactly one of: {', '.join(KINDS)}")
        return self

    @property
    def discount(self) -> Discount:
        """The one that is written."""
        written: Discount = next(one for kind in KINDS if (one := getattr(self, kind)) is not None)
        return written


class PriceRule(msgspec.Struct, frozen=True):
    """A rule, compiled."""

    id: str
    group: str
    """"": none."""
    claim: BoundClaim
    entitled: tuple[str, ...]
    discount: Discount
    says: str


class PriceList(msgspec.Struct, frozen=True):
    """A version's prices, compiled."""

    rules: tuple[PriceRule, ...] = ()
    groups: Mapping[str, Stacking] = {}
    spent: tuple[tuple[str, Spent], ...] = ()
    """What must be counted of every purchase: the name of the cells, and the mechanic that keeps them."""


class Applied(NamedTuple):
    """What became of a rule: how much it took (0: it did not apply), and why."""

    rule: str
    minor: int
    why: str


class PricedLine(NamedTuple):
    """A line's price, and which rule took how much of it."""

    before_minor: int
    after_minor: int
    taken: tuple[tuple[str, int], ...]


class Priced(NamedTuple):
    """A basket's prices."""

    lines: tuple[PricedLine, ...]
    rules: tuple[Applied, ...]


class _Offer(NamedTuple):
    rule: PriceRule
    shares: list[int]
    why: str

    @property
    def minor(self) -> int:
        return sum(self.shares)


def price_list(
    texts: Sequence[PriceText], groups: Mapping[str, Stacking], meter: Meter, known: Known, frame: Frame
) -> PriceList:
    """Sound texts, compiled."""
    rules, spent = [], []
    for text in texts:
        discount = text.discount
        if isinstance(discount, BySpend):
            spent.append((cells_of(text.id), Spent(discount.spend, meter, frame)))
        claim = bind(text, meter, known, frame.currency)
        says = discount.says(frame.currency)
        rules.append(PriceRule(text.id, text.group or "", claim, text.entitled or (), discount, says))
    return PriceList(tuple(rules), dict(groups), tuple(spent))


def cells_of(rule: str) -> str:
    """Where a member's spend is counted for a rule; later versions of the rule count on."""
    return f"price:{rule}@0"


def price(
    prices: PriceList,
    entitlements: Mapping[str, Entitlement],
    basket: Basket,
    units: Mapping[str, int],
    spent: Mapping[str, int],
) -> Priced:
    """The prices of a basket, whose lines say what they cost everybody.

    `units` are what the member has, `spent` by rule what `PriceList.spent` has counted.
    """
    left = [line.total_minor for line in basket.lines]
    taken: list[list[tuple[str, int]]] = [[] for _ in left]
    applied: dict[str, Applied] = {}
    for turn in _turns(prices):
        rows = [
            Row(line.item, line.quantity, minor, line.categories)
            for line, minor in zip(basket.lines, left, strict=True)
        ]
        offers = [_offer(rule, entitlements, basket, rows, units, spent.get(rule.id, 0)) for rule in turn]
        for offer in _chosen(offers, prices.groups.get(turn[0].group, "sum"), applied):
            shares = [min(share, minor) for share, minor in zip(offer.shares, left, strict=True)]
            for place, share in enumerate(shares):
                if share:
                    left[place] -= share
                    taken[place].append((offer.rule.id, share))
            applied[offer.rule.id] = Applied(offer.rule.id, sum(shares), offer.why)
    lines = tuple(
        PricedLine(line.total_minor, minor, tuple(rules))
        for line, minor, rules in zip(basket.lines, left, taken, strict=True)
    )
    return Priced(lines, tuple(applied[rule.id] for rule in prices.rules))


def _turns(prices: PriceList) -> list[list[PriceRule]]:
    """The rules in the order of the file; those of a group together, where the first of them stands."""
    turns: dict[str, list[PriceRule]] = {}
    for rule in prices.rules:
        turns.setdefault(f"group {rule.group}" if rule.group else f"rule {rule.id}", []).append(rule)
    return list(turns.values())


def _offer(
    rule: PriceRule,
    entitlements: Mapping[str, Entitlement],
    basket: Basket,
    rows: list[Row],
    units: Mapping[str, int],
    spent_minor: int,
) -> _Offer:
    """What a rule would take of each line, were it alone."""
    nothing = [0] * len(rows)
    for name in rule.entitled:
        granted, why = entitlements[name].answer(basket, units)
        if not granted:
            return _Offer(rule, nothing, f"no {name}: {why}")
    granted, why = rule.claim.answer(basket, units)
    if not granted:
        return _Offer(rule, nothing, why)
    shares = _shares(rule.discount.take(rows, spent_minor))
    if not any(shares):
        return _Offer(rule, nothing, f"nothing here has it: {rule.says}")
    return _Offer(rule, shares, rule.says)


def _chosen(offers: list[_Offer], stacking: Stacking, applied: dict[str, Applied]) -> list[_Offer]:
    """The offers that count; of the others, what is to be said."""
    takes = [offer for offer in offers if offer.minor]
    for offer in offers:
        applied[offer.rule.id] = Applied(offer.rule.id, 0, offer.why)
    if stacking == "sum" or len(takes) < 2:
        return takes
    first = takes[0] if stacking == "exclusive" else max(takes, key=lambda offer: offer.minor)
    reason = "comes first, and shuts it out" if stacking == "exclusive" else "takes as much or more"
    for offer in takes:
        if offer is not first:
            applied[offer.rule.id] = Applied(offer.rule.id, 0, f"{first.rule.id} {reason}")
    return [first]


def _shares(exact: list[Fraction]) -> list[int]:
    """What each line gives of the rounded whole: its floor, and one more for those with the largest remainders."""
    whole = sum(exact, Fraction(0))
    shares = [one.numerator // one.denominator for one in exact]
    missing = half_up_div(whole.numerator, whole.denominator) - sum(shares)
    order = sorted(range(len(exact)), key=lambda place: (shares[place] - exact[place], place))
    for place in order[:missing]:
        shares[place] += 1
    return shares
