"""When a rule applies: `when` and `unless` of the programme file, as they are written.

Owns the model, what is wrong with a condition beside the rest of the file, and when two mean the same. Does not own
what a key asks of a receipt (services/programme/predicates.py), what a rule gives, nor how a status comes to hold
(services/book/status.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from events.values import Code, Id, Label, NaturalInt, PositiveInt
from services.programme import cel as expressions
from services.programme.mechanic import Spend
from services.programme.policies import Closed

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
_OF_A_BASKET = frozenset({"tiers", "partners", "weekdays", "dates", "basket"})
"""Keys that a basket answers without its context."""
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
            hours_of(text)
        return hours

    @field_validator("cel")
    @classmethod
    def _sound(cls, text: str | None) -> str | None:
        return None if text is None else expressions.sound(text)

    @field_validator("dates")
    @classmethod
    def _days(cls, dates: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in dates or ():
            days_of(text)
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


def hours_of(text: str) -> tuple[int, int]:
    found = _HOURS.match(text)
    begin, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    if begin == end or end > 24 * 60:
        raise ValueError(f"{text!r} is no part of a day; write for example 17:00-20:00, or 22:00-24:00")
    return begin, end


def days_of(text: str) -> tuple[int, int]:
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


def reads_context(condition: Condition | None, named: Mapping[str, Condition]) -> bool:
    """Whether the answer turns on whose a receipt is, or on where or how it was made."""
    if condition is None:
        return False
    return any(
        any(reads_context(named[name], named) for name in asked) if key == "conditions" else key not in _OF_A_BASKET
        for key, asked in condition.asked.items()
    )
