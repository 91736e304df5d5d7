"""Bugs on purpose: each patch of this folder breaks one guarantee, and the test that it names must turn red.

A patch begins with what the bug is (`Bug: ...`) and which test must fail (`Red: tests/...::test_...`). The tree is
copied, the patch applied, the named test run there, and the patch taken out again. All named tests are run in the
untouched copy first, so that red means the bug. Not part of `./run test`; run it with `./run test seeded`, as CI does.
That every patch fits the code is looked at with each change: tests/house/test_seeded.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git knows, and of what is new and not ignored."""
    copy = tmp_path_factory.mktemp("seeded") / "tree"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    for name in names:
        if name and (ROOT / name).is_file() and not name.endswith(".csv.gz"):
            there = copy / name
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, there)
    return copy


@contextmanager
def applied(patch: Path, tree: Path) -> Iterator[None]:
    """The tree with the bug in it, as long as the block runs."""
    apply = ["git", "apply", "--whitespace=nowarn", "-C1"]
    done = subprocess.run([*apply, str(patch)], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{patch.name} no longer fits the code: make it again\n{done.stderr}"
    try:
        yield
    finally:
        subprocess.run([*apply, "-R", str(patch)], cwd=tree, capture_output=True, check=True)


def test_without_the_bugs_the_named_tests_are_green(tree: Path) -> None:
    done = run(tree, *sorted({headed(patch, "Red") for patch in PATCHES}))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_bug_turns_its_test_red(patch: Path, tree: Path) -> None:
    with applied(patch, tree):
        done = run(tree, headed(patch, "Red"))
    assert done.returncode == 1, f"{headed(patch, 'Bug')}: {headed(patch, 'Red')} did not fail\n{done.stdout[-2000:]}"
    assert " failed" in done.stdout, done.stdout[-2000:]
