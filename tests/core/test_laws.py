"""The laws of a mechanic, checked for every one that is registered, and for two unlawful ones that must be refused.

A cell commutes over the changes of different purchases, and over the facts that the mechanic reads beside them (what
enrols a member comes before what the member buys); a change there and back is nothing, also that of a basket that was
never bought; a return equals buying what is left; nothing is mutated; due is a function with one due per identity,
whole and non-zero; cell and key survive their encoding. Not checkable here: no clock, no look-up, no randomness
(CONTRIBUTING.md).
"""

from __future__ import annotations

import copy
import random
from typing import Any, ClassVar

import msgspec
import pytest

from events.model import Model
from services.programme.calendar import EPOCH, NEVER
from services.programme.mechanic import POINTS, Basket, Change, Due, Frame, Key, Mechanic, Meter
from services.programme.mechanics import MECHANICS
from tests.drivers.facts import fact

CONFIGS: dict[str, list[dict[str, Any]]] = {
    "adjustment": [{}, {"valid_months": 1}],
    "bundle": [{"together": ["tea", "cup"], "points": 30}, {"together": ["cup", "tea"], "points": 7, "sets": 1}],
    "cap": [{"points": 60, "per": per} for per in ("day", "week", "month", "year", "member")],
    "daily_cap": [{"points": 1}, {"points": 60}, {"points": 400}],
    "bonus": [
        {"points": 1000, "only": ["tea"]},
        {"points": 7, "each": "unit", "from_minor": 9000, "valid_months": 1, "pending_days": 3},
    ],
    "gift": [
        {"points": 500, "from_minor": 9000, "valid_months": 1},
        {"points": 500, "from_units": 2, "times": 2, "only": ["tea", "cup"]},
        {"unit": "v", "from_minor": 9000},
        {"unit": "v", "times": None, "exclude": ["tea"]},
    ],
    "ladder": [
        {"per_minor": 10000, "steps": [{"from_minor": 0, "points": 3}, {"from_minor": 10000, "points": 10}]},
        {"per_minor": 100, "steps": [{"from_minor": 20000, "points": 2}], "only": ["tea"]},
    ],
    "price_guarantee": [{}, {"within_days": 2, "points": 3, "per_minor": 2, "only": ["tea"], "valid_months": 1}],
    "referral": [
        {"points": 200, "from_minor": 15000, "within_days": 60, "after_days": 30},
        {"points": 200, "within_days": 10, "after_days": 0, "valid_months": 1, "only": ["cup"]},
    ],
    "reward": [{"deed": "v", "points": 5}, {"deed": "v", "points": 5, "valid_days": 0}],
    "stamps": [
        {"every": 2, "unit": "v"},
        {"every": 1, "unit": "v", "exclude": ["tea"]},
        {"every": 2, "unit": "v", "deed": "w"},
    ],
    "visits": [{"every": 2, "points": 5}, {"every": 1, "points": 7, "from_minor": 9000, "valid_months": 1}],
    "voucher": [{"per_points": 50, "unit": "v"}, {"per_points": 1, "unit": "v"}],
    "welcome": [{"points": 500, "valid_months": 1}, {"unit": "v"}],
    "share": [
        {"points": 1, "per_minor": 100},
        {"points": 3, "per_minor": 50, "only": ["tea"], "tier_percent": [100, 125], "valid_months": 2},
        {"points": 1, "per_minor": 100, "pending_days": 5},
        {"per_minor": 1000, "steps": [{"from_minor": 500, "points": 5}, {"from_minor": 9000, "points": 9}]},
        {"points": 1, "per_minor": 100, "exclude": ["tea"]},
        {"per_minor": 1000, "marginal": True,
         "steps": [{"from_minor": 500, "points": 5}, {"from_minor": 9000, "points": 9}]},
        {"points": 3, "per_minor": 700, "rounding": "full", "tier_percent": [100, 125]},
        {"points": 3, "per_minor": 700, "rounding": "half_up"},
        {"points": 3, "per_units": 2, "only": ["tea"]},
        {"points": 1, "per_minor": 100, "valid_days": 20},
    ],
}  # fmt: skip
DAY_MS = 86_400_000
JOINED = "2021-08-05T12:00:00Z"
"""Some of the baskets below were bought before it, most of them after."""
GOODS = {"item": "goods", "total_minor": 1}


def purchase(number: int, rnd: random.Random, meter: Meter) -> Basket:
    day = 738_000 + rnd.randrange(12)
    rows = [
        {"item": f"i{n}", "total_minor": rnd.randrange(1, 9000), "categories": rnd.choice([["tea"], ["cup"], []])}
        for n in range(3)
    ]
    said: Any = fact(id=f"p{number}", type="purchase", occurred_at="2026-01-01T00:00:00Z", lines=rows)
    at_ms = (day - EPOCH) * DAY_MS + rnd.randrange(DAY_MS)
    return Basket(f"p{number}", at_ms, day, day, said.lines, rnd.randrange(3), "", meter.measure(said.lines))


