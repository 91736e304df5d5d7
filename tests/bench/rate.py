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

from events.decode import decode_fact
from events.entries import encode_outcome
from services.book.member import Member, new
from services.book.step import Missing, step
from services.book.turn import ColdKey, pack
from services.programme.calendar import instant_ms
from services.programme.compile import compile_programme
from tests.bench.backlog import Backlog, mix_of
from tests.bench.machine import cores
from tests.bench.report import Result, run, say, show, spread
from tests.bench.rules import measured
from tests.bench.workload import PROGRAMME


def fold(backlog: Backlog) -> tuple[dict[str, Any], dict[str, Member]]:
    """One round: microseconds by part, and the members at the end."""
    plan = compile_programme([PROGRAMME.read_text("utf-8")])
    values = [sent.value for sent in backlog.sent]
    began = process_time_ns()
    facts: list[Any] = [decode_fact(value) for value in values]
    decoded = process_time_ns() - began
    members: dict[str, Member] = {}
    cold: dict[str, dict[ColdKey, bytes | None]] = {}
    seen: set[str] = set()
    took: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for seq, (value, fact) in enumerate(zip(values, facts, strict=True)):
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
        mine["step", str(seq)] = mine["fact", fact.id] = pack(value, encode_outcome(result.outcome))
    us = {kind: round(took[kind] / times[kind] / 1_000, 2) for kind in sorted(took)}
    booked = round(sum(took.values()) / sum(times.values()) / 1_000, 2)
    read = round(decoded / len(facts) / 1_000, 2)
    return {
        "decode_us": read,
        "rate_and_book_us": booked,
        "by_fact_us": us,
        "per_s": round(1e6 / (read + booked)),
    }, members


def differences(backlog: Backlog, members: dict[str, Member]) -> list[str]:
    """Members that stand otherwise than counted."""
    counted = backlog.counted.members
    found = [
        f"member {name}: {ours}, counted {theirs}"
        for name, member in members.items()
        if (ours := (member.available, member.debt, member.tier, member.qualifying_minor))
        != (theirs := (counted[name].available, counted[name].debt, counted[name].tier, counted[name].spend))
    ]
    return found + ([f"{len(members)} members, counted {len(counted)}"] if len(members) != len(counted) else [])


async def bench(events: int, rounds: int) -> Result:
    """The whole bench."""
    cores().give(os.getpid())
    backlog = Backlog(mix_of(events), events)
    ran: list[dict[str, Any]] = []
    found: list[str] = []
    for number in range(rounds):
        gc.disable()
        figures, members = fold(backlog)
        gc.enable()
        ran.append(figures)
        found += differences(backlog, members)
        say(f"round {number + 1} of {rounds}: {figures['per_s']:,} receipts a second")
    many = measured(rounds)
    found += many.pop("differences")
    result: Result = {
        "bench": "rate",
        "exact": not found,
        "differences": found[:20],
        "workload": {"events": events, "members": backlog.mix.members},
        "receipts_per_s": spread([one["per_s"] for one in ran]),
        "decode_us": spread([one["decode_us"] for one in ran]),
        "rate_and_book_us": spread([one["rate_and_book_us"] for one in ran]),
        "by_fact_us": {kind: spread([one["by_fact_us"][kind] for one in ran]) for kind in ran[0]["by_fact_us"]},
        "rules": many,
        "rounds": ran,
    }
    rows: list[Sequence[object]] = [
        ("facts per second of CPU", result["receipts_per_s"]),
        ("decode, us a fact", result["decode_us"]),
        ("rate and book, us a fact", result["rate_and_book_us"]),
    ]
    rows += [(f"  {kind}", us) for kind, us in result["by_fact_us"].items()]
    rows += [("a receipt with 5 rules, us", many["us_with_5_rules"])]
    rows += [(f"a receipt with 500 rules, us ({many['ratio']} times)", many["us_with_500_rules"])]
    show(f"The pure path, {events:,} facts a round", ("", "median (least-most)"), rows)
    return result


def run_rate(events: int, rounds: int) -> int:
    """The command."""
    return run(lambda: bench(events, rounds))
