"""Runs child processes: starts each one and waits until it is ready, keeps it running, stops all in reverse order.

Owns the children, their logs, the restarts and the end. Does not know what the children are (house.py, stack.py).
A vital child (a server) that dies ends the run; any other is started again after a pause, because our processes
are made to be killed. On Linux nothing outlives the supervisor, even one killed with -9 (launch.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.settings import child_environment
from infra.stack.probes import Probe

FIRST_PAUSE_S = 0.2  # before a restart; doubled each time a child dies young
LONGEST_PAUSE_S = 10.0
STEADY_S = 30.0  # a child that ran this long starts again with the first pause
PROBE_EVERY_S = 0.05
TAIL_LINES = 15
FULL_BYTES = 1 << 20
LAUNCHER = Path(__file__).with_name("launch.py")

Say = Callable[[str], None]


class StackError(Exception):
    """The stack cannot start or cannot go on; the message says why, with the end of a log where there is one."""


@dataclass(frozen=True)
class Child:
    """One process to run: what, as whom, when it counts as ready, how it is asked to stop."""

    name: str
    argv: Sequence[str]
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict)  # added to ours
    account: tuple[int, int] | None = None  # user and group id; None: ours
    vital: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL  # what it gets when the supervisor is killed
    ready_within_s: float = 60.0
    grace_s: float = 30.0  # from the stop signal to SIGKILL


@dataclass
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    log: Path
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """Children in the order in which they were started. Use it from one event loop, on the main thread."""

    def __init__(self, logs: Path, say: Say, *, inherited: int | None = None) -> None:
        """logs: a folder for one log file per child. inherited: a file descriptor that every child keeps open."""
        self._logs = logs
        self._say = say
        self._inherited = () if inherited is None else (inherited,)
        self._running: dict[str, _Running] = {}
        self._death: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self, child: Child) -> None:
        """Start a child and wait until it is ready. Raises StackError with the end of its log."""
        began = _now()
        log = self._logs / f"{child.name.replace('/', '-')}.log"
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
            running = _Running(child, await self._spawn(child, log), log)
        except OSError as wrong:
            raise StackError(f"cannot start {child.name} with its log in {log}: {wrong.strerror}") from wrong
        self._running[child.name] = running
        await self._until_ready(running)
        running.keeper = asyncio.create_task(self._keep(running), name=f"keep {child.name}")
        running.keeper.add_done_callback(self._keeper_ended)
        self._say(f"  {child.name:<16} ready in {_now() - began:5.2f} s   log: {log}")

    def pid(self, name: str) -> int | None:
        """The process id of a child; None while it is between two lives."""
        process = self._running[name].process
        return process.pid if process.returncode is None else None

    def names(self) -> list[str]:
        """The children in the order of their start."""
        return list(self._running)

    async def restarted(self, name: str, old_pid: int, within_s: float = 60.0) -> int:
        """Wait until the child that was `old_pid` runs and is ready under another id, and give that one."""
        running = self._running[name]
        async with asyncio.timeout(within_s):
            while running.process.pid == old_pid:  # noqa: ASYNC110  # three steps make one event of it
                await asyncio.sleep(PROBE_EVERY_S)
            await running.is_ready.wait()
        return running.process.pid

    async def death(self) -> str:
        """Wait until a vital child has died, and say so with the end of its log."""
        return await asyncio.shield(self._death)

    async def stop(self, names: Sequence[str] | None = None) -> None:
        """Stop the named children (None: all), the youngest first, each by its own signal.

        Cancelled meanwhile (a second Ctrl-C), it kills what is left and goes on being cancelled.
        """
        chosen = [r for name, r in self._running.items() if names is None or name in names]
        for running in chosen:
            if running.keeper:
                running.keeper.cancel()
        try:
            for running in reversed(chosen):
                await self._stop(running)
        except asyncio.CancelledError:
            for running in chosen:
                _signal(running.process, signal.SIGKILL)
            raise
        for running in chosen:
            del self._running[running.child.name]

    async def _stop(self, running: _Running) -> None:
        child, process = running.child, running.process
        if process.returncode is None:
            _signal(process, child.stop_signal)
            try:
                async with asyncio.timeout(child.grace_s):
                    await process.wait()
            except TimeoutError:
                self._say(f"  {child.name}: no exit within {child.grace_s:g} s of {child.stop_signal.name}, killed")
                _signal(process, signal.SIGKILL)
                await process.wait()

    async def _spawn(self, child: Child, log: Path) -> asyncio.subprocess.Process:
        account = "-" if child.account is None else f"{child.account[0]}:{child.account[1]}"
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(LAUNCHER)),
                *(str(int(child.orphan_signal)), str(os.getpid()), account, *child.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**child_environment(), **child.environment},
                cwd="/",
                pass_fds=self._inherited,
                start_new_session=True,  # so that Ctrl-C reaches us alone, and we stop them in order
            )

    async def _until_ready(self, running: _Running) -> None:
        child, process = running.child, running.process
        end = _now() + child.ready_within_s
        while not await child.ready():
            if process.returncode is not None:
                raise StackError(
                    f"{child.name} {_ending(process.returncode)} before it was ready\n{_tail(running.log)}"
                )
            if _now() > end:
                raise StackError(f"{child.name} is not ready after {child.ready_within_s:g} s\n{_tail(running.log)}")
            await asyncio.sleep(PROBE_EVERY_S)
        running.is_ready.set()

    async def _keep(self, running: _Running) -> None:
        child, pause = running.child, FIRST_PAUSE_S
        while True:
            began = _now()
            code = await running.process.wait()
            running.is_ready.clear()
            what = f"{child.name} (process {running.process.pid}) {_ending(code)}"
            if child.vital:
                if not self._death.done():
                    self._death.set_result(f"{what}; the end of {running.log}:\n{_tail(running.log)}")
                return
            if _now() - began > STEADY_S:
                pause = FIRST_PAUSE_S
            self._say(f"  {what}; starting it again in {pause:g} s   log: {running.log}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            running.process = await self._spawn(child, running.log)
            try:
                await self._until_ready(running)
            except StackError as wrong:
                self._say(f"  {wrong}")
                _signal(running.process, signal.SIGKILL)
            else:
                self._say(f"  {child.name:<16} ready again, process {running.process.pid}")

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and (wrong := keeper.exception()) and not self._death.done():
            self._death.set_result(f"could not {keeper.get_name()}: {wrong!r}")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def _ending(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:] or ["(its log is empty)"]
    if shutil.disk_usage(log.parent).free < FULL_BYTES:  # what it died of could not be logged
        lines.append(f"(the disk of {log.parent} is full)")
    return "\n".join(f"    {line}" for line in lines)
