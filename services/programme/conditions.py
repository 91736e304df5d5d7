"""When a rule applies: `when` and `unless` of the programme file, and what they come to once they are compiled.

A condition is asked of a receipt in its context: where and how it was made, and what held of its member at its instant.
So it holds of a purchase for ever as it held then, and a return is judged by the same answer. Owns the model, its
faults, and the predicate; a version without conditions makes no context. Does not own what a rule gives, nor how a
status comes to hold (services/book/status.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from events.values import Code, Id, Label, NaturalInt, PositiveInt
from services.programme import cel as expressions
from services.programme.calendar import add_months, day_of, minute_of
from services.programme.mechanic import Basket, Meter, Spend, held
from services.programme.policies import Closed

Predicate = Callable[[Basket], bool]

Path = tuple[int | str, ...]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

BIRTHDAY = "birthday"
"""The status whose value is the member's month and day of birth: 05-14, or 1990-05-14."""
SEGMENT = "segment"
"""The status that `segments` reads."""
ENROLLED = "@enrolled"
"""Where a member's first enrolment stands among the statuses; no status of a fact can be named so."""

_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?\Z")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)\Z")
_BIRTH = re.compile(r"(?:\d{4}-)?(\d{2})-(\d{2})\Z")

Names = Annotated[tuple[Code, ...], Field(min_length=1)]
Labels = Annotated[tuple[Label, ...], Field(min_length=1)]


class Birthday(Closed):
    """Days around the member's birthday, which the status `birthday` says; 29 February is 1 March in other years."""

    days_before: Annotated[int, Field(ge=0, le=180)] = 0
    days_after: Annotated[int, Field(ge=0, le=180)] = 0


class OfBasket(Spend, Closed):
    """What the lines of the receipt that count come to."""

    from_minor: PositiveInt | None = None
    """At least so much."""
    below_minor: PositiveInt | None = None
    """Less than so much."""

    @model_validator(mode="after")
    def _some(self) -> OfBasket:
        low, high = self.from_minor, self.below_minor
        if low is None and high is None:
            raise ValueError("write from_minor, below_minor or both")
        if low is not None and high is not None and high <= low:
            raise ValueError("no amount is from_minor and yet below_minor; make below_minor the larger")
        return self


