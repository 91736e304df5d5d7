"""M32, a rule is changed without breaking what was promised: old cells freeze, move, or move where that gives more."""

from __future__ import annotations

import pytest

from events.values import millis
from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from tests.drivers.rating import Rating

FIRST = """
programme: p
version: p-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
rules:
  - id: base
    share: {points: 1, per_minor: 100}
  - id: voucher
    voucher: {per_points: 100, unit: v}
"""
SECOND = FIRST.replace("p-1", "p-2").replace("2026-01-01", "2026-06-01")
RULE = "id: voucher\n    revision: 1\n    carry: %s"


def second(carry: str, per_points: int) -> str:
    return SECOND.replace("id: voucher", RULE % carry).replace("per_points: 100", f"per_points: {per_points}")


def test_frozen_cells_stay_what_they_were_worth() -> None:
    """170 points under a voucher per 100, from June per 50: one voucher of old. 60 in June: one of the new, for 50.
    100.00 of May come back: the old cell has 70, and its voucher goes; the new one is untouched."""
    rules = Rating(FIRST, second("freeze", 50))
    rules.tell("2026-05-10 buy A 170.00")
    assert rules.begin(millis("2026-06-01T00:00:00Z")) == []
    rules.tell("2026-06-10 buy B 60.00")
    assert rules.units() == {"pts": 80, "v": 2}
    rules.tell("2026-06-11 back b1 of A 100.00")
    assert rules.units() == {"pts": 80, "v": 1}


def test_migrated_cells_are_worth_what_the_new_rule_says_at_its_own_instant() -> None:
    """170 points: one voucher per 100; per 50 they are three, for 150. 30 in June: 200, the fourth. 100.00 of May come
    back: 100 are left, two vouchers."""
    rules = Rating(FIRST, second("migrate", 50))
    rules.tell("2026-05-10 buy A 170.00")
    assert rules.begin(millis("2026-05-31T23:59:59Z")) == []
    assert rules.begin(millis("2026-06-01T00:00:00Z")) == [
        ("voucher@1", "v", (1 << 60, 0, 0, "v"), 2, ""),
        ("voucher@1", "pts", (0, 0, 0, "-v"), -50, ""),
    ]
    rules.tell("2026-06-10 buy B 30.00")
    assert rules.units() == {"v": 4}
    rules.tell("2026-06-11 back b1 of A 100.00")
    assert rules.units() == {"v": 2}
    assert list(rules.cells) == ["voucher@1"]


def test_a_migrated_cell_may_be_worth_less() -> None:
    """Per 200 the 170 points are no voucher any more."""
    rules = Rating(FIRST, second("migrate", 200))
    rules.tell("2026-05-10 buy A 170.00")
    rules.begin(millis("2026-06-01T00:00:00Z"))
    assert rules.units() == {"pts": 170}


def test_topped_up_cells_move_only_where_that_gives_more() -> None:
    """Per 60: A's 170 are two vouchers instead of one, so the cell moves. B's member has 110: one either way, it stays,
    and a return of May is reckoned by the rule of May: 90 are left, no voucher."""
    moves, stays = Rating(FIRST, second("top_up", 60)), Rating(FIRST, second("top_up", 60))
    moves.tell("2026-05-10 buy A 170.00")
    moves.begin(millis("2026-06-01T00:00:00Z"))
    assert (moves.units(), list(moves.cells)) == ({"pts": 50, "v": 2}, ["voucher@1"])
    stays.tell("2026-05-10 buy B 110.00")
    stays.tell("2026-06-02 buy C 30.00")
    assert (stays.units(), sorted(stays.cells)) == ({"pts": 40, "v": 1}, ["voucher@0", "voucher@1"])
    stays.tell("2026-06-03 back b1 of B 20.00")
    assert stays.units() == {"pts": 120}
    stays.tell("2026-06-04 buy D 30.00")  # 60 of the new ones
    assert stays.units() == {"pts": 90, "v": 1}


def test_a_sale_and_its_return_across_two_changes() -> None:
    """Per 100, from June per 50, from September per 25, each migrated. A's 90 are no voucher, one, three. L's 40 in
    October make 130: five. A, bought two changes ago, comes back: 40 are left, one."""
    third = second("migrate", 25).replace("p-2", "p-3").replace("2026-06-01", "2026-09-01")
    rules = Rating(FIRST, second("migrate", 50), third.replace("revision: 1", "revision: 2"))
    rules.tell("2026-05-10 buy A 90.00")
    assert rules.units() == {"pts": 90}
    rules.begin(millis("2026-06-01T00:00:00Z"))
    assert rules.units() == {"pts": 40, "v": 1}
    rules.begin(millis("2026-09-01T00:00:00Z"))
    assert rules.units() == {"pts": 15, "v": 3}
    rules.tell("2026-10-01 buy L 40.00")
    assert rules.units() == {"pts": 5, "v": 5}
    rules.tell("2026-10-02 back b1 of A 90.00")
    assert rules.units() == {"pts": 15, "v": 1}


def test_a_purchase_is_rated_and_taken_back_by_the_version_it_was_bought_under() -> None:
    """1 point a pound in May, 2 from June. A return in June of May's goods takes 1 a pound."""
    two = SECOND.replace("share: {points: 1,", "revision: 1\n    share: {points: 2,")
    rules = Rating(FIRST, two)
    rules.tell("2026-05-10 buy A 40.00")
    rules.tell("2026-06-10 buy B 40.00")
    rules.tell("2026-06-11 back b1 of A 10.00")
    assert rules.lots() == {"A": 30, "B": 80, "-v": -100}


CHANGED = SECOND.replace("per_points: 100", "per_points: 50")
CARRIED = CHANGED.replace("id: voucher", "id: voucher\n    carry: migrate")
SHARE = SECOND.replace("id: base", "id: base\n    revision: 1\n    carry: migrate")
OTHER = second("migrate", 50).replace("id: voucher", "id: other").replace("unit: v", "unit: w")
FRIENDS = SECOND + "  - id: friends\n    revision: 1\n    carry: migrate\n    referral: {points: 5}\n"
STAMPS = SECOND.replace("voucher: {per_points: 100, unit: v}", "stamps: {every: 2, unit: v}")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (CHANGED, 9, "voucher was changed; give it revision 1"),
        (CARRIED, 10, "the first revision has nothing to carry"),
        (SHARE, 9, "a share keeps nothing that could be carried"),
        (FRIENDS, 13, "what a referral gave is another member's, and stays"),
        (OTHER, 9, "no earlier revision is there to carry"),
        (STAMPS, 9, "voucher was a voucher; give the stamps an id of its own"),
    ],
)
def test_a_change_that_would_break_a_promise_is_refused(text: str, line: int, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([FIRST, text], ["first.yaml", "second.yaml"])
    assert any(fault.startswith(f"second.yaml:{line}: ") and says in fault for fault in refused.value.faults), (
        refused.value.faults
    )


def test_revisions_do_not_go_back() -> None:
    third = SECOND.replace("p-2", "p-3").replace("2026-06-01", "2026-09-01")
    with pytest.raises(ProgrammeError, match=r"3:9: rules.1: voucher has had revision 1; give this one 2"):
        compile_programme([FIRST, second("freeze", 50), third], ["1", "2", "3"])
