"""Topics as the broker has them: made where they are missing, refused where they are weaker than what we rely on.

Owns the configuration that a topic gets. Does not own the list of topics (events/topics.py).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from events.topics import FOR_EVER, Topic
from infra.clock import monotonic
from infra.kafka.quirks import mend
from infra.settings import Settings

CREATE_SECONDS = 15.0


class TopicRefused(Exception):
    """A topic is not as it must be. The message is one sentence that says what to do."""


class _Found(NamedTuple):
    topic_id: str
    replicas: list[int]
    """Copies of each partition."""
    led: bool
    """Whether every partition has a leader."""


async def ensure_topics(settings: Settings, topics: Sequence[Topic]) -> None:
    """Make the topics that are missing and check the others. Raises TopicRefused, or one of infra.kafka's OUTAGE."""
    wanted = {settings.topic_prefix + topic.name: topic for topic in topics}
    async with _admin(settings) as admin:
        found = await _describe(admin, list(wanted))
        missing = {name: topic for name, topic in wanted.items() if name not in found}
        if missing:
            await _create(admin, settings, missing)
            found = await _created(admin, list(wanted))
        configs = await _configs(admin, list(wanted))
    for name, topic in wanted.items():
        _check(settings, name, topic, found[name], configs[name])


async def compare_topics(settings: Settings, topics: Sequence[Topic]) -> dict[str, str]:
    """What is wrong with each topic, by full name, and "" where nothing is. Makes none and changes none."""
    wanted = {settings.topic_prefix + topic.name: topic for topic in topics}
    async with _admin(settings) as admin:
        found = await _describe(admin, list(wanted))
        configs = await _configs(admin, list(found))
    wrong = dict.fromkeys(wanted, "")
    for name, topic in wanted.items():
        try:
            if name in found:
                _check(settings, name, topic, found[name], configs[name])
            else:
                wrong[name] = f"there is no topic {name}; start any process of the house to have it made"
        except TopicRefused as refused:
            wrong[name] = str(refused)
    return wrong


async def topic_id(settings: Settings, name: str) -> str:
    """Kafka's uuid of a topic, which changes when the topic is deleted and made anew. Raises TopicRefused: no topic."""
    full = settings.topic_prefix + name
    async with _admin(settings) as admin:
        found = await _describe(admin, [full])
    if full not in found:
        raise TopicRefused(f"there is no topic {full}; start any process of the house to have it made")
    return found[full].topic_id


def partitions_of(settings: Settings, topic: Topic) -> int:
    return settings.partitions if topic.partitions is None else topic.partitions


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    mend()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers, request_timeout_ms=10_000)
    try:
        await _started(admin, settings)
        yield admin
    finally:
        await admin.close()


async def _started(admin: Any, settings: Settings) -> None:
    try:
        await admin.start()
    except KafkaConnectionError:
        raise KafkaConnectionError(
            f"Kafka does not answer at {settings.kafka_bootstrap_servers}; check KAFKA_BOOTSTRAP_SERVERS"
        ) from None


def _config(settings: Settings, topic: Topic) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": "-1",
        "min.insync.replicas": str(settings.min_insync),
        # arrival, not what a till's clock says: a record stamped in the past would be deleted as old
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(topic.max_bytes),
    }


async def _create(admin: Any, settings: Settings, missing: dict[str, Topic]) -> None:
    new = [
        NewTopic(name, partitions_of(settings, topic), settings.replication_factor, None, _config(settings, topic))
        for name, topic in missing.items()
    ]
    answer = await admin.create_topics(new)
    for name, code, *more in answer.topic_errors:
        error = for_code(code)
        if error is InvalidReplicationFactorError:
            raise TopicRefused(
                f"topic {name} cannot have {settings.replication_factor} copies here; start more brokers, or, for a "
                "trial only, set TALLYSTICK_REPLICATION_FACTOR=1 and TALLYSTICK_MIN_INSYNC=1"
            )
        if error not in (NoError, TopicAlreadyExistsError):  # another process may be making it too
            raise TopicRefused(f"topic {name} could not be made: {more[0] if more and more[0] else error.__name__}")


