"""`./run bench growth`: what one more fact costs a member who has 10, 100, 1,000 or 10,000 of them behind her.

The row is decoded for the fact and encoded after it, as for a member who is not cached; cold rows are handed over as
bytes, so their look-up in the tables is not in it. CPU time of this process on one core. Every case is tried in every
round, and a ratio is made of two figures of the same round. The members are built by the same facts as the count's.

Sales in order are not alike: every twelfth of a saver seals a page of lots, every sixteenth fact closes a chunk. So the
figure is the mean over the next CYCLE sales, each from the row that the one before has left, and the dearest of them is
told beside it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import process_time_ns
from typing import Any

import msgspec

from events.decode import decode_fact
from events.entries import encode_outcome
from events.values import instant, millis
from services.book.member import Member, decode, encode, new
from services.book.step import Missing, step
from services.book.turn import ColdKey, pack
from services.programme.calendar import instant_ms
from services.programme.compile import compile_programme
from services.programme.plan import Plan
from tests.bench.count import Count
from tests.bench.machine import cores
from tests.bench.report import Result, run, say, show, spread
from tests.bench.workload import PROGRAMME, Mix, Workload

HISTORIES = (10, 100, 1_000, 10_000)
DAYS = 730
DAY_MS = 86_400_000
NEXT_SEQ = 1_000_000
CYCLE = 48
"""Facts after which pages of 12 lots and chunks of 16 facts are at the same place again: a case is tried so often in a
round."""

SPENDER = Mix(members=1, repeats=0, most_points=600)
SAVER = Mix(members=1, repeats=0)
BUYER = Mix(members=1, repeats=0, redemptions=0, returns=0)
FOREVER = 240
"""Months that a saver's points are valid: none of them ends."""


@dataclass
class Life:
    """A member, and what the tables would hold of her."""

    plan: Plan
    member: Member
    cold: dict[ColdKey, bytes | None] = field(default_factory=dict)
    purchases: dict[str, Any] = field(default_factory=dict)
    """Not brought back, oldest first."""
    differences: list[str] = field(default_factory=list)

    @property
    def row(self) -> bytes:
        return encode(self.member)


def live(mix: Mix, facts: int, months: int = 6) -> Life:
    """So many facts in two years."""
    text = PROGRAMME.read_text("utf-8").replace("valid_months: 6", f"valid_months: {months}")
    workload = Workload(mix, facts, DAYS)
    name = workload.members[0]
    life = Life(compile_programme([text]), new(name))
    values = [sent.value for sent in (*workload.enrolments(), *workload.facts(facts))]
    for seq, value in enumerate(values):
        fact: Any = decode_fact(value)
        result = _fold(life.member, fact, seq, life.plan, life.cold)
        life.cold.update(result.cold)
        life.cold["step", str(seq)] = life.cold["fact", fact.id] = pack(value, encode_outcome(result.outcome))
        if fact.type == "purchase":
            life.purchases[fact.id] = fact
        elif fact.type == "return":
            life.purchases.pop(fact.purchase, None)
    ours, counted = life.member, Count(valid_months=months).add(values).members[name]
    stands = ours.available, ours.debt, ours.tier, ours.qualifying_minor
    wanted = counted.available, counted.debt, counted.tier, counted.spend
    if stands != wanted:
        life.differences.append(f"{facts} facts: {stands}, counted {wanted}")
    return life


def _fold(member: Member, fact: Any, seq: int, plan: Plan, stored: dict[ColdKey, bytes | None]) -> Any:
    cold: dict[ColdKey, bytes | None] = {}
    at_ms = instant_ms(fact.occurred_at)
    ahead = None
    while True:
        try:
            return step(member, fact, at_ms, seq, plan, cold, ahead=ahead)
        except Missing as missing:
            cold |= {key: stored.get(key) for key in missing.keys}
            ahead = missing.ahead


Place = tuple[bytes, Any]
"""(a member's row, the fact that is folded into it)."""


def next_sales(life: Life) -> list[Place]:
    """An hour after the newest fact, and so on; where there are few facts yet, the first of these alone."""
    if life.member.turns < CYCLE:
        return [(life.row, _sale(life, life.member.high_water_ms + 3_600_000, "next"))] * CYCLE
    row, name, cold = life.row, life.member.id, dict(life.cold)
    places: list[Place] = []
    for number in range(CYCLE):
        sale = _sale(life, life.member.high_water_ms + (number + 1) * 3_600_000, f"next-{number}")
        places.append((row, sale))
        member = decode(name, row)
        cold.update(_fold(member, sale, NEXT_SEQ + number, life.plan, cold).cold)
        row = encode(member)
    life.cold.update({key: value for key, value in cold.items() if key not in life.cold})
    return places


def late_sale(life: Life) -> list[Place]:
    """Two days before the newest fact."""
    return [(life.row, _sale(life, life.member.high_water_ms - 2 * DAY_MS, "next"))] * CYCLE


def _sale(life: Life, at_ms: int, name: str) -> Any:
    newest = next(reversed(life.purchases.values()))
    return msgspec.structs.replace(newest, id=name, occurred_at=instant(at_ms))


def old_return(life: Life) -> list[Place]:
    """The purchase nearest to thirty days ago comes back as a whole."""
    now_ms = life.member.high_water_ms + 3_600_000
    age = {name: abs(now_ms - millis(sale.occurred_at) - 30 * DAY_MS) for name, sale in life.purchases.items()}
    sale = life.purchases[min(age, key=lambda name: age[name])]
    back = decode_fact(
        msgspec.json.encode(
            {"type": "return", "id": "next", "occurred_at": instant(now_ms), "member": life.member.id,
             "currency": "GBP", "lines": sale.lines, "purchase": sale.id}
        )
    )  # fmt: skip
    return [(life.row, back)] * CYCLE


