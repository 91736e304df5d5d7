"""The command `explain`: each point's origin and end, counted by hand; at any instant; its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.book.member import Member
from services.book.step import Missing
from services.programme.plan import Plan
from services.workbench.cli import app

PROGRAMME = """programme: shop
version: shop-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: base, share: {points: 1, per_minor: 100, exclude: [tobacco], valid_months: 1}}
  - {id: tea, revision: 2, share: {points: 1, per_minor: 300, only: [tea]}}
"""
BOUGHT = {"type": "purchase", "id": "r1", "member": "ann", "occurred_at": "2026-07-10T12:00:00Z", "currency": "GBP",
          "store": "s-1", "lines": [
              {"item": "green", "total_minor": 1250, "categories": ["tea"]},
              {"item": "pipe", "total_minor": 5000, "categories": ["tobacco"]},
              {"item": "cake", "total_minor": 725}]}  # fmt: skip
ASKED = {"type": "redemption_requested", "id": "q1", "member": "ann", "occurred_at": "2026-07-12T12:00:00Z",
         "points": 5}  # fmt: skip
BACK = {"type": "return", "id": "b1", "member": "ann", "purchase": "r1", "occurred_at": "2026-07-14T12:00:00Z",
        "currency": "GBP", "lines": [{"item": "cake", "total_minor": 725}]}  # fmt: skip
LATER = BOUGHT | {"id": "r2", "occurred_at": "2026-09-01T12:00:00Z", "lines": [{"item": "cake", "total_minor": 100}]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(PROGRAMME)


def explain(*options: str, facts: list[dict[str, Any]], member: str = "ann") -> Result:
    Path("f.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    command = ["explain", member, "--programme", "p.yaml", "--facts", "f.jsonl", *options]
    return CliRunner().invoke(app, command)


def told(*options: str, facts: list[dict[str, Any]]) -> dict[str, Any]:
    done = explain("--json", *options, facts=facts)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def test_each_point_has_its_receipt_lines_rule_and_version() -> None:
    # base: 12.50 + 7.25 = 19.75 -> 19; the lines in order: floor(19 * 12.50 / 19.75) = 12, then 19 - 12 = 7
    lots = told(facts=[BOUGHT])["lots"]
    base, tea = (next(lot for lot in lots if lot["given"][0]["rules"][0]["rule"] == rule) for rule in ("base", "tea"))
    assert (base["points"], base["expires_at"], base["state"]) == (19, "2026-08-10T23:00:00Z", "available")
    assert (tea["points"], tea["expires_at"]) == (4, None)
    (given,) = base["given"]
    assert (given["fact"], given["from"]) == ("r1", "issued")
    assert given["rules"] == [
        {"rule": "base", "revision": 0, "points": 19, "version": "shop-1",
         "why": "for what was paid for all but tobacco: 1 point for every 1.00 GBP", "lines": [
            {"item": "green", "total_minor": 1250, "counted": 1250, "points": 12},
            {"item": "cake", "total_minor": 725, "counted": 725, "points": 7}]}
    ]  # fmt: skip
    (rule,) = tea["given"][0]["rules"]
    assert (rule["revision"], [line["item"] for line in rule["lines"]]) == (2, ["green"])


def test_each_lot_says_what_became_of_it() -> None:
    # 19 earned; 5 spent; the cake took floor(19.75) - floor(12.50) = 7; 7 ended with 10 August, London time
    whole = told(facts=[BOUGHT, ASKED, BACK, LATER])
    (base,) = [lot for lot in whole["lots"] if lot["slot"] == "p:r1" and lot["expires_at"] == "2026-08-10T23:00:00Z"]
    assert [(part["to"], part["points"], part.get("fact"), part["at"]) for part in base["became"]] == [
        ("spent", 5, "q1", "2026-07-12T12:00:00Z"),
        ("reversed", 7, "b1", "2026-07-14T12:00:00Z"),
        ("expired", 7, None, "2026-08-10T23:00:00Z"),
    ]
    assert (base["points"], base["state"], whole["available"]) == (0, "ended", 4 + 1)


@pytest.mark.parametrize(
    ("instant", "available"),
    [
        ("2026-07-01T00:00:00Z", 0),
        ("2026-07-10T12:00:00Z", 23),
        ("2026-07-12T11:59:59Z", 23),
        ("2026-07-13T00:00:00Z", 18),
        ("2026-07-20T00:00:00Z", 11),
        ("2026-08-10T22:59:59.999Z", 11),
        ("2026-08-10T23:00:00Z", 4),
        ("2027-01-01T00:00:00Z", 4),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_at_any_instant_however_the_facts_came(instant: str, available: int, late: bool) -> None:
    facts = [BOUGHT, ASKED, BACK]
    assert told("--at", instant, facts=[facts[0], facts[2], facts[1]] if late else facts)["available"] == available


def test_what_a_late_receipt_changed_is_told_where_it_belongs_and_as_it_was_posted() -> None:
    early = BOUGHT | {
        "id": "r0",
        "occurred_at": "2026-07-01T12:00:00Z",
        "lines": [{"item": "cake", "total_minor": 300}],
    }
    whole = told(facts=[BOUGHT, ASKED, early])
    first, *_, spent = [row for row in whole["history"] if "fact" in row]
    assert first["fact"] == "r0"
    # in the order of time the oldest lot with the soonest end pays first: 3 of r0, then 2 of r1
    assert [(e["points"], e["lot"].rsplit(":", 1)[1]) for e in spent["entries"]] == [(3, "r0"), (2, "r1")]
    assert {entry["why"] for entry in first["posted"]} == {"late purchase"}
    assert [(e["points"], e["lot"].rsplit(":", 1)[1]) for e in spent["posted"]] == [(5, "r1")]


def test_in_words() -> None:
    done = explain("--at", "2026-07-20T00:00:00Z", facts=[BOUGHT, ASKED, BACK])
    assert done.exit_code == 0
    said = done.output
    assert "ann, 20 Jul 2026 01:00 (Europe/London)" in said
    assert "11 points to spend, 0 points to come, 0 points reserved, 0 points owed; level standard" in said
    assert "7 points of p:r1, good to 10 Aug 2026" in said
    assert "+7 for cake, 725 of 725 counted" in said
    assert "goods brought back with b1 of receipt r1" in said


def test_a_book_that_its_facts_do_not_lead_to_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.workbench.explain import command

    honest = command.retell

    def other(member: Member, plan: Plan, cold: Any, at_ms: int | None) -> Any:
        retold = honest(member, plan, cold, at_ms)
        member.live += 1
        return retold

    monkeypatch.setattr(command, "retell", other)
    done = explain(facts=[BOUGHT])
    assert done.exit_code == 1
    assert "available is 24 in the book, and 23 by its facts" in done.output


@pytest.mark.parametrize(
    ("options", "member", "said"),
    [
        (("--at", "yesterday"), "ann", "--at yesterday: an instant must look like"),
        ((), "bob", "no fact is about bob"),
    ],
)
def test_refusals(options: tuple[str, ...], member: str, said: str) -> None:
    done = explain(*options, facts=[BOUGHT], member=member)
    assert done.exit_code == 2
    assert said in done.output


def test_files_go_together() -> None:
    done = CliRunner().invoke(app, ["explain", "ann", "--programme", "p.yaml"])
    assert (done.exit_code, "go together" in done.output) == (2, True)


def test_rows_are_asked_for_before_anything_is_told() -> None:
    from services.book.member import new
    from services.book.retold import retell

    member = new("ann")
    member.chunks_made = 1
    with pytest.raises(Missing) as missing:
        retell(member, Plan((), ()), {})
    assert missing.value.keys == (("chunk", "1"),)


def test_another_currency_is_an_account_of_its_own() -> None:
    # 3 tenths a pound: floor(19.75 * 3) = 59 tenths of promotional points, beside 19 regular ones
    rule = "  - {id: extra, gives: promo, share: {points: 3, per_minor: 100, exclude: [tobacco]}}\n"
    Path("p.yaml").write_text(PROGRAMME.replace("rules:", "currencies: {promo: {decimals: 1}}\nrules:") + rule)
    whole = told(facts=[BOUGHT])
    assert (whole["available"], whole["currencies"]["promo"]["available"]) == (19 + 4, 59)
    (lot,) = whole["currencies"]["promo"]["lots"]
    assert [line["points"] for line in lot["given"][0]["rules"][0]["lines"]] == [37, 22]
    said = explain(facts=[BOUGHT]).output
    assert "promo: 5.9 points to spend" in said
    assert "5.9 points (promo) of p:r1, good for ever" in said
    assert "+5.9 by extra of shop-1, for what was paid" in said
    assert "        +3.7 for green, 1250 of 1250 counted\n        +2.2 for cake, 725 of 725 counted\n" in said
    assert "5.9 points earned: the points p:r1 of 10 Jul 2026, good for ever (extra +5.9)" in said


LEVELS = """programme: shop
version: shop-{number}
effective_from: {begins}T00:00:00Z
currency: GBP
tier: {{levels: [{{name: gold, from_minor: {gold}}}]}}
rules:
  - {{id: base, share: {{points: 1, per_minor: 100}}}}
