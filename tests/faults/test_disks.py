"""The disk of Kafka and of PostgreSQL is full, and has room again: nothing is lost, and the recount is exact.

A server may go down by it, as Kafka does; then it is started again, and so is a process of ours that ended.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infra.clock import monotonic
from tests.drivers.crowd import Crowd
from tests.drivers.disks import DISKS, Disk, SmallDisk
from tests.drivers.figures import Figures
from tests.drivers.own_servers import prepared_servers
from tests.drivers.recount import at_rest, recounted
from tests.drivers.tills import tills_of
from tests.drivers.workers import MODULES, workers_of
from tests.faults.conftest import opened

FACTS_BEFORE, FACTS_AFTER = 500, 1_000
MEGABYTES = {
    ("kafka", True): 64,
    ("kafka", False): 12,  # its index files have 10 from the beginning
    ("postgres", True): 128,  # a new cluster and its log take 60
    ("postgres", False): 16,  # the size of a file of its log
}
"""(server, a small disk or small files)."""
LINES = {("kafka", False): 60, ("postgres", False): 12}
"""Lines of a receipt, where files are to grow quickly (from 2 kB on PostgreSQL compresses a row)."""
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 300.0


@pytest.mark.parametrize("kind_of_disk", DISKS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("server", ["kafka", "postgres"])
async def test_a_full_disk(server: str, kind_of_disk: type, folder: Path, figures: Figures) -> None:
    small = server, kind_of_disk is SmallDisk
    disk: Disk = kind_of_disk(folder, MEGABYTES[small])
    try:
        async with prepared_servers(folder, **{f"{server}_folder": disk.folder / server}) as servers:
            start = {"kafka": servers.start_kafka, "postgres": servers.start_postgres}
            for name, begin in start.items():
                await begin(disk.wrapper if name == server else ())
            house = await opened(await servers.house())
            crowd = Crowd(seed=103, lines=LINES.get(small, 5))
            async with workers_of(house) as workers, tills_of(house, crowd, folder) as tills:
                living = [await workers.start(kind) for kind in MODULES]
                async with tills.talking():
                    await tills.moves(FACTS_BEFORE)
                    disk.fill()
                    await complained(servers.logs / f"{server}.log", disk.complaint)
                    wrapper = disk.make_room()
                    if disk.wrapper:  # the limit of a process that runs cannot be lifted everywhere
                        await servers.supervisor.stop([server])
                        await start[server](wrapper)
                    await tills.moves(FACTS_AFTER)
                await at_rest(house)
                assert [await worker.stop() for worker in living] == [0] * len(living)
                figures.other[f"full disk of {server} ({disk.complaint})"] += 1
                figures.exact(await recounted(house, tills))
    finally:
        disk.remove()


async def complained(log: Path, complaint: str) -> None:
    """Until the server has met the full disk."""
    deadline = monotonic() + PATIENCE_SECONDS
    while complaint not in log.read_text(errors="replace"):
        assert monotonic() < deadline, f"{log.name} does not say {complaint!r}"
        await asyncio.sleep(LOOK_SECONDS)
