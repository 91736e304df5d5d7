"""Two members who are one person: worked case 12, late events of the gone card, and taking it back. Counted by hand."""

from __future__ import annotations

from itertools import permutations
from typing import Any
from unittest.mock import patch

import pytest

from services.book import merging, pages
from services.book.member import decode, encode
from tests.core.test_transfers import reconciled
from tests.drivers.facts import World, told

PROGRAMME = """
programme: merging
version: merging-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
partners: [fuel]
tier: {levels: [{name: silver, from_minor: 100000}]}
rules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 12, exclude: [gift]}}
%s
"""
# a gift counts towards the level and earns nothing: so 300 points go with 700 of spend
M1 = ["2026-01-10 buy A 250.00", "2026-01-10T13:00 buy G g/gift=400.00", "2026-01-20 buy S9 50.00"]
M2 = ["2026-01-12 buy B 150.00", "2026-01-13 buy H h/gift=250.00", "2026-01-20 buy S9 50.00"]


def world(rules: str = "", first: str = "m1") -> World:
    """What case 12 begins with; `first` claimed the receipt S9 before the other did."""
    made = World(PROGRAMME % rules)
    told = [(line, "m1") for line in M1] + [(line, "m2") for line in M2]
    told.sort(key=lambda one: "S9" in one[0] and one[1] != first)
    for line, member in told:
        made.tell(line, member)
    return made


def shows(made: World, name: str) -> tuple[int, int]:
    """(points, qualifying spend in pounds)."""
    member = made.member(name)
    return member.live - member.debt, member.qualifying_minor // 100


def again(made: World) -> None:
    """Every member from its bytes, and equal to all its facts counted again."""
    for name in made.simulation.members:
        made.simulation.members[name] = decode(name, encode(made.member(name)))
        assert made.counts_again(name), name
    reconciled(made)


def test_a_record_that_holds_each_fact_twice_counts_it_once() -> None:
    """Nobody of ours writes one; it must not stop the partition, nor count anything twice."""
    made, record = world(), merging._record
    with patch.object(merging, "_record", lambda *args: record(*args[:6], [*args[6], *reversed(args[6])], *args[7:])):
        made.tell("2026-02-01 merge x1 into m1", "m2")
    assert (shows(made, "m1"), shows(made, "m2")) == ((450, 1100), (0, 0))
    again(made)


@pytest.mark.parametrize("first", ["m1", "m2"])
def test_case_12(first: str) -> None:
    made = world(first=first)
    assert (shows(made, "m1"), shows(made, "m2")) == ((300, 700), (200, 450))
    made.tell("2026-02-01 merge x1 into m1", "m2")
    assert (shows(made, "m1"), shows(made, "m2")) == ((450, 1100), (0, 0))
    assert made.member("m1").tier == 1
    assert reconciled(made) == {"issued": -450, "lot": 450}
    again(made)
    made.tell("2026-01-31 buy C 7.00", "m2")  # a late event of the gone card
    assert (shows(made, "m1"), shows(made, "m2")) == ((457, 1107), (0, 0))
    again(made)
    made.tell("2026-03-01 unmerge x2", "m2")
    with_s9 = {"m1": ((300, 700), (157, 407)), "m2": ((250, 650), (207, 457))}
    assert (shows(made, "m1"), shows(made, "m2")) == with_s9[first]
    assert reconciled(made) == {"issued": -457, "lot": 457}
    again(made)


def test_cards_go_on_as_before_after_it_was_taken_back() -> None:
    made = world()
    made.tell("2026-02-01 merge x1 into m1", "m2")
    made.tell("2026-03-01 unmerge x2", "m2")
    made.tell("2026-03-02 back b1 of B 50.00", "m2")
    made.tell("2026-03-02 buy D 10.00", "m2")
    made.tell("2026-03-03 fix B r1 120.00", "m2")
    assert shows(made, "m2") == (80, 330)  # 120 - 50 + 10, and 250 of gifts
    assert shows(made, "m1") == (300, 700)
    again(made)


