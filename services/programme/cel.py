"""Conditions beyond the built-in ones, in CEL, the Common Expression Language: one expression that is true or false.

It is checked, types and all, when the file is loaded, and compiled once. Its cost has a bound: its length, the depth of
its brackets, and one list at a time, of at most a receipt's lines. It knows no clock, no zone of the machine and no
fractions, so it says the same at every replay. What has no answer (a key that is not there, a division by zero) does
not hold. Owns what an expression may name. Does not own the language: that is cel-expr-python, Google's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from cel_expr_python import cel

from services.programme.calendar import minute_of
from services.programme.mechanic import Basket, held

CHARACTERS_MAX = 500
DEPTH_MAX = 12

_INT, _TEXT = cel.Type.INT, cel.Type.STRING
_TEXTS, _BY_TEXT = cel.Type.List(_TEXT), cel.Type.Map(_TEXT, _TEXT)
_SUMS = cel.Type.Map(_TEXT, _INT)


class Asked(NamedTuple):
    """What an expression is asked with, beside the basket: of the version."""

    levels: tuple[str, ...]
    zone: str
    zones: Any
    """Store -> its zone, where it is not the programme's."""
    regions: Any
    """Store -> its region."""


def _said(basket: Basket, name: str) -> Any:
    return getattr(basket.context, name) if basket.context is not None else ""


def _spent(basket: Basket) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in basket.lines:
        for category in line.categories:
            sums[category] = sums.get(category, 0) + line.total_minor
    return sums


def _bought(basket: Basket) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in basket.lines:
        units[line.item] = units.get(line.item, 0) + line.quantity
    return units


def _status(basket: Basket) -> dict[str, str]:
    spans = basket.context.statuses if basket.context is not None else {}
    return {name: value for name, found in spans.items() if (value := held(found, basket.at_ms)) is not None}


def _time(basket: Basket, asked: Asked) -> str:
    minute = minute_of(basket.at_ms, asked.zones.get(_said(basket, "store"), asked.zone))
    return f"{minute // 60:02d}:{minute % 60:02d}"


_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

NAMES: dict[str, tuple[Any, Callable[[Basket, Asked], Any], bool]] = {
    "total_minor": (_INT, lambda b, v: sum(line.total_minor for line in b.lines), True),
    "tax_minor": (_INT, lambda b, v: sum(line.tax_minor for line in b.lines), True),
    "units": (_INT, lambda b, v: sum(line.quantity for line in b.lines), True),
    "items": (_TEXTS, lambda b, v: [line.item for line in b.lines], True),
    "categories": (_TEXTS, lambda b, v: sorted({one for line in b.lines for one in line.categories}), True),
    "spent": (_SUMS, lambda b, v: _spent(b), True),
    "bought": (_SUMS, lambda b, v: _bought(b), True),
    "level": (_INT, lambda b, v: b.tier, False),
    "tier": (_TEXT, lambda b, v: v.levels[min(b.tier, len(v.levels) - 1)], False),
    "store": (_TEXT, lambda b, v: _said(b, "store"), False),
    "region": (_TEXT, lambda b, v: v.regions.get(_said(b, "store"), ""), False),
    "channel": (_TEXT, lambda b, v: _said(b, "channel"), False),
    "partner": (_TEXT, lambda b, v: b.partner, False),
    "codes": (_TEXTS, lambda b, v: list(_said(b, "codes")), False),
    "status": (_BY_TEXT, lambda b, v: _status(b), False),
    "date": (_TEXT, lambda b, v: date.fromordinal(b.day).isoformat(), False),
    "weekday": (_TEXT, lambda b, v: _WEEKDAYS[b.store_day % 7], False),
    "time": (_TEXT, _time, False),
}
"""What an expression may name: its type, its value, and whether it may change when part of a receipt comes back."""

_env = cel.NewEnv(variables={name: kind for name, (kind, _, _) in NAMES.items()})

