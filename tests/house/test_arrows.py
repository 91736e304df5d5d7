"""The architecture, kept: which room may import which, what only one place may use. Prints file:line and a remedy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.topics import TOPICS

ROOT = Path(__file__).parents[2]
ROOMS = ("events", "services", "projections", "infra")

MAY_IMPORT = {
    "events": ("events",),
    "services/programme": ("events", "services.programme"),
    "services/book": ("events", "services.programme", "services.book"),
    "services/intake/core": ("events", "services.intake.core"),
    "services/intake": ("events", "services.intake", "infra"),
    "services/ledger": ("events", "services.programme", "services.book", "services.ledger", "infra"),
    "services/workbench": ("events", "services", "projections", "infra"),
    "projections": ("events", "projections", "infra"),
    "infra": ("events", "infra"),
}
"""Room -> what of ours it may import; the longest matching room counts. Arrows point inward."""

ONLY_IN = {
    "aiokafka": ("infra/kafka", "infra/stack"),
    "asyncpg": ("infra/postgres",),
    "prometheus_client": ("infra/metrics.py", "infra/health.py"),
    "faust": ("projections/app.py",),
    "mode": ("projections/app.py",),
    "typer": ("services/workbench",),
}
"""A library -> the only places that may know it."""

PURE = ("events", "services/programme", "services/book", "services/intake/core", "projections/balance/fold.py",
        "projections/tier/fold.py")  # fmt: skip
IMPURE_MODULES = {"os", "time", "random", "secrets", "socket", "asyncio", "logging", "subprocess", "uuid"}
CLOCK_CALLS = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time|time\.monotonic|perf_counter)\(")
VAGUE = re.compile(r"(?i)(manager|helper|utils?|common|base)\.py$")


def files(*rooms: str) -> Iterator[tuple[str, ast.Module, str]]:
    """(path, tree, text) of every Python file below the rooms."""
    for room in rooms:
        place = ROOT / room
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            text = path.read_text()
            yield str(path.relative_to(ROOT)), ast.parse(text), text


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def within(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)


def below(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def room_of(path: str) -> str:
    return max((room for room in MAY_IMPORT if path.startswith(room + "/")), key=len, default="")


def complain(faults: list[str]) -> None:
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


def test_arrows_point_inward() -> None:
    complain(
        [
            f"{path}:{line}: {room_of(path) or 'this place'} may not import {module}; "
            f"move the code inward, or pass what it needs as an argument"
            for path, tree, _ in files(*ROOMS)
            for line, module in imports(tree)
            if below(module, ROOMS) and not below(module, MAY_IMPORT.get(room_of(path), ()))
        ]
    )


def test_oracles_share_no_code_with_what_they_count() -> None:
    complain(
        [
            f"{path}:{line}: an oracle may not import {module}; write down again what it needs"
            for path, tree, _ in files("tests/oracles")
            for line, module in imports(tree)
            if below(module, (*ROOMS, "tests")) and not below(module, ("tests.oracles",))
        ]
    )


def test_each_library_is_known_in_one_place() -> None:
    complain(
        [
            f"{path}:{line}: {module} belongs in {' or '.join(ONLY_IN[module.split('.')[0]])}; call what is there"
            for path, tree, _ in files(*ROOMS)
            for line, module in imports(tree)
            if (places := ONLY_IN.get(module.split(".")[0])) and not within(path, places)
        ]
    )


def test_pure_rooms_know_no_world() -> None:
    complain(
        [
            f"{path}:{line}: a pure room may not import {module}; take the value as an argument"
            for path, tree, _ in files(*PURE)
            for line, module in imports(tree)
            if module.split(".")[0] in IMPURE_MODULES
        ]
    )


def test_one_place_reads_the_environment_and_one_the_clock() -> None:
    faults = []
    for path, _, text in files(*ROOMS):
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r"\bos\.(environ|getenv)\b", line) and path != "infra/settings.py":
                faults.append(f"{path}:{number}: the environment is read in infra/settings.py; add a setting there")
            if CLOCK_CALLS.search(line) and path != "infra/clock.py":
                faults.append(f"{path}:{number}: the clock is read in infra/clock.py; call it there")
    complain(faults)


def test_topics_are_named_in_one_list() -> None:
    names = re.compile("|".join(re.escape(topic.name) for topic in TOPICS))
    complain(
        [
            f'{path}:{node.lineno}: "{node.value}" is spelled here; use events.topics'
            for path, tree, _ in files(*ROOMS)
            if path != "events/topics.py"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and names.fullmatch(node.value)
        ]
    )


def test_no_float_where_points_are_counted() -> None:
    complain(
        [
            f"{path}:{node.lineno}: points and money are integers; state the rounding in events/values.py"
            for path, tree, _ in files("services/programme", "services/book", "events")
            for node in ast.walk(tree)
            if (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "pathlib" not in path)
            or (isinstance(node, ast.Name) and node.id in ("float", "Decimal"))
        ]
    )


KEEPS_GOING = ("infra/runner/runner.py", "infra/answering.py")
"""A read model that fails is marked stale, retried and shown on /readyz: it must not stop its neighbours (its head says
how). So is whatever a server answers to the one question whether it does. Nothing that counts points may do so."""


def test_nobody_swallows_every_exception() -> None:
    faults = []
    for path, tree, _ in files(*ROOMS):
        if path in KEEPS_GOING:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and not any(isinstance(n, ast.Raise) for n in ast.walk(node)):
                names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"Exception"}
                if names & {"Exception", "BaseException"}:
                    faults.append(f"{path}:{node.lineno}: which of the four ends is this? Catch what you can name")
    complain(faults)


def test_files_are_named_for_one_idea_and_say_so() -> None:
    faults = [f"{path}: name the file for its one idea" for path, _, _ in files(*ROOMS) if VAGUE.search(path)]
    faults += [
        f"{path}:1: the module's head is missing: what it owns and what it does not"
        for path, tree, text in files(*ROOMS)
        if text.strip() and not ast.get_docstring(tree)
    ]
    complain(faults)
