"""A person is forgotten: worked case 23, and whatever comes afterwards. Counted by hand."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.core.test_transfers import reconciled
from tests.drivers.facts import World

PROGRAMME = """
programme: plain
version: plain-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
tier: {levels: [{name: silver, from_minor: 10000}]}
rules: [{id: base, share: {points: 1, per_minor: 100, valid_months: 24}}]
"""


def world(*lines: str) -> World:
    """Ann's 120 points beside 10,000,000 of others."""
    made = World(PROGRAMME)
    for n in range(10):
        made.tell(f"2026-01-05 adjust x{n} 1000000", f"m{n}")
    made.tell("2026-02-01 buy A 120.00")
    for line in lines:
        made.tell(line)
    return made


def test_case_23_what_she_had_is_forfeited_and_a_later_return_finds_nobody() -> None:
    made = world()
    assert made.accounts() == {"issued": -10_000_120, "lot": 10_000_120}
    made.tell("2026-03-01 erase e1")
    assert reconciled(made) == {"forfeited": 120, "issued": -10_000_120, "lot": 10_000_000}
    (entry,) = made.simulation.booked[-1].results[0].posting.entries
    assert (entry.debit, entry.credit, entry.points, entry.why) == ("lot", "forfeited", 120, "erased")
    assert made.refusal("2026-03-10 back b1 of A 120.00") == "member_must_not_be_erased"
    assert reconciled(made) == {"forfeited": 120, "issued": -10_000_120, "lot": 10_000_000}
    made.until("2035-01-01")
    assert (made.member().tier, made.member().qualifying_minor, made.member().cells) == (0, 0, {})


def test_nothing_comes_back_when_everything_is_counted_again() -> None:
    made = world("2026-03-01 erase e1", "2026-03-10 back b1 of A 120.00", "2026-03-11 erase e2")
    assert made.counts_again()
    assert made.stands() == "available 0 pending 0 held 0 debt 0"


@pytest.mark.parametrize("line", ["buy B 9.00", "redeem r1 5", "adjust a1 5", "use u1 coffee", "enrol n1",
                                  "transfer t1 5 to bob", "hold h1 5 until 2026-05-01", "fix A r1 9.00"])  # fmt: skip
def test_nothing_is_earned_or_asked_any_more(line: str) -> None:
    made = world("2026-03-01 erase e1")
    assert made.refusal(f"2026-03-10 {line}") == "member_must_not_be_erased"
    assert reconciled(made)["forfeited"] == 120


def test_a_debt_is_not_asked_for() -> None:
    made = world("2026-02-10 taken k1 150", "2026-03-01 erase e1")
    assert reconciled(made) == {"forfeited": -30, "issued": -10_000_120, "lot": 10_000_000, "spent": 150}


def test_a_discount_that_was_given_is_booked_all_the_same() -> None:
    """Held 50; forgotten; the till gave the discount: 120 end, less 50 that were spent and that nobody owes."""
    made = world("2026-02-10 hold h1 50 until 2026-04-01", "2026-03-01 erase e1")
    assert made.stands() == "available 0 pending 0 held 0 debt 0"
    assert reconciled(made)["forfeited"] == 120
    made.tell("2026-03-02 capture c1 of h1 50")
    assert reconciled(made) == {"forfeited": 70, "issued": -10_000_120, "lot": 10_000_000, "spent": 50}
    made.tell("2026-03-03 void v1 of h1")
    assert reconciled(made) == {"forfeited": 120, "issued": -10_000_120, "lot": 10_000_000}


def test_what_happened_before_and_comes_late_is_forfeited_too() -> None:
    made = world("2026-03-01 erase e1")
    made.tell("2026-02-20 buy B 30.00")
    made.tell("2026-02-21 back b1 of A 20.00")
    assert reconciled(made) == {"forfeited": 130, "issued": -10_000_150, "lot": 10_000_000, "reversed": 20}


def test_the_erasure_that_comes_late_undoes_what_came_after_it() -> None:
    """Forgotten on 1 March, heard on the 20th: purchase and return of the 10th count for nothing; the discount of the
    11th was granted, and given."""
    made = world("2026-03-10 buy B 30.00", "2026-03-10T13:00 back b1 of A 20.00", "2026-03-11 redeem r1 50")
    made.tell("2026-03-01 erase e1")
    assert reconciled(made) == {"forfeited": 70, "issued": -10_000_120, "lot": 10_000_000, "spent": 50}


def test_facts_and_the_erasure_come_to_the_same_in_any_order() -> None:
    lines = ["2026-02-20 buy B 30.00", "2026-02-21 back b1 of A 20.00", "2026-02-22 taken k1 50", "2026-03-01 erase e1",
             "2026-03-05 taken k2 10"]  # fmt: skip
    assert {tuple(reconciled(world(*order)).items()) for order in permutations(lines)} == {
        (("forfeited", 70), ("issued", -10_000_150), ("lot", 10_000_000), ("reversed", 20), ("spent", 60))
    }


def test_what_a_friend_brings_ends_with_who_is_forgotten() -> None:
    rule = "\n  - {id: friend, referral: {points: 200}}"
    made = World(PROGRAMME.replace("rules: [{", "rules:\n  - {").replace("}}]", "}}") + rule)
    made.tell("2026-02-01 enrol n1 by bob")
    made.tell("2026-02-20 erase e1", "bob")
    made.tell("2026-03-01 buy A 10.00")
    assert made.stands("bob") == "available 0 pending 0 held 0 debt 0"
    assert reconciled(made) == {"forfeited": 200, "issued": -210, "lot": 10}
