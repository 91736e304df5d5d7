"""The shell of every process of ours: settings, log, signals, health; a sentence and exit code 1 when it cannot go on.

Does not own what a process does: that is its body, which runs until it is asked to stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from infra.answering import watch
from infra.health import Health, serve
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.topics_admin import TopicRefused
from infra.metrics import Registry
from infra.postgres.migrate import MigrationRefused
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.postgres.pool import ServerRefused
from infra.settings import Settings, SettingsError, load

END_SECONDS = 25.0
"""So long a process may take to end after it was asked to: a little less than who asked waits before it kills."""

Body = Callable[[Settings, Health, Registry, asyncio.Event], Awaitable[None]]
"""Runs until the event is set, finishes what it began, and returns. It says itself when the process is ready, under the
process's name."""

REFUSED: tuple[type[Exception], ...] = (
    *(SettingsError, TopicRefused, MigrationRefused, ServerRefused),
    *KAFKA_OUTAGE,
    *POSTGRES_OUTAGE,
)
"""What ends any process with a sentence; an outage only while it starts, later its body waits for the servers."""


def run_process(name: str, body: Body, *refused: type[Exception]) -> int:
    """The exit code: 0 after SIGTERM or SIGINT, 1 with a sentence on stderr for one of REFUSED or `refused`."""
    try:
        settings = load()
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        uvloop.run(_serve_and_run(name, settings, body))
    except (*REFUSED, *refused) as why:
        print(f"{name}: {str(why) or repr(why)}", file=sys.stderr)
        return 1
    return 0


async def _serve_and_run(name: str, settings: Settings, body: Body) -> None:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        loop.call_later(END_SECONDS, _leave, name)

    for asked in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(asked, stop)
    registry, health = Registry(), Health()
    health.set_ready(name, False, "starting")
    served = await serve(settings, health, registry)
    watching = asyncio.create_task(watch(settings, health))
    try:
        await body(settings, health, registry, stopping)
    finally:
        watching.cancel()
        health.set_ready(name, False, "stopping")
        await served.close()


def _leave(name: str) -> None:
    """End without those that do not: all that a process of ours does survives a kill at any moment."""
    waiting = ", ".join(sorted({getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks()}))
    print(f"{name}: was asked to stop, and leaves without waiting any longer for {waiting}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)
