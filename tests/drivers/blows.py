"""Blows for a process of a house, one after the other: killed at a failpoint or at any moment, stopped and woken.

A keeper owns one slot of a group: whenever its process dies it starts the next one, as a supervisor would. A pause is
this: the process stands still, somebody takes it for dead and starts another one in its slot, that one takes over, and
then the first one wakes up in the middle of what it was doing.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
from collections.abc import Sequence
from typing import Literal, NamedTuple

from tests.drivers.figures import Figures
from tests.drivers.tills import Tills
from tests.drivers.workers import CLAIMED, REFUSALS, Worker, Workers

ANY_MOMENT = "any moment"
WOKEN = "woken"
CERTAIN = "before-commit"
"""Who sleeps here across a takeover is always refused: the next thing it does is the fenced write."""
FACTS_UNTIL_A_KILL = 600
JITTER_SECONDS = 0.05


class Blow(NamedTuple):
    """What happens to a process, and where: a failpoint, or ANY_MOMENT."""

    what: Literal["kill", "pause"]
    place: str


class Keeper:
    """A slot of a group, and the blows that are due there."""

    def __init__(
        self,
        kind: str,
        instance: str,
        blows: Sequence[Blow],
        workers: Workers,
        tills: Tills,
        figures: Figures,
        seed: int,
    ) -> None:
        self.kind = kind
        self.instance = instance
        self._blows = blows
        self._workers = workers
        self._tills = tills
        self._figures = figures
        self._dice = random.Random(f"{seed}/{kind}/{instance}")

    async def run(self) -> Worker:
        """Every blow, and then a life that goes on."""
        for blow in self._blows:
            if blow.what == "pause":
                await self._pause(blow.place)
            elif blow.place == ANY_MOMENT:
                await self._kill_at_any_moment(await self._start())
            else:
                await self._kill_at(blow.place)
        return await self._start()

    async def _start(self, failpoint: str = "") -> Worker:
        return await self._workers.start(self.kind, self.instance, failpoint)

    async def _kill_at(self, place: str) -> None:
        worker = await self._start(f"{place}:{self._count(place)}")
        assert await worker.ended() == -signal.SIGKILL, worker.tail()
        self._figures.kills[self.kind, place] += 1

    async def _kill_at_any_moment(self, worker: Worker) -> None:
        await self._work(worker)
        await worker.kill()
        self._figures.kills[self.kind, ANY_MOMENT] += 1

    async def _pause(self, place: str) -> None:
        if place == ANY_MOMENT:
            sleeper = await self._start()
            await self._work(sleeper)
            sleeper.freeze()
        else:
            sleeper = await self._start(f"{place}:{self._count(place)}:stop")
            await sleeper.stands_still()
        heir = await self._start()
        await heir.claims()
        self._figures.pauses[self.kind, place] += 1
        slept, refused = len(sleeper.lines), sleeper.refused
        sleeper.wake()
        # it is refused, or finds out by itself that its slot was taken, and claims it again
        refusal = re.escape(REFUSALS[self.kind])
        await sleeper.says(re.compile(refusal if place == CERTAIN else f"{refusal}|{CLAIMED.pattern}"), slept)
        await sleeper.kill()
        self._figures.refused[self.kind] += sleeper.refused - refused
        self._figures.kills[self.kind, WOKEN] += 1
        await self._kill_at_any_moment(heir)

    async def _work(self, worker: Worker) -> None:
        """Until it has claimed, and some facts have been answered meanwhile."""
        await worker.claims()
        await self._tills.moves(self._dice.randrange(FACTS_UNTIL_A_KILL))
        await asyncio.sleep(self._dice.uniform(0, JITTER_SECONDS))  # not always just behind an answer

    def _count(self, place: str) -> int:
        """The how-many-th time at a place: a process claims once, and marks once a second."""
        return 1 if place.endswith("claim") else self._dice.randint(1, 2 if place.endswith("mark") else 4)
