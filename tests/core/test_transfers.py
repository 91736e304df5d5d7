"""Points given to another member: lots keep their expiry, the fee is kept, what was decided stays. Counted by hand."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: giving
version: giving-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
transfers: {fee_percent: %d}
rules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 3}}
"""


def world(fee: int = 10) -> World:
    """Ann has 60 of January (to the end of 10 April) and 40 of February (to the end of 10 May)."""
    made = World(PROGRAMME % fee)
    made.tell("2026-01-10 buy A 60.00")
    made.tell("2026-02-10 buy B 40.00")
    return made


def reconciled(made: World) -> dict[str, int]:
    """The house's accounts; every member's adds up."""
    for member in made.simulation.members.values():
        member.check()
    found = made.accounts()
    assert sum(found.values()) == 0
    return found


def test_points_move_with_their_expiry_less_the_fee() -> None:
    """75 at 10 %: 7 are kept (7.5 rounded down), of what ends soonest; 53 of A and 15 of B arrive."""
    made = world()
    assert made.refusal("2026-03-01 transfer t1 75 to bob") == ""
    assert made.lots() == {"B": 25}
    assert made.lots("bob") == {"A": 53, "B": 15}
    assert reconciled(made) == {"fee": 7, "issued": -100, "lot": 93}
    made.until("2026-04-10T23:59:59")
    assert made.lots("bob") == {"A": 53, "B": 15}
    made.until("2026-04-11T00:00")
    assert made.lots("bob") == {"B": 15}
    assert [lot[1] for lot in made.member("bob").lots] == [lot[1] for lot in made.member().lots]  # when it was earned


def test_without_a_fee_all_arrives() -> None:
    made = world(0)
    made.tell("2026-03-01 transfer t1 75 to bob")
    assert (made.lots(), made.lots("bob")) == ({"B": 25}, {"A": 60, "B": 15})
    assert reconciled(made) == {"issued": -100, "lot": 100}


def test_a_fee_of_everything_sends_nothing() -> None:
    made = world(100)
    assert made.refusal("2026-03-01 transfer t1 75 to bob") == ""
    assert "bob" not in made.simulation.members
    assert reconciled(made) == {"fee": 75, "issued": -100, "lot": 25}


def test_declined_for_want_of_points_in_debt_and_to_oneself() -> None:
    made = world()
    assert made.refusal("2026-03-01 transfer t1 101 to bob") == "balance_must_cover_the_points"
    assert made.refusal("2026-03-01 transfer t2 5 to ann") == "transfer_must_go_to_another"
    made.tell("2026-03-02 taken k1 130")
    assert made.refusal("2026-03-03 transfer t3 5 to bob") == "debt_must_be_repaid_first"
    assert "bob" not in made.simulation.members
    made.tell("2026-03-04 buy C 50.00")
    assert made.refusal("2026-03-05 transfer t4 20 to bob") == ""
    assert made.lots("bob") == {"C": 18}


def test_a_retry_has_the_same_answer_and_moves_nothing() -> None:
    made = world()
    made.tell("2026-03-01 transfer t1 75 to bob")
    made.tell("2026-03-01 transfer t1 75 to bob")
    assert made.simulation.duplicates == 1
    assert made.lots("bob") == {"A": 53, "B": 15}


def test_what_was_sent_stays_sent_whatever_comes_late() -> None:
    """A discount of 50 on 20 February is heard in March. A had 10 left by then: the transfer's 53 of A and 15 of B are
    gone, so B's 25 go too, and 25 more are owed."""
    made = world()
    made.tell("2026-03-01 transfer t1 75 to bob")
    assert made.simulation.booked[2].results[0].outcome.lots != ()
    made.tell("2026-02-20 taken k1 50")
    assert made.lots("bob") == {"A": 53, "B": 15}
    assert made.stands() == "available 0 pending 0 held 0 debt 25"
    assert reconciled(made) == {"debt": -25, "fee": 7, "issued": -100, "lot": 68, "spent": 50}
    assert sum(fact.type == "message" for fact, _ in made.simulation.booked) == 1


def test_the_goods_of_sent_points_are_taken_back_from_the_giver() -> None:
    made = world()
    made.tell("2026-03-01 transfer t1 75 to bob")
    made.tell("2026-03-02 back b1 of A 60.00")
    assert made.stands() == "available 0 pending 0 held 0 debt 35"
    assert made.lots("bob") == {"A": 53, "B": 15}
    reconciled(made)


def test_a_transfer_that_comes_late_must_find_its_points_then_and_now() -> None:
    """On 20 January there were 60. Of 70, none go; of 50, 5 are the fee."""
    made = world()
    assert made.refusal("2026-01-20 transfer t1 70 to bob") == "balance_must_cover_the_points"
    made.tell("2026-03-01 redeem r1 80")
    assert made.refusal("2026-01-20 transfer t2 50 to bob") == "balance_must_cover_the_points"
    assert made.refusal("2026-01-20 transfer t3 20 to bob") == ""
    assert (made.lots(), made.lots("bob")) == ({}, {"A": 18})
    assert reconciled(made) == {"fee": 2, "issued": -100, "lot": 18, "spent": 80}


def test_a_gift_repays_what_the_receiver_owes() -> None:
    made = world()
    made.tell("2026-02-20 taken k1 30", "bob")
    made.tell("2026-03-01 transfer t1 75 to bob")
    assert made.lots("bob") == {"A": 23, "B": 15}
    assert reconciled(made) == {"fee": 7, "issued": -100, "lot": 63, "spent": 30}


def test_points_may_go_on_and_come_back() -> None:
    made = world(0)
    made.tell("2026-03-01 transfer t1 100 to bob")
    made.tell("2026-03-02 transfer t2 70 to cat", "bob")
    made.tell("2026-03-03 transfer t3 65 to ann", "cat")
    assert (made.lots(), made.lots("bob"), made.lots("cat")) == ({"A": 60, "B": 5}, {"B": 30}, {"B": 5})
    assert reconciled(made) == {"issued": -100, "lot": 100}


def test_facts_beside_a_transfer_come_to_the_same_in_any_order() -> None:
    """The transfer is asked first of all; what it takes is decided then."""
    lines = [
        "2026-02-01 buy C 5.00",
        "2026-02-20 taken k1 30",
        "2026-03-02 back b1 of B 10.00",
        "2026-02-25 fix A r1 70.00",
    ]
    found = set()
    for order in permutations(lines):
        made = world()
        made.tell("2026-03-01 transfer t1 75 to bob")
        for line in order:
            made.tell(line)
        reconciled(made)
        assert made.counts_again()
        assert made.counts_again("bob")
        found.add((made.stands(), tuple(made.member().lots), tuple(made.member("bob").lots)))
    assert len(found) == 1


@pytest.mark.parametrize("line", ["2026-03-01 contribute t1 75 to bob", "2026-03-01 transfer t1 75 to bob"])
def test_who_is_forgotten_is_given_nothing(line: str) -> None:
    made = world(0)
    made.tell("2026-02-01 erase x1", "bob")
    made.tell(line)
    assert made.stands("bob") == "available 0 pending 0 held 0 debt 0"
    assert reconciled(made) == {"forfeited": 75, "issued": -100, "lot": 25}
