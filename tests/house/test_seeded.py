"""The seeded bugs fit the code and name a test that exists. That each turns its test red: `./run test seeded`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.seeded.test_seeded import PATCHES, ROOT, headed


def test_there_are_enough() -> None:
    assert len(PATCHES) >= 25


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_seeded_bug_fits_the_code_and_names_a_test(patch: Path) -> None:
    assert headed(patch, "Bug")
    file, *_, test = headed(patch, "Red").split("::")
    assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text(), f"{patch.name} names no test that exists"
    done = subprocess.run(
        ["git", "apply", "--check", "--whitespace=nowarn", "-C1", str(patch)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{patch.name} no longer fits the code: make it again\n{done.stderr}"
