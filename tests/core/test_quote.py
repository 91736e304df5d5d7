"""The command `quote`: prices and rights in words and JSON; a wrong file or instant is one sentence, exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.workbench.cli import app

PROGRAMME = """programme: p
version: p-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
entitlements:
  - {id: lounge, what: the lounge, when: {groups: [invited]}}
price:
  - {id: code, when: {codes: [TEN]}, percent_off: {percent: 10, only: [tea]}}
  - {id: invited, entitled: [lounge], amount_off: {minor: 100}}
rules: []
"""
INVITED = {"type": "status_set", "id": "s1", "member": "ann", "occurred_at": "2026-02-01T12:00:00Z",
           "status": "invited"}  # fmt: skip
BASKET = {"member": "ann", "currency": "GBP", "codes": ["TEN"],
          "lines": [{"item": "earl", "quantity": 2, "total_minor": 1000, "categories": ["tea"]},
                    {"item": "cup", "total_minor": 500}]}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(PROGRAMME)
    (tmp_path / "f.jsonl").write_text(json.dumps(INVITED) + "\n")
    return tmp_path


def ask(*options: str, basket: Any = BASKET, at: str = "2026-02-02T00:00:00Z") -> Result:
    Path("b.json").write_text(basket if isinstance(basket, str) else json.dumps(basket))
    options = ("--programme", "p.yaml", "--facts", "f.jsonl", "--basket", "b.json", "--at", at, *options)
    return CliRunner().invoke(app, ["quote", *options])


def test_prices_and_rights_in_json(folder: Path) -> None:
    """10 % of 10.00 is 1.00; 1.00 off 14.00 is shared as 0.64 and 0.36 (9.00 and 5.00)."""
    done = ask("--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {
        "at": "2026-02-02T00:00:00Z",
        "programme": "p-1",
        "member": "ann",
        "tier": "standard",
        "currency": "GBP",
        "before_minor": 1500,
        "after_minor": 1300,
        "lines": [
            {"item": "earl", "quantity": 2, "before_minor": 1000, "after_minor": 836,
             "taken": [{"rule": "code", "minor": 100}, {"rule": "invited", "minor": 64}]},
            {"item": "cup", "quantity": 1, "before_minor": 500, "after_minor": 464,
             "taken": [{"rule": "invited", "minor": 36}]},
        ],
        "rules": [
            {"rule": "code", "minor": 100, "why": "10 % off for tea"},
            {"rule": "invited", "minor": 100, "why": "1.00 GBP off"},
        ],
        "entitlements": [
            {"entitlement": "lounge", "what": "the lounge", "granted": True, "why": "the member is in invited"}
        ],
    }  # fmt: skip


def test_before_the_invitation_and_without_a_code_in_words(folder: Path) -> None:
    done = ask(at="2026-02-01T00:00:00Z", basket=BASKET | {"codes": []})
    assert done.output.splitlines()[-4:] == [
        "  to pay                           15.00 GBP        15.00 GBP",
        "code: nothing: the code TEN was not shown",
        "invited: nothing: no lounge: the member is not in invited",
        "the lounge: no: the member is not in invited",
    ]


def test_a_guest_has_prices_too(folder: Path) -> None:
    done = ask("--json", basket={name: value for name, value in BASKET.items() if name != "member"})
    assert (json.loads(done.output)["member"], json.loads(done.output)["after_minor"]) == (None, 1400)


@pytest.mark.parametrize(
    ("basket", "at", "says"),
    [
        ("{", "2026-02-02T00:00:00Z", "b.json: Expecting property name"),
        ("[]", "2026-02-02T00:00:00Z", "b.json: write one JSON object"),
        (BASKET | {"lines": []}, "2026-02-02T00:00:00Z", "b.json: Expected `array` of length >= 1"),
        (BASKET | {"type": "return"}, "2026-02-02T00:00:00Z", "b.json: a return has no price"),
        (BASKET | {"currency": "EUR"}, "2026-02-02T00:00:00Z", "the basket is in EUR, the programme in GBP"),
        (BASKET, "2025-02-02T00:00:00Z", "no version of the programme is in force at 2025-02-02T00:00:00Z"),
        (BASKET, "today", "--at today: "),
    ],
)
def test_what_is_wrong_is_one_sentence(folder: Path, basket: Any, at: str, says: str) -> None:
    done = ask(basket=basket, at=at)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {says}"), done.stderr
    assert done.stderr.count("\n") == 1
