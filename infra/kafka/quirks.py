"""What we change in aiokafka, and why. Pinned to one version; tests/contract/test_kafka_client.py watches each change.

1. Records as they lie in the batch. aiokafka wraps each one into an eleven-field object, which costs more than
   decoding it; a private hook of its fetcher is told to hand out the raw record, for our consumers only.
2. Its log. During an outage it writes a line per attempt and per partition; each line's template is let through once
   a minute, and its tales of ordinary group work not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import aiokafka
from aiokafka.consumer.fetcher import PartitionRecords

from infra.clock import monotonic

VERSION = "0.14.0"
QUIET_SECONDS = 60.0

_stock_record: Callable[[Any, Any, Any], Any] = PartitionRecords._consumer_record


def as_it_came(value: bytes | None) -> bytes | None:
    """Our consumers' key deserializer: changes nothing, and marks their records for the hook."""
    return value


def _raw_record(self: Any, tp: Any, record: Any) -> Any:
    return record if self._key_deserializer is as_it_came else _stock_record(self, tp, record)


def hand_out_raw_records() -> None:
    """Set the hook. With another version than the pinned one: leave the stock path, which is slower and as right."""
    if aiokafka.__version__ == VERSION:
        PartitionRecords._consumer_record = _raw_record


class _Thinned(logging.Handler):
    """Passes a log record on unless one of the same template passed within the last minute."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._passed: dict[tuple[str, str], float] = {}
        self._onward = logging.getLogger("infra.kafka")

    def emit(self, record: logging.LogRecord) -> None:
        what, now = (record.name, str(record.msg)), monotonic()
        if now - self._passed.get(what, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._passed[what] = now
            self._onward.handle(record)


def thin_out_log() -> None:
    """Put the filter between aiokafka's loggers and ours; once is enough, more does no harm."""
    theirs = logging.getLogger("aiokafka")
    if not any(isinstance(handler, _Thinned) for handler in theirs.handlers):
        theirs.addHandler(_Thinned())
        theirs.propagate = False
