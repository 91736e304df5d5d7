"""The command `quote`: prices and rights in words and JSON; a wrong file or instant is one sentence, exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.book.member import encode
from services.workbench.cli import app
from tests.drivers.documents import ROOT
from tests.drivers.facts import World
from tests.drivers.prices import Till

PROGRAMME = """programme: p
version: p-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
entitlements:
  - {id: lounge, what: the lounge, when: {groups: [invited]}}
price:
  - {id: code, when: {codes: [TEN]}, percent_off: {percent: 10, only: [tea]}}
  - {id: invited, entitled: [lounge], amount_off: {minor: 100}}
rules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 1}}
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
    """10 % of 10.00 is 1.00; 1.00 off 14.00 is shared as 0.64 and 0.36 (9.00 and 5.00). Points go by the 13.00."""
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
        "points": 13,
        "gives": [
            {"rule": "base", "unit": "points", "amount": 13, "decimals": 0, "to": None, "from": "2026-02-02T00:00:00Z",
             "until": "2026-03-03T00:00:00Z", "why": "for what was paid: 1 point for every 1.00 GBP"},
        ],
        "entitlements": [
            {"entitlement": "lounge", "what": "the lounge", "granted": True, "why": "the member is in invited"}
        ],
    }  # fmt: skip


def test_before_the_invitation_and_without_a_code_in_words(folder: Path) -> None:
    done = ask(at="2026-02-01T00:00:00Z", basket=BASKET | {"codes": []})
    assert done.output.splitlines()[-5:] == [
        "  to pay                           15.00 GBP        15.00 GBP",
        "code: nothing: the code TEN was not shown",
        "invited: nothing: no lounge: the member is not in invited",
        "base: 15 points, until 2026-03-02T00:00:00Z: for what was paid: 1 point for every 1.00 GBP",
        "the lounge: no: the member is not in invited",
    ]


def test_a_guest_has_prices_too(folder: Path) -> None:
    done = ask("--json", basket={name: value for name, value in BASKET.items() if name != "member"})
    said = json.loads(done.output)
    assert (said["member"], said["after_minor"], said["points"], said["gives"]) == (None, 1400, 0, [])


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


GROCERY = (ROOT / "services" / "programme" / "examples" / "grocery.yaml").read_text()


def given(world: World, line: str) -> tuple[int, dict[str, int]]:
    """What a basket gives by the book: points of lots, and things; points that a voucher draws are no loss."""
    member = world.member()
    before, units = member.issued, dict(member.units)
    world.tell(line)
    return member.issued - before, {u: n - units.get(u, 0) for u, n in member.units.items() if n != units.get(u, 0)}


@pytest.mark.parametrize(
    "basket",
    [
        "2026-03-20 1*tea=12.34",
        "2026-03-20 5*apple/fruit=16.00 1*tea=5.00",  # the better of two offers
        "2026-03-20 2*latte/coffee=6.00 1*tart/cake=4.00",
        "2026-03-20 1*fuel=51.00 partner:fuel",  # pending
        "2026-03-20 1*sofa/garden=900.00",  # the cap, the month's ladder, the card, a voucher
        "2026-03-20 9*bean/coffee=45.00",
    ],
)
def test_what_a_quote_says_is_what_the_book_gives(basket: str) -> None:
    """A month with three visits behind it, and 670 points: every rule of the grocer's that goes by a basket."""
    world = Till(GROCERY)
    world.tell_all("""
        2026-03-01 enrol e
        2026-03-02 buy A 420.00
        2026-03-05 buy B 100.00
        2026-03-09 buy C 50.00
    """)
    when, *words = basket.split()
    said = world.quote(basket)
    things = {one["unit"]: one["amount"] for one in said["gives"] if one["unit"] != "points"}
    assert (said["points"], things) == given(world, f"{when} buy D {' '.join(words)}")


def test_asking_changes_nothing() -> None:
    world = Till(GROCERY)
    world.tell("2026-03-02 buy A 120.00")
    world.until("2026-03-20")
    before = encode(world.member())
    first, second = (world.quote("2026-03-20 1*sofa/home=900.00") for _ in range(2))
    assert first == second
    assert encode(world.member()) == before
    assert [one["amount"] for one in first["gives"] if one["to"] == "red-cross"] == [8]  # of 855.00, with the card
