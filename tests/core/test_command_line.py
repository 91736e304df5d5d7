"""The command line: its commands, its exit codes, and no secret on the screen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.workbench import quality
from services.workbench.cli import app


@pytest.fixture(autouse=True)
def servers_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:geheim@db/points")


def test_help_names_every_command_and_loads_no_driver() -> None:
    code = (
        "import sys; from services.workbench.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('aiokafka', 'asyncpg', 'faust', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=quality.REPOSITORY)
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr
    for command in ("up", "test", "check", "config", "topics"):
        assert f" {command} " in done.stdout


def test_config_show_masks_the_password() -> None:
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0
        assert "geheim" not in done.output
    assert json.loads(done.output)["DATABASE_URL"] == "postgresql://me:****@db/points"


def test_topics_wear_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_TOPIC_PREFIX", "berlin-")
    rows = json.loads(CliRunner().invoke(app, ["topics", "--json"]).output)
    assert all(row["name"].startswith("berlin-") for row in rows)
    assert "berlin-journal.v1" in [row["name"] for row in rows]


def test_a_level_is_a_folder_of_tests() -> None:
    assert {"core", "house", "integration"} <= set(quality.levels())
    assert "drivers" not in quality.levels()


def test_an_unknown_level_is_refused_with_those_that_there_are() -> None:
    done = CliRunner().invoke(app, ["test", "coer"])
    assert done.exit_code == 2
    assert "no level coer; there are" in done.output


def test_several_levels_are_run_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(quality, "_run", lambda *command: ran.append(command) or 0)
    assert CliRunner().invoke(app, ["test", "core", "house", "-k", "core", "-x"]).exit_code == 0
    core, house = (str(quality.TESTS / name) for name in ("core", "house"))
    assert ran == [("pytest", core, house, "-k", "core", "-x")]


@pytest.mark.parametrize(("faults", "others"), [(0, 0), (3, 0), (0, 4)])
def test_everything_is_run_in_two_halves_and_each_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], faults: int, others: int
) -> None:
    """With a program in place of pytest that says which levels it was given."""
    (tmp_path / "pytest.py").write_text(
        f"import pathlib, sys\n"
        f"named = [pathlib.Path(one).name for one in sys.argv[1:]]\n"
        f"print('told', *named)\n"
        f"sys.exit({faults} if 'faults' in named else {others})\n"
    )
    monkeypatch.setattr(quality, "_command", lambda *what: [sys.executable, str(tmp_path / "pytest.py"), *what[1:]])
    assert quality.run_tests(None, []) == faults + others
    rest, beside = [line.split()[1:] for line in capfd.readouterr().out.splitlines()]
    assert "faults" in beside
    assert sorted([*rest, *beside, "seeded"]) == quality.levels()