def costs_us(life: Life, places: Sequence[Place]) -> list[float]:
    """Microseconds of CPU for each fact: the row decoded, what it needs found, folded, the row encoded. Each is done
    twice and the second one counted, so that facts that differ have the processor's caches as those that repeat do."""
    plan, name, stored = life.plan, life.member.id, life.cold
    found = []
    for number, (row, fact) in enumerate(places):
        took = 0
        for _ in range(2):
            began = process_time_ns()
            member = decode(name, row)
            _fold(member, fact, NEXT_SEQ + number, plan, stored)
            encode(member)
            took = process_time_ns() - began
        found.append(took / 1_000)
    return found


CASES: dict[str, Callable[[Life], list[Place]]] = {
    "a sale in order": next_sales,
    "a return, 30 days old": old_return,
    "a sale two days late": late_sale,
}

PROMISES: tuple[tuple[str, tuple[str, str, int], tuple[str, str, int] | None, float], ...] = (
    ("a sale in order, 10,000 facts against 10", ("spends", "a sale in order", 10_000),
     ("spends", "a sale in order", 10), 2.0),
    ("the same of one who saves", ("saves", "a sale in order", 10_000), ("saves", "a sale in order", 10), 2.0),
    ("a return at 1,000 facts against a sale in order", ("spends", "a return, 30 days old", 1_000),
     ("spends", "a sale in order", 1_000), 4.0),
    ("the same of one who saves", ("saves", "a return, 30 days old", 1_000), ("saves", "a sale in order", 1_000), 4.0),
    ("a sale in order, 900 live lots against 10", ("lots", "a sale in order", 900),
     ("lots", "a sale in order", 10), 1.5),
    ("a sale two days late at 1,000 facts, us", ("spends", "a sale two days late", 1_000), None, 1_000.0),
    ("the same of one who saves", ("saves", "a sale two days late", 1_000), None, 1_000.0),
)  # fmt: skip
"""(what, figure, the figure it is held against or None, at most): what was promised of growth."""
HOT_ROW_BYTES_MAX = 8_192
"""At 1,000 facts in two years."""


async def bench(rounds: int) -> Result:
    """The whole bench."""
    cores().give(os.getpid())
    say("building members of up to 10,000 facts, and counting what they come to")
    lives = {("spends", facts): live(SPENDER, facts) for facts in HISTORIES}
    lives |= {("saves", facts): live(SAVER, facts, FOREVER) for facts in HISTORIES}
    lives |= {("lots", lots): live(BUYER, lots, FOREVER) for lots in (10, 900)}
    tried = [
        ((kind, case, size), life, make(life)) for (kind, size), life in lives.items() for case, make in CASES.items()
    ]
    gc.disable()
    took = [{key: costs_us(life, places) for key, life, places in tried} for _ in range(rounds)]
    gc.enable()
    ran = [{key: round(sum(costs) / CYCLE, 2) for key, costs in one.items()} for one in took]
    dearest = {key: round(max(map(min, zip(*(one[key] for one in took), strict=True))), 2) for key in ran[0]}
    found = [line for life in lives.values() for line in life.differences]
    rows = {f"{kind}, {size}": len(life.row) for (kind, size), life in lives.items()}
    result = {
        "bench": "growth",
        "exact": not found,
        "differences": found,
        "us": {
            f"{kind}, {case}, {size}": spread([one[kind, case, size] for one in ran]) for kind, case, size in ran[0]
        },
        "dearest_sale_us": {
            f"{kind}, {size}": us for (kind, case, size), us in dearest.items() if case == "a sale in order"
        },
        "hot_row_bytes": rows,
        "promises": [_held(promise, ran) for promise in PROMISES]
        + [_row_promise(kind, rows) for kind in ("spends", "saves")],
    }
    _show(result)
    return result


def _held(promise: Any, ran: Sequence[dict[tuple[str, str, int], float]]) -> dict[str, Any]:
    what, ours, other, most = promise
    values = [round(one[ours] / one[other] if other else one[ours], 2) for one in ran]
    figure = spread(values)
    return {"what": what, "figure": figure, "at_most": most, "kept": figure["median"] <= most}


def _row_promise(kind: str, rows: dict[str, int]) -> dict[str, Any]:
    size = rows[f"{kind}, 1000"]
    what = f"hot row at 1,000 facts of one who {kind}, bytes"
    return {"what": what, "figure": spread([size]), "at_most": HOT_ROW_BYTES_MAX, "kept": size <= HOT_ROW_BYTES_MAX}


def _show(result: Result) -> None:
    us = result["us"]
    rows: list[Sequence[object]] = []
    for kind in ("spends", "saves"):
        rows += [
            (f"{case}, one who {kind}", *(us[f"{kind}, {case}, {size}"]["median"] for size in HISTORIES))
            for case in CASES
        ]
        rows.append(
            (f"the dearest of {CYCLE} such sales", *(result["dearest_sale_us"][f"{kind}, {n}"] for n in HISTORIES))
        )
        rows.append((f"hot row, bytes, one who {kind}", *(result["hot_row_bytes"][f"{kind}, {n}"] for n in HISTORIES)))
    columns = ("microseconds for one more fact, after", *(f"{size:,}" for size in HISTORIES))
    show("Growth: facts of the member in two years", columns, rows)
    promises = [(p["what"], p["figure"], p["at_most"], "kept" if p["kept"] else "NOT KEPT") for p in result["promises"]]
    show("What was promised", ("", "median (least-most)", "at most", ""), promises)


def run_growth(rounds: int) -> int:
    """The command."""
    return run(lambda: bench(rounds))
