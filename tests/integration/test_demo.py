"""The demo as a person runs it, on the whole data: its output, its exactness, its processes killed in the middle.

The expectation comes from tests/oracles, which share no code with the engine (tests/conformance counts it again). Here
the JSON is compared with it, and after the run the tables themselves, against `simulate` over the house's own journal.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from events.decode import decode_fact
from events.topics import JOURNAL
from events.values import instant
from infra.kafka.client import Ranges, TopicPartition
from infra.postgres.pool import open_pool
from infra.settings import Settings
from infra.stack.stack import Stack
from services.book.member import decode
from services.book.pages import lots_of
from services.programme.calendar import NEVER
from services.workbench.demo.run import CLUB, LAST_TICK, PLAIN, PROGRAMMES
from tests.drivers.documents import ROOT, agrees, snippets
from tests.drivers.servers import local_settings, open_folder

DATA = ROOT / "data" / "uci-online-retail"
EXPECTED: dict[str, dict[str, Any]] = json.loads((DATA / "expected-totals.json").read_bytes())
RESTARTS = 5
"""In each house each process is ended so often, and by each signal so often in the two together."""
PROGRESS = "  plain "


class Ran(NamedTuple):
    """A demo that has ended."""

    code: int
    lines: list[str]
    report: dict[str, Any]


async def run(folder: Path, *options: str) -> Ran:
    """`./run demo --once --json`, with its state in the folder."""
    process = await asyncio.create_subprocess_exec(
        *(ROOT / "run", "demo", "--once", "--json", *options),
        env={**os.environ, "TALLYSTICK_STATE_DIR": str(folder)},
        stdin=DEVNULL,
        stdout=PIPE,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()  # its servers die with it
            await process.wait()
    lines = output.decode().splitlines()
    assert process.returncode is not None
    assert lines, "the demo printed nothing"
    assert lines[-1].startswith("{"), "\n".join(lines)
    return Ran(process.returncode, lines, json.loads(lines[-1]))


def assert_exact(ran: Ran) -> None:
    assert ran.report["differences"] == []
    assert ran.report["exact"] is True
    assert ran.code == 0
    for house, totals in EXPECTED.items():
        found = ran.report["houses"][house]
        assert {name: found[name] for name in totals} == totals
        assert found["parked"] == found["projections_differ"] == 0
    plain = ran.report["houses"]["plain"]
    assert (plain["earned"], plain["reversed"], plain["net"]) == (8_902_670, -609_431, 8_293_239)
    assert (plain["lines"], plain["receipts"], plain["members"]) == (541_909, 25_900, 4_372)


async def test_the_demo_is_exact_and_prints_what_the_readme_says() -> None:
    async with open_folder() as folder:
        ran = await run(folder)
    assert_exact(ran)
    (said,) = snippets(ROOT / "README.md", "<!-- executed by tests/integration/test_demo.py -->")
    assert said.command == "./run demo --once"
    printed = [line for line in ran.lines[:-1] if not line.startswith(PROGRESS)]
    assert agrees(said.output, printed), "\n".join(printed)


async def test_processes_end_in_the_middle_and_the_facts_simulate_to_the_same_books() -> None:
    async with open_folder() as folder:
        ran = await run(folder, "--restarts", str(RESTARTS))
        assert_exact(ran)
        ended = Counter[tuple[str, str]]()
        for house in (PLAIN, CLUB):
            for name, times in ran.report["houses"][house.name]["ended"].items():
                process, how = name.removeprefix(f"{house.name}/").split()
                ended[process, how] += times
        for process in CLUB.processes:
            for how in ("SIGTERM", "SIGKILL"):
                assert ended[process.name, how] == RESTARTS, ended
        async with Stack(local_settings(), folder / "demo", lambda _: None) as stack:
            await stack.start()
            for house, options in ((PLAIN, ()), (CLUB, ("--until", LAST_TICK))):
                settings = stack.settings_of(house)
                facts = folder / f"{house.name}.jsonl"
                await write_facts(settings, facts)
                assert await simulated(facts, f"{house.name}.yaml", *options) == await in_the_tables(settings)


async def write_facts(house: Settings, file: Path) -> None:
    """The house's journal as a facts file; repeats and all, without its ticks and programmes."""
    ranges = Ranges(house)
    try:
        with file.open("wb") as out:
            for number in range(house.partitions):
                for record in await ranges.range(TopicPartition(JOURNAL.name, number), 0, 1 << 60, 1 << 60):
                    assert record.value is not None
                    if decode_fact(record.value).type not in ("tick", "programme_published"):
                        out.write(record.value + b"\n")
    finally:
        await ranges.stop()


Book = dict[str, tuple[Any, ...]]
"""Member -> available, pending, held, debt, tier, qualifying spend, lots."""


async def simulated(facts: Path, programme: str, *options: str) -> Book:
    arguments = ("--programme", PROGRAMMES / programme, "--facts", facts, "--json", *options)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.workbench", "simulate", *arguments), cwd=ROOT, stdout=PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return {
        row["member"]: (
            *(row[name] for name in ("available", "pending", "held", "debt", "tier_level", "qualifying_minor")),
            [(lot["expires_at"], lot["earned_at"], lot["slot"], lot["points"]) for lot in row["lots"]],
        )
        for row in json.loads(output)["members"]
    }


async def in_the_tables(house: Settings) -> Book:
    async with await open_pool(house) as pool:
        rows = await pool.fetch(
            "select member, available, pending, held, debt, tier, qualifying_minor, state from member"
        )
        pages = await pool.fetch("select member, kind, key, value from cold where kind = 'lots'")
    cold: dict[str, dict[tuple[str, str], bytes | None]] = {}
    for page in pages:
        cold.setdefault(page["member"], {})[page["kind"], page["key"]] = page["value"]
    book: Book = {}
    for row in rows:
        member = decode(row["member"], row["state"])
        lots = lots_of(member, member.pages, cold.get(member.id, {}))
        book[member.id] = (
            *tuple(row)[1:7],
            [
                (None if expires >= NEVER else instant(expires), instant(earned), slot, points)
                for expires, earned, _, slot, points in lots
            ],
        )
    return book
