"""`python -m services.intake`: runs until SIGTERM or SIGINT, then finishes the batch and exits with 0."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys

import uvloop

from infra.health import Health, serve
from infra.kafka.topics_admin import TopicRefused
from infra.metrics import Registry
from infra.postgres.migrate import MigrationRefused
from infra.settings import Settings, SettingsError, load
from services.intake.metrics import Metrics
from services.intake.recovery import Unrecoverable
from services.intake.worker import TopicMadeAnew, run

REFUSED = (TopicRefused, MigrationRefused, TopicMadeAnew, Unrecoverable)


async def serve_and_run(settings: Settings) -> None:
    """The worker, and its health beside it, until a signal asks to stop."""
    stopping = asyncio.Event()
    for asked in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(asked, stopping.set)
    registry, health = Registry(), Health()
    health.set_ready("intake", False, "starting")
    served = await serve(settings, health, registry)
    try:
        await run(settings, health, Metrics(registry), stopping)
    finally:
        await served.close()


def main() -> int:
    try:
        settings = load()
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        gc.freeze()  # what is loaded by now stays for ever
        uvloop.run(serve_and_run(settings))
    except (SettingsError, *REFUSED) as why:
        print(f"intake: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
