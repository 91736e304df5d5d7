"""`programme check`, `show`, `diff`, and what `publish` refuses: in words and as JSON, with exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.programme.written import ProgrammeError
from services.workbench.programme.commands import accepted, run_check, run_diff, run_show
from services.workbench.programme.files import opened

EXAMPLES = Path(__file__).parents[2] / "services" / "programme" / "examples"
OLD = """programme: shop
version: shop-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
tier: {levels: [{name: silver, from_minor: 30000}]}
rules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 12}}
  - {id: cups, stamps: {every: 9, unit: free-coffee, only: [coffee]}}
"""
NEW = (
    OLD.replace("shop-1", "shop-2")
    .replace("2026-01", "2026-07")
    .replace("30000", "50000")
    .replace("points: 1,", "points: 2,")
    .replace("id: cups, stamps: {every: 9", "id: cups, revision: 1, stamps: {every: 5")
)
READY = NEW.replace("revision: 1", "revision: 1, carry: freeze") + "retired: [silver]\n"
JUNE = 1_780_000_000_000
"""28 May 2026."""


def file(folder: Path, text: str, name: str = "shop.yaml") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def test_a_sound_file_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check([EXAMPLES / "plain.yaml", EXAMPLES / "club.yaml"], as_json=False) == 0
    assert capsys.readouterr().out == "plain.yaml, club.yaml: sound\n"


def test_every_fault_has_its_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = file(tmp_path, OLD.replace("GBP", "pounds").replace("points: 1", "points: 1.5"), "one.yaml")
    two = file(tmp_path, NEW + "colour: red\n", "two.yaml")
    assert run_check([one, two], as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["sound"]
    assert [(Path(f["file"]).name, f["line"]) for f in found["faults"]] == [
        ("one.yaml", 4),
        ("one.yaml", 7),
        ("two.yaml", 9),
    ]
    assert found["faults"][2]["says"].startswith("colour: there is no such key; ")


def test_files_of_one_programme_are_its_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = NEW.replace("revision: 1, ", "")
    files = [file(tmp_path, OLD, "one.yaml"), file(tmp_path, changed, "two.yaml")]
    assert run_check(files, as_json=False) == 1
    assert capsys.readouterr().out.startswith("two.yaml:8: rules.1: cups was changed; give it revision 1")


def test_what_is_retired_must_have_been(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In whatever order the files are named; what the version before has retired may go on standing there."""
    gone = READY.replace("retired: [silver]", "retired: [cups, silvr]").replace("  - {id: cups", "  - {id: mugs")
    gone = gone.replace("revision: 1, carry: freeze, ", "")
    third = gone.replace("silvr", "old-cups").replace("shop-2", "shop-3").replace("2026-07", "2026-09")
    files = [file(tmp_path, text, name) for text, name in ((third, "c.yaml"), (gone, "b.yaml"), (OLD, "a.yaml"))]
    assert run_check(files, as_json=False) == 1
    never = "no version before has a rule, level, entitlement or price"
    assert capsys.readouterr().out.splitlines() == [
        f"b.yaml:9: retired.1: {never} silvr; did you mean silver?",
        f"c.yaml:9: retired.1: {never} old-cups; take it out",
    ]
    with pytest.raises(ProgrammeError, match=r"b\.yaml:9: retired.1: no version before has .* silvr"):
        accepted(opened(files[1]), [OLD], JUNE, past=False)
    with pytest.raises(ProgrammeError, match=r"b\.yaml:9: retired.0: no version before has .* cups; take it out"):
        accepted(opened(files[1]), [], JUNE, past=False)


def test_what_is_no_text_is_said_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(OLD.encode().replace(b"currency: GBP", b"currency: \xa3"))
    assert run_check([bad], as_json=False) == 1
    assert capsys.readouterr().out == "bad.yaml:4: not UTF-8 at byte 11 of the line; save the file as UTF-8\n"
    bad.write_bytes(b"#" * 10_000_000)
    assert run_check([bad], as_json=False) == 1
    assert "longer than" in capsys.readouterr().out
    assert run_check([tmp_path / "none.yaml"], as_json=False) == 2


