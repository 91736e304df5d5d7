"""`./run bench ledger`: how fast the real worker books a backlog, what each process pays for it, and where it goes.

Each round has a fresh house: the journal is filled, the worker is started, and the clock runs from the moment at which
every member is known (the enrolments and a tenth of the rest are booked) to the last commit. Then the tables and the
topic are compared with the count. In turn with it goes the floor (rivals/floor.py): the same bytes read and the same
rows written, and nothing else done. The last round is sampled and gives the steps; its rate is not used.

On demand two more houses are tried in turn with it: one with many more members than the worker keeps in memory, and
one with millions of earlier facts. They live through all rounds, and each round adds the next facts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from tests.bench.backlog import WARM, Backlog, counted_quietly, ledger_round, measured, mix_of
from tests.bench.before import give_facts, give_members, visits
from tests.bench.contest import FLOOR, rival_round
from tests.bench.count import Count
from tests.bench.exact import differences
from tests.bench.house import Round, both, round_on, servers
from tests.bench.report import Result, ratios, run, say, show, spread
from tests.bench.steps import shared_out
from tests.bench.workload import PARTITIONS, Mix, Workload


class Kept:
    """A house that lives through all rounds, each of which books the next facts of its workload."""

    def __init__(self, house: Round, workload: Workload, counted: Count, cached: int | None = None) -> None:
        self._house = house
        self._workload = workload
        self._counted = counted
        self._cached = cached

    @classmethod
    async def of_many_members(cls, house: Round, members: int, cached: int, events: int) -> Kept:
        """All of them in the tables, a few in the worker's memory. events: in all rounds."""
        say(f"putting {members:,} members into the tables")
        workload = Workload(Mix(members=members), events)
        await _programme_booked(house)
        await give_members(house, workload.members)
        return cls(house, workload, Count(given=visits), cached)

    @classmethod
    async def of_many_facts(cls, house: Round, facts: int, events: int) -> Kept:
        """So many earlier facts in the tables."""
        workload = Workload(Mix(), events)
        await _programme_booked(house)
        await give_facts(house, facts)
        kept = cls(house, workload, Count())
        enrolments = both(workload.enrolments())
        await house.fill(enrolments)
        counted_quietly(kept._counted, enrolments)
        return kept

    async def round(self, events: int) -> dict[str, Any]:
        """The next so many facts: figures and differences."""
        sent = both(self._workload.facts(events))
        warm = self._house.written + int(events * WARM)
        await self._house.fill(sent)
        counted_quietly(self._counted, sent)
        figures = await measured(self._house, warm, self._counted.facts + PARTITIONS, cached=self._cached)
        return {**figures, "differences": await differences(self._house, self._counted)}


async def _programme_booked(house: Round) -> None:
    """Before anything is put into the tables: a programme that comes later rates again what was there."""
    await house.fill([])
    await measured(house, PARTITIONS, PARTITIONS)


async def bench(events: int, rounds: int, members: int, cached: int, earlier: int, kind: str = "plain") -> Result:
    """The whole bench. members, earlier: of the two other houses; 0 leaves one out."""
    backlog = Backlog(mix_of(events, kind), events, kind)
    ran: dict[str, list[dict[str, Any]]] = {"warm": [], "floor": []}
    async with servers() as (stack, folder), AsyncExitStack() as closing:
        beside: dict[str, Kept] = {}
        if members:
            house = await closing.enter_async_context(round_on(stack, folder))
            beside["members"] = await Kept.of_many_members(house, members, cached, events * rounds)
        if earlier:
            house = await closing.enter_async_context(round_on(stack, folder))
            beside["earlier"] = await Kept.of_many_facts(house, earlier, events * rounds)
        sample = folder / "sample.json"
        for number in range(rounds):
            ran["warm"].append(await ledger_round(stack, folder, backlog))
            sample.write_text(json.dumps(ran["warm"][-1]["sizes"]))
            ran["floor"].append(await rival_round(stack, folder, FLOOR, backlog, sample))
            for name, kept in beside.items():
                ran.setdefault(name, []).append(await kept.round(events))
            rates = ", ".join(f"{name} {rows[-1]['events_per_s']:,}" for name, rows in ran.items())
            say(f"round {number + 1} of {rounds}, events/s: {rates}")
        file = folder / "watched.json"
        sampled = await ledger_round(stack, folder, backlog, file)
        steps = shared_out(json.loads(file.read_text())["samples"], sampled["cpu_us"]["worker"])
    found = [line for rows in (*ran.values(), [sampled]) for one in rows for line in one["differences"]]
    workload = {"kind": kind, "events": events, "members": backlog.mix.members, "repeats": backlog.counted.repeats}
    result = {
        "bench": "ledger",
        "exact": not found,
        "differences": found,
        "workload": workload | {"many_members": members, "cached": cached if members else 0, "earlier_facts": earlier},
        **_figures(ran["warm"]),
        "share_of_the_floor": ratios(ran["warm"], ran["floor"]),
        "sizes": ran["warm"][0]["sizes"],
        "steps_us": steps,
        "beside": {
            name: _figures(rows) | {"of_warm": ratios(rows, ran["warm"])}
            for name, rows in ran.items()
            if name != "warm"
        },
        "rounds": ran,
    }
    _show(result)
    return result


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Median and spread of several rounds."""
    return {
        **{name: spread([one[name] for one in rows]) for name in ("events_per_s", "pace", "at_pace_1", "busy")},
        "cpu_us": {part: spread([one["cpu_us"][part] for one in rows]) for part in rows[0]["cpu_us"]},
        "wal_bytes": spread([one["wal_bytes"] for one in rows]),
        "rows_scanned": spread([sum(one["rows_scanned"].values()) for one in rows]),
        "others": spread([one["others"] for one in rows]),
    }


ROWS = (
    ("events per second", ("events_per_s",)),
    ("the machine's pace", ("pace",)),
    ("events per second at a pace of 1", ("at_pace_1",)),
    ("share of its core that the worker used", ("busy",)),
    ("CPU us per event, worker", ("cpu_us", "worker")),
    ("CPU us per event, database", ("cpu_us", "postgres")),
    ("CPU us per event, broker", ("cpu_us", "broker")),
    ("WAL bytes per event", ("wal_bytes",)),
    ("table rows scanned per event", ("rows_scanned",)),
    ("share of both cores that went to others", ("others",)),
    ("share of the floor", ("share_of_the_floor",)),
    ("of the warm rate", ("of_warm",)),
)


def _show(result: Result) -> None:
    workload, houses = result["workload"], [result, *result["beside"].values()]
    named = {
        "floor": "the floor",
        "members": f"{workload['many_members']:,} members, {workload['cached']:,} cached",
        "earlier": f"{workload['earlier_facts']:,} earlier facts",
    }
    columns = (
        "median (least-most)",
        f"{workload['members']:,} members",
        *(named[name] for name in result["beside"]),
    )
    rows = [(label, *(_at(house, path) for house in houses)) for label, path in ROWS]
    show(f"The ledger's backlog, {workload['events']:,} events a round ({workload['kind']})", columns, rows)
    show("What a fact leaves behind, on average", ("", "rows, or bytes"), list(result["sizes"].items()))
    show("Where the worker's time goes (one sampled round)", ("step", "us per event"), list(result["steps_us"].items()))


def _at(house: dict[str, Any], path: Sequence[str]) -> object:
    found: Any = house
    for step in path:
        found = found.get(step, "")
    return found


def run_ledger(events: int, rounds: int, members: int, cached: int, earlier: int, kind: str) -> int:
    """The command."""
    return run(lambda: bench(events, rounds, members, cached, earlier, kind))
