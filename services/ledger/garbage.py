"""When cyclic garbage is looked for: between batches, and never among more than can be looked through in a short pause.

A worker keeps hundreds of thousands of members, each made of a dozen lists and dictionaries that last. Looking through
those that a million members have brought takes seconds, in which no heartbeat goes out. Nearly everything is freed by
itself, so what is set apart unseen holds hardly any garbage; what comes in quiet times is looked through.
"""

from __future__ import annotations

import gc

BATCHES = 64
"""Between two looks."""
LOOKED_THROUGH_MAX = 50_000
"""Objects made and not freed since the last look: about ten milliseconds."""


class Sweep:
    """The garbage collector's turns, while it is off by itself."""

    def __init__(self) -> None:
        self._batches = 0

    def after_batch(self) -> None:
        """Now and then."""
        self._batches += 1
        if self._batches >= BATCHES:
            self.sweep()

    def when_idle(self) -> None:
        """Unless there was no batch since the last time."""
        if self._batches:
            self.sweep()

    def sweep(self) -> None:
        """Collect, where little is new; what is left is set apart, so that it is never looked through again."""
        self._batches = 0
        if gc.get_count()[0] <= LOOKED_THROUGH_MAX:
            gc.collect()
        gc.freeze()
