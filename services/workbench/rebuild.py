"""`tallystick rebuild MODEL`: the read model built again from the topic's first record, compared, and made live."""

from __future__ import annotations

import asyncio
import sys

import typer

from events.topics import ENTRIES
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.client import Ranges
from infra.kafka.topics_admin import TopicRefused, ensure_topics, topic_id
from infra.postgres.migrate import MigrationRefused
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.postgres.pool import open_pool
from infra.runner.rebuild import Rebuilt, rebuild
from infra.runner.store import ModelStopped, prepare
from infra.settings import Settings, load
from projections.models import MODELS

REFUSED: tuple[type[Exception], ...] = (TopicRefused, MigrationRefused, ModelStopped, *KAFKA_OUTAGE, *POSTGRES_OUTAGE)


async def rebuild_model(settings: Settings, name: str) -> Rebuilt:
    """Build the model again. Raises KeyError for no such model, or one of REFUSED; the live one is then as it was."""
    model = {model.name: model for model in MODELS}[name]
    await ensure_topics(settings, [ENTRIES])
    topic = await topic_id(settings, model.topic)
    pool, ranges = await open_pool(settings), Ranges(settings)
    try:
        await prepare(pool, MODELS)
        return await rebuild(pool, model, topic, ranges, settings.partitions, lambda line: print(line, file=sys.stderr))
    finally:
        await ranges.stop()
        await pool.close()


def run_rebuild(name: str) -> None:
    """Exit code 0: the bytes were the same (or there was nothing to compare with). 1: they were not. 2: refused."""
    try:
        done = asyncio.run(rebuild_model(load(), name))
    except KeyError:
        print(f"there is no read model {name}: there are {', '.join(m.name for m in MODELS)}", file=sys.stderr)
        raise typer.Exit(2) from None
    except REFUSED as why:
        print(f"rebuild: {str(why) or repr(why)}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"{done.model}: {done.rows} rows, sha256 {done.sha256}; live in {done.schema}, before in {done.before}")
    if done.not_compared:
        print(f"not compared: {done.not_compared}")
    for difference in done.differences:
        print(difference)
    if done.differences:
        print("the live one was not what the topic says; the rebuilt one is live now")
        raise typer.Exit(1)
    if not done.not_compared:
        print("the bytes are the same")
