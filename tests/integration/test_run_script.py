"""./run in small checkouts: one environment for each lock, and a sentence for each thing that is missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.stack.house import REPOSITORY

TOOLS = ("cat", "cksum", "cut", "date", "dirname", "grep", "mkdir", "mv", "rm", "sleep", "tail", "tr", "uname")
NOWHERE = "http://127.0.0.1:9/simple"  # nothing listens on the discard port
NOBODY = 65534


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an empty lock and a workbench that prints its arguments."""
    folder = tmp_path / "checkout"
    (folder / "services" / "workbench").mkdir(parents=True)
    shutil.copy(REPOSITORY / "run", folder / "run")
    (folder / "requirements.lock").write_text("")
    (folder / "services" / "workbench" / "__main__.py").write_text("import sys; print('workbench', *sys.argv[1:])")
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the shell's tools and neither uv nor Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        path = shutil.which(name)
        assert path is not None
        (folder / name).symlink_to(path)
    return folder


@pytest.fixture
def python(tools: Path) -> Path:
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    return tools


def run(
    checkout: Path, tools: Path, *arguments: str, user: int | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    home = checkout.parent
    return subprocess.run(
        [str(checkout / "run"), *arguments],
        env={"PATH": str(tools), "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        user=user,
        cwd="/",
    )


def says(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def script(folder: Path, name: str, lines: Sequence[str]) -> None:
    path = folder / name
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)


def test_the_environment_is_made_once_and_again_when_the_lock_changes(checkout: Path, python: Path) -> None:
    first = run(checkout, python, "hello", "world")
    assert first.stdout == "workbench hello world\n", first.stderr
    assert "making the environment" in first.stderr
    second = run(checkout, python, "again", PIP_INDEX_URL=NOWHERE)
    assert (second.stdout, second.stderr) == ("workbench again\n", "")
    (checkout / "requirements.lock").write_text("# changed\n")
    third = run(checkout, python, "more")
    assert third.stdout == "workbench more\n"
    assert "making the environment" in third.stderr
    assert sorted(path.name for path in checkout.iterdir() if path.name.startswith(".")) == [".venv"]


def test_a_half_made_environment_does_not_count(checkout: Path, python: Path) -> None:
    run(checkout, python)
    (checkout / ".venv" / ".tallystick").unlink()
    done = run(checkout, python, "hello")
    assert "making the environment" in done.stderr
    assert done.stdout == "workbench hello\n"


def test_without_the_network_it_says_so_and_leaves_nothing(checkout: Path, python: Path) -> None:
    (checkout / "requirements.lock").write_text(f"iniconfig==2.0.0 --hash=sha256:{'0' * 64}\n")
    variables = {"PIP_INDEX_URL": NOWHERE, "PIP_CONFIG_FILE": os.devnull, "PIP_TIMEOUT": "1", "PIP_RETRIES": "0"}
    done = run(checkout, python, **variables)
    says(done, "could not fetch the packages", "needs the network")
    assert [path.name for path in checkout.iterdir() if path.name.startswith(".venv")] == []


def test_a_failed_change_of_the_lock_keeps_the_environment_of_before(checkout: Path, python: Path) -> None:
    run(checkout, python)
    (checkout / "requirements.lock").write_text(f"iniconfig==2.0.0 --hash=sha256:{'0' * 64}\n")
    says(run(checkout, python, PIP_INDEX_URL=NOWHERE, PIP_CONFIG_FILE=os.devnull), "could not fetch the packages")
    (checkout / "requirements.lock").write_text("")
    done = run(checkout, python, "back")
    assert (done.stdout, done.stderr) == ("workbench back\n", "")


def test_no_python(checkout: Path, tools: Path) -> None:
    says(run(checkout, tools), "needs Python 3.11 or newer, and finds no python3", "apt-get install python3")


def test_an_old_python(checkout: Path, tools: Path) -> None:
    script(tools, "python3", ['case "$*" in *exit*) exit 1 ;; *) echo 3.9 ;; esac'])
    says(run(checkout, tools), "finds an older one: python3 is 3.9;")


def test_a_python_without_venv(checkout: Path, tools: Path) -> None:
    script(tools, "python3", ['case "$*" in *ensurepip*) exit 1 ;; esac'])
    says(run(checkout, tools), "cannot make environments", "apt-get install python3-venv")


def test_a_checkout_that_is_not_whole(checkout: Path, python: Path) -> None:
    (checkout / "requirements.lock").unlink()
    says(run(checkout, python), "finds no", "requirements.lock")


def test_a_checkout_that_may_not_be_written_uses_the_cache_or_a_named_folder(
    checkout: Path, python: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    as_root = os.geteuid() == 0
    if as_root:  # who may write everywhere, so somebody else has to try
        for step in (checkout, *list(checkout.parents)[:3]):
            step.chmod(0o755)
        interpreter = Path(sys.executable).resolve()
        if not os.access(interpreter, os.X_OK) or any(not step.stat().st_mode & 1 for step in interpreter.parents):
            (python / "python3").unlink()
            (python / "python3").symlink_to("/usr/bin/python3")
    checkout.chmod(0o555)
    open_home = tmp_path_factory.mktemp("home")
    open_home.chmod(0o777)
    user = NOBODY if as_root else None
    try:
        cached = run(checkout, python, "a", user=user, HOME=str(open_home))
        assert cached.stdout == "workbench a\n", cached.stderr
        assert len(list((open_home / ".cache" / "tallystick").iterdir())) == 1
        named = run(checkout, python, "b", user=user, TALLYSTICK_VENV=str(open_home / "here"))
        assert named.stdout == "workbench b\n", named.stderr
        assert (open_home / "here" / ".tallystick").exists()
        closed = run(checkout, python, user=user, TALLYSTICK_VENV=str(checkout / "there"))
        says(closed, "may not write", "TALLYSTICK_VENV=/some/folder")
    finally:
        checkout.chmod(0o755)