"""


def test_what_makes_and_ends_a_level_is_told() -> None:
    """12.50, 50.00 and 7.25 of 10 July; gold from 100.00, from 1 August from 50.00: to the same day a year later."""
    Path("p.yaml").write_text(LEVELS.format(number=1, begins="2026-01-01", gold=10000))
    Path("q.yaml").write_text(LEVELS.format(number=2, begins="2026-08-01", gold=5000))
    more = BOUGHT | {
        "id": "r2",
        "occurred_at": "2026-07-20T12:00:00Z",
        "lines": [{"item": "cake", "total_minor": 3025}],
    }
    back = BACK | {"occurred_at": "2026-07-21T12:00:00Z"}
    asked = ("--programme", "q.yaml", "--at", "2027-08-01T00:00:00Z")
    rows = told(*asked, facts=[BOUGHT, more, back])["history"]
    assert [(row["what"], row["tier"]) for row in rows if "tier" in row] == [
        ("bought with receipt r2 at s-1", "gold"),
        ("goods brought back with b1 of receipt r1", "standard"),
        ("version shop-2 of the programme began", "gold"),
        ("time passed", "standard"),
    ]
    page = explain(*asked, facts=[BOUGHT, more, back]).output
    assert "\n  1 Aug 2026 00:00  version shop-2 of the programme began\n    level gold from now on\n" in page


def test_what_a_pool_did_not_keep_is_told_without_the_name_of_a_message() -> None:
    """Ann does not share the pool: her 19 are back at once."""
    put = {"type": "contribution_requested", "id": "c1", "member": "ann", "occurred_at": "2026-07-11T12:00:00Z",
           "pool": "home", "points": 19}  # fmt: skip
    page = explain("--at", "2026-07-12T00:00:00Z", facts=[BOUGHT, put]).output
    assert "the pool home gave points back\n" in page
    assert "19 points from another account by home\n" in page
    assert "msg:" not in page
