"""Connections to PostgreSQL, and what counts as an outage. asyncpg is imported here and in its neighbours only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg import Pool, PostgresError, Record
from asyncpg.exceptions import InvalidAuthorizationSpecificationError, InvalidCatalogNameError
from asyncpg.exceptions import UndefinedTableError as UndefinedTable
from asyncpg.exceptions import UniqueViolationError as UniqueViolation
from asyncpg.exceptions._base import DataError as NotEncoded
from asyncpg.pool import PoolConnectionProxy as Borrowed

from infra.settings import Settings

__all__ = [
    "COMMAND_SECONDS",
    "OUTAGE",
    "ROW_REFUSED",
    "Borrowed",
    "Connection",
    "Pool",
    "PostgresError",
    "Record",
    "ServerRefused",
    "UndefinedTable",
    "UniqueViolation",
    "create_database",
    "database_answers",
    "open_pool",
]

Connection: TypeAlias = asyncpg.Connection | Borrowed
"""A connection of its own, or one lent by a pool."""

BY_INDEX = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""A plan is kept as long as its session: one that was made while a table was small, or had no statistics yet, would
scan that table ever after."""

CONNECT_SECONDS = 5
COMMAND_SECONDS = 60

OUTAGE: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,  # a connection that was lost under us; also its DataError, which is a bug of ours
    asyncpg.InternalClientError,  # a command sent in the moment in which the session ends
    asyncpg.OperatorInterventionError,  # shutting down, starting up, session ended by an administrator
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.PostgresIOError,
    asyncpg.InternalServerError,  # a write that the system refuses for another reason: a quota, the size of a file
)
"""The server is away or cannot serve just now: nothing is known about the command in flight; try again later."""

ROW_REFUSED: tuple[type[Exception], ...] = (
    NotEncoded,  # asyncpg's own, before it is sent; it is an InterfaceError too, so ask for these before OUTAGE
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""A value that a column does not take: a bug of ours. The same command fails again, whenever it is tried."""


class ServerRefused(Exception):
    """PostgreSQL answers and does not let us in: a wrong user or password, or no such database."""


async def create_database(url: str, name: str) -> None:
    """Make a database beside the one of `url`, unless it is there. Raises one of OUTAGE, or a PostgresError."""
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    try:
        if not await connection.fetchval("select true from pg_database where datname = $1", name):
            quoted = '"' + name.replace('"', '""') + '"'
            await connection.execute(f"create database {quoted}")
    finally:
        await connection.close()


async def open_pool(settings: Settings, *, min_size: int = 1, max_size: int = 4, by_index: bool = False) -> Pool:
    """A pool on the house's database. Raises one of OUTAGE, or ServerRefused.

    by_index: for whoever looks rows up by their keys and never reads a table as a whole.
    """
    with _let_in(settings):
        return await _pool(settings, min_size, max_size, BY_INDEX if by_index else {})


async def database_answers(settings: Settings) -> AsyncGenerator[None, None]:
    """A turn each time the database has answered, on one session. Raises one of OUTAGE, or ServerRefused."""
    with _let_in(settings):
        session = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=CONNECT_SECONDS)
    try:
        while True:
            await session.fetchval("select 1")
            yield
    finally:
        session.terminate()


@contextmanager
def _let_in(settings: Settings) -> Iterator[None]:
    """Around the making of a session: says of which server, and where to look, what the driver does not."""
    try:
        yield
    except (OSError, TimeoutError) as why:
        place = urlsplit(settings.database_url.get_secret_value())
        where = f"{place.hostname or 'localhost'}:{place.port or 5432}"
        raise ConnectionError(f"PostgreSQL does not answer at {where} ({why!r}); check DATABASE_URL") from None
    except (InvalidAuthorizationSpecificationError, InvalidCatalogNameError) as why:
        raise ServerRefused(f"PostgreSQL refuses the session: {why}; check DATABASE_URL") from None


async def _pool(settings: Settings, min_size: int, max_size: int, plans: dict[str, str]) -> Pool:
    return await asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=min_size,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        max_inactive_connection_lifetime=0,
        server_settings={
            "application_name": "tallystick",
            "jit": "off",
            # a process that stands still, or a machine that is gone, must not hold its rows against the next owner
            "idle_in_transaction_session_timeout": "20s",
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        | plans,
    )
