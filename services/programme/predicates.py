"""What a condition comes to once it is compiled: one predicate over receipts for each key that stands there.

A predicate is asked of a receipt in its context: where and how it was made, and what held of its member at its instant.
So it holds of a purchase for ever as it held then, and a return is judged by the same answer. Owns the meaning of each
key; what may be written is services/programme/conditions.py's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from services.programme import cel as expressions
from services.programme.calendar import add_months, day_of, minute_of
from services.programme.conditions import (
    BIRTHDAY,
    ENROLLED,
    SEGMENT,
    WEEKDAYS,
    Birthday,
    Condition,
    Known,
    OfBasket,
    days_of,
    hours_of,
)
from services.programme.mechanic import Basket, Meter, held

Predicate = Callable[[Basket], bool]
_BIRTH = re.compile(r"(?:\d{4}-)?(\d{2})-(\d{2})\Z")


def predicate(when: Condition | None, unless: Condition | None, meter: Meter, known: Known) -> Predicate | None:
    """`when` holds (every key of it), and no key of `unless` does. None: without a condition."""
    asks = tuple(_tests(when, meter, known)) if when else ()
    bars = tuple(_tests(unless, meter, known)) if unless else ()
    if not asks and not bars:
        return None
    if len(asks) == 1 and not bars:
        return asks[0]
    if len(bars) == 1 and not asks:
        bar = bars[0]
        return lambda basket: not bar(basket)

    def holds(basket: Basket) -> bool:
        for ask in asks:
            if not ask(basket):
                return False
        for bar in bars:  # noqa: SIM110  # a generator costs more than what it asks, for every fact
            if bar(basket):
                return False
        return True

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
    spans = [hours_of(text) for text in hours]
    zones, zone = known.zones, known.zone

    def holds(basket: Basket) -> bool:
        store = basket.context.store if basket.context is not None else ""
        minute = minute_of(basket.at_ms, zones.get(store, zone))
        return any(begin <= minute < end if begin < end else minute >= begin or minute < end for begin, end in spans)

    return holds


def _dates(dates: tuple[str, ...], meter: Meter, known: Known) -> Predicate:
    periods = [days_of(text) for text in dates]
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
