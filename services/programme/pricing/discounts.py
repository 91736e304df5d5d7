"""The kinds of discount: what each takes off which line, exactly, before any rounding.

A kind is its config and one function over the lines as the rules before it have left them. Does not own who has a
discount (services/programme/claims.py), nor how discounts meet and are rounded (services/programme/pricing/price.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from events.values import PositiveInt
from services.programme.mechanic import Counted
from services.programme.policies import Closed
from services.programme.words import counted, money

Percent = Annotated[int, Field(ge=1, le=100)]


class Row(NamedTuple):
    """A line as it is left by the rules before."""

    item: str
    quantity: int
    left_minor: int
    categories: tuple[str, ...]


class PercentOff(Counted, Closed):
    """A percentage off the lines that count."""

    percent: Percent

    def take(self, rows: Sequence[Row], spent_minor: int) -> list[Fraction]:
        return [Fraction(row.left_minor * self.percent, 100) if fits(self, row) else _NONE for row in rows]

    def says(self, currency: str) -> str:
        return f"{self.percent} % off{counted(self)}"


class AmountOff(Counted, Closed):
    """An amount off the lines that count, shared over them by their price; never more than they cost."""

    minor: PositiveInt
    each: Literal["purchase", "unit"] = "purchase"
    """Once, or for each unit."""

    def take(self, rows: Sequence[Row], spent_minor: int) -> list[Fraction]:
        if self.each == "unit":
            return [
                Fraction(min(self.minor * row.quantity, row.left_minor)) if fits(self, row) else _NONE for row in rows
            ]
        left = [row.left_minor if fits(self, row) else 0 for row in rows]
        whole = sum(left)
        amount = min(self.minor, whole)
        return [Fraction(minor * amount, whole) if minor else _NONE for minor in left]

    def says(self, currency: str) -> str:
        return f"{money(self.minor, currency)} off{' each' if self.each == 'unit' else ''}{counted(self)}"


class SpendStep(Closed):
    """From which spend on, which percentage."""

    from_minor: PositiveInt
    percent: Percent


class SpendLines(Counted, Closed):
    """Which lines count as spend."""


class BySpend(Counted, Closed):
    """A percentage by what the member has spent in all: a cumulative discount."""

    steps: Annotated[tuple[SpendStep, ...], Field(min_length=1)]
    spend: SpendLines = SpendLines()
    """Without it all do. `only` and `exclude` say which lines the discount is for."""
    with_basket: bool = True
    """This basket counts already, at the prices that the rules before have left."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        _ascend([step.from_minor for step in self.steps], "from_minor")
        return self

    def take(self, rows: Sequence[Row], spent_minor: int) -> list[Fraction]:
        if self.with_basket:
            spent_minor += sum(row.left_minor for row in rows if fits(self.spend, row))
        percent = max((step.percent for step in self.steps if step.from_minor <= spent_minor), default=0)
        return [Fraction(row.left_minor * percent, 100) if fits(self, row) else _NONE for row in rows]

    def says(self, currency: str) -> str:
        steps = ", ".join(f"{step.percent} % from {money(step.from_minor, currency)}" for step in self.steps)
        return f"by what was spent in all{counted(self.spend)}: {steps}{' off' if counted(self) else ''}{counted(self)}"


class VolumeStep(Closed):
    """From which unit on, which percentage."""

    from_units: Annotated[int, Field(ge=2, le=10**9)]
    percent: Percent


class ByVolume(Counted, Closed):
    """Marginal steps: each unit has the percentage of the step that it falls in. Units count in the order of lines."""

    steps: Annotated[tuple[VolumeStep, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        _ascend([step.from_units for step in self.steps], "from_units")
        return self

    def take(self, rows: Sequence[Row], spent_minor: int) -> list[Fraction]:
        taken, before = [], 0
        for row in rows:
            if not fits(self, row) or not row.quantity:
                taken.append(_NONE)
                continue
            after = before + row.quantity
            percents = 0
            for step, end in zip(self.steps, [s.from_units - 1 for s in self.steps[1:]] + [after], strict=True):
                percents += step.percent * max(min(after, end) - max(before, step.from_units - 1), 0)
            taken.append(Fraction(row.left_minor * percents, 100 * row.quantity))
            before = after
        return taken

    def says(self, currency: str) -> str:
        steps = ", ".join(f"{step.percent} % off from unit {step.from_units:,} on" for step in self.steps)
        return steps + counted(self)


class EveryNth(Counted, Closed):
    """Of every so many units one at a percentage off: of the units by their price, the dearest first, every n-th."""

    every: Annotated[int, Field(ge=2, le=10**9)]
    percent: Percent = 100
    times: PositiveInt | None = None
    """At most so many units in one basket; without it any number."""

    def take(self, rows: Sequence[Row], spent_minor: int) -> list[Fraction]:
        taken = [_NONE for _ in rows]
        places = [place for place, row in enumerate(rows) if fits(self, row) and row.quantity and row.left_minor]
        price = {place: Fraction(rows[place].left_minor, rows[place].quantity) for place in places}
        passed, given = 0, 0
        for _, alike in groupby(sorted(places, key=lambda place: -price[place]), key=lambda place: price[place]):
            for place in alike:
                quantity = rows[place].quantity
                units = (passed + quantity) // self.every - passed // self.every
                if self.times is not None:
                    units = min(units, self.times - given)
                taken[place] = price[place] * Fraction(units * self.percent, 100)
                passed, given = passed + quantity, given + units
        return taken

    def says(self, currency: str) -> str:
        off = "free" if self.percent == 100 else f"at {self.percent} % off"
        most = f", at most {self.times:,} in a basket" if self.times is not None else ""
        return f"of every {self.every:,} units one {off}{counted(self)}{most}"


Discount = PercentOff | AmountOff | BySpend | ByVolume | EveryNth

KINDS: dict[str, type[Discount]] = {
    "percent_off": PercentOff,
    "amount_off": AmountOff,
    "by_spend": BySpend,
    "by_volume": ByVolume,
    "every_nth": EveryNth,
}
"""By the key that stands for each in the programme file."""

_NONE = Fraction(0)


def fits(which: Counted, row: Row) -> bool:
    """Whether a line counts."""
    return which.counts(row.item, row.categories)


def _ascend(starts: list[int], name: str) -> None:
    if starts != sorted(set(starts)):
        raise ValueError(f"steps must ascend by {name}; put the lowest first and give each its own")
