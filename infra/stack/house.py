"""What a house is made of: one database, one topic prefix, one set of our processes.

Owns which processes there are and in which order they start. Does not own the servers under them (stack.py).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.settings import Settings, variables
from infra.stack.probes import http_ok
from infra.stack.supervisor import Child

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Process:
    """One of our processes: `python -m module`, which serves /readyz on its own port."""

    name: str
    module: str


LEDGER = Process("ledger", "services.ledger")
PROJECTIONS = Process("projections", "projections")
INTAKE = Process("intake", "services.intake")


@dataclass(frozen=True)
class House:
    """A house to run on a stack's two servers; several may share them.

    name: "" for the one house of a stack; another name stands before its processes' names ("demo/ledger").
    database: None for the one in DATABASE_URL (a local server: `tallystick`); another is made if it is missing.
    topic_prefix, partitions: None for what the settings say.
    """

    name: str = ""
    database: str | None = None
    topic_prefix: str | None = None
    partitions: int | None = None
    clock: Literal["wall", "facts"] | None = None
    processes: tuple[Process, ...] = (LEDGER, PROJECTIONS, INTAKE)  # inputs last, so stopped first

    def child_name(self, process: Process) -> str:
        return f"{self.name}/{process.name}" if self.name else process.name


def child(house: House, process: Process, settings: Settings) -> Child:
    """The process with its settings as environment; settings.http_port must be its own."""
    return Child(
        name=house.child_name(process),
        argv=(sys.executable, "-m", process.module),
        environment={
            **variables(settings),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
        },
        ready=http_ok(settings.http_host, settings.http_port),
    )
