"""The interface of a mechanic, and the values it speaks in.

Every mechanic keeps small commutative cells and says what a cell is worth **in full**; what is posted is the
difference of two dues. A purchase, a return, a correction and a changed tier are one and the same thing to it: a
`Change` of a basket. CONTRIBUTING.md tells how to write one; tests/core/test_laws.py checks its laws.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import msgspec
from pydantic import Field, model_validator

from events.facts import Fact
from events.facts.purchases import Line
from events.model import Model
from events.values import Label, Months
from services.programme.calendar import Ends

Lot = tuple[int, int, int, str]
"""(expires_at, earned_at, active_at, slot), instants in milliseconds: a lot's identity, and the spending order.

A slot that begins with "-" is a draw on the other lots, not a lot."""

Due = tuple[str, int, Lot, str]
"""(unit, total, lot, to): what a cell is worth now, in full. `unit` "pts" is points, another one a thing that `used`
facts name; `to` another member, or ""."""

LotPoints = tuple[Lot, int]
Key = int | str
"""Names a cell within its rule."""

POINTS = "pts"
CURRENCY = "pts:"
"""Before the name of another currency of points, where a unit is asked for."""
OF_PURCHASE = "p:"
"""Before a purchase's id: the slot of what it gives."""
OF_MONTH = ("m:", "v:")
"""One of these before a month: the slot of what it gives, when it has ended, or for a day of it."""
LASTING_DAYS = 100_000
MONTH_DAYS = 27
"""The shortest month, less a day for what clocks are moved by."""
POINTS_PER_MINOR_MAX = 1_000
"""Points for a penny, at the highest level. The language's largest receipt so earns 10^17: no sum comes near 2^63."""


def slot_of_month(kind: str, month: int) -> str:
    """The slot of what a calendar month gives; `kind`: one of OF_MONTH."""
    return f"{kind}{month // 12}-{month % 12 + 1:02d}"


def month_of_slot(slot: str) -> int:
    """The calendar month whose points a slot of `slot_of_month` holds."""
    return int(slot[2:6]) * 12 + int(slot[7:9]) - 1


Spans = tuple[tuple[int, int, str], ...]
"""When a status held of a member, and its value: (from, until, value), ascending, in milliseconds, `until` excluded."""


def held(spans: Spans, at_ms: int) -> str | None:
    """The value that a status has at an instant; None: it does not hold then."""
    for from_ms, until_ms, value in reversed(spans):
        if from_ms <= at_ms:
            return value if at_ms < until_ms else None
    return None


