"""The programme file: every fault at once, each with its line and a remedy; nothing of it costs more than a moment."""

from __future__ import annotations

import pytest

from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError

HEAD = """programme: p
version: p-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
"""
TIER = "tier:\n  levels: [{name: b, from_minor: 5}]\n"
LADDER = "rules:\n  - id: l\n    ladder: {per_minor: 100, steps: [\n      {steps}]}\n"
RULES = "rules:\n  - id: base\n    share: {points: 1, per_minor: 100}\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "empty"),
        ("[]", 1, "write keys with their values"),
        (HEAD + RULES + "partners: acme\n", 8, "partners: write a list"),
        (HEAD + RULES + "tier: silver\n", 8, "tier: write keys with their values"),
        (HEAD, 1, "rules: it is missing"),
        (HEAD + RULES + "colour: red\n", 8, "colour: there is no such key"),
        (HEAD + RULES + "currency: EUR\n", 8, "stands twice"),
        (HEAD.replace("GBP", "pounds") + RULES, 4, "currency"),
        (HEAD.replace("2026-01-01T00:00:00Z", "2026-01-01") + RULES, 3, "effective_from"),
        (HEAD.replace("2026-01-01T00", "2026-13-01T00") + RULES, 3, "month must be in"),
        (HEAD + "zone: Europe/Lundon\n" + RULES, 5, "IANA"),
        (HEAD + RULES.replace("share", "shares"), 6, "and exactly one of: adjustment, bonus"),
        (HEAD + RULES.replace("points: 1", "points: 1.5"), 7, "rules.0.share.points"),
        (HEAD + RULES.replace("points: 1", "points: 0"), 7, "write more than 0"),
        (HEAD + RULES.replace("points: 1", "points: one"), 7, "is no whole number"),
        (HEAD + RULES.replace("points: 1", "points: 100001"), 7, "more than 1000 points per minor unit"),
        (HEAD + RULES.replace("100}", "1, tier_percent: [100, 100001]}"), 7, "more than 1000 points per minor unit"),
        (HEAD + RULES.replace("per_minor", "per"), 7, "did you mean per_minor?"),
        (HEAD + RULES + "  - id: base\n    share: {points: 1, per_minor: 100}\n", 6, "rule id base stands twice"),
        (HEAD + "partners: [a, a]\n" + RULES, 5, "partner a stands twice"),
        (HEAD + "tier: {levels: [{name: b, from_minor: 5}, {name: a, from_minor: 5}]}\n" + RULES, 5, "ascend"),
        (HEAD + "tier: {levels: []}\n" + RULES, 5, "levels"),
        (HEAD + TIER + "  holds: {}\n" + RULES, 7, "holds"),
        (HEAD + TIER + "  hold: {}\n" + RULES, 7, "either months or years"),
        (HEAD + TIER + "  hold: {months: 1, years: 1}\n" + RULES, 7, "either months or years"),
        (HEAD + TIER + "  hold: {days: 1}\n" + RULES, 7, "days"),
        (HEAD + TIER + "  drop: gently\n" + RULES, 7, "'hard' or 'soft'"),
        (HEAD + TIER + "  qualify_on: activation\n" + RULES, 6, "go together"),
        (HEAD + TIER + "  pending_days: 14\n" + RULES, 6, "go together"),
        (HEAD + LADDER.replace("{steps}", "{from_minor: 0, points: 3, per: 2}"), 8, "steps.0.per"),
        (HEAD + LADDER.replace("{steps}", "{from_minor: 5, points: 3}, {from_minor: 5, points: 4}"), 7, "ascend"),
        (HEAD + LADDER.replace("{steps}", "{from_minor: 0, points: 100001}"), 7, "more than 1000 points per minor"),
        (HEAD + "rules: [{id: a, welcome: {}}]\n", 5, "either points, or the unit"),
        (HEAD + "rules: [{id: a, welcome: {unit: b, valid_months: 1}}]\n", 5, "leave it out"),
        (HEAD + "a: &a [1]\nb: *a\n" + RULES, 5, "anchors"),
        (HEAD + "a: " + "[" * 50 + "]" * 50 + "\n" + RULES, 5, "nested"),
        (HEAD + "a: " + "[" * 5000 + "\n", 5, "nested"),
        (HEAD + 'a: "unfinished\n', 5, "not YAML"),
        (HEAD + "a: !!python/object:os.system {}\n" + RULES, 5, "is not allowed"),
        ("x" * 1_000_001, 1, "longer than"),
    ],
)
def test_a_fault_names_its_line_and_a_remedy(text: str, line: int, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([text], ["shop.yaml"])
    assert any(fault.startswith(f"shop.yaml:{line}: ") and says in fault for fault in refused.value.faults), (
        refused.value.faults
    )


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("returns: {policy: kind}", "'protected' or 'strict'"),
        ("returns: {shortfall: none}", "'debt', 'write_off' or 'source_lot'"),
        ("redemptions: {after_expiry: grace}", "go together"),
        ("redemptions: {grace_days: 3}", "go together"),
        ("redemptions: {late_capture: maybe}", "'book' or 'refuse'"),
        ("late_days: -1", "write 0 or more"),
        ("late_days: 367", "write 366 or less"),
        ("stores: {s1: {zone: Mars/Olympus}}", "IANA"),
        ("stores: {s1: {}}", "its zone, its region or both"),
        ("stores: {'no id!': {zone: UTC}}", "stores.no id!"),
        ("transfers: {fee_percent: 101}", "write 100 or less"),
        ("transfers: {fee: 1}", "transfers.fee"),
    ],
)
def test_a_policy_that_is_none_is_refused_with_its_line(part: str, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([HEAD + part + "\n" + RULES], ["shop.yaml"])
    assert any(fault.startswith("shop.yaml:5: ") and says in fault for fault in refused.value.faults), (
        refused.value.faults
    )


def test_policies_have_defaults_and_stand_on_the_version_as_plain_fields() -> None:
    said = """late_days: 10
returns: {policy: strict, shortfall: source_lot}
redemptions: {after_expiry: grace, grace_days: 30, late_capture: refuse}
transfers: {fee_percent: 5}
stores: {s1: {zone: UTC}, s2: {zone: Asia/Tokyo}}
"""
    plain = compile_programme([HEAD + TIER + RULES]).versions[0]
    version = compile_programme([HEAD + said + TIER + RULES]).versions[0]
    fields = ("late_days", "returns", "shortfall", "after_expiry", "grace_days", "late_capture", "transfer_fee_percent")
    assert [getattr(plain, field) for field in fields] == [35, "protected", "debt", "original", 0, "book", 0]
    assert [getattr(version, field) for field in fields] == [10, "strict", "source_lot", "grace", 30, "refuse", 5]
    assert (plain.store_zones, version.store_zones) == ({}, {"s2": "Asia/Tokyo"})
    assert plain.tier is not None
    assert version.tier is not None
    assert (plain.returns, version.returns) == ("protected", "strict")


def test_two_rules_cannot_give_one_unit() -> None:
    rules = "rules:\n  - {id: a, stamps: {every: 2, unit: mug}}\n  - {id: b, welcome: {unit: mug}}\n"
    with pytest.raises(ProgrammeError, match=r"shop.yaml:7: rules.1.welcome.unit: a gives the unit mug already"):
        compile_programme([HEAD + rules], ["shop.yaml"])


def test_every_fault_is_said_at_once_in_the_order_of_the_lines() -> None:
    text = HEAD.replace("currency: GBP", "currency: pounds") + RULES.replace("points: 1", "points: -1") + "x: 1\n"
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([text], ["shop.yaml"])
    assert [fault.split(":")[1] for fault in refused.value.faults] == ["4", "7", "8"]


def test_versions_come_into_force_at_their_instants() -> None:
    second = (HEAD + RULES).replace("p-1", "p-2").replace("2026-01-01", "2026-02-01")
    plan = compile_programme([second, HEAD + RULES])
    by_instant = [plan.at(ms) for ms in (0, 1_767_225_600_000, 1_769_903_999_999, 1_769_904_000_000)]
    assert [version and version.name for version in by_instant] == [None, "p-1", "p-1", "p-2"]


def test_a_version_is_published_once() -> None:
    with pytest.raises(ProgrammeError, match="published twice"):
        compile_programme([HEAD + RULES, HEAD + RULES])


def test_without_a_programme_there_is_nothing_in_force() -> None:
    assert compile_programme(()).at(0) is None
