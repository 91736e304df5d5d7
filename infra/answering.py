"""Whether Kafka and PostgreSQL answer just now: asked every few seconds beside a process's body, shown on /readyz.

A body that has nothing to do would not notice that a server stands still. Owns the asking. Does not own what is done
about it: a body waits its own outages out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from infra.health import Health
from infra.kafka.answers import broker_answers
from infra.postgres.pool import database_answers
from infra.settings import Settings

ASK_SECONDS = 2.0
PATIENCE_SECONDS = 5.0


async def watch(settings: Settings, health: Health) -> None:
    """Say how the broker and the database are, until cancelled."""
    await asyncio.gather(
        _watch("broker", broker_answers, settings, health),
        _watch("database", database_answers, settings, health),
    )


async def _watch(
    name: str, answers: Callable[[Settings], AsyncGenerator[None, None]], settings: Settings, health: Health
) -> None:
    """Ask on one connection while it answers; then on a new one."""
    while True:
        try:
            async with aclosing(answers(settings)) as answering:
                while True:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await anext(answering)
                    health.set_ready(name, True)
                    await asyncio.sleep(ASK_SECONDS)
        except TimeoutError:
            health.set_ready(name, False, f"no answer within {PATIENCE_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001  # whatever it is, the server does not answer; a watch that ends lies
            health.set_ready(name, False, f"{type(error).__name__}: {error}")
        await asyncio.sleep(ASK_SECONDS)