def half(basket: Basket, meter: Meter) -> Basket:
    lines = tuple(msgspec.structs.replace(line, total_minor=line.total_minor // 2) for line in basket.lines)  # type: ignore[type-var]
    return msgspec.structs.replace(basket, lines=lines, measures=meter.measure(lines))


def others(mechanic: Mechanic, rnd: random.Random) -> list[Change]:
    """Facts beside baskets that the mechanic reads; who is enrolled comes first."""
    made: list[dict[str, Any]] = []
    for n in range(3):
        made += [
            {"id": f"e{n}", "type": "enrolled", "occurred_at": JOINED, "referrer": f"bob{n}"},
            {"id": f"u{n}", "type": "used", "what": rnd.choice(["v", "w"]), "count": rnd.randrange(1, 4)},
            {"id": f"a{n}", "type": "adjusted", "points": rnd.choice([-5, 70]), "reason": "r", "actor": "a"},
            {"id": f"d{n}", "type": "deed", "what": rnd.choice(["v", "w"]), "count": rnd.choice([-2, 1, 5])},
            {
                "id": f"g{n}",
                "type": "price_found",
                "purchase": f"p{n}",
                "item": "i1",
                "found_minor": 900 * n,
                "evidence": "a leaflet",
                "occurred_at": f"2021-08-{rnd.randrange(1, 28):02d}T00:00:00Z",
            },
            {
                "id": f"m{n}",
                "type": "message",
                "sender": "bob",
                "cause": "c",
                "rule": "r",
                "account": "issued",
                "lots": [{"lot": f"never.0.0.m{n}", "points": rnd.choice([-5, 70])}],
            },
        ]
    made = [value for value in made if value["type"] in mechanic.kinds]
    made.sort(key=lambda value: value["type"] != "enrolled")
    changes = []
    for value in made:
        told: Any = fact(**{"occurred_at": f"2021-0{rnd.randrange(1, 9)}-01T00:00:00Z"} | value)
        points = told.lots[0].points if told.type == "message" else getattr(told, "points", 0)
        changes.append(Change(told, None, None, [((NEVER, 0, 0, told.id), points)] if points else []))
    return changes


class Lawbreak(Exception):
    """Which law."""


def cells_of(mechanic: Mechanic, changes: list[Change]) -> dict[Key, Any]:
    cells: dict[Key, Any] = {}
    for change in changes:
        key = mechanic.key(change)
        if key is None:
            continue
        old = cells.get(key)
        frozen = copy.deepcopy(old)
        new = mechanic.absorb(old, change)
        if old != frozen:
            raise Lawbreak("absorb changes its argument")
        basket = change.after or change.before
        if mechanic.by_period and basket is not None and new is not None:
            period = mechanic.period_of(key, new)
            if period not in (0, mechanic.period(basket)):
                raise Lawbreak("a cell is of another period than the basket that touched it")
        if new is None:
            cells.pop(key, None)
        else:
            cells[key] = new
    return cells


def worth(mechanic: Mechanic, cells: dict[Key, Any]) -> dict[tuple[Any, ...], int]:
    total: dict[tuple[Any, ...], int] = {}
    for key, cell in cells.items():
        dues = mechanic.due(key, cell)
        if dues != mechanic.due(key, cell):
            raise Lawbreak("due is not a function")
        identities = [(unit, lot, to) for unit, _, lot, to in dues]
        if len(set(identities)) != len(identities):
            raise Lawbreak("two dues of one identity")
        if any(type(amount) is not int or not amount for _, amount, _, _ in dues):
            raise Lawbreak("a due must be whole and not zero")
        for unit, amount, lot, to in dues:
            total[unit, lot, to] = total.get((unit, lot, to), 0) + amount
    return {identity: amount for identity, amount in total.items() if amount}


def tuples(value: Any) -> Any:
    return tuple(tuples(v) for v in value) if isinstance(value, list | tuple) else value


def check_laws(kind: type[Mechanic], config: Model, tries: int = 60) -> None:
    """Raises Lawbreak with the first law that does not hold."""
    rnd = random.Random(7)
    for _ in range(tries):
        meter = Meter()
        mechanic = kind(config, meter, Frame("Europe/London", "GBP", "rule"))
        whole = meter.add("gross")
        baskets = [purchase(n, rnd, meter) for n in range(6)]
        about: Any = fact(id="f", type="return", occurred_at="2026-01-01T00:00:00Z", lines=[GOODS])

        def change(before: Basket | None, after: Basket | None, about: Any = about, whole: int = whole) -> Change:
            basket = after or before
            assert basket is not None
            lot = (basket.at_ms + 90 * DAY_MS, basket.at_ms, basket.at_ms, "p:" + basket.purchase)
            worths = [b.measures[whole] // 100 if b is not None else 0 for b in (before, after)]
            points = worths[1] - worths[0]
            return Change(about, before, after, [(lot, points)] if points else [])

        if mechanic.per_purchase:
            for basket in baskets:
                worth(mechanic, {"basket": basket})
                nothing = msgspec.structs.replace(basket, lines=(), measures=meter.measure(()))
                if mechanic.due(None, nothing):
                    raise Lawbreak("worth something when empty")
            continue
        told = others(mechanic, rnd)
        if mechanic.per_fact:
            for one in told:
                worth(mechanic, {"fact": one.fact})
            continue
        joined = [one for one in told if one.fact.type == "enrolled"]
        bought = [change(None, basket) for basket in baskets] if "basket" in mechanic.kinds else []
        later = [*bought, *(one for one in told if one.fact.type != "enrolled")]
        cells = cells_of(mechanic, [*joined, *later])
        for order in (later[::-1], rnd.sample(later, len(later))):
            if cells != cells_of(mechanic, [*joined, *order]):
                raise Lawbreak("does not commute")
        if not bought:
            worth(mechanic, cells)
            continue
        bought = [*joined, *later]
        for key, cell in cells.items():
            if tuples(msgspec.msgpack.decode(msgspec.msgpack.encode((key, cell)))) != (key, cell):
                raise Lawbreak("cell does not survive its encoding")
        first, less, loose = baskets[0], half(baskets[0], meter), purchase(99, rnd, meter)
        if cells_of(mechanic, [*bought, change(first, less), change(less, first)]) != cells:
            raise Lawbreak("there and back is not nothing")
        if cells_of(mechanic, [*bought, change(loose, None), change(None, loose)]) != cells:
            raise Lawbreak("there and back is not nothing")
        returned = worth(mechanic, cells_of(mechanic, [*bought, change(first, less)]))
        kept = [one if one.after is not first else change(None, less) for one in bought]
        if returned != worth(mechanic, cells_of(mechanic, kept)):
            raise Lawbreak("a return is not the purchase of what is left")
        if worth(mechanic, cells_of(mechanic, [change(None, first), change(first, None)])):
            raise Lawbreak("worth something when empty")


@pytest.mark.parametrize("name", sorted(MECHANICS))
def test_every_registered_mechanic_is_lawful(name: str) -> None:
    kind = MECHANICS[name]
    assert CONFIGS.get(name), f"tests/core/test_laws.py: give {name} a config or two to be checked with"
    for config in CONFIGS[name]:
        check_laws(kind, kind.Config.model_validate(config, strict=False))


class _NoConfig(Model):
    pass


class Stamps(Mechanic):
    """A lawful one with a cell, so that the laws are tried on the part of the interface that no rule of today uses."""

    Config: ClassVar[type[Model]] = _NoConfig

    def __init__(self, config: Any, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add("gross")
        self._measure: int = self.measure

    def key(self, change: Change) -> Key | None:
        return "card"

    def absorb(self, cell: Any, change: Change) -> Any:
        moved = sum(
            sign * basket.measures[self._measure]
            for sign, basket in ((1, change.after), (-1, change.before))
            if basket is not None
        )
        return (cell or 0) + moved or None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        return ((POINTS, cell // 1000, (0, 0, 0, "stamps"), ""),) if cell // 1000 else ()


class FifthDoubles(Stamps):
    """Unlawful and tempting: every fifth purchase doubles, by counter. It depends on which one came fifth."""

    def absorb(self, cell: Any, change: Change) -> Any:
        count, points = cell or (0, 0)
        if change.before is None and change.after is not None:
            count += 1
            points += change.after.measures[self._measure] // 100 * (2 if count % 5 == 0 else 1)
        return (count, points)

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        return ((POINTS, cell[1], (0, 0, 0, "fifth"), ""),) if cell[1] else ()


class Mutates(Stamps):
    """Unlawful: writes into its cell."""

    def absorb(self, cell: Any, change: Change) -> Any:
        cell = [] if cell is None else cell
        cell.append(1)
        return cell


def test_a_lawful_mechanic_with_a_cell_passes() -> None:
    check_laws(Stamps, _NoConfig())


@pytest.mark.parametrize(
    ("kind", "law"), [(FifthDoubles, "does not commute"), (Mutates, "absorb changes its argument")]
)
def test_an_unlawful_mechanic_is_refused(kind: type[Mechanic], law: str) -> None:
    with pytest.raises(Lawbreak, match=law):
        check_laws(kind, _NoConfig())
