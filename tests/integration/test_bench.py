"""The bench on real servers, tiny: its last line is JSON, it is exact, and a ledger that counts otherwise fails it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.rivals.kafka_streams import lacks
from tests.drivers.documents import ROOT

WRONG = """
import sys
from pathlib import Path
from tests.bench import house
from tests.bench.ledger import run_ledger
house.PROGRAMME = Path(sys.argv[1])
sys.exit(run_ledger(2000, 1, 0, 1, 0))
"""


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout.strip(), done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_ledger_run_is_exact_and_says_where_its_time_went() -> None:
    command = ["./run", "bench", "ledger", "--events", "2000", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    result = last_line(done)
    assert done.returncode == 0, done.stdout
    assert result["exact"] is True
    assert result["events_per_s"]["median"] > 0
    assert {"worker", "postgres", "broker", "generator"} == set(result["cpu_us"])
    assert result["machine"]["cores"]


def test_kafka_streams_is_exact_or_left_out_with_a_sentence() -> None:
    command = ["./run", "bench", "rivals", "streams", "--events", "2000", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    result = last_line(done)
    assert done.returncode == 0, done.stdout
    assert result["exact"] is True
    if lacks():
        assert result["left_out"] == {"streams": lacks()}
        assert f"streams is left out: {lacks()}" in done.stdout
    else:
        assert result["systems"]["streams"]["rounds"][0]["events"] > 0
        assert {"app", "sink"} < set(result["systems"]["streams"]["cpu_us"])


def test_a_ledger_that_counts_otherwise_is_not_exact(tmp_path: Path) -> None:
    rule, broken = "[100, 125, 150]", "[101, 125, 150]"
    text = (ROOT / "tests" / "bench" / "programme.yaml").read_text()
    assert rule in text
    wrong = tmp_path / "programme.yaml"
    wrong.write_text(text.replace(rule, broken))
    done = subprocess.run([sys.executable, "-c", WRONG, str(wrong)], cwd=ROOT, capture_output=True, text=True)
    result = last_line(done)
    assert done.returncode == 1, done.stdout
    assert result["exact"] is False
    assert any(line.startswith("member ") for line in result["differences"])


def test_each_rival_of_ours_does_the_same_job() -> None:
    command = ["./run", "bench", "rivals", "floor", "rows", "naive", "faust", "--events", "3000", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    systems = last_line(done)["systems"]
    assert {"ledger", "floor", "rows", "naive", "faust"} == set(systems)


def test_a_rival_that_is_not_on_the_list_is_refused_with_those_that_are() -> None:
    done = subprocess.run(["./run", "bench", "rivals", "nayve"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no rival nayve; there are floor, " in done.stderr


def test_redemptions_and_intake_are_exact() -> None:
    for words in ("redeem --seconds 2 --members 200", "intake --events 2000 --rounds 1"):
        done = subprocess.run(["./run", "bench", *words.split()], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert last_line(done)["exact"] is True
