"""What every mechanic's dues are over a fixed history, as plain values: for the file that holds them to it.

    python -m tests.drivers.golden

adds mechanics and configurations that tests/core/golden/dues.json does not have yet. It changes nothing that stands
there: what a rule has given is a promise, and a replay would give something else. Does not know whether a due is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from services.programme.mechanic import Basket, Change, Frame, Key, Mechanic, Meter
from services.programme.mechanics import MECHANICS
from tests.core.test_laws import CONFIGS
from tests.drivers.facts import fact

FILE = Path(__file__).parents[1] / "core" / "golden" / "dues.json"
Dues = list[list[Any]]
"""[key, unit, total, lot, to] of every cell, in the order of the keys."""

_DAY_MS = 86_400_000
_FIRST = 739_000
"""24 April 2024."""
_CATEGORIES = (["tea"], ["cup"], [], ["tea", "gift"], ["cup", "wine"])


def baskets(meter: Meter) -> list[Basket]:
    """Twelve purchases of three lines over ten weeks, two on some days, one of nothing that counts."""
    found = []
    for n in range(12):
        rows = [
            {
                "item": f"i{(n + k) % 4}",
                "quantity": 1 + (n * k) % 3,
                "total_minor": (n * 7919 + k * 104_729) % 12_000 if n != 5 else 0,
                "tax_minor": (n * 31 + k) % 40 if n != 5 else 0,
                "categories": _CATEGORIES[(n + 2 * k) % 5],
            }
            for k in range(3)
        ]
        for row in rows:
            row["tax_minor"] = min(row["tax_minor"], row["total_minor"])  # type: ignore[call-overload, type-var]
        said: Any = fact(id=f"p{n}", type="purchase", occurred_at="2024-05-02T00:00:00Z", lines=rows)
        day = _FIRST + (n // 2) * 13
        at_ms = (day - 719_163) * _DAY_MS + (n + 7) * 3_600_000
        found.append(Basket(f"p{n}", at_ms, day, day, said.lines, n % 4, "", meter.measure(said.lines)))
    return found


def half(basket: Basket, meter: Meter) -> Basket:
    """What is left when half of each line came back."""
    lines = tuple(_halved(line) for line in basket.lines)
    return msgspec.structs.replace(basket, lines=lines, measures=meter.measure(lines))


def _halved(line: Any) -> Any:
    amounts = {name: getattr(line, name) // 2 for name in ("quantity", "total_minor", "tax_minor")}
    return msgspec.structs.replace(line, **amounts)


def history(mechanic: Mechanic, meter: Meter, whole: int) -> Iterator[Change]:
    """All that happens: facts, of which one enrols the member, and purchases: some come back in part, one in whole."""
    for value in _FACTS:
        if value["type"] in mechanic.kinds:
            told: Any = fact(**value)
            points = told.lots[0].points if told.type == "message" else getattr(told, "points", 0)
            yield Change(told, None, None, [((1 << 60, 0, 0, told.id), points)] if points else [])
    if "basket" not in mechanic.kinds:
        return
    about: Any = fact(
        id="f", type="return", occurred_at="2024-05-02T00:00:00Z", lines=[{"item": "x", "total_minor": 1}]
    )
    for n, basket in enumerate(baskets(meter)):
        sides = [(None, basket)]
        sides += [(basket, half(basket, meter))] if n % 3 == 1 else []
        sides += [(basket, None)] if n == 8 else []
        for before, after in sides:
            lot = (basket.at_ms + 90 * _DAY_MS, basket.at_ms, basket.at_ms, "p:" + basket.purchase)
            worth = [side.measures[whole] // 100 if side is not None else 0 for side in (before, after)]
            yield Change(about, before, after, [(lot, worth[1] - worth[0])] if worth[0] != worth[1] else [])


_FACTS: list[dict[str, Any]] = [
    {"id": "e0", "type": "enrolled", "occurred_at": "2024-04-30T12:00:00Z", "referrer": "bob"},
    {"id": "u0", "type": "used", "what": "v", "count": 1, "occurred_at": "2024-06-01T00:00:00Z"},
    {"id": "u1", "type": "used", "what": "w", "count": 2, "occurred_at": "2024-06-02T00:00:00Z"},
    {"id": "a0", "type": "adjusted", "points": 70, "reason": "r", "actor": "a", "occurred_at": "2024-05-31T00:00:00Z"},
    {"id": "a1", "type": "adjusted", "points": -5, "reason": "r", "actor": "a", "occurred_at": "2024-06-03T00:00:00Z"},
    {"id": "d0", "type": "deed", "what": "v", "count": 5, "occurred_at": "2024-06-04T00:00:00Z"},
    {"id": "d1", "type": "deed", "what": "w", "count": 3, "occurred_at": "2024-06-05T00:00:00Z"},
    {
        "id": "g0", "type": "price_found", "purchase": "p2", "item": "i3", "found_minor": 100, "evidence": "a leaflet",
        "occurred_at": "2024-05-18T00:00:00Z",
    },
    {
        "id": "m0", "type": "message", "sender": "bob", "cause": "c", "rule": "r", "account": "issued",
        "lots": [{"lot": "never.0.0.m0", "points": 70}], "occurred_at": "2024-06-06T00:00:00Z",
    },
]  # fmt: skip


def dues_of(kind: type[Mechanic], config: dict[str, Any]) -> Dues:
    """What everything is worth in the end, for a mechanic with this configuration."""
    meter = Meter()
    mechanic = kind(kind.Config.model_validate(config, strict=False), meter, Frame("Europe/London", "GBP", "rule"))
    whole = meter.add("gross")
    changes = list(history(mechanic, meter, whole))
    cells: dict[Key, Any] = {}
    for change in changes:
        if mechanic.per_purchase or mechanic.per_fact:
            name = change.fact.id if mechanic.per_fact else (change.after or change.before or _NONE).purchase
            cells[name] = change.fact if mechanic.per_fact else change.after
        elif (key := mechanic.key(change)) is not None:
            cells[key] = mechanic.absorb(cells.get(key), change)
    return [
        [key, unit, total, list(lot), to]
        for key, cell in sorted(cells.items(), key=lambda one: str(one[0]))
        if cell is not None
        for unit, total, lot, to in mechanic.due(None if mechanic.per_purchase or mechanic.per_fact else key, cell)
    ]


_NONE: Any = Basket("", 0, 0, 0, (), 0, "", ())


def everything() -> dict[str, dict[str, Dues]]:
    """Mechanic -> its configuration as JSON -> its dues."""
    return {
        name: {json.dumps(config, sort_keys=True): dues_of(kind, config) for config in CONFIGS[name]}
        for name, kind in sorted(MECHANICS.items())
    }


def write() -> None:
    """Add what is missing."""
    there = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name, configs in everything().items():
        there[name] = configs | there.get(name, {})
    FILE.parent.mkdir(exist_ok=True)
    parts = []
    for name, configs in sorted(there.items()):
        rows = [f"  {json.dumps(config)}: {json.dumps(dues)}" for config, dues in sorted(configs.items())]
        parts.append(f" {json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n }")
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    write()
