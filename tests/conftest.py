"""Fixtures that every level may use. A level that takes none of them needs no server.

kafka, postgres   the session's servers (real ones, started when first asked for)
house             a fresh house on them: Settings with a topic prefix and an empty database of its own
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.kafka.local import LocalKafka
from infra.postgres.local import LocalPostgres
from infra.settings import Settings
from tests.drivers.servers import Servers, delete_topics, open_folder, servers_in


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak",
        action="store_true",
        help="faults: 3,000 kills and 300 pauses; property: a hundred times the histories and examples",
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers() -> AsyncIterator[Servers]:
    async with open_folder() as folder, servers_in(folder) as servers:
        yield servers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka(servers: Servers) -> LocalKafka:
    return await servers.kafka()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(servers: Servers) -> LocalPostgres:
    return await servers.postgres()


@pytest_asyncio.fixture
async def house(servers: Servers, kafka: LocalKafka, postgres: LocalPostgres) -> AsyncIterator[Settings]:
    """A house of four partitions with no process running; its database and topics go with the test."""
    fresh = servers.fresh_house()
    assert fresh.database is not None
    settings = servers.stack.settings_of(fresh)
    await postgres.create_database(fresh.database)
    try:
        yield settings
    finally:
        await postgres.drop_database(fresh.database)
        await delete_topics(settings)
