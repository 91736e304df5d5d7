"""`./run bench rate`: the pure path alone, with no server: a record decoded, its cold rows found, rated and booked.

One core, measured in the CPU time of this process, so that a busy machine costs less truth. What stands in for the
tables are dictionaries, filled outside the clock. Every round folds the same facts from nothing; the members at the end
are compared with the count.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Sequence
from time import process_time_ns
from typing import Any

from events.decode import decode_fact, encode_fact
from events.entries import encode_outcome
from services.book.baskets import basket_of
from services.book.member import Member, new
from services.book.step import Missing, step
from services.book.turn import ColdKey, pack
from services.programme.calendar import instant_ms
from services.programme.compile import compile_programme
from services.programme.mechanic import Change
from services.programme.rate import rate
from tests.bench.backlog import Backlog, mix_of
from tests.bench.machine import cores
from tests.bench.pace import pace, receipts
from tests.bench.report import Result, run, say, show, spread
from tests.bench.rules import measured


def fold(backlog: Backlog) -> tuple[dict[str, Any], dict[str, Member]]:
    """One round: microseconds by part, and the members at the end. What facts give to other accounts is folded last."""
    plan = compile_programme([backlog.programme.read_text("utf-8")])
    values = [sent.value for sent in backlog.sent]
    began = process_time_ns()
    facts: list[Any] = [decode_fact(value) for value in values]
    decoded = process_time_ns() - began
    read = decoded / len(facts) / 1_000
    members: dict[str, Member] = {}
    cold: dict[str, dict[ColdKey, bytes | None]] = {}
    seen: set[str] = set()
    took: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for seq, fact in enumerate(facts):  # which grows
        if fact.id in seen:
            continue
        seen.add(fact.id)
        member = members.get(fact.member)
        if member is None:
            member = members[fact.member] = new(fact.member)
        mine = cold.setdefault(fact.member, {})
        began = process_time_ns()
        at_ms, result = instant_ms(fact.occurred_at), None
        while result is None:
            try:
                result = step(member, fact, at_ms, seq, plan, mine)
            except Missing as missing:
                mine |= dict.fromkeys(missing.keys)
        took[fact.type] += process_time_ns() - began
        times[fact.type] += 1
        mine.update(result.cold)
        mine["step", str(seq)] = mine["fact", fact.id] = pack(values[seq], encode_outcome(result.outcome))
        values += map(encode_fact, result.messages)
        facts += result.messages
    us = {kind: round(took[kind] / times[kind] / 1_000, 2) for kind in sorted(took)}
    booked = round(sum(took.values()) / sum(times.values()) / 1_000, 2)
    return {
        "decode_us": round(read, 2),
        "rate_and_book_us": booked,
        "by_fact_us": us,
        "per_s": round(1e6 / (read + booked)),
        "receipts_per_s": round(1e6 / (read + us["purchase"])),
    }, members


def differences(backlog: Backlog, members: dict[str, Member]) -> list[str]:
    """Members that stand otherwise than counted."""
    ours = {
        name: (one.available, one.pending, one.debt, one.tier, one.qualifying_minor, one.units)
        for name, one in members.items()
    }
    theirs = {
        name: (one.available, one.pending, one.debt, one.tier, one.spend, one.units)
        for name, one in backlog.counted.everybody.items()
    }
    return [
        f"member {name}: {ours.get(name)}, counted {theirs.get(name)}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]


def rules_alone(backlog: Backlog) -> float:
    """Microseconds of a receipt in the rules alone: its lines measured, the rules that it touches found and asked, its
    member's cells brought up to it."""
    plan = compile_programme([backlog.programme.read_text("utf-8")])
    members: dict[str, Member] = {}
    took = times = 0
    for sent in backlog.sent:
        fact: Any = decode_fact(sent.value)
        if fact.type != "purchase":
            continue
        member = members.setdefault(fact.member, new(fact.member))
        at_ms, version = instant_ms(fact.occurred_at), plan.versions[0]
        began = process_time_ns()
        change = Change(fact, None, basket_of(fact, at_ms, 0, version, member), [])
        rate(change, version.touched(change), member.cells, at_ms)
        took += process_time_ns() - began
        times += 1
    return round(took / times / 1_000, 2)


WORKLOADS = ("plain", "grocery")


async def bench(events: int, rounds: int) -> Result:
    """The whole bench: of each workload in turn, then how the programme's length tells."""
    cores().give(os.getpid())
    backlogs = {kind: Backlog(mix_of(events, kind), events, kind) for kind in WORKLOADS}
    ran: dict[str, list[dict[str, Any]]] = {kind: [] for kind in WORKLOADS}
    found: list[str] = []
    for number in range(rounds):
        for kind, backlog in backlogs.items():
            gc.disable()
            figures, members = fold(backlog)
            alone = rules_alone(backlog)
            ran[kind].append(figures | {"rules_alone_us": alone, "pace": round(pace(receipts(), 8_000), 3)})
            gc.enable()
            found += differences(backlog, members)
        told = ", ".join(f"{kind} {rows[-1]['receipts_per_s']:,}" for kind, rows in ran.items())
        say(f"round {number + 1} of {rounds}, receipts a second: {told}")
    many = measured(rounds)
    found += many.pop("differences")
    result: Result = {
        "bench": "rate",
        "exact": not found,
        "differences": found[:20],
        "workload": {"events": events, "members": {kind: one.mix.members for kind, one in backlogs.items()}},
        **{kind: _figures(rows) for kind, rows in ran.items()},
        "rules": many,
        "rounds": ran,
    }
    _show(result)
    return result


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Median and spread of several rounds."""
    of_facts = {kind: spread([one["by_fact_us"][kind] for one in rows]) for kind in rows[0]["by_fact_us"]}
    return {name: spread([one[name] for one in rows]) for name in rows[0] if name != "by_fact_us"} | {
        "by_fact_us": of_facts
    }


ROWS = (
    ("facts per second of CPU", "per_s"),
    ("receipts per second of CPU", "receipts_per_s"),
    ("decode, us a fact", "decode_us"),
    ("rate and book, us a fact", "rate_and_book_us"),
    ("the rules alone, us a receipt", "rules_alone_us"),
    ("the machine's pace", "pace"),
)


def _show(result: Result) -> None:
    kinds = [result[kind] for kind in WORKLOADS]
    rows: list[Sequence[object]] = [(label, *(one[name] for one in kinds)) for label, name in ROWS]
    facts = sorted({kind for one in kinds for kind in one["by_fact_us"]})
    rows += [(f"  {fact}, us", *(one["by_fact_us"].get(fact, "") for one in kinds)) for fact in facts]
    show(f"The pure path, {result['workload']['events']:,} facts a round", ("median (least-most)", *WORKLOADS), rows)
    many = result["rules"]
    length = [(f"{rules} rules", many[f"us_with_{rules}_rules"]) for rules in (5, 500)]
    show(f"The programme's length: {many['ratio']} times", ("", "us a receipt"), length)


def run_rate(events: int, rounds: int) -> int:
    """The command."""
    return run(lambda: bench(events, rounds))
