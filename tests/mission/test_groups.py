"""Rules of one group: each counts, or of every basket only the best one."""

from __future__ import annotations

import pytest

from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from tests.drivers.rating import Rating

PROGRAMME = """
programme: groups
version: groups-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
groups: {offers: %s}
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: wine, group: offers, share: {points: 3, per_minor: 100, only: [wine]}}
  - {id: all, group: offers, share: {points: 1, per_minor: 100, valid_months: 1}}
"""


def whys(awards: list[tuple[str, str, object, int, str]]) -> list[tuple[str, int]]:
    return [(rule, points) for rule, _, _, points, _ in awards]


def test_the_best_rule_of_a_group_counts_and_a_return_may_make_another_one_the_best() -> None:
    """Wine 20.00 and goods 30.00: 60 by `wine`, 50 by `all`. The wine comes back: 30 by `all`."""
    rules = Rating(PROGRAMME % "best")
    assert whys(rules.tell("2026-03-10 buy A w/wine=20.00 g=30.00")) == [("base@0", 50), ("wine@0", 60)]
    assert whys(rules.tell("2026-03-11 back b1 of A w=20.00")) == [("base@0", -20), ("wine@0", -60), ("all@0", 30)]
    assert rules.lots() == {"A": 60}


def test_of_equals_the_first_of_the_file_counts() -> None:
    """Wine 10.00 and goods 20.00: 30 by each."""
    rules = Rating(PROGRAMME % "best")
    assert whys(rules.tell("2026-03-10 buy A w/wine=10.00 g=20.00")) == [("base@0", 30), ("wine@0", 30)]


def test_in_a_sum_each_counts() -> None:
    rules = Rating(PROGRAMME % "sum")
    assert whys(rules.tell("2026-03-10 buy A w/wine=20.00 g=30.00")) == [("base@0", 50), ("wine@0", 60), ("all@0", 50)]


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("group: offers, share: {points: 3", "group: ofers, share: {points: 3"), 9, "there is no group ofers"),
        (("groups: {offers", "groups: {base: best, offers"), 6, "base is a rule's id"),
        (("best", "greatest"), 6, "'sum', 'best' or 'exclusive'"),
        (("share: {points: 1, per_minor: 100, valid_months: 1}", "daily_cap: {points: 1}"), 10, "more than one basket"),
    ],
)  # fmt: skip
def test_a_group_that_cannot_be_is_refused(change: tuple[str, str], line: int, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([(PROGRAMME % "best").replace(*change)], ["g.yaml"])
    assert any(fault.startswith(f"g.yaml:{line}: ") and says in fault for fault in refused.value.faults), (
        refused.value.faults
    )