def test_it_may_be_merged_again() -> None:
    made = world()
    for n in (1, 2):
        made.tell(f"2026-02-0{n} merge x{n} into m1", "m2")
        made.tell(f"2026-02-1{n} buy D{n} 10.00", "m2")
        assert shows(made, "m1") == (450 + 10 * n, 1100 + 10 * n)
        again(made)
        made.tell(f"2026-02-2{n} unmerge y{n}", "m2")
        assert (shows(made, "m1"), shows(made, "m2")) == ((300, 700), (150 + 10 * n, 400 + 10 * n))
        again(made)


def test_points_that_one_asks_for_are_those_of_both() -> None:
    """M2's card asks for 400 after the merge: 450 are there. Then for 51: declined, as the answer says."""
    made = world()
    made.tell("2026-02-01 merge x1 into m1", "m2")
    assert made.tell("2026-02-02 redeem r1 400", "m2").outcome.status == "forwarded"
    assert shows(made, "m1")[0] == 50
    made.tell("2026-02-03 redeem r2 51", "m2")
    assert made.simulation.booked[-1].results[0].outcome.refusal == "balance_must_cover_the_points"
    made.tell("2026-02-04 void v1 of r1 100", "m2")
    assert shows(made, "m1")[0] == 150
    again(made)


def test_what_the_gone_card_spent_goes_home_with_it() -> None:
    made = world()
    made.tell("2026-02-01 merge x1 into m1", "m2")
    made.tell("2026-02-02 redeem r1 400", "m2")
    made.tell("2026-02-03 unmerge x2", "m2")
    assert (shows(made, "m1")[0], shows(made, "m2")[0]) == (300, -250)  # 150 of its own, 400 spent
    assert reconciled(made) == {"debt": -250, "issued": -450, "lot": 300, "spent": 400}
    again(made)


def test_decisions_and_holds_go_over_as_they_were() -> None:
    made = world()
    made.tell("2026-01-25 redeem r1 120", "m2")
    made.tell("2026-01-25 hold h1 30 until 2026-06-01", "m2")
    made.tell("2026-01-26 redeem r9 1000", "m2")  # declined, and stays so
    made.tell("2026-02-01 merge x1 into m1", "m2")
    assert (made.member("m1").spent, made.member("m1").held, shows(made, "m1")[0]) == (120, 30, 300)
    made.tell("2026-02-02 capture c1 of h1 30", "m2")
    assert (made.member("m1").spent, made.member("m1").held) == (150, 0)
    again(made)


def test_a_receipt_of_the_other_card_that_comes_again_is_a_repeat() -> None:
    made = world()
    made.tell("2026-02-01 merge x1 into m1", "m2")
    made.tell("2026-01-12 buy B 150.00", "m1")
    assert shows(made, "m1") == (450, 1100)
    made.tell("2026-01-10 buy A 250.00", "m2")
    assert shows(made, "m1") == (450, 1100)
    again(made)


def test_a_return_finds_the_receipt_whichever_card_it_was() -> None:
    made = world()
    made.tell("2026-02-01 merge x1 into m1", "m2")
    made.tell("2026-02-02 back b1 of B 50.00", "m1")
    made.tell("2026-02-02 back b2 of A 50.00", "m2")
    made.tell("2026-02-03 fix B r1 100.00", "m1")
    assert shows(made, "m1") == (450 - 50 - 50 - 50, 1100 - 150)
    again(made)


def test_any_order_of_facts_and_merge_comes_to_the_same() -> None:
    """Spread over the two cards, some after the merge: always what one card would have."""
    told = [
        ("2026-01-10 buy A 250.00", "m1"),
        ("2026-01-12 buy B 150.00", "m2"),
        ("2026-01-20 back b1 of B 20.00", "m2"),
        ("2026-01-21 taken k1 90", "m1"),
        ("2026-01-25 merge x1 into m1", "m2"),
    ]
    found = set()
    for order in permutations(told):
        made = World(PROGRAMME % "")
        for line, member in order:
            made.tell(line, member)
        again(made)
        found.add((tuple(made.member("m1").lots), made.member("m1").qualifying_minor, shows(made, "m2")))
    assert len(found) == 1
    assert sum(lot[4] for lot in found.pop()[0]) == 250 + 150 - 20 - 90


