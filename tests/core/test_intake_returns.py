"""A return that names its receipt is whose the receipt is, in whatever order they come and whosever card is shown."""

from __future__ import annotations

import itertools
import json

import pytest

from events.topics import ENROLMENTS
from services.intake.core.batch import receipts
from services.intake.core.identity import Act, Decided
from tests.drivers.sayings import AT, Directory, Said, acts, facts, shown

MEMBERS = {("card", "a"): "mem_ann", ("card", "b"): "mem_bob"}
ANNS = [
    ("buy with her card",),
    ("buy as a guest", "say again with her card"),
    ("buy as a guest", "claim"),
]
"""Ways in which a receipt comes to be Ann's. The said things come in any order."""


def story(told: tuple[str, ...], card: str | None) -> Said:
    said = Said()
    for what in told:
        match what:
            case "buy with her card" | "say again with her card":
                said.purchase("r1", "a")
            case "buy as a guest":
                said.purchase("r1", None)
            case "claim":
                said.claim("r1", "a")
            case _:
                said.returned(what, "r1", card, 200)
    return said


@pytest.mark.parametrize("card", [None, "a", "b", "new"])
@pytest.mark.parametrize("way", ANNS, ids=" and ".join)
def test_what_comes_back_of_anns_receipt_is_anns(way: tuple[str, ...], card: str | None) -> None:
    """In every order and cut into batches everywhere, each batch read once more after a crash: after it was written,
    and before. With no crash it comes after the receipt."""
    for told in itertools.permutations((*way, "x1", "x2")):
        items = story(told, card).items
        for cut, crash_before in itertools.product(range(len(items)), (False, True)):
            house = Directory(dict(MEMBERS))
            written: list[str] = []
            for batch in (items[:cut], items[cut:]):
                plan = house.take(batch, produce=not crash_before)
                written += [fact.id for _, fact in plan.facts]
                house.take(batch, Decided.BEFORE_A_CRASH)
            assert sorted(written) == ["r1", "x1", "x2"]
            assert written[0] == "r1"
            journal = {name: json.loads(fact) for (name, _), fact in house.journal.items()}
            assert {name: fact["member"] for name, fact in journal.items()} == dict.fromkeys(
                ("r1", "x1", "x2"), "mem_ann"
            )
            for name in ("x1", "x2"):
                assert journal[name]["source"]["offset"] == told.index(name)
                assert (journal[name]["purchase"], journal[name]["lines"][0]["total_minor"]) == ("r1", 200)
            assert (house.parked, house.members) == ({}, MEMBERS)
            assert {name: rows[0].member for name, rows in house.revisions.items()} == dict.fromkeys(journal, "mem_ann")


def test_a_return_of_a_guests_receipt_waits_and_says_so_no_more_than_once() -> None:
    said = Said().purchase("r1", None).returned("x1", "r1", None).returned("x1", "r1", "b").returned("x2", "r2", "b")
    house = Directory(dict(MEMBERS))
    plan = house.take(said.items)
    assert acts(plan) == {Act.KEEP: 1, Act.WAIT: 2, Act.DROP: 1}
    assert (house.journal, house.parked) == ({}, {})
    assert house.take(said.items, Decided.BEFORE_A_CRASH).revisions == {}


def test_a_card_that_a_return_shows_beside_its_receipt_is_nobodys() -> None:
    """Nor is it kept: it may be that of a person who is forgotten later."""
    house = Directory()
    house.take(Said().returned("x1", "r1", "6338").purchase("r1", "1").items)
    assert list(house.members) == [("card", "1")]
    assert b"6338" not in b"".join(row.body or b"" for rows in house.revisions.values() for row in rows)


def test_a_return_without_its_receipt_is_whose_card_is_shown() -> None:
    assert facts(Said().returned("x1", None, "b").plan(MEMBERS)) == [("return", "x1", "mem_bob", 0)]
    assert acts(Said().returned("x1", None, None).plan(MEMBERS)) == {Act.KEEP: 1}