class Context(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whose a receipt is, and what conditions ask of it beside its lines."""

    member: str
    statuses: Mapping[str, Spans]
    """The member's own: what held at any instant stands there."""
    store: str = ""
    channel: str = ""
    codes: tuple[str, ...] = ()


SUMS_MAX = 64
"""More sums than this are kept only where they are not 0: most lines count for few of them."""


class Sums(dict[int, int]):
    """By index; those that are not there are 0."""

    def __missing__(self, index: int) -> int:
        return 0


class Basket(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A purchase as it stands, with the context it was rated in."""

    purchase: str
    at_ms: int
    day: int
    """Local day of the programme's zone."""
    store_day: int
    """Local day of the store; the programme's where the store's zone is not in the file."""
    lines: tuple[Line, ...]
    tier: int
    partner: str
    measures: Sequence[int] | Sums
    """The programme version's measures of the lines (see Meter), taken once."""
    context: Context | None = None
    """None where the version has no conditions."""


class Change(msgspec.Struct, gc=False):
    """What a fact did to one basket. For facts without a basket both sides are None."""

    fact: Fact
    before: Basket | None
    after: Basket | None
    points: list[LotPoints]
    """What the rules before this one gave to lots of this member, or took, for this change: caps and vouchers read it.

    Draws are not among them."""
    about: Basket | None = None
    """For a fact without a basket: one without lines, for conditions to be asked of."""

    def moved(self, measure: int) -> int:
        """How much more of a measure there is after it than before; negative: less."""
        before, after = self.before, self.after
        if before is None:
            return after.measures[measure] if after is not None else 0
        return (after.measures[measure] if after is not None else 0) - before.measures[measure]


class Mechanic(ABC):
    """Bound to its config once, when the programme is compiled, so that nothing is looked up for a fact.

    Below, `cell` is any value of integers, strings and tuples of them; for a `per_purchase` mechanic it is the Basket,
    for a `per_fact` one the fact.
    """

    Config: ClassVar[type[Model]]
    """The keys under the mechanic's name in the programme file."""
    kinds: ClassVar[frozenset[str]] = frozenset({"basket"})
    """Fact types it reads; "basket" stands for every change of a basket."""
    of_baskets: bool = True
    """False: configured so, no basket concerns it, though its kinds say so."""
    per_purchase: ClassVar[bool] = False
    """True: the basket itself is the cell, nothing is stored, key and absorb are never called."""
    per_fact: ClassVar[bool] = False
    """True: the fact itself is the cell; as above. For facts that nothing takes back."""
    gives_away: ClassVar[bool] = False
    """True: its dues are other members', to whom they were said; a later revision cannot take its cells over."""
    draws: ClassVar[bool] = False
    """True: its dues may be draws on the member's lots."""
    gives_to: ClassVar[Literal["receipt", "receipts", "month", "none"]] = "receipt"
    """Whose lots a change of a basket moves: that receipt's; other receipts' too; its month's; no receipt's, so that
    caps do not count them."""
    by_period: ClassVar[bool] = False
    """True: a cell is of a period, which a basket tells (`period`): those of long ago can be put away."""
    reads_points: ClassVar[bool] = False
    """True: `Change.points` is what it counts, so the rule's condition may not turn on what is in the basket."""
    lasts_days: int = 0
    """A lot that a basket touches is its own, and does not end before so many days after it, whatever the zone;
    0: nothing is known."""
    measure: int | None = None
    """Index of the measure it needs; a change where that is 0 before and after is skipped. None: never skipped."""

    why: str
    """What its dues are for, in a customer's words, made of the config: it ends the sentence that `says` begins."""

    @abstractmethod
    def __init__(self, config: Any, meter: Meter, frame: Frame) -> None: ...

    def key(self, change: Change) -> Key | None:
        """Which cell the change touches; None: none."""
        return None

    def key_of(self, slot: str) -> Key:
        """Of one that reads points: which cell counts those of a lot that is no purchase's."""
        raise NotImplementedError

    def period(self, basket: Basket) -> int:
        """Of a `by_period` mechanic: of the cell that changes of a basket touch. A number that grows with time."""
        raise NotImplementedError

    def period_of(self, key: Key, cell: Any) -> int:
        """The same, told by the cell; 0: it cannot be told any more, and the cell stays where it is."""
        return key if isinstance(key, int) else 0

    def absorb(self, cell: Any, change: Change) -> Any:
        """The cell after the change; None = empty. Commutes; there and back is nothing; never mutates."""
        return None

    def says(self, amount: str) -> str:
        """One sentence: why a due is given, or was. `amount` is in words already (services/programme/words.py)."""
        return f"{amount} {self.why}"

    @abstractmethod
    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        """What the cell is worth, in full. Pure; one due per identity, whole, non-zero.

        Slots do not depend on amounts."""


class Frame(msgspec.Struct, frozen=True):
    """What a mechanic may know of the programme version around it."""

    zone: str
    currency: str
    rule: str
    """The id of the rule it is bound for."""
    decimals: int = 0
    """Of points: amounts are whole numbers of the smallest unit."""
    lasting: Mapping[str, Lasting] = {}
    """Currency -> how long its points last where nothing else says so; only those that say it."""


class Counted(Model):
    """Which lines of a basket count. For a mechanic's Config to build on."""

    only: tuple[Label, ...] = ()
    """Count only lines of these categories; empty: all lines."""
    exclude: tuple[Label, ...] = ()
    """Never count lines of these categories."""
    items: tuple[Label, ...] = ()
    """Count only lines of these items; empty: of any."""

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if self.only and set(self.only) <= set(self.exclude):
            raise ValueError("no line counts: all that stands under only is excluded; take it out of one of them")
        return self

    def counts(self, item: str, categories: tuple[str, ...]) -> bool:
        """Whether a line of this item and of these categories counts."""
        return (not self.items or item in self.items) and self.counts_kinds(categories)

    def counts_kinds(self, categories: tuple[str, ...]) -> bool:
        """Whether a line of these categories counts, if its item does."""
        if not set(self.exclude).isdisjoint(categories):
            return False
        return not self.only or not set(self.only).isdisjoint(categories)

    @property
    def most(self) -> bool:
        """Whether all lines count but those of a few categories; else only those of a few count."""
        return not self.only and not self.items


REMEMBERED_MAX = 1 << 14
"""Combinations of categories that an answer is remembered for. A chain has some hundreds; tills that make them up must
not fill the memory."""


class OfKinds(dict[tuple[str, ...], bool]):
    """`Counted.counts_kinds`, by the categories that were asked for."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    def __missing__(self, categories: tuple[str, ...]) -> bool:
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        counts = self[categories] = self._counted.counts_kinds(categories)
        return counts


class Spend(Counted):
    """Which money of a basket counts."""

    base: Literal["gross", "net"] = "gross"
    """gross: what was paid; net: less the tax contained in it."""


LASTING_KEYS = frozenset({"valid_months", "valid_days"})


class Lasting(Model):
    """How long points last: months or days. For a mechanic's Config to build on."""

    valid_months: Months | None = None
    """Points end with the day this many months after the one they are for, 0 with that day itself; None: never, or as
    valid_days says."""
    valid_days: Annotated[int, Field(ge=0, le=3660)] | None = None
    """Points end with the day this many days later; 0: with the day itself."""

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.valid_months is not None and self.valid_days is not None:
            raise ValueError("write either valid_months or valid_days")
        return self

    @property
    def end_key(self) -> str:
        """The key that says an end; "": points last for ever."""
        return "valid_days" if self.valid_days is not None else "valid_months" if self.valid_months is not None else ""

    def ends(self, zone: str) -> Ends:
        """The end of what is earned, by its day."""
        return Ends(self.valid_months, zone, self.valid_days)

    @property
    def lasts_days(self) -> int:
        """A lot does not end before so many days after its own, whatever the zone."""
        if self.valid_days is not None:
            return max(self.valid_days - 1, 0)
        return LASTING_DAYS if self.valid_months is None else MONTH_DAYS * self.valid_months


Sum = Literal["gross", "net", "paid units"]
"""What is summed over lines: money in minor units, with or without its tax; units of lines that cost something."""

_SUMS: tuple[Sum, ...] = get_args(Sum)
_GROSS, _NET = _SUMS.index("gross"), _SUMS.index("net")
_Otherwise = tuple[tuple[int, int, int], ...]
"""(index, of what, 1 or -1): the sums that a line counts for, or does not, other than most lines."""
_ALL = Counted()
_UNNAMED = ""
"""An item that no rule names."""


class Meter:
    """The sums over a basket's lines that a programme version needs; lines are walked once per basket.

    Most sums are of all lines but a few, or of a few lines. So what all lines come to is added once, and of a line only
    what it does otherwise.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[Sum, Counted], int] = {}
        self._of_most: list[tuple[int, int]] = []
        """(index, of what): the sums that most lines count for."""
        self._asks_net = False
        self._items: set[str] = set()
        """Those that a sum names: lines of all others are told apart by their categories alone."""
        self._of_categories: dict[tuple[str, ...], _Otherwise] = {}
        self._of_items: dict[tuple[str, tuple[str, ...]], _Otherwise] = {}

    def add(self, what: Sum, counted: Counted | None = None) -> int:
        """The index of a sum over the lines that count; None: over all lines."""
        lines = _ALL
        if counted is not None:
            only, exclude, items = (
                tuple(sorted(set(names))) for names in (counted.only, counted.exclude, counted.items)
            )
            lines = Counted(only=only, exclude=exclude, items=items)
        if (what, lines) not in self._sums:
            index = self._sums[what, lines] = len(self._sums)
            self._items |= set(lines.items)
            self._asks_net = self._asks_net or what == "net"
            if lines.most:
                self._of_most.append((index, _SUMS.index(what)))
        return self._sums[what, lines]

    def measure(self, lines: tuple[Line, ...]) -> Sequence[int] | Sums:
        """Every measure of the lines, by index."""
        sums: Any = [0] * len(self._sums) if len(self._sums) <= SUMS_MAX else Sums()
        items, of_items, of_categories, asks_net = self._items, self._of_items, self._of_categories, self._asks_net
        gross = net = units = part = 0
        for line in lines:
            minor, categories = line.total_minor, line.categories
            if not minor:  # neither money nor a paid unit
                continue
            gross += minor
            units += line.quantity
            if asks_net:
                part = max(minor - line.tax_minor, 0)
                net += part
            if items and line.item in items:
                otherwise = of_items.get((line.item, categories))
            else:
                otherwise = of_categories.get(categories)
            if otherwise is None:
                otherwise = self._learn(line.item, categories)
            for index, what, sign in otherwise:
                sums[index] += sign * (minor if what == _GROSS else part if what == _NET else line.quantity)
        totals = gross, net, units
        for index, what in self._of_most:
            sums[index] += totals[what]
        return tuple(sums) if type(sums) is list else sums

    def _learn(self, item: str, categories: tuple[str, ...]) -> _Otherwise:
        """What lines of this item and of these categories do otherwise, now and whenever they come."""
        name = item if item in self._items else _UNNAMED
        found = []
        for (what, lines), index in self._sums.items():
            counts = lines.counts(name, categories)
            if counts is not lines.most:
                found.append((index, _SUMS.index(what), 1 if counts else -1))
        otherwise = tuple(found)
        if len(self._of_items) + len(self._of_categories) >= REMEMBERED_MAX:
            self._of_items.clear()
            self._of_categories.clear()
        if name:
            self._of_items[item, categories] = otherwise
        else:
            self._of_categories[categories] = otherwise
        return otherwise