def test_the_plain_sheet_says_every_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show(file(tmp_path, OLD), as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "shop, version shop-1",
        "  In force from 2026-01-01T00:00:00Z. Days are those of UTC.",
        "Levels",
        "  silver: 300.00 GBP spent in 12 months.",
        "Points and gifts",
        "  base: Points for what was paid: 1 point for every 1.00 GBP. They end after 12 months.",
        "  cups: 1 free-coffee free for every 9 units bought for coffee.",
        "When goods come back",
        "  They take back what they gave.",
        "  Points that are spent already are owed, and what is earned next repays them.",
    ]


SAID = {
    "a month under a cap of a day": (
        "{id: o, visits: {every: 4, points: 9}}\n  - {id: c, daily_cap: {points: 50}}",
        "c: A day gives 50 points at most. It leaves alone o.",
    ),
    "base: net": ("{id: a, share: {points: 1, per_minor: 100, base: net}}", "what was paid, without tax: 1 point"),
    "full": ("{id: a, share: {points: 5, per_minor: 1000, rounding: full}}", "5 points for every full 10.00 GBP."),
    "half up": (
        "{id: a, share: {points: 1, per_minor: 100, rounding: half_up}}",
        "for every 1.00 GBP, rounded half up.",
    ),
    "units": ("{id: a, share: {points: 1, per_units: 100, only: [fuel]}}", "for fuel: 1 point for every 100 units."),
    "marginal": (
        "{id: a, share: {per_minor: 100, marginal: true, steps: [{from_minor: 900, points: 2}]}}",
        "by its size (2 points above 9.00 GBP) for every 1.00 GBP",
    ),
    "of": ("{id: c, cap: {points: 9, per: day, of: [base]}}", "A day gives 9 points of base at most."),
    "reward": (
        "{id: a, reward: {deed: review, points: 20, valid_days: 14}}",
        "20 points for review. They end after 14 days.",
    ),
    "guarantee": ("{id: a, price_guarantee: {}}", "1 point for every 0.01 GBP of the difference."),
    "referral": ("{id: a, referral: {points: 9, after_days: 30}}", "They can be spent after 30 days."),
    "sets": ("{id: a, bundle: {together: [tea, cake], points: 2, sets: 1}}", "tea and cake together, at most 1 times."),
    "basket": (
        "{id: a, when: {basket: {from_minor: 500, exclude: [rx]}}, share: {points: 1, per_minor: 100}}",
        "if the basket comes to 5.00 GBP or more for all but rx.",
    ),
    "at most": (
        "{id: a, group: g, share: {points: 1, per_minor: 9}}",
        "At most 7 points of a and b together for a purchase.",
    ),
}


