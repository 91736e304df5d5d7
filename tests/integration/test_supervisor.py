"""The supervisor with small processes: order, restarts, logs, deaf children."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from infra.stack.house import REPOSITORY
from infra.stack.ports import Ports
from infra.stack.probes import http_ok
from infra.stack.supervisor import Child, StackError, Supervisor


@pytest_asyncio.fixture
async def said() -> list[str]:
    return []


@pytest_asyncio.fixture
async def supervisor(tmp_path: Path, said: list[str]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "log", said.append)
    yield supervisor
    await supervisor.stop()


def still(tmp_path: Path, name: str, *, vital: bool = False, grace_s: float = 20.0, deaf: bool = False) -> Child:
    port = Ports(tmp_path / f"{name}.json").of(name)
    environment = {
        "PYTHONPATH": str(REPOSITORY),
        "TALLYSTICK_HTTP_PORT": str(port),
        "STILL_ORDER": str(tmp_path / "order"),
        "STILL_NAME": name,
    }
    return Child(
        name=name,
        argv=(sys.executable, "-m", "tests.drivers.still"),
        environment=environment | ({"STILL_DEAF": "1"} if deaf else {}),
        ready=http_ok("127.0.0.1", port),
        vital=vital,
        grace_s=grace_s,
    )


def dying(name: str) -> Child:
    async def never() -> bool:
        return False

    return Child(name=name, argv=(sys.executable, "-c", "import sys; sys.exit('no such programme')"), ready=never)


async def test_children_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        await supervisor.start(still(tmp_path, name))
    await supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["three", "two", "one"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_that_ends_is_started_again(
    supervisor: Supervisor, said: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    await supervisor.start(still(tmp_path, "worker"))
    old = supervisor.pid("worker")
    assert old is not None
    os.kill(old, number)
    new = await supervisor.restarted("worker", old)
    assert new != old
    assert supervisor.pid("worker") == new
    assert any(f"process {old}" in line and "starting it again" in line for line in said), said


async def test_a_server_that_ends_ends_the_run_with_the_tail_of_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(still(tmp_path, "server", vital=True))
    pid = supervisor.pid("server")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    sentence = await asyncio.wait_for(supervisor.death(), 10)
    assert "SIGKILL" in sentence
    assert "standing still" in sentence


async def test_a_child_that_cannot_start_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match=r"(?s)sorry ended with exit code 1.*no such programme"):
        await supervisor.start(dying("sorry"))


async def test_a_child_that_died_of_a_full_disk_could_not_log_it(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: used._replace(free=4096))
    with pytest.raises(StackError, match=r"(?s)no such programme.*the disk of \S+ is full"):
        await supervisor.start(dying("sorry"))


async def test_a_program_that_is_not_there_says_so(supervisor: Supervisor) -> None:
    child = dying("missing")
    with pytest.raises(StackError, match="cannot run /no/such/program"):
        await supervisor.start(Child(name=child.name, argv=("/no/such/program",), ready=child.ready))


async def test_a_deaf_child_is_killed_after_its_grace(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    await supervisor.start(still(tmp_path, "deaf", deaf=True, grace_s=0.5))
    await supervisor.stop()
    assert any("no exit within 0.5 s of SIGTERM, killed" in line for line in said)


async def test_the_log_of_the_run_before_is_kept(supervisor: Supervisor, tmp_path: Path) -> None:
    for _ in range(2):
        await supervisor.start(still(tmp_path, "worker"))
        await supervisor.stop()
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["worker.log", "worker.log.1"]
