"""Bugs on purpose: each patch of this folder breaks one guarantee, and the test that it names must turn red.

A patch begins with what the bug is (`Bug: ...`) and which test must fail (`Red: tests/...::test_...`). The tree is
copied, the patch applied, the named test run there. All named tests are run in an untouched copy first, so that red
means the bug. Not part of `./run test`; run it with `./run test seeded`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
PATIENCE_S = 600


def headed(patch: Path, name: str) -> str:
    """A line of a patch's head."""
    for line in patch.read_text().splitlines():
        if line.startswith(f"{name}: "):
            return line.removeprefix(f"{name}: ")
    raise AssertionError(f"{patch.name} has no line '{name}: ...'")


def run(tree: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    # no cache and no bytecode: a patched file may be as old as the one before it
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=tree, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A copy of what git knows, and of what is new and not ignored."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    for name in names:
        if name and (ROOT / name).is_file() and not name.endswith(".csv.gz"):
            there = tmp_path / "tree" / name
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, there)
    yield tmp_path / "tree"
    shutil.rmtree(tmp_path / "tree")


def test_there_are_enough_and_each_says_what_it_is() -> None:
    assert len(PATCHES) >= 25
    for patch in PATCHES:
        assert headed(patch, "Bug")
        assert (ROOT / headed(patch, "Red").partition("::")[0]).exists(), f"{patch.name} names no test that exists"


def test_without_the_bugs_the_named_tests_are_green(tree: Path) -> None:
    done = run(tree, *sorted({headed(patch, "Red") for patch in PATCHES}))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_bug_turns_its_test_red(patch: Path, tree: Path) -> None:
    applied = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-C1", str(patch)],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, f"{patch.name} no longer fits the code: make it again\n{applied.stderr}"
    done = run(tree, headed(patch, "Red"))
    assert done.returncode == 1, f"{headed(patch, 'Bug')}: {headed(patch, 'Red')} did not fail\n{done.stdout[-2000:]}"
    assert " failed" in done.stdout, done.stdout[-2000:]
