"""A named place in a worker's loop where a test makes the process kill itself, as a power cut would, or stand still.

Owns the one mechanism: TALLYSTICK_FAILPOINT=name:count, read through the settings; name:count:stop for a process that
stands still until it gets SIGCONT. Does not own the names: each worker passes its own (`before-commit`, `after-fetch`
...) around its numbered steps, and tests/drivers/failpoints.py finds them all. Unset, a failpoint costs a comparison.
"""

from __future__ import annotations

import os
import signal


class Failpoint:
    """Ends or stops this process when the named place is reached for the count-th time."""

    def __init__(self, setting: str) -> None:
        """`setting` as the settings have checked it, with a count from 1; empty for no failpoint."""
        name, _, rest = setting.partition(":")
        count, _, how = rest.partition(":")
        self._name = name
        self._left = int(count or 0)
        self._signal = signal.SIGSTOP if how else signal.SIGKILL

    def reach(self, name: str) -> None:
        """The loop has come to the place of that name. Returns, or never, or when somebody wakes the process."""
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._signal)
