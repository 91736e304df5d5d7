"""Every case of the conformance pack, folded in this process; every fifth also by a command, as others run it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from events.decode import decode_fact
from events.values import millis
from services.book.retold import retell
from services.workbench.simulate import Simulation, report
from tests.conformance.pack import CASES, ROOT, Case, Fact, Report, check, differences, read
from tests.drivers.accounts import account, account_again

FILES = sorted(CASES.glob("*.yaml"))
SCHEMA = json.loads((Path(__file__).parent / "case.schema.json").read_text())


def folded(programmes: Sequence[str], facts: Sequence[Fact], until: str) -> Report:
    simulation = Simulation(list(programmes), [f"programme {n}" for n in range(len(programmes))])
    for said in facts:
        simulation.add(decode_fact(json.dumps(said).encode()))
    simulation.advance(millis(until))
    return report(simulation)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_case(file: Path) -> None:
    jsonschema.validate(yaml.safe_load(file.read_text()), SCHEMA)
    assert list(check(read(file), folded)) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_case_told_again(file: Path) -> None:
    """Told on from step to step, with time passing between, each step has what it wants; and each member's book, folded
    from its facts alone, is the one that stands after it."""
    case = read(file)
    simulation = Simulation(list(case.programmes), [f"programme {n}" for n in range(len(case.programmes))])
    for step in case.steps:
        for said in step.facts:
            simulation.add(decode_fact(json.dumps(said).encode()))
        simulation.advance(millis(step.until))
        assert list(differences(step.wanted, report(simulation))) == []
        for name, member in simulation.members.items():
            again = retell(member, simulation.plan, simulation.cold_of(name))
            assert account_again(again) == account(simulation, name), name


def test_there_are_cases() -> None:
    assert len(FILES) >= 19


def test_the_runner_with_our_command() -> None:
    """Every fifth file: each step is a process of its own, and all of them would be minutes."""
    some = FILES[::5]
    runner = [sys.executable, "-m", "tests.conformance.pack", "--orders", "0", *map(str, some)]
    done = subprocess.run(runner, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [*(f"ok      {file.stem}" for file in some), f"{len(some)} passed, 0 failed"]


def test_the_runner_says_what_an_adapter_has_otherwise() -> None:
    case = str(CASES / "a-year-from-a-leap-day.yaml")
    empty = """echo '{"members": [], "outcomes": []}'"""
    runner = [sys.executable, "-m", "tests.conformance.pack", "--orders", "0", "--adapter", empty, case]
    done = subprocess.run(runner, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "0 passed, 1 failed")
    assert "        a-year-from-a-leap-day, step 2: ann.available is None, not 10" in done.stdout.splitlines()


def test_a_case_can_fail() -> None:
    case = read(CASES / "earning-in-debt.yaml")

    def generous(programmes: Any, facts: Any, until: str) -> Report:
        found = json.loads(json.dumps(folded(programmes, facts, until)))
        for member in found["members"]:
            member["available"] += 1
            member["lots"] = member["lots"][1:]
        return found

    found = list(check(case, generous))
    assert found[0] == "earning-in-debt, step 1: ann.available is 31, not 30"
    assert found[1] == "earning-in-debt, step 1: ann.lots is [], not [{'of': 'A', 'points': 30}]"


def test_an_order_that_differs_is_named() -> None:
    base = read(CASES / "same-receipt-twice.yaml")

    def forgetful(programmes: Any, facts: Sequence[Fact], until: str) -> Report:
        return folded(programmes, facts if facts[-1]["id"] == "B" else facts[:1], until)

    case = Case(base.name, base.programmes, base.steps, any_order=True)
    assert any("in the order" in line for line in check(case, forgetful))
    assert list(differences({"then": {"nobody": {"available": 1}}}, {"members": [], "outcomes": []}))
