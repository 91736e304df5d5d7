"""The bench on real servers, tiny: each round is exact, and a ledger that counts otherwise is found out.

The rounds run on the session's servers, where nothing is pinned; one command runs whole.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bench import redeem
from tests.bench.backlog import Backlog, ledger_round
from tests.bench.contest import RIVALS, rival_round
from tests.bench.house import round_on
from tests.bench.intake import IntakeBacklog, intake_round
from tests.bench.workload import GROCER, Mix
from tests.drivers.documents import ROOT
from tests.drivers.servers import Servers, open_folder

FACTS = 1_000
OURS = ("floor", "rows", "naive", "faust")


@pytest.fixture(scope="module")
def backlog() -> Backlog:
    return Backlog(Mix(members=100), FACTS)


@pytest_asyncio.fixture
async def folder() -> AsyncIterator[Path]:
    async with open_folder() as folder:
        yield folder


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def started(servers: Servers) -> None:
    await servers.kafka()
    await servers.postgres()


def test_a_command_runs_whole_and_ends_with_a_line_of_json() -> None:
    command = ["./run", "bench", "ledger", "--events", "1000", "--rounds", "1", "--members", "300", "--earlier", "1200"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["exact"] is True
    assert set(result["beside"]) == {"floor", "members", "earlier"}
    assert result["machine"]["cores"]
    assert all(one["at_pace_1"] == round(one["events_per_s"] * one["pace"]) for one in result["rounds"]["floor"])


async def test_a_round_of_the_ledger_is_exact_and_watched(servers: Servers, folder: Path, backlog: Backlog) -> None:
    file = folder / "watched.json"
    figures = await ledger_round(servers.stack, folder, backlog, file)
    assert figures["differences"] == []
    assert set(figures["cpu_us"]) == {"worker", "postgres", "broker", "generator"}
    assert set(json.loads(file.read_text())) == {"samples", "pauses"}


async def test_a_round_with_a_grocers_programme_is_exact(servers: Servers, folder: Path) -> None:
    """Late purchases, vouchers, and what goes to a cause by messages through the journal."""
    backlog = Backlog(replace(GROCER, members=25), FACTS, "grocery")
    assert backlog.counted.messages
    assert (await ledger_round(servers.stack, folder, backlog))["differences"] == []


async def test_a_ledger_that_counts_otherwise_is_not_exact(
    servers: Servers, folder: Path, backlog: Backlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, broken = "[100, 125, 150]", "[101, 125, 150]"
    text = backlog.programme.read_text()
    assert rule in text
    wrong = folder / "programme.yaml"
    wrong.write_text(text.replace(rule, broken))
    monkeypatch.setattr(backlog, "programme", wrong)
    figures = await ledger_round(servers.stack, folder, backlog)
    assert any(line.startswith("member ") for line in figures["differences"])


@pytest.mark.parametrize("name", OURS)
async def test_each_rival_of_ours_does_the_same_job(
    servers: Servers, folder: Path, backlog: Backlog, name: str
) -> None:
    rival = next(rival for rival in RIVALS if rival.name == name)
    sizes = {"entries_a_fact": 1.1, "rewards_a_fact": 0.2, "lot": 68.0, "why": 11.0, "outcome": 40.0}
    sample = folder / "sample.json"
    sample.write_text(json.dumps({**sizes, "postings": 47.0, "reward": 180.0, "hot_row_bytes": 500.0}))
    figures = await rival_round(servers.stack, folder, rival, backlog, sample)
    assert figures["differences"] == []


def test_a_rival_that_is_not_on_the_list_is_refused_with_those_that_are() -> None:
    done = subprocess.run(["./run", "bench", "rivals", "nayve"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no rival nayve; there are floor, " in done.stderr


async def test_a_round_of_intake_is_exact(servers: Servers, folder: Path, backlog: Backlog) -> None:
    assert (await intake_round(servers.stack, folder, IntakeBacklog(backlog)))["differences"] == []


@pytest.mark.parametrize("name", redeem.WAYS)
async def test_redemptions_are_answered_and_exact(
    servers: Servers, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(redeem, "LEAD_S", 0.0)  # so that some count, however slow the machine is
    async with round_on(servers.stack, folder) as fresh:
        result = await redeem.asked(fresh, 1, 200, redeem.WAYS[name])
    assert result["differences"] == []
    assert result["requests"] > 0
