"""A batch against the directory: each record sees what those before it claimed, and nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.decode import decode_fact, encode_fact
from events.topics import ENROLMENTS, INBOUND, PURCHASES, REDEMPTIONS, Topic
from services.intake.core.batch import Item, identifiers, receipts
from services.intake.core.identity import Act, Decided, Key, Revision
from tests.drivers.sayings import AT, Said, acts, facts, shown


def test_a_card_gets_one_member_however_often_it_is_shown() -> None:
    plan = Said().purchase("r1", "1").purchase("r2", "1 ").purchase("r3", "2").plan({("card", "2"): "mem_two"})
    assert facts(plan) == [
        ("purchase", "r1", "mem_1", 0), ("purchase", "r2", "mem_1", 0), ("purchase", "r3", "mem_two", 0),
    ]  # fmt: skip
    assert plan.identities == {("card", "1"): "mem_1"}


def test_a_fact_says_which_record_made_it() -> None:
    _, fact = Said().purchase("r0", None).purchase("r1", "1").plan().facts[0]
    value = json.loads(encode_fact(fact))
    assert value == {
        "type": "purchase",
        "id": "r1",
        "occurred_at": AT,
        "source": {"topic": "purchases.v1", "partition": 0, "offset": 1},
        "member": "mem_1",
        "currency": "GBP",
        "lines": [{"item": "tea", "total_minor": 500}],
    }
    assert decode_fact(encode_fact(fact)) == fact


def test_no_identifier_leaves_intake() -> None:
    plan = Said().purchase("r1", "6338-secret").added("a1", "6338-secret", "0171-secret").plan()
    assert len(plan.facts) == 2
    assert not any(b"secret" in encode_fact(fact) for _, fact in plan.facts)


def test_the_same_receipt_within_a_batch() -> None:
    said = Said().purchase("r1", "1").purchase("r1", "1").purchase("r1", "1", 600).purchase("r1", "1", 500)
    plan = said.purchase("r1", "2", 600).plan()
    assert facts(plan) == [
        ("purchase", "r1", "mem_1", 0), ("correction", "r1", "mem_1", 1), ("correction", "r1", "mem_1", 2),
    ]  # fmt: skip
    assert [(place[2], reason) for place, reason in plan.parked] == [(4, "the receipt is another member's")]
    assert acts(plan) == {Act.BOOK: 1, Act.DROP: 1, Act.CORRECT: 2, Act.PARK: 1}
    assert plan.identities == {("card", "1"): "mem_1"}  # a receipt that is set aside makes no member


def test_a_guest_who_comes_back_within_a_batch() -> None:
    plan = Said().purchase("r1", None).purchase("r1", "1").purchase("r1", "2").plan()
    assert facts(plan) == [("purchase", "r1", "mem_1", 0)]
    assert [row.revision.member for row in plan.revisions.values()] == ["mem_1"]
    assert [row.revision.body for row in plan.revisions.values()] == [None]
    assert [reason for _, reason in plan.parked] == ["the receipt is another member's"]


def test_a_guests_receipt_is_kept_as_it_came() -> None:
    said = Said().purchase("r1", None)
    plan = said.plan()
    (row,) = plan.revisions.values()
    assert (row.receipt, row.revision.lines, row.revision.body, row.revision.member) == (
        "r1",
        1,
        said.items[0].value,
        None,
    )
    assert (plan.facts, plan.guest_lines) == ([], 1)


ANN, BOB = {("card", "a"): "mem_ann"}, {("card", "b"): "mem_bob"}


@pytest.mark.parametrize("claim_first", [False, True])
def test_a_guests_receipt_is_claimed_by_its_number(claim_first: bool) -> None:
    """Before it has come or after: the fact is that of the till's own record with the claimer's card on it."""
    said = Said()
    for what in ("claim", "buy") if claim_first else ("buy", "claim"):
        said = said.claim("r1", "a") if what == "claim" else said.purchase("r1", None, 700)
    plan = said.claim("r1", "a", "c2").purchase("r1", None, 700).claim("r1", "b", "c3").plan(ANN | BOB)
    (fact,) = [json.loads(encode_fact(fact)) for _, fact in plan.facts]
    assert fact == {
        "type": "purchase",
        "id": "r1",
        "occurred_at": AT,
        "member": "mem_ann",
        "currency": "GBP",
        "lines": [{"item": "tea", "total_minor": 700}],
        "source": {"topic": "purchases.v1", "partition": 0, "offset": 1},
    }
    assert [reason for _, reason in plan.parked] == ["the receipt is another member's"]
    assert plan.identities == {}
    (row,) = plan.revisions.values()
    assert (row.receipt, row.revision.lines, row.revision.member, row.revision.kind) == ("r1", 1, "mem_ann", "purchase")


@pytest.mark.parametrize("claim_first", [False, True])
def test_a_claimed_receipt_is_booked_again_after_a_crash_by_the_same_bytes(claim_first: bool) -> None:
    """Batch by batch, with the rows of the directory that the one before left; then the second once more."""
    first, second = Said(), Said()
    first = first.claim("r1", "a") if claim_first else first.purchase("r1", None)
    plan = first.plan(ANN)
    assert plan.facts == []
    known = {"r1": [row.revision for row in plan.revisions.values()]}
    second.items += [Item(("purchases.v1", 1, 0), Decided.NOT_YET, "", None)]
    second = second.purchase("r1", None) if claim_first else second.claim("r1", "a")
    del second.items[0]
    plan = second.plan(ANN, known)
    (fact,) = [encode_fact(fact) for _, fact in plan.facts]
    known = {"r1": [row.revision for row in plan.revisions.values()]}
    (item,) = second.items
    again = Said()
    again.items.append(item._replace(decided=Decided.BEFORE_A_CRASH))
    plan = again.plan(ANN, known)
    assert [encode_fact(fact) for _, fact in plan.facts] == [fact]
    assert plan.revisions == {}


def test_who_showed_a_card_at_the_till_has_the_receipt_whoever_claimed_its_number_before() -> None:
    plan = Said().claim("r1", "a").purchase("r1", "b").purchase("r1", "a").plan(ANN | BOB)
    assert facts(plan) == [("purchase", "r1", "mem_bob", 0)]
    assert [reason for _, reason in plan.parked] == ["the receipt is another member's"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said().purchase("r1", None).claim("r1", "x"), "nobody is known by the identifier"),
        (Said().claim("r1", "a").claim("r1", "b", "c2"), "another member has claimed the receipt"),
        (Said().purchase("r1", "b").claim("r1", "a"), "the receipt is another member's"),
        (
            Said().add(ENROLMENTS, {"type": "enrolled", "id": "r1", "identifier": shown("a")}).claim("r1", "a"),
            "the number is that of a enrolled, and only a purchase can be claimed",
        ),
    ],
    ids=["unknown card", "claimed by two", "a member's", "no receipt"],
)
def test_claims_that_are_set_aside(said: Said, reason: str) -> None:
    assert [why for _, why in said.plan(ANN | BOB).parked] == [reason]


def test_the_content_of_a_claimed_receipt_is_that_of_the_till() -> None:
    """So that the till may correct it, with the card this time."""
    plan = Said().purchase("r1", None).claim("r1", "a").purchase("r1", "a").purchase("r1", "a", 900).plan(ANN)
    assert facts(plan) == [("purchase", "r1", "mem_ann", 0), ("correction", "r1", "mem_ann", 1)]


def test_what_cannot_be_read_is_parked_and_the_rest_goes_on() -> None:
    plan = Said().purchase("r1", "1").add(PURCHASES, "no JSON").purchase("r2", "1").plan()
    assert plan.parked == [(("purchases.v1", 0, 1), "no JSON")]
    assert [fact.id for _, fact in plan.facts] == ["r1", "r2"]


def test_one_more_card() -> None:
    plan = Said().purchase("r1", "1").added("a1", "1", "2").purchase("r2", "2").plan()
    assert facts(plan)[1:] == [("identifier_added", "a1", "mem_1", 0), ("purchase", "r2", "mem_1", 0)]
    assert plan.identities == {("card", "1"): "mem_1", ("card", "2"): "mem_1"}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "nobody is known by the identifier"),
        ({("card", "1"): "mem_a", ("card", "2"): "mem_b"}, "the added identifier leads to another member"),
    ],
)
def test_one_more_card_that_cannot_be_added(members: dict[Key, str], reason: str) -> None:
    plan = Said().added("a1", "1", "2").plan(members)
    assert (facts(plan), plan.identities, [why for _, why in plan.parked]) == ([], {}, [reason])


def test_who_was_brought_by_whom() -> None:
    said = Said().purchase("r1", "1").enrolled("e1", "2", by="1 ")
    plan = said.plan()
    assert json.loads(encode_fact(plan.facts[1][1]))["referrer"] == "mem_1"
    assert not hasattr(plan.facts[0][1], "referrer")
    directory = {row.receipt: [row.revision] for row in plan.revisions.values()}
    again = Said()
    again.items = [item._replace(decided=Decided.BEFORE_A_CRASH) for item in said.items]
    members = {("card", "1"): "mem_1", ("card", "2"): "mem_2"}
    assert [encode_fact(f) for _, f in again.plan(members, directory).facts] == [encode_fact(f) for _, f in plan.facts]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "nobody is known by the identifier in referrer"),
        ({("card", "1"): "mem_a", ("card", "2"): "mem_a"}, "a member cannot be brought by itself"),
    ],
)
def test_who_cannot_have_brought_the_member(members: dict[Key, str], reason: str) -> None:
    plan = Said().enrolled("e1", "2", by="1").plan(members)
    assert (facts(plan), plan.identities, [why for _, why in plan.parked]) == ([], {}, [reason])


def test_an_enrolment_that_was_set_aside_before_a_restore_is_not_booked_after_it() -> None:
    plan = Said().purchase("r1", "1").enrolled("e1", "2", by="1", decided=Decided.BEFORE_A_RESTORE).plan()
    assert [why for _, why in plan.parked] == [
        "it was not booked before the directory was restored; say it again under a new id"
    ]


def test_only_who_is_known_can_be_forgotten() -> None:
    erased = {"type": "erased", "id": "x1", "identifier": shown("1"), "reason": "asked for by the person"}
    assert facts(Said().add(ENROLMENTS, erased).plan({("card", "1"): "mem_a"})) == [("erased", "x1", "mem_a", 0)]
    plan = Said().add(ENROLMENTS, erased).plan()
    assert (plan.identities, [why for _, why in plan.parked]) == ({}, ["nobody is known by the identifier"])


def test_a_redemption_is_never_asked_twice() -> None:
    request = {"type": "redemption_requested", "id": "q1", "identifier": shown("1"), "points": 500}
    said = Said().add(REDEMPTIONS, request).add(REDEMPTIONS, request).add(REDEMPTIONS, request | {"points": 600})
    plan = said.plan()
    assert [fact.id for _, fact in plan.facts] == ["q1"]
    assert acts(plan) == {Act.BOOK: 1, Act.DROP: 1, Act.PARK: 1}


def test_after_a_crash_the_same_facts_are_made_and_nothing_is_claimed() -> None:
    first = Said().purchase("r1", "1").purchase("r1", "1").purchase("r1", "1", 600).purchase("r1", "1", 500)
    first.purchase("g1", None).purchase("r1", "2").add(PURCHASES, "no JSON")
    plan = first.plan()
    directory: dict[str, list[Revision]] = {}
    for row in plan.revisions.values():
        directory.setdefault(row.receipt, []).append(row.revision)
    again = Said()
    again.items = [item._replace(decided=Decided.BEFORE_A_CRASH) for item in first.items]
    second = again.plan({}, directory)  # not even the identifier need be known
    assert [encode_fact(fact) for _, fact in second.facts] == [encode_fact(fact) for _, fact in plan.facts]
    assert (second.identities, second.revisions, second.parked) == ({}, {}, [])


def test_what_must_be_looked_up() -> None:
    said = Said().purchase("r1", "1").purchase("g1", None).added("a1", "1", "2").enrolled("e1", "1", by="3")
    items = said.add(PURCHASES, "no JSON").items
    assert identifiers(items) == {("card", "1"), ("card", "2"), ("card", "3")}
    assert receipts(items) == {"r1", "g1", "a1", "e1"}


def test_every_kind_of_record_becomes_a_fact() -> None:
    values: dict[str, dict[str, Any]] = {
        "purchase": {"currency": "GBP", "total_minor": 5, "lines": [{"item": "tea", "total_minor": 5, "tax_minor": 1}]},
        "return": {
            "currency": "GBP",
            "total_minor": 5,
            "lines": [{"item": "tea", "total_minor": 5}],
            "purchase": "id:purchase",
        },
        "redemption_requested": {"points": 5, "hold_until": "2026-03-11T00:00:00Z"},
        "redemption_taken": {"points": 5, "store": "s1", "partner": "p1"},
        "redemption_captured": {"points": 5, "redemption": "q1"},
        "redemption_voided": {"redemption": "q1", "points": 2},
        "used": {"what": "voucher", "count": 2},
        "adjusted": {"points": -5, "reason": "said twice", "actor": "clerk:7", "store": "s1"},
        "deed": {"what": "empty-jar", "count": 5},
        "price_found": {"purchase": "r0", "item": "tea", "found_minor": 4, "evidence": "a leaflet"},
        "enrolled": {"store": "s1"},
    }
    topic_of = {model: topic for topic in INBOUND for model in topic.models}
    said = Said()
    for kind, value in values.items():
        topic = topic_of["".join(part.title() for part in kind.split("_")) + "Said"]
        said.add(topic, value | {"type": kind, "id": f"id:{kind}", "identifier": shown("1")})
    plan = said.plan()
    assert [fact.type for _, fact in plan.facts] == list(values)
    for (_, fact), value in zip(plan.facts, values.values(), strict=True):
        written = json.loads(encode_fact(fact))
        assert {k: v for k, v in value.items() if k != "total_minor"}.items() <= written.items()


KNOWN = {("card", "1"): "mem_one", ("card", "2"): "mem_two", ("phone", "2"): "mem_two", ("pool", "7"): "mem_pool"}


def about(kind: str, card: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": f"{kind}-{card}", "identifier": shown(card)} | fields


def test_what_is_said_of_two_members_names_both() -> None:
    said = Said()
    said.add(REDEMPTIONS, about("transfer_requested", "1", to=shown("2"), points=5))
    said.add(REDEMPTIONS, about("contribution_requested", "1", pool={"scheme": "pool", "value": "7"}, points=5))
    said.add(ENROLMENTS, about("pool_joined", "x", who=shown("1")) | {"identifier": {"scheme": "pool", "value": "8"}})
    said.add(ENROLMENTS, about("pool_left", "x", who=shown("1")) | {"identifier": {"scheme": "pool", "value": "7"}})
    said.add(ENROLMENTS, about("merged", "2", into=shown("1")))
    said.add(ENROLMENTS, about("unmerged", "2"))
    plan = said.plan(KNOWN)
    told = [json.loads(encode_fact(fact)) for _, fact in plan.facts]
    assert [(fact["type"], fact["member"]) for fact in told] == [
        ("transfer_requested", "mem_one"),
        ("contribution_requested", "mem_one"),
        ("pool_joined", "mem_1"),
        ("pool_left", "mem_pool"),
        ("merged", "mem_two"),
        ("unmerged", "mem_two"),
    ]
    names = ("to", "pool", "who", "who", "into")
    assert [fact[name] for fact, name in zip(told, names, strict=False)] == [
        "mem_two", "mem_pool", "mem_one", "mem_one", "mem_one",
    ]  # fmt: skip
    assert plan.identities == {("pool", "8"): "mem_1"}  # the first who joins makes the pool


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        (REDEMPTIONS, about("transfer_requested", "1", to=shown("9"), points=5),
         "nobody is known by the identifier in to"),
        (REDEMPTIONS, about("transfer_requested", "9", to=shown("1"), points=5), "nobody is known by the identifier"),
        (ENROLMENTS, about("pool_left", "9", who=shown("1")), "nobody is known by the identifier"),
        (ENROLMENTS, about("pool_joined", "9", who=shown("8")), "nobody is known by the identifier in who"),
        (ENROLMENTS, about("merged", "9", into=shown("1")), "nobody is known by the identifier"),
        (ENROLMENTS, about("merged", "2", into={"scheme": "phone", "value": "2"}),
         "both identifiers lead to one member already"),
        (ENROLMENTS, about("unmerged", "9"), "nobody is known by the identifier"),
    ],
)  # fmt: skip
def test_what_is_said_of_nobody_known_is_set_aside(topic: Topic, value: dict[str, Any], reason: str) -> None:
    plan = Said().add(topic, value).plan(KNOWN)
    assert [why for _, why in plan.parked] == [reason]
    assert (plan.facts, plan.identities) == ([], {})


def test_who_is_forgotten_is_known_by_no_identifier_any_more() -> None:
    """Within the batch too: the same card, and one that was added just before, then belong to new members."""
    said = Said().added("a1", "2", "22")
    said.add(ENROLMENTS, about("erased", "2", reason="asked for"))
    said.purchase("r1", "2").purchase("r2", "22").purchase("r3", "1")
    said.add(REDEMPTIONS, about("transfer_requested", "1", to={"scheme": "phone", "value": "2"}, points=5))
    plan = said.plan(KNOWN)
    assert facts(plan) == [
        ("identifier_added", "a1", "mem_two", 0), ("erased", "erased-2", "mem_two", 0), ("purchase", "r1", "mem_1", 0),
        ("purchase", "r2", "mem_2", 0), ("purchase", "r3", "mem_one", 0),
    ]  # fmt: skip
    assert list(plan.forgotten) == ["mem_two"]
    assert plan.identities == {("card", "2"): "mem_1", ("card", "22"): "mem_2"}
    assert [why for _, why in plan.parked] == ["nobody is known by the identifier in to"]
