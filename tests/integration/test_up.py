"""`./run up`: everything up with its addresses, other commands find it, Ctrl-C ends it whole."""

import asyncio
import os
import signal
import sys
import urllib.request
from pathlib import Path

from infra.stack.house import REPOSITORY, House
from tests.drivers.servers import open_folder

PATIENCE_S = 90.0


async def workbench(state: Path, *arguments: str) -> asyncio.subprocess.Process:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.workbench", *arguments),
        cwd=REPOSITORY,
        env={**environment, "PYTHONPATH": str(REPOSITORY), "TALLYSTICK_STATE_DIR": str(state)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def said(process: asyncio.subprocess.Process, last: str) -> str:
    """What the process prints until a line holds `last`."""
    assert process.stdout is not None
    text = ""
    async with asyncio.timeout(PATIENCE_S):
        while last not in text:
            line = await process.stdout.readline()
            assert line, f"it ended before it said {last!r}:\n{text}"
            text += line.decode()
    return text


def page(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return bytes(answer.read())


async def test_up_prints_its_addresses_answers_and_ends_with_ctrl_c() -> None:
    async with open_folder() as state:
        up = await workbench(state, "up")
        try:
            text = await said(up, "Ctrl-C stops it.")
            password = (state / "up" / "postgres" / "password").read_text()
            assert password not in text
            addresses = {line.split()[0]: line.split()[1] for line in text.splitlines() if line.endswith("/metrics")}
            assert set(addresses) == {process.name for process in House().processes}
            for address in addresses.values():
                assert b"tallystick_" in await asyncio.to_thread(page, address)
            topics = await workbench(state, "topics", "--check")
            out, _ = await topics.communicate()
            assert topics.returncode == 0, out.decode()
            second = await workbench(state, "up")
            out, _ = await second.communicate()
            assert second.returncode == 1
            assert f"a stack already runs from {state / 'up'} (process {up.pid})" in out.decode()
            up.send_signal(signal.SIGINT)
            out, _ = await asyncio.wait_for(up.communicate(), PATIENCE_S)
            assert up.returncode == 0, out.decode()
            assert "killed" not in out.decode(), "a process did not stop when asked"
        finally:
            if up.returncode is None:
                up.kill()
                await up.communicate()
