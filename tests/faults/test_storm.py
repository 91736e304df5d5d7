"""Every process killed at every step and at any moment, stopped and woken, while tills talk: the recount is exact."""

from __future__ import annotations

import asyncio
import random
from itertools import cycle, islice
from pathlib import Path

from infra.settings import Settings
from tests.drivers.blows import ANY_MOMENT, CERTAIN, WOKEN, Blow, Keeper
from tests.drivers.crowd import Crowd
from tests.drivers.failpoints import CODE, failpoints
from tests.drivers.figures import Figures
from tests.drivers.recount import at_rest, recounted
from tests.drivers.tills import tills_of
from tests.drivers.workers import Worker, workers_of
from tests.faults.conftest import opened

FACTS, KILLS, PAUSES = 150_000, 120, 30
"""At least so many in a storm."""
KILLS_A_FAILPOINT = 2
KILLS_AT_ANY_MOMENT = 4
PAUSES_A_PROCESS = 10
SLOTS = {"intake": 2, "ledger": 2, "projections": 1}
"""Process -> how many of them share the partitions."""
PAUSED_AT = {
    "intake": (CERTAIN, "before-produce", "before-mark", CERTAIN, "after-fetch", ANY_MOMENT),
    "ledger": (CERTAIN, "before-produce", "before-mark", CERTAIN, "after-fetch", ANY_MOMENT),
    "projections": (CERTAIN, "after-fetch", CERTAIN, "after-commit"),
}


def blows(kind: str, dice: random.Random) -> list[Blow]:
    """What is due to the processes of a kind, in random order."""
    due = [Blow("kill", place) for place in failpoints(kind)] * KILLS_A_FAILPOINT
    due += [Blow("kill", ANY_MOMENT)] * KILLS_AT_ANY_MOMENT
    due += [Blow("pause", place) for place in islice(cycle(PAUSED_AT[kind]), PAUSES_A_PROCESS)]
    dice.shuffle(due)
    return due


async def test_killed_at_every_step_paused_and_woken(
    house: Settings, folder: Path, figures: Figures, storm: int
) -> None:
    house, dice, mine = await opened(house), random.Random(storm), Figures()
    async with workers_of(house) as workers, tills_of(house, Crowd(storm), folder) as tills:
        keepers = []
        for kind, slots in SLOTS.items():
            due = blows(kind, dice)
            keepers += [Keeper(kind, str(n), due[n::slots], workers, tills, mine, storm) for n in range(slots)]
        tills.pace = lambda: FACTS * (1 + mine.kills.total()) / KILLS  # spread over the blows, however long they take
        async with tills.talking(), asyncio.TaskGroup() as group:
            kept = [group.create_task(keeper.run()) for keeper in keepers]
            await tills.moves(FACTS)
        await at_rest(house)
        last: list[Worker] = [task.result() for task in kept]
        assert [await worker.stop() for worker in last] == [0] * len(last)
        mine.exact(await recounted(house, tills))
    for kind in CODE:
        reached = {place for process, place in mine.kills if process == kind} - {ANY_MOMENT, WOKEN}
        assert sorted(reached) == failpoints(kind), f"{kind}: not every failpoint was reached"
        assert mine.refused[kind], f"no write of a woken {kind} was ever refused"
    assert mine.kills.total() >= KILLS
    assert mine.pauses.total() >= PAUSES
    assert mine.facts >= FACTS
    figures.add(mine)
