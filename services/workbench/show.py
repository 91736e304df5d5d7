"""`config show` and `topics`: what is set, and what is said where.

Owns the words on the screen. Does not own the settings (infra/settings.py) or the topics (events/topics.py).
"""

from __future__ import annotations

import asyncio
import json
import sys

from rich.console import Console
from rich.table import Table

from events.topics import FOR_EVER, TOPICS, Topic
from infra.settings import load_stack, meanings, shown

DAY_MS = 86_400_000


def show_config(*, as_json: bool) -> None:
    """Print the settings in force by variable, passwords masked; null: a server that the stack starts itself."""
    values = shown(load_stack())
    if as_json:
        print(json.dumps({name: values[name] for name in meanings()}, indent=2))
        return
    table = _table("variable", "value", "what it is")
    for name, meaning in meanings().items():
        value = values[name]
        table.add_row(name, "(a local one)" if value is None else value, meaning)
    Console().print(table)


def show_topics(*, as_json: bool) -> None:
    """Print the list of topics with the names and partitions that the settings give them."""
    settings = load_stack()
    rows = [
        {
            "name": settings.topic_prefix + topic.name,
            "key": topic.key,
            "says": topic.says,
            "written_by": topic.written_by,
            "read_by": topic.read_by,
            "partitions": settings.partitions if topic.partitions is None else topic.partitions,
            "retention_ms": topic.retention_ms,
            "max_bytes": topic.max_bytes,
            "public": topic.public,
        }
        for topic in TOPICS
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = _table("topic", "key", "what it says", "writes", "reads", "kept", "partitions")
    for row, topic in zip(rows, TOPICS, strict=True):
        names = (row["name"], row["key"], row["says"], row["written_by"], row["read_by"])
        table.add_row(*map(str, names), _kept(topic), str(row["partitions"]))
    Console().print(table)


def check_topics() -> int:
    """Compare the topics with the broker's; the exit code: 0 when every one is as it must be."""
    from infra.kafka.client import OUTAGE
    from infra.kafka.topics_admin import compare_topics
    from infra.stack.stack import Stack
    from infra.stack.supervisor import StackError
    from services.workbench.up import stack_folder

    settings = load_stack()
    try:
        house = Stack(settings, stack_folder(settings), print).running()
        wrong = asyncio.run(compare_topics(house, TOPICS))
    except StackError as wrong_place:
        print(f"error: {wrong_place}", file=sys.stderr)
        return 1
    except OUTAGE as away:
        print(f"error: {str(away) or repr(away)}", file=sys.stderr)
        return 1
    for name, sentence in wrong.items():
        print(f"{name:<24} {sentence or 'ok'}")
    return 1 if any(wrong.values()) else 0


def _kept(topic: Topic) -> str:
    return "for ever" if topic.retention_ms == FOR_EVER else f"{topic.retention_ms // DAY_MS} days"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