def test_a_level_that_both_reach_together_counts_from_where_they_did() -> None:
    """1 point a pound, 2 from 1,000 pounds on: B takes both over it, so D earns twice."""
    rules = "  - {id: more, share: {points: 1, per_minor: 100, tier_percent: [0, 100]}}"
    made = World(PROGRAMME % rules)
    made.tell("2026-01-10 buy A 600.00", "m1")
    made.tell("2026-01-11 buy B 500.00", "m2")
    made.tell("2026-01-12 buy D 10.00", "m2")
    assert (shows(made, "m1")[0], shows(made, "m2")[0]) == (600, 510)
    made.tell("2026-02-01 merge x1 into m1", "m2")
    assert shows(made, "m1")[0] == 1120
    made.tell("2026-02-02 unmerge x2", "m2")
    assert (shows(made, "m1")[0], shows(made, "m2")[0]) == (600, 510)
    again(made)


def test_what_was_given_to_others_stays_given_and_is_not_given_twice() -> None:
    rules = "  - {id: friend, referral: {points: 200, from_minor: 5000}}"
    made = World(PROGRAMME % rules)
    made.tell("2026-01-01 enrol e1 by bob", "m2")
    made.tell("2026-01-12 buy B 150.00", "m2")
    made.tell("2026-01-13 transfer t1 40 to cat", "m2")
    before = len(made.simulation.booked)
    made.tell("2026-02-01 merge x1 into m1", "m2")
    assert [fact.type for fact, _ in made.simulation.booked[before:]] == ["merged", "forwarded"]
    assert (shows(made, "m1")[0], shows(made, "bob")[0], shows(made, "cat")[0]) == (110, 200, 40)
    made.tell("2026-02-02 back b1 of B 140.00", "m2")
    assert (shows(made, "m1")[0], shows(made, "bob")[0], shows(made, "cat")[0]) == (-30, 0, 40)
    made.tell("2026-02-03 unmerge x2", "m2")
    assert (shows(made, "m2")[0], shows(made, "bob")[0], shows(made, "cat")[0]) == (-30, 0, 40)
    again(made)
    assert reconciled(made).get("transferred", 0) == 0


def test_a_message_to_the_gone_member_reaches_the_one_who_stays() -> None:
    made = world()
    made.tell("2026-02-01 merge x1 into m1", "m2")
    made.tell("2026-02-02 adjust a1 60", "cat")
    made.tell("2026-02-03 transfer t1 60 to m2", "cat")
    assert (shows(made, "m1")[0], shows(made, "m2")[0]) == (510, 0)
    made.tell("2026-02-04 unmerge x2", "m2")
    assert (shows(made, "m1")[0], shows(made, "m2")[0]) == (300, 210)
    again(made)
    assert reconciled(made).get("transferred", 0) == 0


def test_three_cards_of_one_person() -> None:
    """M3 into M2, M2 into M1; M3's card buys; then M2 (and M3 with it) is taken back."""
    made = world()
    made.tell("2026-01-15 buy E 30.00", "m3")
    made.tell("2026-02-01 merge x1 into m2", "m3")
    made.tell("2026-02-02 merge x2 into m1", "m2")
    made.tell("2026-02-03 buy F 5.00", "m3")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [485, 0, 0]
    again(made)
    made.tell("2026-02-04 unmerge y1", "m2")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [300, 185, 0]
    again(made)
    made.tell("2026-02-05 buy I 1.00", "m3")
    made.tell("2026-02-06 unmerge y2", "m3")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [300, 150, 36]
    again(made)


