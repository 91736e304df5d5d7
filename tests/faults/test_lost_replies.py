"""The request arrives and is done, and its answer is lost: for what is produced and for what is committed."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from tests.drivers.crowd import Crowd
from tests.drivers.figures import Figures
from tests.drivers.own_servers import own_servers
from tests.drivers.proxy import KafkaWire, PostgresWire, Proxy, proxied
from tests.drivers.recount import at_rest, recounted
from tests.drivers.tills import tills_of
from tests.drivers.workers import MODULES, workers_of
from tests.faults.conftest import opened

AT_A_TIME = 100
REPLIES = 6
"""Lost by each process, of each kind."""
EVERY = 12
UNSURE = {"intake": "starting again in", "ledger": "a commit was interrupted", "projections": "waits: "}
"""What a process says that does not know whether its commit has happened."""


async def test_lost_replies_of_produce_and_of_commit(folder: Path, figures: Figures) -> None:
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(own_servers(folder))
        house = await opened(await servers.house())
        broker = Proxy(servers.kafka.inner_port, KafkaWire, EVERY, REPLIES)
        await stack.enter_async_context(proxied(broker, servers.kafka.outer_port))
        through = {"kafka_bootstrap_servers": f"127.0.0.1:{servers.kafka.outer_port}"}
        databases = {
            kind: Proxy(servers.postgres.port, partial(PostgresWire, kind), EVERY, REPLIES) for kind in MODULES
        }
        workers = await stack.enter_async_context(workers_of(house))
        tills = await stack.enter_async_context(tills_of(house, Crowd(seed=102), folder))
        living = []
        for kind, proxy in databases.items():
            port = await stack.enter_async_context(proxied(proxy))
            address = urlsplit(house.database_url.get_secret_value())
            there = address._replace(netloc=f"{address.netloc.rpartition(':')[0]}:{port}", query="sslmode=disable")
            living.append(await workers.start(kind, kind, database_url=SecretStr(there.geturl()), **through))
        lost = {f"{kind} after its commit": (proxy.lost, kind) for kind, proxy in databases.items()}
        lost |= {
            f"{kind} after it produced": (broker.lost, f"tallystick-writer-{kind}") for kind in ("intake", "ledger")
        }
        async with tills.talking():
            while any(counter[client] < REPLIES for counter, client in lost.values()):
                await tills.moves(AT_A_TIME)
        await at_rest(house)
        for worker in living:
            assert any(UNSURE[worker.kind] in line for line in worker.lines), worker.tail()
            assert await worker.stop() == 0
        for what, (counter, client) in lost.items():
            figures.other[f"replies lost by {what}"] += counter[client]
        figures.exact(await recounted(house, tills))
