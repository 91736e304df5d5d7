"""The group's own way: workers join and leave, and one who sleeps past its session is taken over by its neighbours."""

from __future__ import annotations

import asyncio
from pathlib import Path

from infra.settings import Settings
from tests.drivers.crowd import Crowd
from tests.drivers.figures import Figures
from tests.drivers.recount import at_rest, recounted
from tests.drivers.tills import Tills, tills_of
from tests.drivers.workers import MODULES, REFUSALS, Worker, Workers, workers_of
from tests.faults.conftest import opened

FACTS = 1_000
GUESTS = 2


async def test_workers_join_and_leave(house: Settings, folder: Path, figures: Figures) -> None:
    """Several ledgers in one group, and guests who come, work, and go: one politely, one killed for good."""
    house = await opened(house)
    async with workers_of(house) as workers, tills_of(house, Crowd(seed=105), folder) as tills:
        living = [await workers.start(kind) for kind in MODULES] + [await workers.start("ledger", "1")]
        async with tills.talking():
            await tills.moves(FACTS)
            guests = [await workers.start("ledger", f"guest-{number}") for number in range(GUESTS)]
            await asyncio.gather(*(guest.claims() for guest in guests))
            await tills.moves(FACTS)
            stayed = [worker for worker in living if worker.kind == "ledger"]
            seen = [len(worker.lines) for worker in stayed]
            assert await guests[0].stop() == 0
            await guests[1].kill()
            await asyncio.gather(*(worker.claims(after=line) for worker, line in zip(stayed, seen, strict=True)))
            figures.other["workers who joined and left"] += GUESTS
            await tills.moves(FACTS)
        await at_rest(house)
        assert [await worker.stop() for worker in living] == [0] * len(living)
        figures.exact(await recounted(house, tills))


async def test_a_sleeper_is_taken_over_by_its_neighbour(house: Settings, folder: Path, figures: Figures) -> None:
    """All three at once: each stands still before its commit, longer than its session lasts; its write is refused."""
    house = await opened(house)
    async with workers_of(house) as workers, tills_of(house, Crowd(seed=106), folder) as tills:
        async with tills.talking(), asyncio.TaskGroup() as group:
            slept = [group.create_task(asleep(workers, tills, kind, figures)) for kind in MODULES]
        await at_rest(house)
        living = [worker for task in slept for worker in task.result()]
        assert [await worker.stop() for worker in living] == [0] * len(living)
        figures.exact(await recounted(house, tills))


async def asleep(workers: Workers, tills: Tills, kind: str, figures: Figures) -> list[Worker]:
    """A process that sleeps, a neighbour of another name, and the two of them afterwards."""
    sleeper = await workers.start(kind, "sleeper", "before-commit:3:stop")
    await sleeper.stands_still()
    had = await sleeper.claims()
    neighbour = await workers.start(kind, "neighbour")
    await neighbour.claims(had)  # first what is left over, later everything
    figures.pauses[kind, "until its session ended"] += 1
    slept, before = len(sleeper.lines), sleeper.refused
    sleeper.wake()
    await sleeper.says(REFUSALS[kind], slept)
    figures.refused[kind] += sleeper.refused - before
    await tills.moves(FACTS)
    return [sleeper, neighbour]
