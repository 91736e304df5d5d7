"""The whole stack on real servers: one at a time per folder, the same ports again, nothing left of a killed one."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.stack.house import REPOSITORY
from infra.stack.stack import Stack
from infra.stack.supervisor import StackError
from tests.drivers.servers import local_settings, open_folder

PATIENCE_S = 60.0


@asynccontextmanager
async def little_stack(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.drivers.little_stack", str(folder)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = await process.stdout.readline()
        assert line, "the stack ended before it was up"
        yield process, json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def lives(pid: int) -> bool:
    """A zombie that nobody has collected yet is dead."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def gone(pids: list[int]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while any(lives(pid) for pid in pids):  # noqa: ASYNC110  # processes of others send no event
            await asyncio.sleep(0.05)


async def test_a_killed_stack_leaves_nothing_and_starts_again_on_its_ports_with_its_data() -> None:
    async with open_folder() as folder:
        async with little_stack(folder) as (process, first):
            assert list(first["pids"])[2:] == ["first", "second"]
            with pytest.raises(StackError, match=rf"a stack already runs from {folder} \(process {process.pid}\)"):
                async with Stack(local_settings(), folder, print):
                    pass
            connection = await asyncpg.connect(first["database"])
            await connection.execute("create table kept as select 42 as answer")
            await connection.close()
            process.send_signal(signal.SIGKILL)
            await gone([*first["pids"].values()])
        async with little_stack(folder) as (process, second):
            assert {k: second[k] for k in second if k != "pids"} == {k: first[k] for k in first if k != "pids"}
            connection = await asyncpg.connect(second["database"])
            assert await connection.fetchval("select answer from kept") == 42
            await connection.close()
            os.kill(second["pids"]["kafka"], signal.SIGKILL)
            out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
            assert b"kafka (process" in out
            assert b"was ended by SIGKILL; the end of" in out
            await gone([*second["pids"].values()])


async def test_passwords_stand_in_no_argument_and_in_no_readable_file() -> None:
    async with open_folder() as folder, little_stack(folder) as (_, up):
        password = up["database"].split(":")[2].split("@")[0]
        for pid in up["pids"].values():
            assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert (folder / "postgres" / "password").stat().st_mode & 0o077 == 0
