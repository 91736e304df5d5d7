"""Bugs on purpose: each patch of this folder breaks one guarantee, and the test that it names must turn red.

A patch begins with what the bug is (`Bug: ...`) and which test must fail (`Red: tests/...::test_...`). The tree is
copied, the patch applied, the named test run there, and the patch taken out again; in two copies at once. All named
tests are run in an untouched copy, too, so that red means the bug. Not part of `./run test`: `./run test seeded`, as in
CI. That every patch fits the code is looked at with each change: tests/house/test_seeded.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import pytest

ROOT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
PATIENCE_S = 600
AT_ONCE = 2


def headed(patch: Path, name: str) -> str:
    """A line of a patch's head."""
    for line in patch.read_text().splitlines():
        if line.startswith(f"{name}: "):
            return line.removeprefix(f"{name}: ")
    raise AssertionError(f"{patch.name} has no line '{name}: ...'")


Ran = subprocess.CompletedProcess[str]


def run(tree: Path, *tests: str) -> Ran:
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=tree, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def copied(tree: Path) -> Path:
    """A copy of what git knows, and of what is new and not ignored."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    for name in names:
        if name and (ROOT / name).is_file() and not name.endswith(".csv.gz"):
            there = tree / name
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, there)
    # bytecode that goes by what a file says: a patched file may be as old as the one before it
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
    subprocess.run(compiling, cwd=tree, capture_output=True, check=True)
    return tree


def red_of(patch: Path, trees: Queue[Path]) -> Ran:
    """What the named test says with the bug in a tree."""
    apply = ["git", "apply", "--whitespace=nowarn", "-C1"]
    tree = trees.get()
    try:
        done = subprocess.run([*apply, str(patch)], cwd=tree, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{patch.name} no longer fits the code: make it again\n{done.stderr}"
        try:
            return run(tree, headed(patch, "Red"))
        finally:
            subprocess.run([*apply, "-R", str(patch)], cwd=tree, capture_output=True, check=True)
    finally:
        trees.put(tree)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path | None, Future[Ran]]]:
    """By patch; None: all named tests, in a tree without a bug."""
    trees: Queue[Path] = Queue()
    for number in range(AT_ONCE):
        trees.put(copied(tmp_path_factory.mktemp("seeded") / f"tree-{number}"))
    untouched = copied(tmp_path_factory.mktemp("seeded") / "untouched")
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {
            None: pool.submit(run, untouched, *sorted({headed(patch, "Red") for patch in PATCHES})),
            **{patch: pool.submit(red_of, patch, trees) for patch in PATCHES},
        }
    finally:
        pool.shutdown(cancel_futures=True)


def test_without_the_bugs_the_named_tests_are_green(runs: dict[Path | None, Future[Ran]]) -> None:
    done = runs[None].result()
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_bug_turns_its_test_red(patch: Path, runs: dict[Path | None, Future[Ran]]) -> None:
    done = runs[patch].result()
    assert done.returncode == 1, f"{headed(patch, 'Bug')}: {headed(patch, 'Red')} did not fail\n{done.stdout[-2000:]}"
    assert " failed" in done.stdout, done.stdout[-2000:]
