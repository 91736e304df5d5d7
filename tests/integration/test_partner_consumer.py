"""The partner's example, run as a partner would: each reward is printed once, a hole in the numbers ends it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from events import rewards
from events.rewards import Reward
from events.topics import rewards_topic
from infra.kafka.client import Writer
from infra.kafka.topics_admin import ensure_topics
from infra.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "partner_consumer.py"
TOPIC = rewards_topic("shops-eire")
PATIENCE_S = 30.0


def record(seq: int, points: int) -> tuple[bytes, bytes, Sequence[tuple[str, bytes]]]:
    reward = Reward(seq, f"uci:{seq}", "shops-eire", "pm_1", "earned", points, "2011-03-01T10:00:00Z")
    return b"pm_1", rewards.encode(reward), ()


@asynccontextmanager
async def example(house: Settings) -> AsyncIterator[Process]:
    """The example on the house's topic. `-I`: nothing of ours can be imported."""
    command = ("-I", EXAMPLE, house.kafka_bootstrap_servers, house.topic_prefix + TOPIC.name)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def write(house: Settings, partition: int, *seqs: int) -> None:
    writer = Writer(house)
    await writer.start()
    try:
        await writer.write(TOPIC.name, partition, [record(seq, 10 * seq + partition) for seq in seqs])
    finally:
        await writer.stop()


async def printed(process: Process, lines: int) -> list[str]:
    assert process.stdout is not None
    return sorted([(await process.stdout.readline()).decode().strip() for _ in range(lines)])


async def test_repeats_are_dropped_and_later_rewards_still_come(house: Settings) -> None:
    await ensure_topics(house, [TOPIC])
    await write(house, 0, 1, 2, 1, 2, 3)
    await write(house, 1, 1, 1, 2)
    async with example(house) as process:
        assert await printed(process, 5) == [
            f"2011-03-01T10:00:00Z pm_1 earned {points} uci:{points // 10}" for points in (10, 11, 20, 21, 30)
        ]
        await write(house, 1, 2, 3)
        assert await printed(process, 1) == ["2011-03-01T10:00:00Z pm_1 earned 31 uci:3"]


async def test_a_hole_in_the_numbers_ends_it_with_a_sentence(house: Settings) -> None:
    await ensure_topics(house, [TOPIC])
    await write(house, 0, 1, 3)
    async with example(house) as process:
        output, errors = await process.communicate()
    assert output.decode().count("\n") == 1
    assert process.returncode == 1
    assert "partition 0: after seq 1 came 3" in errors.decode()
