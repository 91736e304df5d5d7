"""A named place in a worker's loop where a test makes the process kill itself, as a power cut would.

Owns the one mechanism: TALLYSTICK_FAILPOINT=name:count, read through the settings. Does not own the names: each worker
passes its own (`claimed`, `produced` ...) between two of its numbered steps. Unset, a failpoint costs a comparison.
"""

from __future__ import annotations

import os
import signal


class Failpoint:
    """Kills this process with SIGKILL when the named place is reached for the count-th time."""

    def __init__(self, setting: str) -> None:
        """`setting` is `name:count` with a count from 1, as the settings have checked it; empty for no failpoint."""
        name, _, count = setting.partition(":")
        self._name = name
        self._left = int(count or 0)

    def reach(self, name: str) -> None:
        """The loop has come to the place of that name. Returns, or never."""
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
