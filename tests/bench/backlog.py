"""The records of a bench, and one round of the ledger's worker over them.

Owns the size of a round, when its clock runs, and the proof that it was exact. Does not own what is tried beside it
(ledger.py, contest.py, intake.py).
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from infra.settings import variable
from infra.stack.stack import Stack
from tests.bench.count import Count
from tests.bench.exact import differences
from tests.bench.grocery import Grocery
from tests.bench.house import Round, batches, both, round_on, worker_of
from tests.bench.report import say
from tests.bench.workload import BOOK, GROCER, GROCERY, PARTITIONS, PROGRAMME, Mix, Sent, Workload

MEMBERS = 20_000
"""At most."""
WARM = 0.1
"""The share of the facts that is booked before the clock runs."""

SIZES = """select
    (select count(*) from entry)::numeric / count(*) as entries_a_fact,
    (select count(*) from reward)::numeric / count(*) as rewards_a_fact,
    (select avg(length(lot)) from entry) as lot,
    (select avg(length(why)) from entry) as why,
    avg(length(outcome)) as outcome,
    avg(length(postings)) as postings,
    (select avg(length(value)) from reward) as reward,
    (select avg(length(state)) from member) as hot_row_bytes
from fact"""


@dataclass(frozen=True)
class Kind:
    """A workload by name: its programme, what is fed, and who counts what that comes to."""

    programme: Path
    mix: Mix
    count: Callable[[], Count]
    facts_each: int = 10
    """How many facts a member has."""


KINDS = {
    "plain": Kind(PROGRAMME, Mix(), Count),
    "book": Kind(BOOK, Mix(returns=0.10, late=0.01), partial(Count, book=True)),
    "grocery": Kind(GROCERY, GROCER, Grocery, facts_each=40),
}


def mix_of(events: int, kind: str = "plain") -> Mix:
    """The mix of a run: so many members that each has the kind's number of facts."""
    members = min(MEMBERS, max(100, events // KINDS[kind].facts_each))
    return replace(KINDS[kind].mix, members=members)


def counted_quietly(counted: Count, sent: Iterable[Sent]) -> Count:
    """Count more records; with no garbage collection, since there are many objects and no cycles."""
    gc.disable()
    counted.add(one.value for one in sent)
    gc.freeze()
    gc.enable()
    return counted


class Backlog:
    """The records of a bench and what they come to; the same for every round."""

    def __init__(self, mix: Mix, events: int, kind: str = "plain") -> None:
        self.programme = KINDS[kind].programme
        say(f"making {events:,} facts of {mix.members:,} members, and counting what they come to")
        workload = Workload(mix, events)
        self.mix = mix
        self.sent: list[Sent] = both(workload.enrolments(), workload.facts(events))
        self.warm = PARTITIONS + mix.members + int(events * WARM)
        self.counted = counted_quietly(KINDS[kind].count(), self.sent)
        self.published = PARTITIONS + self.counted.facts + self.counted.messages
        """Records that entries.v1 must hold in the end."""


async def measured(
    house: Round, warm: int, published: int, file: Path | None = None, cached: int | None = None
) -> dict[str, Any]:
    """Run the worker over what is in the journal: figures from the `warm`-th record to the last one.

    published: records that entries.v1 must hold in the end. file: watch the process, and write that there. cached: how
    many members it keeps in memory, if not as many as it does by itself.
    """
    module = "services.ledger"
    command = ("-m", module) if file is None else ("-m", "tests.bench.watched", module, str(file))
    more = {} if cached is None else {variable("members_cached"): str(cached)}
    await house.pool.execute("checkpoint")
    async with worker_of(house, sys.executable, *command, more=more) as worker:
        first = await house.until_booked(warm, worker)
        if file is not None:
            worker.process.send_signal(signal.SIGUSR1)
        before, looked = await house.used(worker), await worker.histograms()
        last = await house.until_booked(house.written, worker)
        after, looks = await house.used(worker), await worker.histograms()
        await house.until_published(published, worker)
        await worker.stop()
    figures, pace = after.since(before, last - first), worker.pace(before, after)
    return {
        **figures,
        "pace": pace,
        "at_pace_1": round(figures["events_per_s"] * pace),
        "batches": batches(looked, looks, after.at - before.at),
    }


async def ledger_round(stack: Stack, folder: Path, backlog: Backlog, file: Path | None = None) -> dict[str, Any]:
    """One round on a fresh house: rate, CPU and WAL per event, average sizes, differences."""
    async with round_on(stack, folder) as house:
        await house.fill(backlog.sent, backlog.programme)
        house.written += backlog.counted.messages  # by the ledger itself
        figures = await measured(house, backlog.warm, backlog.published, file)
        row = await house.pool.fetchrow(SIZES)
        assert row is not None
        sizes = {name: float(round(value, 2)) for name, value in row.items()}
        return {**figures, "differences": await differences(house, backlog.counted), "sizes": sizes}
