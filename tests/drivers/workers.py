"""Our processes, each with the log of its life: started, killed, stopped and woken by a test, one slot of a group each.

Knows how a process is started and the few sentences of its log that say where it is. Does not own who is killed when.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from infra.settings import Settings, child_environment, variables
from infra.stack.supervisor import LAUNCHER

REPOSITORY = Path(__file__).parents[2]
MODULES = {"intake": "services.intake", "ledger": "services.ledger", "projections": "projections"}
PATIENCE_SECONDS = 300.0
SHOWN = 6
CLAIMED = re.compile(r" reads (\S+/\d+.*)")
REFUSALS = {
    "intake": "Fenced: ",
    "ledger": "a batch was fenced",
    "projections": "has another owner now",
}
"""What a process says whose write was refused because another one owns its partitions."""


class Worker:
    """One life of a process."""

    def __init__(self, kind: str, instance: str, process: Process) -> None:
        self.kind = kind
        self.instance = instance
        self.process = process
        self.lines: list[str] = []
        self._news = asyncio.Condition()
        self._silent = False  # it has ended, and its last line is read
        self._reading = asyncio.create_task(self._read())

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.instance}"

    async def says(self, what: str | re.Pattern[str], after: int = 0) -> str:
        """Wait for a line of its log with this in it, from line `after` on. Fails when the process ends before."""
        pattern = re.compile(re.escape(what)) if isinstance(what, str) else what
        found: list[str] = []

        def told() -> bool:
            found[:] = [line for line in self.lines[after:] if pattern.search(line)]
            return bool(found) or self._silent

        await self._until(told, f"says {pattern.pattern!r}")
        assert found, f"{self.name} ended and never said {pattern.pattern!r}:\n{self.tail()}"
        return found[0]

    async def claims(self, at_least: frozenset[str] = frozenset(), after: int = 0) -> frozenset[str]:
        """Wait until it claims partitions (journal.v1/0 ...), these among them; gives them all."""
        claimed: list[frozenset[str]] = []

        def told() -> bool:
            found = [match[1] for line in self.lines[after:] if (match := CLAIMED.search(line))]
            claimed[:] = [named for one in found if at_least <= (named := frozenset(one.split(", ")))]
            return bool(claimed) or self._silent

        await self._until(told, f"claims {', '.join(at_least) or 'partitions'}")
        assert claimed, f"{self.name} ended and never claimed {', '.join(at_least)}:\n{self.tail()}"
        return claimed[0]

    @property
    def refused(self) -> int:
        """How often a write of it was refused."""
        return sum(REFUSALS[self.kind] in line for line in self.lines)

    def tail(self) -> str:
        return "\n".join(self.lines[-30:])

    # ------------------------------------------------------------ what is done to it

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        await self._until(lambda: self._silent, "ends")
        return await self.process.wait()

    async def kill(self) -> None:
        """kill -9, and wait until it is dead."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def stop(self) -> int:
        """Ask it politely; the exit code."""
        self.process.terminate()
        return await self.ended()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def stands_still(self) -> None:
        """Wait until it has stopped itself at a failpoint."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not _is_stopped(self.process.pid):  # nobody tells us of a child that stops
            assert self.process.returncode is None, f"{self.name} ended:\n{self.tail()}"
            assert asyncio.get_running_loop().time() < deadline, f"{self.name} does not stop:\n{self.tail()}"
            await asyncio.sleep(0.02)

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_SECONDS:g} s: {self.name} {what}\n{self.tail()}") from None

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._news:
                self.lines.append(line.decode(errors="replace").rstrip())
                self._news.notify_all()
        async with self._news:
            self._silent = True
            self._news.notify_all()


class Workers:
    """Every process that a test has started in a house; none is left when the block ends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lives: list[Worker] = []

    async def start(self, kind: str, instance: str = "0", failpoint: str = "", **more: object) -> Worker:
        """A process of that kind in that slot of its group. `more`: settings by field."""
        ours = self.settings.model_copy(update={"instance": instance, "failpoint": failpoint, **more})
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-I",
                "-S",
                str(LAUNCHER),
                str(int(signal.SIGKILL)),
                str(os.getpid()),
                "-",
            ),  # ends with us
            *(sys.executable, "-m", MODULES[kind]),
            env={**child_environment(), **variables(ours), "PYTHONPATH": str(REPOSITORY)},
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            cwd="/",
            limit=1 << 20,
        )
        worker = Worker(kind, instance, process)
        self.lives.append(worker)
        return worker

    def living(self) -> list[Worker]:
        return [worker for worker in self.lives if worker.process.returncode is None]


@asynccontextmanager
async def workers_of(settings: Settings) -> AsyncIterator[Workers]:
    """No process yet; all that were started are killed in the end. After a failure the last lines of each are shown."""
    workers = Workers(settings)
    try:
        yield workers
    except BaseException:
        for worker in workers.lives[-SHOWN:]:
            print(f"{worker.name} (exit code {worker.process.returncode}):", worker.tail(), sep="\n")
        raise
    finally:
        for worker in workers.living():
            await worker.kill()


def _is_stopped(pid: int) -> bool:
    """Whether a process stands still after SIGSTOP."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            return stat.read_text().rpartition(")")[2].split()[0] == "T"
        return False
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip().startswith("T")
