"""What a later version takes back of what members have: refused, unless it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.programme.promises import broken
from services.programme.reading import read
from services.programme.written import ProgrammeError
from services.workbench.programme.commands import accepted
from services.workbench.programme.files import opened

BEFORE = """programme: shop
version: shop-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
points_decimals: 1
currencies: {miles: {decimals: 2}}
stores: {s-3: {region: south}, s-4: {region: north}, s-5: {region: north}}
conditions: {week: {weekdays: [mon, tue]}}
tier:
  levels: [{name: silver, from_minor: 30000}, {name: gold, from_minor: 90000}, {name: platinum, from_minor: 200000}]
  hold: {years: 1}
  grace_days: 30
  drop: soft
entitlements:
  - {id: delivery, any: [{when: {tiers: [gold]}}, {paid: {status: club-fee, months: 12, fee_minor: 9900}}]}
  - {id: parking, when: {tenure_months: 24, regions: [north]}, unless: {stores: [s-1, s-2]}}
price:
  - {id: card, holds: [card], percent_off: {percent: 5, exclude: [gift-card]}}
  - {id: grown, by_spend: {steps: [{from_minor: 1000, percent: 5}, {from_minor: 2000, percent: 7}]}}
  - {id: home, entitled: [delivery], amount_off: {minor: 200}}
  - {id: gold-price, when: {tiers: [silver, gold]}, percent_off: {percent: 3}}
  - {id: spring, when: {codes: [SPRING]}, percent_off: {percent: 30}}
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: cups, when: {conditions: [week]}, stamps: {every: 9, unit: free-coffee, only: [coffee]}}
  - {id: card-issue, gift: {unit: card, from_minor: 1000}}
