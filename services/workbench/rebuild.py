"""`tallystick rebuild MODEL`: the read model built again from the topic's first record, compared, and made live."""

from __future__ import annotations

import asyncio
import sys

from events.topics import ENTRIES
from infra import process
from infra.kafka.client import Ranges
from infra.kafka.topics_admin import ensure_topics, topic_id
from infra.postgres.pool import open_pool
from infra.runner.rebuild import Rebuilt, rebuild
from infra.runner.store import ModelStopped, prepare
from infra.settings import Settings, load_stack
from infra.stack.stack import Stack
from infra.stack.supervisor import StackError
from projections.models import MODELS
from services.workbench.up import stack_folder

REFUSED: tuple[type[Exception], ...] = (*process.REFUSED, StackError, ModelStopped)


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


def run_rebuild(name: str) -> int:
    """The command. 0: the bytes were the same (or there was nothing to compare with). 1: they were not. 2: refused."""
    models = [model.name for model in MODELS]
    if name not in models:
        print(f"error: there is no read model {name}: there are {', '.join(models)}", file=sys.stderr)
        return 2
    settings = load_stack()
    try:
        house = Stack(settings, stack_folder(settings), print).running()
        done = asyncio.run(rebuild_model(house, name))
    except REFUSED as why:
        print(f"error: {str(why) or repr(why)}", file=sys.stderr)
        return 2
    print(f"{done.model}: {done.rows} rows, sha256 {done.sha256}; live in {done.schema}, before in {done.before}")
    if done.not_compared:
        print(f"not compared: {done.not_compared}")
        return 0
    for difference in done.differences:
        print(difference)
    print("the live one was not what the topic says; the rebuilt one is live now" if done.differences else "same bytes")
    return 1 if done.differences else 0