def test_who_cannot_be_merged() -> None:
    made = world()
    assert made.refusal("2026-02-01 merge x0 into m2", "m2") == "merge_must_not_go_round"
    assert made.refusal("2026-02-01 unmerge y0", "m2") == "member_must_be_merged"
    made.tell("2026-02-01 merge x1 into m1", "m2")
    assert made.refusal("2026-02-02 merge x2 into m2", "m1") == "merge_must_not_go_round"
    assert made.refusal("2026-02-02 merge x3 into m3", "m2") == "member_must_not_be_merged"
    made.tell("2026-02-03 erase e1", "m2")  # one person: both are forgotten
    assert (shows(made, "m1"), made.member("m1").beyond.forfeited) == ((0, 0), 450)
    assert made.refusal("2026-02-04 merge x4 into m4", "m1") == "member_must_not_be_erased"
    again(made)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_who_are_merged_into_each_other_at_once_are_one(order: tuple[int, int]) -> None:
    """Each was said to stay, before either had heard of it: the one with the lesser id does."""
    made = world()
    waiting: list[Any] = []
    with patch.object(type(made.simulation), "deliver", lambda _, message: waiting.append(message)):
        made.tell("2026-02-01 merge x1 into m1", "m2")
        made.tell("2026-02-01 merge x2 into m2", "m1")
    for n in order:
        made.simulation.add(waiting[n])
    assert (shows(made, "m1"), shows(made, "m2")) == ((450, 1100), (0, 0))
    made.tell("2026-02-02 buy C 7.00", "m2")
    assert (shows(made, "m1"), shows(made, "m2")) == ((457, 1107), (0, 0))
    again(made)


CIRCLES = ({"m1": "m2", "m2": "m3", "m3": "m1"}, {"m1": "m3", "m3": "m2", "m2": "m1"})


def told_in(order: list[int], into: dict[str, str]) -> tuple[World, list[int]]:
    """Three who bought for 300, 20 and 1 and are merged in a circle at the same instant. `order` says which of what may
    come next does, by its number among them (0 past its end). Returns how many there were to choose from each time.

    Of two that concern different accounts and could come in either order the lesser account's comes first: no account
    could tell them apart.
    """
    made = World(PROGRAMME % "")
    for name, amount in (("m1", 300), ("m2", 20), ("m3", 1)):
        made.tell(f"2026-01-15 buy {name} {amount}.00", name)
    waiting: list[Any] = [told(f"2026-02-01 merge x{name} into {into[name]}", name) for name in into]
    choices, new, last = [], list(waiting), ""
    while waiting:
        may = [one for one in waiting if one in new or one.member >= last] or waiting
        choices.append(len(may))
        one = may[order[len(choices) - 1] if len(choices) <= len(order) else 0]
        waiting.remove(one)
        new, last = [], one.member
        with patch.object(type(made.simulation), "deliver", lambda _, message, to=new: to.append(message)):
            made.simulation.add(one)
        waiting += new
    return made, choices


@pytest.mark.parametrize("into", CIRCLES)
def test_three_who_are_merged_in_a_circle_are_one_in_every_order_of_arrival(into: dict[str, str]) -> None:
    """Each order in which merges and what they hand over can come, no record lost or sent round for ever."""
    order: list[int] | None = []
    orders = 0
    while order is not None:
        made, choices = told_in(order, into)
        orders += 1
        stands = [shows(made, name) for name in ("m1", "m2", "m3")]
        assert sorted(stands) == [(0, 0), (0, 0), (321, 321)], order
        for name in into:  # wherever a card leads, it leads there
            made.tell(f"2026-03-01 buy late-{name} 10.00", name)
        assert [shows(made, name) for name in ("m1", "m2", "m3")] == [
            (351, 351) if stood == (321, 321) else (0, 0) for stood in stands
        ], order
        order = _next(order, choices)
    assert orders > 100, orders


