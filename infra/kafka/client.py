"""What a worker may ask of Kafka. Together with its neighbours in this folder the only place that knows aiokafka.

Topics are named here as in events/topics.py; the prefix of the house is put on and taken off behind this door.
"""

from __future__ import annotations

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from infra.kafka.partitioner import partition_of
from infra.kafka.ranges import Ranges
from infra.kafka.reader import Reader
from infra.kafka.records import JournalGap, Record
from infra.kafka.writer import Message, WriteFailed, Writer

__all__ = [
    "OUTAGE",
    "JournalGap",
    "Message",
    "Ranges",
    "Reader",
    "Record",
    "TopicPartition",
    "WriteFailed",
    "Writer",
    "partition_of",
]

OUTAGE: tuple[type[Exception], ...] = (KafkaError, WriteFailed, OSError, TimeoutError)
"""Kafka is away or cannot serve just now: nothing is known about what was in flight; try again later."""
