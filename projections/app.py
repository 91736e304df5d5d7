"""The Faust application: the shell around what can be rebuilt. The only file that imports faust.

One faust.Service keeps every read model up to date (keeping.py). Faust gives it a lifecycle, timers and a monitor; it
reads and writes no topic itself and owns no position: its own committing loses records after kill -9 (measured).
Agents, when flows of low rate need them, belong to the same app. Signals, loop and logging are ours: after a crash
Faust would exit with 0.
"""

from __future__ import annotations

import asyncio
import gc

import faust
from faust.app.base import BootStrategy

from infra.health import Health
from infra.metrics import Registry
from infra.settings import Settings
from projections.keeping import Keeping
from projections.models import MODELS

STOP_SECONDS = 15.0
GC_THRESHOLDS = (100_000, 50, 1_000)
"""A batch makes many small objects and no cycles: with Python's own thresholds a quarter of the time goes here."""


class _NoKafkaOfItsOwn(BootStrategy):
    enable_kafka = False
    enable_web = False


class App(faust.App):
    """Faust's app without its Kafka clients, its web server and its data folder."""

    BootStrategy = _NoKafkaOfItsOwn
    producer_only = True  # no leader, no tables, no agents: without this it wants a leader

    async def on_first_start(self) -> None:
        """Make no folder: there are no tables."""


def build(settings: Settings, registry: Registry, health: Health) -> App:
    """The application with its one service. No import and no call of this connects to anything."""
    app = App(
        f"{settings.topic_prefix}projections",
        broker=f"kafka://{settings.kafka_bootstrap_servers}",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        table_standby_replicas=0,
        stream_wait_empty=False,
        loghandlers=[],
    )

    @app.service
    class Projections(faust.Service):
        """Runs Keeping from start to stop; an exception of it crashes the app."""

        def on_init(self) -> None:
            self.keeping = Keeping(settings, MODELS, registry, health)
            self.at_rest = asyncio.Event()

        @faust.Service.task
        async def keep(self) -> None:
            try:
                await self.keeping.start()
                while not self.should_stop:
                    await self.keeping.turn()
            finally:
                self.at_rest.set()

        async def on_stop(self) -> None:
            async with asyncio.timeout(STOP_SECONDS):  # the round under way ends by itself
                await self.at_rest.wait()
            await self.keeping.stop()

    return app


async def run(settings: Settings, health: Health, registry: Registry, stopping: asyncio.Event) -> None:
    """Until `stopping` is set. Raises what crashed the app."""
    app = build(settings, registry, health)
    app.finalize()
    gc.freeze()  # what is loaded by now stays for ever
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        await app.start()
        health.set_ready("projections", True)
        ends = [asyncio.ensure_future(stopping.wait()), asyncio.ensure_future(app.wait_until_stopped())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    finally:
        await app.stop()
    if app.crash_reason is not None:
        raise app.crash_reason
