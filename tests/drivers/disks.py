"""A small disk for a server's data, that is full at a moment of the test's choice and has room again later.

    SmallDisk    a tmpfs that a file fills up; needs root and Linux
    SmallFiles   the server may write no file beyond a size; works for everybody

Both end where a write fails with an error of the system, which is what a server sees of a full disk.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

PIECE = bytes(64 << 10)
BLOCK = 512
"""Bytes of the unit of `ulimit -f`."""


class Disk(Protocol):
    """Where the data of one server lie."""

    folder: Path
    wrapper: Sequence[str]
    """A command that becomes the server."""
    complaint: str
    """What the server writes into its log when a write fails."""

    def fill(self) -> None:
        """From now on writes fail (SmallFiles: they fail by themselves, once a file is large enough)."""

    def make_room(self) -> Sequence[str]:
        """Writes succeed again; gives the wrapper for a server that is started now."""

    def remove(self) -> None: ...


class SmallDisk:
    """A tmpfs of so many megabytes."""

    wrapper: Sequence[str] = ()
    complaint = "No space left on device"

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        options = f"size={megabytes}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)], check=True)
        self._ballast = self.folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as out:
            try:
                while True:
                    out.write(PIECE)
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise

    def make_room(self) -> Sequence[str]:
        self._ballast.unlink()
        return ()

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


class SmallFiles:
    """No file of the server grows beyond so many megabytes."""

    complaint = "File too large"

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.wrapper: Sequence[str] = ("/bin/sh", "-c", f'ulimit -f {(megabytes << 20) // BLOCK}; exec "$@"', "sh")

    def fill(self) -> None:
        pass

    def make_room(self) -> Sequence[str]:
        return ()

    def remove(self) -> None:
        pass


DISKS = [SmallDisk, SmallFiles] if sys.platform == "linux" and os.geteuid() == 0 else [SmallFiles]
"""Those that can be had here."""
