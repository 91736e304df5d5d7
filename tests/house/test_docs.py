"""The documents are true: commands print what they say, the walkthrough follows the code, links lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from typer.main import get_command

from services.workbench.cli import app
from tests.drivers.documents import ROOT, Snippet, agrees, snippets

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/**/*.md")])
WALKTHROUGH = ROOT / "docs" / "walkthrough.md"
STEP = re.compile(r"^( *)\d+\. .*?`([\w/]+\.py):([\w.]+)`")
NAMED = re.compile(r"`([\w/]+\.py):([\w.]+)`")
LINK = re.compile(r"\[[^\]]+\]\(([^)#:]+)(?:#[^)]*)?\)")
PATIENCE_S = 60

COMMANDS = [snippet for document in DOCUMENTS for snippet in snippets(document)]


@pytest.mark.parametrize("snippet", COMMANDS, ids=lambda snippet: snippet.place)
def test_a_command_prints_what_its_document_says(snippet: Snippet) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", snippet.command],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "TERM": "dumb"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    assert agrees(snippet.output, done.stdout.splitlines()), f"{snippet.place} prints:\n{done.stdout}"


@pytest.mark.parametrize(
    ("said", "printed", "true"),
    [
        ("a b", "a b", True),
        ("a", "a b", False),
        ("a ... c", "a b b c", True),
        ("a ...", "a", True),
        ("... b ... d", "a b c d", True),
        ("... d ... b", "a b c d", False),
        ("a ... a", "a", False),
    ],
)
def test_three_dots_stand_for_any_lines(said: str, printed: str, true: bool) -> None:
    assert agrees(said.split(), printed.split()) is true


def test_the_readme_has_commands_that_are_run() -> None:
    assert any(snippet.place.startswith("README.md") for snippet in COMMANDS)


def test_every_link_of_a_document_leads_to_a_file() -> None:
    lost = [
        f"{document.relative_to(ROOT)}: {target} is not there"
        for document in DOCUMENTS
        for target in LINK.findall(document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not lost, "\n".join(lost)


# --- the walkthrough


class Step(NamedTuple):
    """An item of the walkthrough's numbered lists."""

    place: str
    depth: int
    path: str
    function: str


def steps() -> Iterator[Step]:
    for number, line in enumerate(WALKTHROUGH.read_text().splitlines(), 1):
        if found := STEP.match(line):
            indent, path, function = found.groups()
            yield Step(f"docs/walkthrough.md:{number}", len(indent), path, function)


@cache
def functions(path: str) -> dict[str, ast.AST]:
    """Every function, method and class of a file, by its dotted name; nested functions too."""
    found: dict[str, ast.AST] = {}

    def collect(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[prefix + child.name] = child
                collect(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.Assign | ast.AnnAssign):
                targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                found.update({prefix + target.id: child for target in targets if isinstance(target, ast.Name)})

    collect(ast.parse((ROOT / path).read_text()), "")
    return found


def mentions(function: ast.AST, name: str) -> list[tuple[int, int]]:
    """Where a function mentions a name (of a function, a method, or a class that it makes), in order of the text."""
    return sorted(
        (node.lineno, node.col_offset)
        for node in ast.walk(function)
        if (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)
    )


def test_every_function_that_the_walkthrough_names_exists() -> None:
    lost = [
        f"docs/walkthrough.md:{number}: {path} has no {function}"
        for number, line in enumerate(WALKTHROUGH.read_text().splitlines(), 1)
        for path, function in NAMED.findall(line)
        if not (ROOT / path).exists() or function not in functions(path)
    ]
    assert not lost, "\n".join(lost)


def test_the_walkthrough_is_in_the_order_of_the_calls() -> None:
    """An indented step is mentioned by the function that it is indented under, and after the step before it."""
    wrong: list[str] = []
    above: list[tuple[Step, tuple[int, int]]] = []
    count = 0
    for step in steps():
        count += 1
        while above and above[-1][0].depth >= step.depth:
            above.pop()
        if above:
            caller, last = above[-1]
            name = step.function.rpartition(".")[2]
            if name == "__init__":
                name = step.function.split(".")[-2]
            places = mentions(functions(caller.path)[caller.function], name)
            after = next((place for place in places if place >= last), None)
            if after is None:
                why = "earlier than the step before it" if places else "nowhere"
                wrong.append(f"{step.place}: {caller.path}:{caller.function} mentions {name} {why}")
            else:
                above[-1] = caller, after
        above.append((step, (0, 0)))
    assert count > 20, "the walkthrough has lost its steps"
    assert not wrong, "\n".join(wrong)


# --- the commands


def commands_named() -> Iterator[tuple[str, list[str]]]:
    """(place, words) of every line of a fenced block that begins with ./run; what stands behind two blanks is prose."""
    for document in DOCUMENTS:
        fenced = False
        for number, line in enumerate(document.read_text().splitlines(), 1):
            if line.startswith("```"):
                fenced = not fenced
            elif fenced and (found := re.match(r"(?:\$ )?\./run +(.*)", line)):
                yield f"{document.relative_to(ROOT)}:{number}", re.split(r" {2,}", found[1])[0].split()


def fault_of(words: list[str]) -> str:
    """What of a command line is not there; empty: it exists."""
    command: Any = get_command(app)
    for word in words:
        options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        if word.startswith("--") and word not in options:
            return f"no option {word}"
        if not word.startswith("-") and hasattr(command, "commands"):
            command = command.commands.get(word)
            if command is None:
                return f"no command {word}"
            if command.context_settings.get("ignore_unknown_options"):
                return ""  # what follows goes to pytest
    return ""


def test_every_command_in_a_document_exists() -> None:
    named = list(commands_named())
    assert len(named) > 10
    lost = [f"{place}: ./run {' '.join(words)}: {fault}" for place, words in named if (fault := fault_of(words))]
    assert not lost, "\n".join(lost)


def test_a_command_that_is_not_there_is_noticed() -> None:
    assert fault_of(["bench", "ledger", "--events", "5"]) == ""
    assert fault_of(["bench", "leger"]) == "no command leger"
    assert fault_of(["demo", "--onse"]) == "no option --onse"
