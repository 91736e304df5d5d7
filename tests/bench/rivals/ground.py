"""What every rival of ours stands on: what it is told in its environment, and the two lines that it says (README.md).

Owns the clock of a rival. Does not own anything that a rival is measured by.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import sleep

from infra.clock import monotonic
from infra.kafka.client import partition_of
from services.programme.compile import compile_programme
from services.programme.plan import Plan

BROKERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
DATABASE = os.environ["DATABASE_URL"]
JOURNAL = os.environ["RIVAL_JOURNAL"]
ENTRIES = os.environ["RIVAL_ENTRIES"]
PARTITIONS = int(os.environ["RIVAL_PARTITIONS"])
RECORDS = int(os.environ["RIVAL_RECORDS"])
WARM = int(os.environ["RIVAL_WARM"])
PROGRAMME = Path(os.environ["RIVAL_PROGRAMME"])
SAMPLE = Path(os.environ["RIVAL_SAMPLE"])
FOLDER = Path(os.environ["RIVAL_FOLDER"])

STAY_S = 1.0

__all__ = ["BROKERS", "DATABASE", "ENTRIES", "FOLDER", "JOURNAL", "PARTITIONS", "PROGRAMME", "SAMPLE", "Clock", "plan"]


class Clock:
    """Counts durable records, says `warm` in time, and the JSON line at the end."""

    def __init__(self) -> None:
        self._done = 0
        self._warm = 0
        self._began = 0.0

    def done(self, records: int) -> bool:
        """So many more records are durable. True: that was the last one."""
        self._done += records
        if not self._began and self._done >= WARM:
            self._warm, self._began = self._done, monotonic()
            print("warm", flush=True)
        return self._done >= RECORDS

    def say(self) -> None:
        """Everything is durable and published. Stays for a moment: what was used is read from outside."""
        print(json.dumps({"events": self._done - self._warm, "seconds": monotonic() - self._began}), flush=True)
        sleep(STAY_S)


def plan() -> Plan:
    """The bench's programme, compiled."""
    return compile_programme([PROGRAMME.read_text("utf-8")], [PROGRAMME.name])


def reward_partition(pseudonym: str) -> int:
    return partition_of(pseudonym.encode(), PARTITIONS)