@pytest.mark.parametrize("key", SAID)
def test_the_plain_sheet_passes_over_nothing_that_a_customer_would_miss(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule, says = SAID[key]
    more = "  - {id: b, group: g, share: {points: 1, per_minor: 9}}\ngroups: {g: {at_most: 7}}\n"
    tier = "silver, from_minor: 30000}], exclude: [fuel]}"
    text = OLD.replace("silver, from_minor: 30000}]}", tier) + f"  - {rule}\n" + more + "transfers: {fee_percent: 5}\n"
    assert run_show(file(tmp_path, text), as_json=False) == 0
    said = capsys.readouterr().out
    assert says in said
    assert "silver: 300.00 GBP spent for all but fuel in 12 months." in said
    assert "When points are given to another member\n  5 % of them are kept." in said


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_rule_of_the_examples_has_a_sentence(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show(example, as_json=True) == 0
    said = {part["heading"]: part["sentences"] for part in json.loads(capsys.readouterr().out)}
    ids = [rule.id for rule in opened(example).programme.rules]
    assert [sentence.split(":")[0] for sentence in said["Points and gifts"]] == ids


def test_what_changes_is_said_with_whom_it_concerns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = file(tmp_path, OLD, "old.yaml"), file(tmp_path, NEW, "new.yaml")
    assert run_diff(*files, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["what"], one["before"], one["after"]) for one in found["changes"]] == [
        ("level silver", "from 300.00 GBP", "from 500.00 GBP"),
        (
            "rule base",
            "Points for what was paid: 1 point for every 1.00 GBP. They end after 12 months.",
            "Points for what was paid: 2 points for every 1.00 GBP. They end after 12 months.",
        ),
        (
            "rule cups",
            "1 free-coffee free for every 9 units bought for coffee.",
            "1 free-coffee free for every 5 units bought for coffee.",
        ),
    ]
    assert found["changes"][0]["whom"].startswith("members who spent 300.00 GBP or more and less than 500.00 GBP")
    assert found["changes"][1]["begun"] == "purchases of before keep what they gave"
    assert [taken.split(" ")[0] for taken in found["takes_back"]] == ["cups", "silver"]
    assert run_diff(files[0], files[0], as_json=False) == 0
    assert capsys.readouterr().out == "nothing changes\n"


THIRD = "Of every 3 units one free for socks, at most {} in a basket."


def test_changes_of_prices_rights_and_currencies_are_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = (EXAMPLES / "everything.yaml").read_text()
    new = old
    for was, now in (
        ("percent: 5, exclude: [gift-card]}}", "percent: 6, exclude: [gift-card]}}"),
        ("{decimals: 1, valid_months: 1}", "{decimals: 1, valid_months: 2}"),
        ('hours: ["09:00-11:00"]', 'hours: ["09:00-12:00"]'),
        ("what: the lounge, when: {tiers: [gold]}", "what: the lounge, when: {tiers: [silver, gold]}"),
        ("every: 3, percent: 100, times: 2, only: [socks]", "every: 3, percent: 100, times: 3, only: [socks]"),
        ("club-price, group: always, ", "club-price, "),
    ):
        assert old.count(was) == 1
        new = new.replace(was, now)
    assert run_diff(file(tmp_path, old, "old.yaml"), file(tmp_path, new, "new.yaml"), as_json=True) == 0
    found = json.loads(capsys.readouterr().out)["changes"]
    assert {one["what"]: (one["before"], one["after"], one["whom"]) for one in found} == {
        "currencies.promo": ("valid_months: 1, decimals: 1", "valid_months: 2, decimals: 1", "everybody"),
        "conditions.quiet-hours": (
            "weekdays: (mon, tue, wed), hours: 09:00-11:00",
            "weekdays: (mon, tue, wed), hours: 09:00-12:00",
            "everybody",
        ),
        "price card-price": (
            "5 % off for all but gift-card, for members with card.",
            "6 % off for all but gift-card, for members with card.",
            "everybody",
        ),
        "price club-price": ("group: always", "", "everybody"),
        "price third": (THIRD.format(2), THIRD.format(3), "everybody"),
        "entitlement lounge": (
            "The lounge, if the level is gold.",
            "The lounge, if the level is silver or gold.",
            "where the level is silver or gold",
        ),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (NEW, "shop.yaml:8: rules.1: cups is changed, and members have begun on it; write carry: freeze"),
        (READY, ""),
        (NEW[: NEW.index("  - {id: cups")], "cups is no longer there, and members have begun on it; keep it, or write"),
        (NEW[: NEW.index("  - {id: cups")] + "retired: [cups, silver]\n", ""),
        (OLD.replace("shop-1", "shop-2"), "effective_from: 2026-01-01T00:00:00Z is published twice"),
        (READY.replace("2026-07", "2026-02"), "begins in the past"),
        (OLD.replace("points: 1", "points: 3"), "version: shop-1 is published twice"),
    ],
)
def test_a_version_that_takes_back_a_promise_is_not_published(tmp_path: Path, text: str, says: str) -> None:
    new = opened(file(tmp_path, text))
    if not says:
        assert accepted(new, [OLD], JUNE, past=False)
        return
    with pytest.raises(ProgrammeError) as refused:
        accepted(new, [OLD], JUNE, past=False)
    assert says in str(refused.value)


def test_a_currency_that_members_have_is_not_taken_away(tmp_path: Path) -> None:
    before = OLD.replace("rules:", "currencies: {miles: {}}\nrules:")
    after = before.replace("shop-1", "shop-2").replace("2026-01-01", "2026-07-01")
    assert accepted(opened(file(tmp_path, after)), [before], JUNE, past=False)
    with pytest.raises(ProgrammeError, match="miles is no longer there, and members have some of it; keep it"):
        accepted(opened(file(tmp_path, after.replace("currencies: {miles: {}}\n", ""))), [before], JUNE, past=False)


def test_the_same_text_again_changes_nothing_and_the_past_must_be_meant(tmp_path: Path) -> None:
    assert not accepted(opened(file(tmp_path, OLD)), [OLD], JUNE, past=False)
    assert accepted(opened(file(tmp_path, OLD)), [], JUNE, past=False)
    early = READY.replace("2026-07", "2026-02")
    assert accepted(opened(file(tmp_path, early)), [OLD], JUNE, past=True)