def _next(order: list[int], choices: list[int]) -> list[int] | None:
    """The next sequence of choices, as an odometer turns; None after the last."""
    taken = [order[n] if n < len(order) else 0 for n in range(len(choices))]
    while taken:
        last = taken.pop()
        if last + 1 < choices[len(taken)]:
            return [*taken, last + 1]
    return None


def test_of_three_in_a_circle_one_may_go_home_again() -> None:
    made, _ = told_in([0, 0, 0], CIRCLES[0])
    again(made)
    assert shows(made, "m1") == (321, 321)
    made.tell("2026-03-01 unmerge y2", "m2")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [301, 20, 0]
    made.tell("2026-03-02 buy late 5.00", "m2")
    made.tell("2026-03-02 buy later 7.00", "m3")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [308, 25, 0]
    again(made)


def test_the_first_of_a_chain_goes_home_over_the_others() -> None:
    """M3 into M2, M2 into M1; M3 was a mistake. Then M2 is taken back as well."""
    made = world()
    made.tell("2026-01-15 buy E 30.00", "m3")
    made.tell("2026-02-01 merge x1 into m2", "m3")
    made.tell("2026-02-02 merge x2 into m1", "m2")
    made.tell("2026-02-03 unmerge y1", "m3")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [450, 0, 30]
    made.tell("2026-02-04 buy F 5.00", "m3")
    made.tell("2026-02-05 buy I 1.00", "m2")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [451, 0, 35]
    made.tell("2026-02-06 unmerge y2", "m2")
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [300, 151, 35]
    made.tell("2026-02-07 merge x3 into m3", "m2")  # nobody counts M3 among those of M2 any more
    assert [shows(made, name)[0] for name in ("m1", "m2", "m3")] == [300, 0, 186]
    again(made)


def test_a_chain_of_many_cards() -> None:
    """Twelve cards of one person, each merged into the next: what the first one buys reaches the last."""
    made = World(PROGRAMME % "")
    for n in range(12):
        made.tell(f"2026-01-{n + 1:02d} buy p{n} {n + 1}.00", f"c{n:02d}")
    for n in range(11):
        made.tell(f"2026-02-{n + 1:02d} merge x{n} into c{n + 1:02d}", f"c{n:02d}")
    made.tell("2026-03-01 buy late 100.00", "c00")
    assert shows(made, "c11")[0] == 78 + 100
    made.tell("2026-03-02 unmerge y1", "c03")  # it and those before it: 1 + 2 + 3 + 4, and what came late
    assert (shows(made, "c03")[0], shows(made, "c11")[0]) == (110, 68)
    made.tell("2026-03-03 unmerge y2", "c00")
    assert [shows(made, name)[0] for name in ("c00", "c03", "c11")] == [101, 9, 68]
    again(made)


@pytest.mark.parametrize("characters", [400, 2_000_000])
def test_a_long_history_in_pages_goes_over_and_home(characters: int) -> None:
    with (
        patch.object(merging, "BUNDLE_CHARACTERS", characters),
        patch.multiple(pages, HOT_LOTS_MAX=3, PAGE_LOTS=2, NEAR_PAGES=1, LEVEL_PAGES_MAX=2, PAGE_PAGES=2),
    ):
        made = World(PROGRAMME % "")
        for n in range(60):
            made.tell(f"2026-{n // 28 + 1:02d}-{n % 28 + 1:02d} buy P{n} {n + 1}.00", ("m1", "m2")[n % 2])
            if n % 9 == 8:
                made.tell(f"2026-{n // 28 + 1:02d}-{n % 28 + 1:02d}T13:00 redeem r{n} {n}", ("m1", "m2")[n % 2])
        own = shows(made, "m1"), shows(made, "m2")
        both = own[0][0] + own[1][0], own[0][1] + own[1][1]
        made.tell("2026-04-01 merge x1 into m1", "m2")
        assert (shows(made, "m1"), shows(made, "m2")) == (both, (0, 0))
        again(made)
        made.tell("2026-04-02 unmerge x2", "m2")
        assert (shows(made, "m1"), shows(made, "m2")) == own
        again(made)