"""
JUNE = 1_780_000_000_000

SAME = [
    ("nothing", "shop-1", "shop-1"),
    ("a lower threshold", "from_minor: 30000", "from_minor: 20000"),
    ("another level between", "{name: gold", "{name: pearl, from_minor: 60000}, {name: gold"),
    ("more days of grace", "grace_days: 30", "grace_days: 60"),
    ("a third way to a right", "fee_minor: 9900}}]", "fee_minor: 9900}}, {when: {groups: [staff]}}]"),
    ("a longer term for the fee", "months: 12", "months: 24"),
    ("a dearer fee for those who pay from now on", "fee_minor: 9900", "fee_minor: 19900"),
    ("more off", "percent: 5, exclude", "percent: 6, exclude"),
    ("a step more", "{from_minor: 1000, percent: 5}", "{from_minor: 500, percent: 5}, {from_minor: 900, percent: 6}"),
    ("more in pounds", "minor: 200}", "minor: 300}"),
    ("a price that asks for less", "holds: [card], ", ""),
    ("a code for everybody ends", "  - {id: spring, when: {codes: [SPRING]}, percent_off: {percent: 30}}\n", ""),
    ("a right for one more level", "{when: {tiers: [gold]}}", "{when: {tiers: [gold, silver]}}"),
    ("a right after fewer months", "tenure_months: 24", "tenure_months: 12"),
    ("a right that is withheld in fewer shops", "unless: {stores: [s-1, s-2]}", "unless: {stores: [s-2]}"),
    ("a shop more in a region", "s-3: {region: south}", "s-3: {region: north}"),
    ("other rates for purchases to come", "points: 1, per_minor", "points: 2, per_minor"),
]
TAKEN = [
    (
        "a level that rises",
        "from_minor: 30000",
        "from_minor: 30001",
        "silver",
        "silver rises from 300.00 GBP to 300.01",
    ),
    ("a level that is gone", ", {name: platinum, from_minor: 200000}", "", "platinum", "platinum is no longer there"),
    (
        "a shorter window",
        "hold: {years: 1}",
        "window_months: 6\n  hold: {years: 1}",
        "silver, gold, platinum",
        "by window_months",
    ),
    ("no terms any more", "  hold: {years: 1}\n", "", "silver, gold, platinum", "silver is lost sooner by hold"),
    (
        "fewer days of grace",
        "grace_days: 30",
        "grace_days: 29",
        "silver, gold, platinum",
        "silver is lost sooner by grace_days",
    ),
    ("a hard landing", "drop: soft", "drop: hard", "silver, gold, platinum", "silver is lost sooner by drop"),
    ("a way less to a right", "{when: {tiers: [gold]}}, ", "", "delivery", "delivery is refused to some who had it"),
    ("a shorter term for the fee", "months: 12", "months: 11", "delivery", "delivery is refused to some who had it"),
    ("a right for fewer", "tiers: [gold]}", "tiers: [gold], tenure_months: 12}", "delivery", "delivery is refused"),
    ("a right after more months", "tenure_months: 24", "tenure_months: 25", "parking", "parking is refused to some"),
    (
        "a right that is withheld in more shops",
        "unless: {stores: [s-1, s-2]}",
        "unless: {stores: [s-1, s-2, s-3]}",
        "parking",
        "parking is refused to some who had it",
    ),
    (
        "a shop less in a region",
        "s-4: {region: north}",
        "s-4: {region: south}",
        "parking",
        "parking is refused to some",
    ),
    (
        "a price for a level that is gone",
        "  - {id: gold-price, when: {tiers: [silver, gold]}, percent_off: {percent: 3}}\n",
        "",
        "gold-price",
        "gold-price is no longer there, and members have what it asks for",
    ),
    (
        "a price for fewer levels",
        "tiers: [silver, gold]}, percent",
        "tiers: [gold]}, percent",
        "gold-price",
        "gold-price is refused",
    ),
    ("less off for a level", "percent: 3}", "percent: 2}", "gold-price", "gold-price takes less off"),
    ("less off for the card", "percent: 5, exclude", "percent: 4, exclude", "card", "card takes less off"),
    ("off for less", "exclude: [gift-card]", "exclude: [gift-card, wine]", "card", "card takes less off"),
    (
        "a price that asks for more",
        "holds: [card], ",
        "holds: [card, free-coffee], ",
        "card",
        "card is refused to some",
    ),
    ("a later step", "from_minor: 2000, percent", "from_minor: 2001, percent", "grown", "grown takes less off"),
    ("less in pounds", "minor: 200}", "minor: 199}", "home", "home takes less off"),
    (
        "a price that is gone",
        "  - {id: home, entitled: [delivery], amount_off: {minor: 200}}\n",
        "",
        "home",
        "home is no",
    ),
    (
        "a right that is gone",
        "  - {id: delivery, any: [{when: {tiers: [gold]}}, {paid: {status: club-fee, months: 12, fee_minor: 9900}}]}",
        "  - {id: shipping}",
        "delivery, home",
        "delivery is no longer there",
    ),
]


def later(old: str, new: str) -> str:
    assert BEFORE.count(old) == 1, old
    text = BEFORE.replace(old, new).replace("shop-1", "shop-2").replace("2026-01-01", "2026-07-01")
    return text.replace("entitled: [delivery], ", "") if "shipping" in new else text


def faults(text: str) -> list[str]:
    return [why for _, why in broken(read(BEFORE), read(text))]


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_what_takes_nothing_is_no_broken_promise(old: str, new: str) -> None:
    assert faults(later(old, new)) == []


@pytest.mark.parametrize(("old", "new", "names", "says"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_members_have_is_not_taken_back_in_silence(old: str, new: str, names: str, says: str) -> None:
    text = later(old, new)
    found = faults(text)
    assert says in found[0]
    assert all("; keep it, or write retired: [" in why for why in found)
    assert faults(text + f"retired: [{names}]\n") == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("currencies: {miles: {decimals: 2}}\n", "", "miles is no longer there, and members have some of it; keep it"),
        ("currency: GBP", "currency: EUR", "what members have spent is in GBP, and counts for levels; keep it"),
    ],
)
def test_what_their_points_stand_for_stays(old: str, new: str, says: str) -> None:
    assert faults(later(old, new)) == [says]


def test_a_condition_that_means_something_else_is_a_changed_rule(tmp_path: Path) -> None:
    """The name of the condition in the rule is the same."""
    (tmp_path / "shop.yaml").write_text(later("[mon, tue]", "[mon]"))
    with pytest.raises(ProgrammeError, match="cups was changed; give it revision 1"):
        accepted(opened(tmp_path / "shop.yaml"), [BEFORE], JUNE, past=False)


def test_a_version_between_two_may_promise_nothing_that_the_next_one_takes_back(tmp_path: Path) -> None:
    """The version of September is published; that of July brings stamps which it does not know."""
    september = BEFORE.replace("shop-1", "shop-3").replace("2026-01-01", "2026-09-01")
    july = later("rules:\n", "rules:\n  - {id: teas, stamps: {every: 5, unit: free-tea, only: [tea]}}\n")
    (tmp_path / "shop.yaml").write_text(july)
    assert accepted(opened(tmp_path / "shop.yaml"), [BEFORE], JUNE, past=False)
    with pytest.raises(
        ProgrammeError, match=r"shop-3, which is published to follow it, takes back.*: teas is no longer"
    ):
        accepted(opened(tmp_path / "shop.yaml"), [BEFORE, september], JUNE, past=False)