class Condition(Closed):
    """Holds where every key that stands here does; a list, where one of its values does."""

    conditions: Names | None = None
    """Conditions by their names, as the file's `conditions` say; each must hold."""
    groups: Names | None = None
    """A status of such a name holds of the member."""
    segments: Labels | None = None
    """The value of the member's status `segment`."""
    status: Annotated[dict[Code, Labels], Field(min_length=1)] | None = None
    """Status -> its values."""
    arms: Annotated[dict[Code, Names], Field(min_length=1)] | None = None
    """Trial -> arms of it, as the file's `arms` share members out."""
    tiers: Names | None = None
    """The level that the purchase was made in."""
    tenure_months: NaturalInt | None = None
    """So many whole months have passed since the member's enrolment; without one it never holds."""
    birthday: Birthday | None = None
    stores: Annotated[tuple[Id, ...], Field(min_length=1)] | None = None
    regions: Names | None = None
    """The region that `stores` of the file give the store."""
    partners: Names | None = None
    channels: Names | None = None
    codes: Labels | None = None
    """A promotion code that was shown with the receipt."""
    weekdays: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)] | None = None  # noqa: E501  # fmt: skip
    """Of the store's day."""
    hours: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Times of the store's clock, such as 17:00-20:00: from the first minute to just before the last; over midnight
    where the second is earlier."""
    dates: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Days of the programme's zone, such as 2026-12-25, or 2026-12-01..2026-12-24 with both ends."""
    basket: OfBasket | None = None
    cel: str | None = None
    """An expression in CEL (services/programme/cel.py), for what none of the others says."""

    @field_validator("hours")
    @classmethod
    def _times(cls, hours: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in hours or ():
            _minutes(text)
        return hours

    @field_validator("cel")
    @classmethod
    def _sound(cls, text: str | None) -> str | None:
        return None if text is None else expressions.sound(text)

    @field_validator("dates")
    @classmethod
    def _days(cls, dates: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in dates or ():
            _period(text)
        return dates

    @model_validator(mode="after")
    def _some(self) -> Condition:
        if not self.asked:
            raise ValueError("a condition without a key always holds; write one, or leave it out")
        return self

    @property
    def asked(self) -> dict[str, Any]:
        """The keys that stand there, with their values."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


def _minutes(text: str) -> tuple[int, int]:
    found = _HOURS.match(text)
    begin, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    if begin == end or end > 24 * 60:
        raise ValueError(f"{text!r} is no part of a day; write for example 17:00-20:00, or 22:00-24:00")
    return begin, end


def _period(text: str) -> tuple[int, int]:
    found = _DATES.match(text)
    try:
        if found is None:
            raise ValueError
        first, last = (date.fromisoformat(found[n] or found[1]).toordinal() for n in (1, 2))
    except ValueError:
        raise ValueError(f"{text!r} is no period; write 2026-12-25, or 2026-12-01..2026-12-24") from None
    if last < first:
        raise ValueError(f"{text!r} ends before it begins; put the earlier day first")
    return first, last


class Known(NamedTuple):
    """What the names in conditions may mean, of one version."""

    levels: tuple[str, ...]
    """Names of the tier's levels, the lowest first."""
    zone: str
    zones: Mapping[str, str]
    """Store -> its zone, where it is not the programme's."""
    regions: Mapping[str, str]
    """Store -> its region."""
    partners: frozenset[str]
    arms: Mapping[str, Mapping[str, int]]
    """Trial -> arm -> its share in percent."""
    named: Mapping[str, Condition]


# ---------------------------------------------------------------- faults


def faults(condition: Condition, path: Path, known: Known) -> Iterator[tuple[Path, str]]:
    """What is wrong with a condition beside the rest of the file: the path, and what to write instead."""
    lists: dict[str, tuple[Any, str]] = {
        "conditions": (known.named, "conditions"),
        "tiers": (known.levels, "tier"),
        "regions": (set(known.regions.values()), "stores, as a store's region"),
        "partners": (known.partners, "partners"),
    }
    asked = condition.asked
    for key, (names, where) in lists.items():
        for index, name in enumerate(asked.get(key, ())):
            if name not in names:
                yield (*path, key, index), f"there is no {name} under {where}; {_instead(name, names)}"
    for trial, arms in (condition.arms or {}).items():
        if trial not in known.arms:
            yield (*path, "arms", trial), f"there is no {trial} under arms; {_instead(trial, known.arms)}"
            continue
        for index, arm in enumerate(arms):
            if arm not in known.arms[trial]:
                why = f"{trial} has no arm {arm}; {_instead(arm, known.arms[trial])}"
                yield (*path, "arms", trial, index), why


def _instead(name: str, names: Any) -> str:
    return f"write one of {', '.join(sorted(names))}" if names else f"add {name} there, or leave it out here"


def cycles(named: Mapping[str, Condition]) -> Iterator[tuple[Path, str]]:
    """Named conditions that rest on themselves. Each cycle once, at its first name in the file."""
    done: set[str] = set()
    for start in named:
        way, name = [start], start
        todo = [(start, iter(named[start].conditions or ()))]
        while todo:
            name, children = todo[-1]
            child = next(children, None)
            if child is None:
                done.add(name)
                todo.pop()
                way = way[: len(todo)]
            elif child in way:
                circle = " -> ".join([*way[way.index(child) :], child])
                yield ("conditions", child), f"{circle} goes in a circle; take one of the names out"
                return
            elif child in named and child not in done:
                todo.append((child, iter(named[child].conditions or ())))
                way.append(child)


def meaning(condition: Condition | None, named: Mapping[str, Condition]) -> Any:
    """What a condition asks for, its names replaced by what they stand for: equal where it means the same."""
    if condition is None:
        return None
    return {
        key: [meaning(named[name], named) for name in value] if key == "conditions" else value
        for key, value in condition.asked.items()
    }


def reads_basket(condition: Condition | None, named: Mapping[str, Condition]) -> bool:
    """Whether the answer may change when part of a receipt comes back."""
    if condition is None:
        return False
    if condition.cel is not None and expressions.reads_basket(condition.cel):
        return True
    return condition.basket is not None or any(reads_basket(named[name], named) for name in condition.conditions or ())


# ---------------------------------------------------------------- meaning


def predicate(when: Condition | None, unless: Condition | None, meter: Meter, known: Known) -> Predicate | None:
    """`when` holds (every key of it), and no key of `unless` does. None: without a condition."""
    asks = tuple(_tests(when, meter, known)) if when else ()
    bars = tuple(_tests(unless, meter, known)) if unless else ()
    if not asks and not bars:
        return None
    if len(asks) == 1 and not bars:
        return asks[0]

    def holds(basket: Basket) -> bool:
        for ask in asks:
            if not ask(basket):
                return False
        return not any(bar(basket) for bar in bars)

    return holds


def _tests(condition: Condition, meter: Meter, known: Known) -> Iterator[Predicate]:
    """One predicate for each key that stands there; those that cost least and fail most come first."""
    asked = condition.asked
    for key, build in _BUILD.items():
        if key in asked:
            yield build(asked[key], meter, known)


def _status(name: str, values: frozenset[str] | None) -> Predicate:
    def holds(basket: Basket) -> bool:
        context = basket.context
        spans = context.statuses.get(name) if context is not None else None
        if not spans:
            return False
        value = held(spans, basket.at_ms)
        return value is not None and (values is None or value in values)

    return holds


def _any(tests: list[Predicate]) -> Predicate:
    return tests[0] if len(tests) == 1 else lambda basket: any(test(basket) for test in tests)


def _all(tests: list[Predicate]) -> Predicate:
    return tests[0] if len(tests) == 1 else lambda basket: all(test(basket) for test in tests)


def _named(names: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    return _all([test for name in names for test in _tests(known.named[name], meter, known)])


def _groups(groups: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    return _any([_status(group, None) for group in groups])


def _segments(segments: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    return _status(SEGMENT, frozenset(segments))


def _statuses(status: dict[str, tuple[str, ...]], meter: Meter, known: Known) -> Predicate:
    return _all([_status(name, frozenset(values)) for name, values in status.items()])


@lru_cache(1 << 16)
def arm_of(member: str, trial: str, shares: tuple[tuple[str, int], ...]) -> str:
    """The arm of a trial that a member is in, for ever: by a hash of both names, in a hundred parts."""
    part = int.from_bytes(blake2b(f"{trial}:{member}".encode(), digest_size=8).digest()) % 100
    for arm, share in shares:
        part -= share
        if part < 0:
            return arm
    return ""


def _arms(arms: dict[str, tuple[str, ...]], meter: Meter, known: Known) -> Predicate:
    shares = {trial: tuple(known.arms[trial].items()) for trial in arms}
    asked = [(trial, shares[trial], frozenset(names)) for trial, names in arms.items()]

    def holds(basket: Basket) -> bool:
        context = basket.context
        member = context.member if context is not None else ""
        return all(arm_of(member, trial, of) in names for trial, of, names in asked)

    return holds


def _tiers(tiers: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    levels = frozenset(known.levels.index(name) for name in tiers)
    return lambda basket: basket.tier in levels


def _tenure(months: int, meter: Meter, known: Known) -> Predicate:
    def holds(basket: Basket) -> bool:
        spans = basket.context.statuses.get(ENROLLED) if basket.context is not None else None
        return bool(spans) and basket.day >= add_months(day_of(spans[0][0], known.zone), months)  # type: ignore[index]

    return holds


@lru_cache(1 << 14)
def _days_from(value: str, day: int) -> int | None:
    """Days from the nearest birthday to a day, negative before it; None: `value` says no birthday."""
    found = _BIRTH.match(value)
    if not found:
        return None
    month, of_month = int(found[1]), int(found[2])
    distances = []
    for year in range(date.fromordinal(day).year - 1, date.fromordinal(day).year + 2):
        try:
            birthday = date(year, month, of_month)
        except ValueError:
            if (month, of_month) != (2, 29):
                return None
            birthday = date(year, 2, 28) + timedelta(1)
        distances.append(day - birthday.toordinal())
    return min(distances, key=abs)


def _birthday(window: Birthday, meter: Meter, known: Known) -> Predicate:
    def holds(basket: Basket) -> bool:
        spans = basket.context.statuses.get(BIRTHDAY) if basket.context is not None else None
        value = held(spans, basket.at_ms) if spans else None
        away = None if value is None else _days_from(value, basket.day)
        return away is not None and -window.days_before <= away <= window.days_after

    return holds


def _of_context(read: str) -> Callable[[tuple[str, ...], Meter, Known], Predicate]:
    def build(values: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
        asked = frozenset(values)
        return lambda basket: basket.context is not None and getattr(basket.context, read) in asked

    return build


def _regions(regions: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    stores = tuple(store for store, region in known.regions.items() if region in regions)
    return _of_context("store")(stores, meter, known)


def _partners(partners: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    asked = frozenset(partners)
    return lambda basket: basket.partner in asked


def _codes(codes: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    asked = frozenset(codes)
    return lambda basket: basket.context is not None and not asked.isdisjoint(basket.context.codes)


def _weekdays(weekdays: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    asked = frozenset((WEEKDAYS.index(name) + 1) % 7 for name in weekdays)
    return lambda basket: basket.store_day % 7 in asked


def _hours(hours: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    spans = [_minutes(text) for text in hours]
    zones, zone = known.zones, known.zone

    def holds(basket: Basket) -> bool:
        store = basket.context.store if basket.context is not None else ""
        minute = minute_of(basket.at_ms, zones.get(store, zone))
        return any(begin <= minute < end if begin < end else minute >= begin or minute < end for begin, end in spans)

    return holds


def _dates(dates: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    periods = [_period(text) for text in dates]
    return lambda basket: any(first <= basket.day <= last for first, last in periods)


def _basket(asked: OfBasket, meter: Meter, known: Known) -> Predicate:
    measure = meter.add(asked.base, asked)
    low, high = asked.from_minor or 0, asked.below_minor

    def holds(basket: Basket) -> bool:
        minor = basket.measures[measure]
        return minor >= low and (high is None or minor < high)

    return holds


def _cel(text: str, meter: Meter, known: Known) -> Predicate:
    return expressions.predicate(text, expressions.Asked(known.levels, known.zone, known.zones, known.regions))


_BUILD: dict[str, Callable[[Any, Meter, Known], Predicate]] = {
    "dates": _dates,
    "partners": _partners,
    "tiers": _tiers,
    "weekdays": _weekdays,
    "stores": _of_context("store"),
    "regions": _regions,
    "channels": _of_context("channel"),
    "codes": _codes,
    "basket": _basket,
    "hours": _hours,
    "groups": _groups,
    "segments": _segments,
    "status": _statuses,
    "tenure_months": _tenure,
    "birthday": _birthday,
    "arms": _arms,
    "cel": _cel,
    "conditions": _named,
}
"""Every key of a condition, in the order in which they are asked."""
