"""`test` and `check`: the tools behind them and the folders they look at.

Owns the levels (folders of tests/) and the order of the checks. Does not own the tools' options: pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from rich.console import Console

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"
OUTSIDE = ("seeded", "bench")  # levels that only run when they are named
BESIDE = ("faults", "property", "topology")  # where everything is run: beside the rest, which takes as long
NOT_LEVELS = ("drivers",)  # what tests are built from

CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("mypy",),
}


def levels() -> list[str]:
    """The folders of tests/ that hold tests."""
    return sorted(
        folder.name for folder in TESTS.iterdir() if folder.name not in NOT_LEVELS and any(folder.rglob("test_*.py"))
    )


def run_tests(level: str | None, arguments: Sequence[str]) -> int:
    """pytest's exit code. level: a folder, a path (tests/core/test_lots.py) or None for all; arguments: more folders,
    then pytest's."""
    if level is None:
        return _everything()
    if level.startswith("-"):
        chosen = [str(TESTS / name) for name in levels() if name not in OUTSIDE]
        arguments = [level, *arguments]
    elif level in levels():
        more = list(takewhile(levels().__contains__, arguments))
        chosen, arguments = [str(TESTS / name) for name in (level, *more)], arguments[len(more) :]
    elif Path(level.partition("::")[0]).exists():
        chosen = [level]
    else:
        print(f"error: no level {level}; there are {', '.join(levels())}", file=sys.stderr)
        return 2
    return _run("pytest", *chosen, *arguments)


def _everything() -> int:
    """In two halves, since tests on servers mostly wait for them; the one beside is told after the other."""
    rest = [str(TESTS / name) for name in levels() if name not in (*OUTSIDE, *BESIDE)]
    with tempfile.TemporaryFile("w+") as told:
        beside = subprocess.Popen(
            _command("pytest", *(str(TESTS / name) for name in BESIDE)), cwd=REPOSITORY, stdout=told, stderr=told
        )
        try:
            code = _run("pytest", *rest)
        finally:
            waited = beside.wait()  # an interrupt reaches both
            told.seek(0)
            print(told.read(), end="")
    return code or waited


def run_checks() -> int:
    """0 if every check passes; all of them run, so that one call shows all there is to mend."""
    console = Console()
    failed = []
    for name, command in CHECKS.items():
        passed = _run(*command) == 0
        console.print(f"{name:<8} {'[green]ok[/]' if passed else '[red]failed[/]'}", highlight=False)
        if not passed:
            failed.append(name)
    if "format" in failed:
        console.print("to mend the format: .venv/bin/python -m ruff format .", highlight=False)
    return 1 if failed else 0


def _run(*command: str) -> int:
    return subprocess.run(_command(*command), cwd=REPOSITORY, check=False).returncode


def _command(*command: str) -> list[str]:
    return [sys.executable, "-m", *command]