def test_a_return_follows_the_receipt_of_one_who_is_forgotten() -> None:
    """The book knows that nothing is taken back of her; her card is somebody else's by now."""
    said = Said().purchase("r1", "a").returned("x1", "r2", None)
    said.add(ENROLMENTS, {"type": "erased", "id": "e1", "identifier": shown("a"), "reason": "asked for"})
    said.purchase("r3", "a").returned("x2", "r1", "a")
    assert [(name, member) for _, name, member, _ in facts(said.plan(MEMBERS))] == [
        ("r1", "mem_ann"), ("e1", "mem_ann"), ("r3", "mem_1"), ("x2", "mem_ann"),
    ]  # fmt: skip


def test_a_corrected_receipt_has_its_returns_once() -> None:
    said = Said().returned("x1", "r1", None).purchase("r1", "a").purchase("r1", "a", 900).returned("x2", "r1", None)
    assert [(kind, name) for kind, name, _, _ in facts(said.plan(MEMBERS))] == [
        ("purchase", "r1"), ("return", "x1"), ("correction", "r1"), ("return", "x2"),
    ]  # fmt: skip


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize(
    ("receipt", "card", "pence"),
    [("r1", "a", 400), ("r1", None, 400), ("r2", None, 200), (None, "b", 200), (None, None, 1)],
)
def test_a_return_is_not_said_otherwise(waits: bool, receipt: str | None, card: str | None, pence: int) -> None:
    """Whether its receipt is there or not; what was said first is booked."""
    said = Said()
    for what in ("return", "otherwise", "buy") if waits else ("buy", "return", "otherwise"):
        match what:
            case "buy":
                said.purchase("r1", "a")
            case "return":
                said.returned("x1", "r1", None, 200)
            case _:
                said.returned("x1", receipt, card, pence)
    plan = said.plan(MEMBERS)
    assert [(fact.id, fact.lines[0].total_minor) for _, fact in plan.facts] == [("r1", 500), ("x1", 200)]
    assert [place[2] for place, _ in plan.parked] == [1 if waits else 2]


def test_what_a_guest_said_of_no_receipt_may_name_it_later() -> None:
    said = Said().purchase("r1", "a").returned("x1", None, None).returned("x1", "r1", None)
    assert facts(said.plan(MEMBERS))[1:] == [("return", "x1", "mem_ann", 0)]


@pytest.mark.parametrize("first", [False, True])
def test_a_return_of_what_is_no_receipt_waits_for_ever(first: bool) -> None:
    said = Said()
    if first:
        said.returned("x1", "e1", None)
    said.add(ENROLMENTS, {"type": "enrolled", "id": "e1", "identifier": shown("a")})
    if not first:
        said.returned("x1", "e1", None)
    plan = said.returned("x1", "e1", None).plan(MEMBERS)
    assert [name for _, name, _, _ in facts(plan)] == ["e1"]
    assert acts(plan) == {Act.BOOK: 1, Act.WAIT: 1, Act.DROP: 1}


def test_a_return_of_itself_waits_for_ever() -> None:
    plan = Said().returned("x1", "x1", "a").plan(MEMBERS)
    assert (plan.facts, acts(plan)) == ([], {Act.WAIT: 1})


def test_the_receipt_that_a_return_names_is_looked_up_with_the_others() -> None:
    assert receipts(Said().returned("x1", "r1", None).returned("x2", None, "a").items) == {"x1", "x2", "r1"}


def test_a_receipt_that_was_only_named_by_a_return_is_new_when_it_comes() -> None:
    house = Directory(dict(MEMBERS))
    house.take(Said().returned("x1", "r1", None).items)
    (row,) = house.revisions["r1"]
    assert (row.kind, row.member, row.lines, row.returns) == ("awaited", None, 0, ("x1",))
    house.take(Said().purchase("r1", None, 700).items)
    (row,) = house.revisions["r1"]
    assert (row.kind, row.member, row.lines, row.returns) == ("purchase", None, 1, ("x1",))
    assert AT.encode() in (row.body or b"")
