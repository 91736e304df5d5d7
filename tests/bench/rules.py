"""How a receipt's rating costs with the programme's length: 5 rules and 500, on receipts of one shape, in one process.

Four rules look at every receipt; the others give a bonus for one category each. One of a receipt's five lines is of a
category that has a bonus, so five rules touch it in either programme, and the rest is the programme's length. The ratio
is what counts: both are timed in turn on one core. What they give is compared with a count of its own, so that no
figure is of a rule that was passed over.
"""

from __future__ import annotations

import gc
import json
import random
from time import process_time_ns
from typing import Any

from events.decode import decode_fact
from services.book.member import new
from services.book.step import step
from services.programme.calendar import instant_ms
from services.programme.compile import compile_programme
from services.programme.mechanic import Change
from services.programme.plan import Plan
from services.programme.rate import rate

RECEIPTS = 2_000
AT = "2026-03-10T12:00:00Z"
ALWAYS = 4
"""Rules that look at every receipt."""
_HEAD = """programme: many
version: many-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
rules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 12}}
  - {id: half, share: {points: 1, per_minor: 200, valid_months: 3}}
  - {id: tenth, share: {points: 1, per_minor: 1000, valid_months: 3}}
  - {id: big, bonus: {points: 50, from_minor: 10000, valid_months: 3}}
"""


def programme(rules: int) -> Plan:
    """A programme of so many rules."""
    of_category = "".join(
        f"  - {{id: c{n}, share: {{points: 1, per_minor: 100, only: [c{n}], valid_months: 3}}}}\n"
        for n in range(rules - ALWAYS)
    )
    return compile_programme([_HEAD + of_category])


def receipts(rules: int) -> list[bytes]:
    """For a programme of so many rules, the same every time; but for one category, the same for every programme."""
    dice, kinds = random.Random(500), random.Random(rules)
    found = []
    for n in range(RECEIPTS):
        lines = [
            {"item": f"i{k}", "total_minor": dice.randrange(1, 4000), "categories": [f"x{dice.randrange(500)}"]}
            for k in range(5)
        ]
        lines[2]["categories"] = [f"c{kinds.randrange(rules - ALWAYS)}"]
        said = {"type": "purchase", "id": f"p{n}", "occurred_at": AT, "member": "m"}
        found.append(json.dumps(said | {"currency": "GBP", "lines": lines}, separators=(",", ":")).encode())
    return found


def worth(fact: Any) -> int:
    """What a receipt gives, counted apart from the rules' code."""
    total = sum(int(line.total_minor) for line in fact.lines)
    bonus = int(fact.lines[2].total_minor) // 100
    return total // 100 + total // 200 + total // 1000 + (50 if total >= 10_000 else 0) + bonus


def timed(plan: Plan, values: list[bytes]) -> tuple[float, float, list[int]]:
    """Microseconds a receipt: decoded, rated and booked to a new member; the rules alone; and what each gave."""
    facts = [decode_fact(value) for value in values]
    at_ms, version, given = instant_ms(AT), plan.versions[0], []
    gc.disable()
    began = process_time_ns()
    for seq, value in enumerate(values):
        fact: Any = decode_fact(value)
        member = new(fact.member)
        step(member, fact, at_ms, seq, plan, {})
        given.append(member.available)
    whole = process_time_ns() - began
    began = process_time_ns()
    for one in facts:
        fact = one
        change = Change(fact, None, version.basket(fact.id, at_ms, fact.lines, 0, None, None), [])
        rate(change, version.touched(change), {}, 0)
    alone = process_time_ns() - began
    gc.enable()
    return whole / len(values) / 1_000, alone / len(values) / 1_000, given


def measured(rounds: int) -> dict[str, Any]:
    """Least microseconds a receipt with 5 rules and with 500, the ratios, and what was counted otherwise."""
    tried = {rules: (programme(rules), receipts(rules)) for rules in (5, 500)}
    whole: dict[int, float] = {}
    alone: dict[int, float] = {}
    wrong: list[str] = []
    for _ in range(max(rounds, 3)):
        for rules, (plan, values) in tried.items():
            us, of_them, given = timed(plan, values)
            whole[rules], alone[rules] = min(us, whole.get(rules, us)), min(of_them, alone.get(rules, of_them))
            wrong += [
                f"receipt {n} with {rules} rules: {ours}, counted {theirs}"
                for n, (value, ours) in enumerate(zip(values, given, strict=True))
                if ours != (theirs := worth(decode_fact(value)))
            ]
    return {
        "us_with_5_rules": round(whole[5], 2),
        "us_with_500_rules": round(whole[500], 2),
        "ratio": round(whole[500] / whole[5], 2),
        "rules_alone_us": [round(alone[5], 2), round(alone[500], 2)],
        "differences": wrong[:20],
    }
