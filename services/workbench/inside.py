"""Work inside a running house: its settings and a pool of connections, and one sentence for a server that is away.

For commands that read or mend the tables of the house that `up` or the settings name. Owns the exit code 2.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.postgres.migrate import MigrationRefused
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.postgres.pool import Pool, ServerRefused, open_pool
from infra.settings import Settings, load_stack
from infra.stack.stack import Stack
from infra.stack.supervisor import StackError
from services.workbench.up import stack_folder


class Refused(Exception):
    """What was asked for cannot be done; the message says why, and what to do."""


def in_house(work: Callable[[Settings, Pool], Awaitable[int]]) -> int:
    """The exit code of `work`; 2 with a sentence where it raises Refused or a server does not answer."""
    settings = load_stack()

    async def inside() -> int:
        house = Stack(settings, stack_folder(settings), print).running()
        pool = await open_pool(house)
        try:
            return await work(house, pool)
        finally:
            await pool.close()

    try:
        return asyncio.run(inside())
    except (Refused, StackError, MigrationRefused, ServerRefused) as why:
        print(f"error: {why}", file=sys.stderr)
    except (*KAFKA_OUTAGE, *POSTGRES_OUTAGE) as away:
        print(f"error: a server does not answer: {str(away) or repr(away)}", file=sys.stderr)
    return 2
