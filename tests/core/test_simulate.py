"""The command `simulate`: good files in text and JSON, bad ones in one sentence with file and line, exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.workbench.cli import app
from services.workbench.quality import REPOSITORY

PROGRAMME = """programme: p
version: p-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
rules:
  - id: base
    share: {points: 1, per_minor: 100, valid_months: 1}
"""
BOUGHT = {"type": "purchase", "id": "r1", "member": "ann", "occurred_at": "2026-01-10T12:00:00Z", "currency": "GBP",
          "lines": [{"item": "tea", "total_minor": 1250}]}  # fmt: skip
ASKED = {
    "type": "redemption_requested",
    "id": "r2",
    "member": "ann",
    "occurred_at": "2026-01-11T12:00:00Z",
    "points": 5,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(PROGRAMME)
    return tmp_path


def simulate(*options: str, facts: list[dict[str, Any]] | None = None) -> Result:
    if facts is not None:
        Path("f.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    return CliRunner().invoke(app, ["simulate", "--programme", "p.yaml", "--facts", "f.jsonl", *options])


def test_balances_lots_and_why_in_json(folder: Path) -> None:
    done = simulate("--json", facts=[BOUGHT, ASKED, BOUGHT])
    assert done.exit_code == 0
    said = json.loads(done.output)
    assert (said["facts"], said["duplicates"], said["parked"]) == (2, 1, [])
    (ann,) = said["members"]
    assert [ann[name] for name in ("available", "pending", "held", "debt", "tier")] == [7, 0, 0, 0, "standard"]
    assert ann["lots"] == [
        {"slot": "p:r1", "points": 7, "expires_at": "2026-02-11T00:00:00Z", "earned_at": "2026-01-10T12:00:00Z",
         "active_at": "2026-01-10T12:00:00Z"}
    ]  # fmt: skip
    assert [(e["fact"], e["points"], e["why"]) for e in ann["entries"]] == [
        ("r1", 12, "base@0:+12"), ("r2", 5, "redemption")
    ]  # fmt: skip


def test_time_passes_to_the_instant_that_is_asked_for_and_no_further(folder: Path) -> None:
    last = "  7  until 2026-02-11T00:00:00Z  p:r1"
    facts = [BOUGHT, ASKED, ASKED | {"id": "late", "occurred_at": "2026-02-11T00:00:01Z"}]
    assert simulate("--until", "2026-02-10T23:59:59Z", facts=facts).output.endswith(last + "\n")
    said = simulate("--until", "2026-02-11T00:00:00Z", facts=facts).output
    assert said == "2 facts, 0 duplicates\nann: available 0, pending 0, held 0, debt 0, tier standard\n"


def test_a_person_reads_points_with_their_decimals(folder: Path) -> None:
    """12.50 at 15 tenths for every 1.00 is 18.7, 0.5 of it spent; in miles, of two decimals, 0.12."""
    (folder / "p.yaml").write_text(
        PROGRAMME.replace("rules:", "points_decimals: 1\ncurrencies: {miles: {decimals: 2}}\nrules:").replace(
            "{points: 1,", "{points: 15,"
        )
        + "  - {id: air, gives: miles, share: {points: 1, per_minor: 100}}\n"
    )
    assert simulate(facts=[BOUGHT, ASKED]).output.splitlines()[1:] == [
        "ann: available 18.2, pending 0.0, held 0.0, debt 0.0, tier standard",
        "      18.2  until 2026-02-11T00:00:00Z  p:r1",
        "  miles: available 0.12, pending 0.00, held 0.00, debt 0.00",
        "      0.12  until for ever  p:r1",
    ]


def test_what_did_not_count_is_said(folder: Path) -> None:
    """A receipt in other money, two requests for more than there is, a receipt of last year, a return without its
    receipt at hand."""
    back = BOUGHT | {"type": "return", "id": "b1", "purchase": "r7", "occurred_at": "2026-01-12T12:00:00Z"}
    facts = [
        BOUGHT | {"id": "r0", "occurred_at": "2025-12-31T23:59:59Z"},
        BOUGHT | {"id": "r3", "currency": "EUR"}, ASKED | {"id": "q1"}, ASKED | {"id": "q2"}, back,
    ]  # fmt: skip
    assert simulate(facts=facts).output.splitlines() == [
        "5 facts, 0 duplicates",
        "declined: purchase r3: currency_must_be_the_programmes",
        "declined: redemption_requested q1 and 1 more: balance_must_cover_the_points",
        "before any version: purchase r0",
        "ann: available 0, pending 0, held 0, debt 0, tier standard",
        "  waiting: return b1, for its purchase r7",
    ]


def test_a_file_of_an_office_programme_is_read(folder: Path) -> None:
    """It begins with a byte order mark, and its lines end in two characters."""
    (folder / "f.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(BOUGHT).encode() + b"\r\n")
    done = simulate()
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "1 facts, 0 duplicates")


def test_a_key_that_no_fact_has_is_said_once_with_its_line(folder: Path) -> None:
    line = {"item": "tea", "total_minor": 1250, "category": "hot"}
    done = simulate("--json", facts=[BOUGHT, *(BOUGHT | {"id": name, "lines": [line]} for name in ("r2", "r3"))])
    assert done.stderr == "note: f.jsonl:2: a purchase has no lines.category; passed over\n"
    assert json.loads(done.stdout)["members"][0]["available"] == 36


def test_who_has_read_enough_may_close_the_pipe(folder: Path) -> None:
    simulate(facts=[BOUGHT | {"id": f"r{n}", "member": f"m{n}"} for n in range(3_000)])
    command = [sys.executable, "-m", "services.workbench", "simulate", "--programme", folder / "p.yaml"]
    with subprocess.Popen(
        [*command, "--facts", folder / "f.jsonl"], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"3000 facts, 0 duplicates\n"
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_another_fact_under_a_known_id_is_set_aside_and_said(folder: Path) -> None:
    done = simulate(facts=[BOUGHT, ASKED | {"id": "r1"}])
    assert done.output.splitlines()[:2] == [
        "1 facts, 0 duplicates",
        "set aside: redemption_requested r1: known with other content",
    ]


@pytest.mark.parametrize(
    ("text", "sha256", "reason"),
    [
        (PROGRAMME, "0" * 64, "sha256 is not that of the text"),
        (PROGRAMME, None, "the programme has faults: programme:p-2:2: version: p-1 is published twice"),
        ("x", None, "the programme has faults: programme:p-2:1: write keys"),
    ],
)
def test_a_programme_that_cannot_be_published_is_set_aside(
    folder: Path, text: str, sha256: str | None, reason: str
) -> None:
    from hashlib import sha256 as digest

    published = {
        "type": "programme_published", "id": "programme:p-2", "occurred_at": "2026-01-01T00:00:00Z", "text": text,
        "sha256": sha256 or digest(text.encode()).hexdigest(),
    }  # fmt: skip
    done = simulate("--json", facts=[published, BOUGHT])
    assert done.exit_code == 0
    (parked,) = json.loads(done.output)["parked"]
    assert parked["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("f.jsonl", b'\n{"type": "purchase", "id": "x"}\n', "f.jsonl:2: Object missing required field"),
        ("f.jsonl", b"hello\n", "f.jsonl:1: JSON is malformed"),
        ("f.jsonl", json.dumps(BOUGHT | {"occurred_at": "2026-02-31T00:00:00Z"}).encode(),
         "f.jsonl:1: occurred_at 2026-02-31T00:00:00Z: day is out of range for month"),
        ("f.jsonl", json.dumps(ASKED | {"hold_until": "2026-13-01T00:00:00Z"}).encode(),
         "f.jsonl:1: hold_until 2026-13-01T00:00:00Z: month must be in 1..12"),
        ("f.jsonl", json.dumps(BOUGHT | {"type": "sale"}).encode(),
         "f.jsonl:1: Invalid value 'sale' - at `$.type`; write one of adjusted, contribution_requested, "),
        ("f.jsonl", json.dumps(ASKED | {"points": 0.5}).encode(),
         "f.jsonl:1: Expected `int`, got `float` - at `$.points`; write a whole number: money in "),
        ("f.jsonl", json.dumps(ASKED | {"points": 0}).encode(), "f.jsonl:1: Expected `int` >= 1 - at `$.points`"),
        ("f.jsonl", json.dumps(ASKED | {"type": "redemption_taken", "points": 0}).encode(),
         "f.jsonl:1: Expected `int` >= 1 - at `$.points`"),
        ("f.jsonl", b"[" + json.dumps(BOUGHT).encode() + b"]",
         "f.jsonl:1: Expected `object`, got `array`; a line is one fact, as a JSON object"),
        ("f.jsonl", json.dumps(BOUGHT).replace('"total_minor": ', '"total_minor": -').encode(),
         "f.jsonl:1: Expected `int` >= 0 - at `$.lines[0].total_minor`; what comes back is a return"),
        ("f.jsonl", None, "f.jsonl: No such file or directory"),
        ("p.yaml", b"\xff\xfe", "p.yaml: not UTF-8: invalid start byte at byte 0"),
        ("p.yaml", PROGRAMME.replace("points: 1", "points: one").encode(), "p.yaml:7: rules.0.share.points: "),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_sentence_with_its_line(folder: Path, name: str, content: bytes | None, says: str) -> None:
    Path("f.jsonl").write_text(json.dumps(BOUGHT))
    Path(name).unlink()
    if content is not None:
        Path(name).write_bytes(content)
    done = simulate("--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {says}"), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("until", ["yesterday", "2026-02-31T00:00:00Z"])
def test_a_bad_instant_is_a_sentence(folder: Path, until: str) -> None:
    done = simulate("--until", until, facts=[BOUGHT])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: --until {until}: ")
