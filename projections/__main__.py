"""`python -m projections`: keeps the read models up to date until SIGTERM or SIGINT, and exits with 0."""

from __future__ import annotations

import logging
import sys

import uvloop

from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.topics_admin import TopicRefused
from infra.postgres.migrate import MigrationRefused
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.runner.store import ModelStopped
from infra.settings import SettingsError, load

REFUSED: tuple[type[Exception], ...] = (
    *(SettingsError, TopicRefused, MigrationRefused, ModelStopped),
    *KAFKA_OUTAGE,
    *POSTGRES_OUTAGE,
)


def main() -> int:
    """Exit code 1 and one sentence when it cannot go on."""
    try:
        settings = load()
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        logging.getLogger("projections.app").setLevel(logging.CRITICAL)  # Faust's lifecycle; a crash is told below
        from projections.app import run

        uvloop.run(run(settings))
    except REFUSED as why:
        print(f"projections: {str(why) or repr(why)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
