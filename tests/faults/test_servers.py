"""Kafka and PostgreSQL killed with -9 under load: our processes live through it, and the recount is exact."""

from __future__ import annotations

from pathlib import Path

from tests.drivers.crowd import Crowd
from tests.drivers.figures import Figures
from tests.drivers.own_servers import own_servers
from tests.drivers.recount import at_rest, recounted
from tests.drivers.tills import tills_of
from tests.drivers.workers import MODULES, workers_of
from tests.faults.conftest import opened

FACTS_BETWEEN = 400
KILLED = ("postgres", "kafka", "postgres", "postgres", "kafka", "postgres")


async def test_both_servers_killed_under_load(folder: Path, figures: Figures) -> None:
    async with own_servers(folder) as servers:
        house = await opened(await servers.house())
        async with workers_of(house) as workers, tills_of(house, Crowd(seed=101), folder) as tills:
            living = [await workers.start(kind) for kind in MODULES]
            async with tills.talking():
                for name in KILLED:
                    await tills.moves(FACTS_BETWEEN)
                    await servers.kill(name)
                    figures.other[f"kill -9 of {name} under load"] += 1
                await tills.moves(FACTS_BETWEEN)
            await at_rest(house)
            assert [await worker.stop() for worker in living] == [0] * len(living)
            figures.exact(await recounted(house, tills))
