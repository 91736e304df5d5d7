"""docs/mechanics.md is true: its commands print what it says, its files are what it shows, its table leads to tests."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from events.decode import encode_fact
from services.programme.mechanics import MECHANICS
from services.programme.pricing.discounts import KINDS
from services.workbench.cli import app
from tests.drivers.documents import ROOT, Snippet, agrees, snippets
from tests.drivers.facts import told
from tests.drivers.rows import PAGE, Row, rows

TEXT = PAGE.read_text()
EXAMPLES = ROOT / "docs" / "examples" / "mechanics"
SECTION = re.compile(r"^### `(\w+)`\n.*?```yaml\n(.*?)```\n\n```\n(.*?)```", re.MULTILINE | re.DOTALL)
SECTIONS = {name: (rules, story.splitlines()) for name, rules, story in SECTION.findall(TEXT)}


@pytest.mark.parametrize("snippet", snippets(PAGE, "<!-- run inside -->"), ids=lambda snippet: snippet.place)
def test_a_command_prints_what_the_page_says(snippet: Snippet, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: twenty commands would each begin with a second of imports."""
    monkeypatch.chdir(ROOT)
    run, *words = shlex.split(snippet.command)
    assert run == "./run"
    done = CliRunner().invoke(app, words)
    assert agrees(snippet.output, done.output.splitlines()), f"{snippet.place} prints:\n{done.output}"


@pytest.mark.parametrize("name", sorted({*MECHANICS, *KINDS}))
def test_every_mechanic_and_every_discount_has_a_section(name: str) -> None:
    assert name in SECTIONS, f"docs/mechanics.md: a section for {name}, with rules, story and result"


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_section_shows_its_files(name: str) -> None:
    rules, story = SECTIONS[name]
    assert (EXAMPLES / f"{name}.yaml").read_text().endswith(rules)
    facts = []
    for line in story:
        member, _, rest = line.rpartition(": ")
        if not rest.startswith("basket "):
            facts.append(encode_fact(told(rest, member or "ann")).decode())
    assert (EXAMPLES / f"{name}.jsonl").read_text().splitlines() == facts


@cache
def functions_of(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row_leads_to_a_test_that_has_its_number(row: Row) -> None:
    file, _, name = row.test.partition("::")
    path = ROOT / "tests" / "mission" / file
    assert name in functions_of(path), f"{file} has no {name}"
    said = " ".join(path.read_text().split())
    assert row.number in said, f"{file} does not say {row.number}"


def test_the_rows_that_rules_prices_and_rights_are_for_are_there() -> None:
    numbers = [*range(1, 15), *range(16, 25), *range(29, 33)]
    assert [row.name for row in rows()] == [f"M{number:02d}" for number in numbers]