async def _created(admin: Any, names: list[str]) -> dict[str, _Found]:
    """The topics once every broker's metadata show them with leaders."""
    deadline = monotonic() + CREATE_SECONDS
    while True:
        found = await _describe(admin, names)
        if len(found) == len(names) and all(topic.led for topic in found.values()):
            return found
        if monotonic() > deadline:
            raise TimeoutError(f"topics have no leader yet: {', '.join(n for n in names if n not in found) or names}")
        await asyncio.sleep(0.05)


async def _configs(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    keys = (
        *("cleanup.policy", "retention.ms", "retention.bytes", "min.insync.replicas", "max.message.bytes"),
        "message.timestamp.type",
    )
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(keys, "")) for name in names]
    answers = await admin.describe_configs(asked)
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, _message, _kind, name, entries in answer.resources:
            if for_code(code) is not NoError:
                raise for_code(code)(name)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _check(settings: Settings, name: str, topic: Topic, found: _Found, config: dict[str, str]) -> None:
    partitions = partitions_of(settings, topic)
    if len(found.replicas) != partitions:
        raise TopicRefused(
            f"topic {name} has {len(found.replicas)} partitions and must have {partitions} for its whole life; "
            f"set TALLYSTICK_PARTITIONS={len(found.replicas)} if that is this house's number, or name another "
            "TALLYSTICK_TOPIC_PREFIX"
        )
    weak = min(found.replicas) < settings.replication_factor
    if (weak or int(config["min.insync.replicas"]) < settings.min_insync) and not settings.allow_weak_topics:
        raise TopicRefused(
            f"topic {name} has {min(found.replicas)} copies of which {config['min.insync.replicas']} must hold a "
            f"record, and needs {settings.replication_factor} and {settings.min_insync}; raise them, or set "
            "TALLYSTICK_ALLOW_WEAK_TOPICS=true if points may be lost with a broker"
        )
    keeps, must = int(config["retention.ms"]), topic.retention_ms
    if "compact" in config["cleanup.policy"] or int(config["retention.bytes"]) != -1:
        raise TopicRefused(
            f"topic {name} may lose records by compaction or by size; set cleanup.policy=delete and "
            "retention.bytes=-1 on it"
        )
    if keeps != FOR_EVER and (must == FOR_EVER or keeps < must):
        raise TopicRefused(f"topic {name} forgets records after {keeps} ms; set retention.ms={must} on it")
    if config["message.timestamp.type"] != "LogAppendTime":
        raise TopicRefused(
            f"topic {name} keeps the times that its senders claim, where the time of arrival is what counts; set "
            "message.timestamp.type=LogAppendTime on it"
        )
    if int(config["max.message.bytes"]) < topic.max_bytes:
        raise TopicRefused(
            f"topic {name} takes records of {config['max.message.bytes']} bytes only; set max.message.bytes="
            f"{topic.max_bytes} on it"
        )


async def _describe(admin: Any, names: list[str]) -> dict[str, _Found]:
    """The topics that exist, by full name; never makes one, whatever the broker's auto-creation says."""
    answer = await admin._send_request(_MetadataRequest(names))
    found: dict[str, _Found] = {}
    for code, name, raw_id, _internal, partitions, _operations, _tags in answer.topics:
        error = for_code(code)
        if error is UnknownTopicOrPartitionError:
            continue
        if error is not NoError and not issubclass(error, KafkaError):
            raise error(name)
        found[name] = _Found(
            topic_id=str(uuid.UUID(bytes=raw_id)),
            replicas=[len(partition[4]) for partition in partitions],
            led=error is NoError and all(partition[2] >= 0 for partition in partitions),
        )
    return found


# aiokafka speaks Metadata up to version 5; ids of topics came with version 10 (Kafka 2.8). Version 12 is spoken here.


class _Uuid(Int32):  # type: ignore[misc]  # aiokafka has no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestV12(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestV12]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestV12]) -> _MetadataRequestV12:
        return request_struct_class([(bytes(16), name, {}) for name in self._names], False, False, {})
