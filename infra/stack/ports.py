"""Which port each process of a local stack listens on: the same from run to run while it stays free.

Owns the file of remembered ports. Does not own the listening: between the choice and the child's own bind another
program may take a port, and then that child says so in its log.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


class Ports:
    """Ports by name, remembered in one JSON file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._remembered: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        self._given: dict[str, int] = {}

    def remembered(self, name: str) -> int | None:
        """The port of that name in the last run, or in the one that still runs; None: there was none."""
        return self._remembered.get(name)

    def of(self, name: str) -> int:
        """The port of that name; a fresh one if it has none yet or if another program has taken it."""
        if name not in self._given:
            port = self._remembered.get(name, 0)
            taken = set(self._given.values())
            while not port or port in taken or not _is_free(port):
                port = _free_port()
            self._given[name] = self._remembered[name] = port
            part = self._file.with_suffix(".part")
            part.write_text(json.dumps(self._remembered, indent=2, sort_keys=True))
            part.replace(self._file)
        return self._given[name]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port of a program that just ended is free
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
