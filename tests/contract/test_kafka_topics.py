"""Topics are made as our contracts say, and a broker's topic that is weaker is refused in one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from events.topics import ENTRIES, JOURNAL, OUTCOMES, PURCHASES, TOPICS
from infra.kafka.topics_admin import TopicRefused, ensure_topics, topic_id
from infra.settings import Settings


@pytest.fixture
async def admin(house: Settings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=house.kafka_bootstrap_servers)
    await admin.start()
    yield admin
    await admin.close()


async def config(admin: Any, name: str) -> dict[str, str]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return {entry[0]: entry[1] for entry in answers[0].resources[0][4]}


async def test_topics_are_made_as_listed_and_found_again(house: Settings, admin: Any) -> None:
    await asyncio.gather(*(ensure_topics(house, TOPICS) for _ in range(3)))  # processes start together
    await ensure_topics(house, TOPICS)
    journal = await config(admin, house.topic_prefix + JOURNAL.name)
    assert journal["retention.ms"] == "-1"
    assert journal["cleanup.policy"] == "delete"
    assert journal["message.timestamp.type"] == "LogAppendTime"
    assert journal["max.message.bytes"] == str(16 << 20)
    assert (await config(admin, house.topic_prefix + PURCHASES.name))["retention.ms"] == str(PURCHASES.retention_ms)
    for topic in TOPICS:
        assert (await config(admin, house.topic_prefix + topic.name))["max.message.bytes"] == str(topic.max_bytes)
    assert PURCHASES.max_bytes == OUTCOMES.max_bytes < 2 << 20


async def test_a_topic_made_anew_has_another_id(house: Settings, admin: Any) -> None:
    await ensure_topics(house, [JOURNAL, ENTRIES])
    first = await topic_id(house, JOURNAL.name)
    assert first == await topic_id(house, JOURNAL.name)
    assert first != await topic_id(house, ENTRIES.name)
    await admin.delete_topics([house.topic_prefix + JOURNAL.name])
    async with asyncio.timeout(20):
        while house.topic_prefix + JOURNAL.name in await admin.list_topics():
            pass
    with pytest.raises(TopicRefused, match="there is no topic"):
        await topic_id(house, JOURNAL.name)
    await ensure_topics(house, [JOURNAL])
    assert await topic_id(house, JOURNAL.name) != first


async def test_looking_for_a_topic_does_not_make_it(house: Settings, admin: Any) -> None:
    with pytest.raises(TopicRefused):
        await topic_id(house, JOURNAL.name)
    assert house.topic_prefix + JOURNAL.name not in await admin.list_topics()


GOOD = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1", "max.message.bytes": str(16 << 20)}
GOOD |= {"message.timestamp.type": "LogAppendTime"}


@pytest.mark.parametrize(
    ("partitions", "wrong", "sentence"),
    [
        (3, {}, "has 3 partitions and must have 4 for its whole life; set TALLYSTICK_PARTITIONS=3"),
        (4, {"cleanup.policy": "compact"}, "may lose records by compaction or by size"),
        (4, {"retention.bytes": "1000000"}, "may lose records by compaction or by size"),
        (4, {"retention.ms": "604800000"}, "forgets records after 604800000 ms; set retention.ms=-1 on it"),
        (4, {"message.timestamp.type": "CreateTime"}, "set message.timestamp.type=LogAppendTime on it"),
        (4, {"max.message.bytes": "1000"}, "takes records of 1000 bytes only; set max.message.bytes=16777216 on it"),
    ],
)
async def test_a_weaker_topic_is_refused(
    house: Settings, admin: Any, partitions: int, wrong: dict[str, str], sentence: str
) -> None:
    await admin.create_topics([NewTopic(house.topic_prefix + JOURNAL.name, partitions, 1, None, GOOD | wrong)])
    with pytest.raises(TopicRefused, match=sentence):
        await ensure_topics(house, [JOURNAL])


async def test_fewer_copies_are_refused_unless_allowed(house: Settings, admin: Any) -> None:
    await admin.create_topics([NewTopic(house.topic_prefix + JOURNAL.name, 4, 1, None, GOOD)])
    strict = house.model_copy(update={"replication_factor": 3, "min_insync": 2, "allow_weak_topics": False})
    with pytest.raises(TopicRefused, match=r"has 1 copies of which 1 must hold a record, and needs 3 and 2"):
        await ensure_topics(strict, [JOURNAL])
    await ensure_topics(strict.model_copy(update={"allow_weak_topics": True}), [JOURNAL])


async def test_more_copies_than_brokers_cannot_be_made(house: Settings) -> None:
    strict = house.model_copy(update={"replication_factor": 3, "min_insync": 2, "allow_weak_topics": False})
    with pytest.raises(TopicRefused, match="cannot have 3 copies here; start more brokers"):
        await ensure_topics(strict, [JOURNAL])


async def test_a_longer_retention_than_needed_is_fine(house: Settings, admin: Any) -> None:
    await admin.create_topics([NewTopic(house.topic_prefix + PURCHASES.name, 4, 1, None, GOOD)])
    await ensure_topics(house, [PURCHASES])
