"""Prices: how rules meet, how they are rounded and shared, and that a line never costs less than nothing."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from services.programme.compile import compile_programme
from services.programme.mechanic import Counted, Frame, Meter
from services.programme.pricing.spent import Spent
from services.programme.written import ProgrammeError
from tests.core.test_laws import check_laws
from tests.drivers.prices import Till

HEAD = """programme: p
version: p-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
groups: {sums: sum, bests: best, firsts: exclusive, capped: {at_most: 5}}
rules: [{id: card, gift: {unit: card}}]
price:
"""
TEN, FIVE = "percent_off: {percent: 10}", "percent_off: {percent: 5}"


def till(*rules: str) -> Till:
    return Till(HEAD + "".join(f"  - {{id: r{n}, {rule}}}\n" for n, rule in enumerate(rules)))


@pytest.mark.parametrize(
    ("rules", "pays"),
    [
        ([TEN, FIVE], 8550),  # 5 % of what 10 % have left
        ([f"group: sums, {TEN}", f"group: sums, {FIVE}"], 8500),  # both of the list price
        ([f"group: bests, {FIVE}", f"group: bests, {TEN}"], 9000),
        ([f"group: firsts, {FIVE}", f"group: firsts, {TEN}"], 9500),
        ([f"group: bests, {FIVE}", TEN, "group: bests, amount_off: {minor: 2000}"], 7200),  # 10 % of 80.00
        (["group: firsts, percent_off: {percent: 50, only: [tea]}", f"group: firsts, {TEN}"], 9000),
        (["group: sums, amount_off: {minor: 9000}", "group: sums, amount_off: {minor: 9000}"], 0),
        (["percent_off: {percent: 100}", TEN], 0),
    ],
)
def test_how_rules_meet(rules: list[str], pays: int) -> None:
    assert till(*rules).pays("2026-01-01 100.00") == pays


@pytest.mark.parametrize(
    ("basket", "after"),
    [
        ("1*a=0.05", [4]),  # half a penny off is one
        ("1*a=0.04", [4]),
        ("1*a=0.05 1*b=0.05", [4, 5]),  # one penny off in all, of the first
        ("1*a=0.33 1*b=0.36 1*c=0.31", [30, 32, 28]),  # 3.3 + 3.6 + 3.1 = 10: the largest remainder has the penny
    ],
)
def test_a_rule_is_rounded_once_half_up_and_shared_by_the_largest_remainder(basket: str, after: list[int]) -> None:
    said = till(TEN).quote(f"2026-01-01 {basket}")
    assert [line["after_minor"] for line in said["lines"]] == after


def test_an_amount_is_shared_by_price_and_each_unit_has_its_own() -> None:
    said = till("amount_off: {minor: 100}").quote("2026-01-01 1*a=2.00 1*b=1.00 1*c=0.00")
    assert [line["after_minor"] for line in said["lines"]] == [133, 67, 0]
    said = till("amount_off: {minor: 100, each: unit}").quote("2026-01-01 3*a=9.00 2*b=1.00")
    assert [line["after_minor"] for line in said["lines"]] == [600, 0]


def test_random_baskets_against_a_second_way_to_count() -> None:
    """Lines of any price under any percentages: what a rule takes of the whole is within half a penny, and each line is
    within a penny of its own."""
    rnd = random.Random(3)
    for _ in range(60):
        percent = rnd.randrange(1, 101)
        prices = [rnd.choice([0, 1, rnd.randrange(100), rnd.randrange(10**7)]) for _ in range(rnd.randrange(1, 6))]
        words = " ".join(f"1*i{n}={price // 100}.{price % 100:02d}" for n, price in enumerate(prices))
        said = till(f"percent_off: {{percent: {percent}}}").quote(f"2026-01-01 {words}")
        exact = [Fraction(price * (100 - percent), 100) for price in prices]
        assert -Fraction(1, 2) <= said["after_minor"] - sum(exact) < Fraction(1, 2) + Fraction(1, 100)
        for line, want in zip(said["lines"], exact, strict=True):
            assert 0 <= line["after_minor"] <= line["before_minor"]
            assert abs(line["after_minor"] - want) < 1
            assert line["before_minor"] - line["after_minor"] == sum(one["minor"] for one in line["taken"])


def test_random_baskets_against_units_that_are_laid_out_one_by_one() -> None:
    """Every unit with its own price: the steps walk them in their order, every n-th from the dearest on."""
    rnd = random.Random(5)
    for _ in range(60):
        lines = [(rnd.randrange(1, 9), rnd.randrange(1, 9000)) for _ in range(rnd.randrange(1, 6))]
        words = " ".join(f"{units}*i{n}={minor // 100}.{minor % 100:02d}" for n, (units, minor) in enumerate(lines))
        laid_out = [Fraction(minor, units) for units, minor in lines for _ in range(units)]
        percent, every, from_units = rnd.randrange(1, 101), rnd.randrange(2, 5), sorted(rnd.sample(range(2, 20), 2))
        steps = f"[{{from_units: {from_units[0]}, percent: 7}}, {{from_units: {from_units[1]}, percent: {percent}}}]"
        nth = sum(sorted(laid_out, reverse=True)[every - 1 :: every]) * Fraction(percent, 100)
        marginal = sum(
            price * Fraction(percent if number >= from_units[1] else 7 if number >= from_units[0] else 0, 100)
            for number, price in enumerate(laid_out, 1)
        )
        for rule, off in (
            (f"every_nth: {{every: {every}, percent: {percent}}}", nth),
            (f"by_volume: {{steps: {steps}}}", marginal),
        ):
            said = till(rule).quote(f"2026-01-01 {words}")
            assert said["before_minor"] - said["after_minor"] == int(off + Fraction(1, 2)), (rule, words)
            assert all(line["after_minor"] >= 0 for line in said["lines"])


def test_the_count_of_what_was_spent_is_a_lawful_mechanic() -> None:
    check_laws(Spent, Counted(only=("tea",)))
    assert Spent(Counted(), Meter(), Frame("UTC", "GBP", "r")).due("spend", 5) == ()


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("percent_off: {percent: 101}", "write 100 or less"),
        ("percent_off: {percent: 5}, amount_off: {minor: 5}", "exactly one of: percent_off, amount_off"),
        ("group: sums", "exactly one of: percent_off"),
        ("group: none, percent_off: {percent: 5}", "there is no group none"),
        ("group: capped, percent_off: {percent: 5}", "at_most is of points"),
        ("entitled: [lounge], percent_off: {percent: 5}", "there is no lounge under entitlements"),
        ("holds: [mug], percent_off: {percent: 5}", "no rule gives a mug; write one of card"),
        ("when: {tiers: [gold]}, percent_off: {percent: 5}", "there is no gold under tier"),
        ("by_volume: {steps: [{from_units: 5, percent: 5}, {from_units: 5, percent: 6}]}", "ascend by from_units"),
        ("by_spend: {steps: [{from_minor: 9, percent: 5}, {from_minor: 5, percent: 6}]}", "ascend by from_minor"),
        ("every_nth: {every: 1}", "write 2 or more"),
        ("percent_of: {percent: 5}", "there is no such key"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(rule: str, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([HEAD + f"  - {{id: r, {rule}}}\n"], ["shop.yaml"])
    assert any(fault.startswith("shop.yaml:8: ") and says in fault for fault in refused.value.faults), (
        refused.value.faults
    )