_TEXT_LITERAL = re.compile(r"'[^'\\\n]*'|\"[^\"\\\n]*\"")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LISTS = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(")
_FORBIDDEN = {
    re.compile(r"[\\]|'''|\"\"\"|\b[rRbB]+['\"]"): "write plain text in quotes, without backslashes",
    re.compile(r"\d\.\d|\.\d|\d[eE][-+]?\d|\bdouble\b"): "fractions are not exact; write money in whole minor units",
    re.compile(r"\b(timestamp|duration|get[A-Z]\w*)\b"): "ask for date, weekday or time, such as time >= '17:00'",
    re.compile(r"\bdyn\b|\btype\b|\bbytes\b"): "write values of one type",
}


_DAY_NAMES = frozenset(f"{day}day" for day in ("sun", "mon", "tues", "wednes", "thurs", "fri", "satur"))
"""A text that is one of them is no category in an expression that asks for the weekday."""


class Unsound(ValueError):
    """The text is no expression that is true or false of a receipt; says why, and what to write."""


def sound(text: str) -> str:
    """The text, if it may stand. Raises Unsound."""
    _compiled(text)
    return text


def reads_basket(text: str) -> bool:
    """Whether the answer may change when part of a receipt comes back."""
    return any(NAMES[name][2] for name in _names(text))


def predicate(text: str, asked: Asked) -> Callable[[Basket], bool]:
    """What the expression says of a basket."""
    expression = _compiled(text)
    reads = [(name, NAMES[name][1]) for name in _names(text)]

    def holds(basket: Basket) -> bool:
        value = expression.eval(data={name: read(basket, asked) for name, read in reads})
        return value.type() == cel.Type.BOOL and value.value() is True

    return holds


def _unquoted(literal: str) -> str:
    return literal[1:-1]


def _names(text: str) -> list[str]:
    """What it names of the receipt, whatever it does with it."""
    return [name for name in NAMES if name in set(_WORD.findall(_TEXT_LITERAL.sub("''", text)))]


@lru_cache(1 << 10)
def _compiled(text: str) -> Any:
    if len(text) > CHARACTERS_MAX:
        raise Unsound(f"longer than {CHARACTERS_MAX} characters; make named conditions of its parts")
    bare = _TEXT_LITERAL.sub("''", text)
    days = {day for day in map(_unquoted, _TEXT_LITERAL.findall(text)) if day.lower() in _DAY_NAMES}
    if "weekday" in _WORD.findall(bare) and days:
        day = min(days)
        raise Unsound(f"no weekday is {day!r}; write {day[:3].lower()!r}")
    for pattern, instead in _FORBIDDEN.items():
        if found := pattern.search(bare):
            raise Unsound(f"{found[0]!r} cannot stand here; {instead}")
    depth = deepest = 0
    for letter in bare:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEPTH_MAX:
        raise Unsound(f"brackets deeper than {DEPTH_MAX}; make named conditions of its parts")
    if len(_LISTS.findall(bare)) > 1:
        raise Unsound("more than one walk over a list; make two conditions of it")
    try:
        expression = _env.compile(text)
    except RuntimeError as error:
        raise Unsound(_why(str(error))) from None
    if expression.return_type() != cel.Type.BOOL:
        kind = expression.return_type().name()
        raise Unsound(f"it is {kind.lower()}, and not true or false; compare it with something")
    return expression


def _why(said: str) -> str:
    """CEL's own words, with the column; and what may be named."""
    found = re.search(r"ERROR: <input>:\d+:(\d+): ([^\n]*)", said)
    column, why = (found[1], found[2]) if found else ("1", said.split("\n", maxsplit=1)[0])
    why = why.split(", expecting")[0].split(" expecting {")[0].removesuffix(" [INVALID_ARGUMENT]")
    instead = "compare values of one type"
    if "undeclared reference" in why:
        why, instead = why.split(" (in container")[0], f"there are {', '.join(NAMES)}"
    elif "Syntax error" in why:
        instead = "write for example total_minor >= 5000 && 'wine' in categories"
    return f"column {column}: {why[:200]}; {instead}"
