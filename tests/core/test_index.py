"""A programme of many rules rates as if each were asked: the index only passes over those that could give nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.programme.compile import compile_programme
from services.programme.index import FEW
from services.programme.mechanic import Change, Context
from services.programme.rate import rate
from tests.drivers.facts import fact

HEAD = """programme: p
version: p-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
partners: [fuel, air]
stores: {s1: {region: north}, s2: {region: north}, s3: {region: south}}
groups: {best: best, first: exclusive}
rules:
"""
WHEN = (
    "",
    "when: {stores: [s1]}, ",
    "when: {regions: [north]}, ",
    "when: {partners: [fuel]}, ",
    "when: {partners: [air], stores: [s3]}, ",
    "unless: {stores: [s2]}, ",
    "when: {channels: [web]}, ",
)
ITEMS = ("i1", "i2", "i3", "i4")
CATEGORIES = ("tea", "cup", "wine", "fruit", "bread")


def rules(dice: random.Random, number: int) -> str:
    found = []
    for n in range(number):
        when = dice.choice(WHEN)
        only = f", only: [{', '.join(dice.sample(CATEGORIES, dice.choice([1, 1, 2])))}]" if dice.random() < 0.7 else ""
        only += f", items: [{', '.join(dice.sample(ITEMS, 2))}]" if dice.random() < 0.3 else ""
        group = dice.choice(["", "", "", "group: best, ", "group: first, "])
        kinds = [f"share: {{points: {n % 5 + 1}, per_minor: 100{only}}}"]
        kinds += [f"stamps: {{every: 2, unit: u{n}{only}}}"] if "best" not in group else []
        kinds += ["cap: {points: 50, per: day}"] if not group and any("share" in one for one in found) else []
        found.append(f"  - {{id: r{n}, {when}{group}{dice.choice(kinds)}}}\n")
    return "".join(found)


def receipt(dice: random.Random, version: Any) -> Any:
    rows = [
        {"item": item, "total_minor": dice.randrange(5_000), "categories": dice.sample(CATEGORIES, dice.randrange(3))}
        for item in dice.sample([*ITEMS, "i5"], dice.randrange(1, 4))
    ]
    said: Any = fact(id="p1", type="purchase", occurred_at="2026-03-10T12:00:00Z", lines=rows)
    store, partner, channel = (
        dice.choice(["s1", "s2", "s3", ""]),
        dice.choice(["fuel", "air", ""]),
        dice.choice(["web", ""]),
    )
    context = Context("ann", {}, store, channel)
    return said, version.basket("p1", 1_773_144_000_000, said.lines, 0, partner, store, context)


@pytest.mark.parametrize("count", [FEW // 2, FEW + 20])
@pytest.mark.parametrize("seed", range(20))
def test_what_is_picked_gives_what_all_would(seed: int, count: int) -> None:
    dice = random.Random(seed)
    (version,) = compile_programme([HEAD + rules(dice, count)]).versions
    for _ in range(20):
        said, one = receipt(dice, version)
        _, other = receipt(dice, version)
        for before, after in ((None, one), (one, other), (one, None)):
            change, cells = Change(said, before, after, []), ({}, {})
            picked = version.touched(change)
            wanted = rate(change, version.rules["basket"], cells[0], 0)
            assert rate(Change(said, before, after, []), picked, cells[1], 0) == wanted
            assert cells[0] == cells[1]
            assert [rule for rule in version.rules["basket"] if rule in picked] == list(picked)


def test_a_receipt_pays_for_the_rules_that_can_touch_it() -> None:
    """500 rules for 500 categories, and one for all: two of them can give something for one line."""
    text = HEAD + "  - {id: base, share: {points: 1, per_minor: 100}}\n"
    text += "".join(f"  - {{id: r{n}, share: {{points: 1, per_minor: 100, only: [c{n}]}}}}\n" for n in range(500))
    (version,) = compile_programme([text]).versions
    rows = [{"item": "i", "total_minor": 900, "categories": ["c77"]}]
    said: Any = fact(id="p1", type="purchase", occurred_at="2026-03-10T12:00:00Z", lines=rows)
    basket = version.basket("p1", 1_773_144_000_000, said.lines, 0, None, None)
    assert [rule.name for rule in version.touched(Change(said, None, basket, []))] == ["base@0", "r77@0"]


def test_a_rule_for_an_item_costs_a_receipt_without_it_nothing() -> None:
    """500 rules for 500 items of one category: the line of one of them, and one that no rule names."""
    text = HEAD + "".join(
        f"  - {{id: r{n}, share: {{points: 1, per_minor: 100, only: [tea], items: [i{n}]}}}}\n" for n in range(500)
    )
    (version,) = compile_programme([text]).versions
    for item, category, rules in (("i77", "tea", ["r77@0"]), ("i77", "cup", []), ("other", "tea", [])):
        rows = [{"item": item, "total_minor": 900, "categories": [category]}]
        said: Any = fact(id="p1", type="purchase", occurred_at="2026-03-10T12:00:00Z", lines=rows)
        basket = version.basket("p1", 1_773_144_000_000, said.lines, 0, None, None)
        assert [rule.name for rule in version.touched(Change(said, None, basket, []))] == rules


def test_of_a_few_rules_those_for_other_partners_are_left_out() -> None:
    text = HEAD + "".join(
        f"  - {{id: {name}, {when}share: {{points: 1, per_minor: 100}}}}\n"
        for name, when in (
            ("base", ""),
            ("fuel", "when: {partners: [fuel]}, "),
            ("both", "when: {partners: [air, fuel]}, "),
            ("other", "unless: {partners: [fuel]}, "),
        )
    )
    (version,) = compile_programme([text]).versions
    at = {name: version.basket("p1", 1_773_144_000_000, (), 0, name, None) for name in ("fuel", "air", "")}
    for before, after, picked in (
        (None, at["fuel"], ["base", "fuel", "both", "other"]),
        (at["air"], at["air"], ["base", "both", "other"]),
        (at[""], None, ["base", "other"]),
        (at["air"], at[""], ["base", "fuel", "both", "other"]),
    ):
        said: Any = fact(
            id="p1", type="purchase", occurred_at="2026-03-10T12:00:00Z", lines=[{"item": "i", "total_minor": 9}]
        )
        rules_of = version.touched(Change(said, before, after, []))
        assert [rule.name for rule in rules_of if rule.name != "adjustment@0"] == [f"{name}@0" for name in picked]
