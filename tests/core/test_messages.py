"""Messages between members: a friend's facts, in any order and said twice, come to the same points for who brought her.

Expected values are counted by hand: 200 points once the friend has spent 50.00, active 30 days after the day that
reached it, for a year from then.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from events.facts.messages import ID
from events.values import millis
from services.book.member import decode, encode
from services.book.messages import letters
from tests.drivers.facts import World, fact, told

PROGRAMME = """
programme: referral
version: referral-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: friend, referral: {points: 200, from_minor: 5000, within_days: 60, after_days: 30, valid_months: 12}}
"""
STORY = [
    "2026-03-01 enrol e1 by bob",
    "2026-03-05 buy A 30.00",
    "2026-03-10 buy B 20.00",
]


def world(*lines: str) -> World:
    made = World(PROGRAMME)
    for line in lines:
        made.tell(line)
    return made


def stands(made: World) -> str:
    for member in made.simulation.members.values():
        member.check()
    return made.stands("bob")


def test_who_brought_the_friend_has_points_from_the_day_on_which_nothing_can_come_back() -> None:
    """30.00 and 20.00 make 50.00 on 10 March; 30 days later is 9 April."""
    made = world(*STORY)
    assert stands(made) == "available 0 pending 200 held 0 debt 0"
    made.until("2026-04-08T23:59:59")
    assert stands(made) == "available 0 pending 200 held 0 debt 0"
    made.until("2026-04-09T00:00")
    assert stands(made) == "available 200 pending 0 held 0 debt 0"
    assert made.lots("bob") == {"friend": 200}
    assert made.stands() == "available 50 pending 0 held 0 debt 0"
    made.until("2027-04-10T00:00")
    assert stands(made) == "available 0 pending 0 held 0 debt 0"
    assert made.member("bob").expired == 200


def test_what_the_friend_brings_back_takes_the_points_back() -> None:
    made = world(*STORY, "2026-03-20 back r1 of B 1.00")
    assert stands(made) == "available 0 pending 0 held 0 debt 0"
    assert (made.member("bob").issued, made.member("bob").reversed) == (200, 200)
    assert [(m.cause, m.revision, [s.points for s in m.lots]) for m in messages(made)] == [
        ("B", 1, [200]), ("r1", 2, [-200]),
    ]  # fmt: skip


def test_a_late_return_from_before_changes_what_a_known_message_says() -> None:
    """1.00 of A came back on 6 March, which is heard on the 11th: B reached nothing, and its message says so."""
    made = world(*STORY, "2026-03-06 back r1 of A 1.00")
    assert [(m.cause, m.revision, len(m.lots)) for m in messages(made)] == [("B", 1, 1), ("B", 2, 0)]
    assert len({m.id for m in messages(made)}) == 1
    assert stands(made) == "available 0 pending 0 held 0 debt 0"
    assert made.member("bob").issued == 0


def test_a_corrected_date_moves_the_message_with_its_fact() -> None:
    """B was on 12 March: active from 11 April on."""
    made = world(*STORY, "2026-03-12 fix B r1 20.00")
    made.until("2026-04-10T23:59")
    assert stands(made) == "available 0 pending 200 held 0 debt 0"
    made.until("2026-04-11T00:00")
    assert stands(made) == "available 200 pending 0 held 0 debt 0"
    assert [m.occurred_at for m in messages(made)] == ["2026-03-10T12:00:00Z", "2026-03-12T12:00:00Z"]


def test_any_order_of_the_friends_facts_gives_the_same() -> None:
    story = [*STORY, "2026-03-11 back r1 of A 10.00", "2026-03-20 buy C 10.00", "2026-03-02 fix B r1 25.00"]
    found = set()
    for order in list(permutations(story))[::7]:
        made = world(*order)
        made.until("2026-06-01")
        bob = made.member("bob")
        found.add((stands(made), tuple(made.simulation.lots("bob")), bob.issued - bob.reversed))
    assert len(found) == 1
    assert found.pop()[0] == "available 200 pending 0 held 0 debt 0"  # 25 + 30 - 10 + 10


def messages(made: World) -> list[Any]:
    return [fact for fact, _ in made.simulation.booked if fact.type == "message"]


def said(revision: int, points: int, key: str = "1", at: str = "2026-03-10T12:00:00Z") -> Any:
    """A message of ann's to bob."""
    lots = [{"lot": "never.5.5.friend", "points": points}] if points else []
    return fact(type="message", id=ID + key, revision=revision, occurred_at=at, member="bob", sender="ann", cause="A",
                rule="friend@0", account="issued", lots=lots)  # fmt: skip


MESSAGES = [said(1, 200), said(3, 0), said(4, 120), said(2, 50, "2"), said(5, -50, "3", "2026-03-11T12:00:00Z")]


def test_messages_in_any_order_and_twice_come_to_their_newest_totals() -> None:
    """120 + 50 - 50, with what bob does between."""
    own = told("2026-03-10T13:00 taken t1 30", "bob")
    rows = set()
    for order in permutations([*MESSAGES, own]):
        made = World(PROGRAMME)
        for one in (*order, *order[::2]):
            made.simulation.add(one)
            member = made.member("bob")
            member.check()
            made.simulation.members["bob"] = decode("bob", encode(member))
        rows.add((stands(made), tuple(made.simulation.lots("bob"))))
    assert rows == {("available 90 pending 0 held 0 debt 0", ((1 << 60, 5, 5, "friend", 90),))}


def test_a_message_of_nothing_leaves_no_trace() -> None:
    made = World(PROGRAMME)
    for one in (said(1, 200), said(2, 0)):
        made.simulation.add(one)
    member = made.member("bob")
    assert (member.issued, member.reversed, member.lots, member.steps) == (0, 0, [], 0)
    made.simulation.add(said(1, 200))
    assert made.simulation.duplicates == 1


def test_a_message_takes_back_what_is_spent_as_debt() -> None:
    made = World(PROGRAMME)
    made.simulation.add(said(1, 200))
    made.simulation.add(told("2026-03-10T13:00 redeem t1 150", "bob"))
    made.simulation.add(said(2, -200, "2", "2026-03-11T12:00:00Z"))
    assert stands(made) == "available 0 pending 0 held 0 debt 150"


def test_a_friend_in_a_chain_gives_nothing_further() -> None:
    """Ann was brought by bob and brought cat: bob has nothing of what cat's purchases give to ann."""
    made = World(PROGRAMME)
    for line, member in (("2026-03-01 enrol e1 by bob", "ann"), ("2026-03-02 enrol e2 by ann", "cat"),
                         ("2026-03-03 buy C 60.00", "cat")):  # fmt: skip
        made.tell(line, member)
    assert made.stands("ann") == "available 0 pending 200 held 0 debt 0"
    assert "bob" not in made.simulation.members


def test_the_message_to_who_has_said_nothing_yet_opens_the_account() -> None:
    """Nobody's facts need to come first: the same in any order."""
    late = World(PROGRAMME)
    for line in STORY:
        late.tell(line)
    late.tell("2026-03-02 buy X 7.00", "bob")
    assert stands(late) == "available 7 pending 200 held 0 debt 0"


def test_letters_are_numbered_by_the_account_and_in_one_order() -> None:
    made = World(PROGRAMME)
    made.tell(STORY[0])
    ann, cause = made.member(), told("2026-03-05 buy A 30.00")
    lot = (1 << 60, 5, 5, "friend")
    now = (("bob", "friend@0", "issued", (("pts", lot, 5),)), ("cat", "friend@0", "issued", (("pts", lot, 5),)))
    first = list(letters(ann, cause, (), now[::-1]))  # type: ignore[arg-type]
    assert [(m.member, m.revision) for m in first] == [("bob", 1), ("cat", 2)]
    assert list(letters(ann, cause, now, now)) == []  # type: ignore[arg-type]
    again = list(letters(ann, cause, now, now[:1]))  # type: ignore[arg-type]
    assert [(m.id, m.revision, m.lots) for m in again] == [(first[1].id, 3, ())]
    assert millis(first[0].occurred_at) == millis(cause.occurred_at)


@pytest.mark.parametrize("cut", [1, 2])
def test_a_programme_that_comes_later_tells_the_others_too(cut: int) -> None:
    """Published after the fact, in force before it: who brought the friend has the points all the same."""
    from hashlib import sha256

    first = PROGRAMME.replace("referral-1", "referral-0").partition("  - {id: friend")[0]
    text = PROGRAMME.replace("2020-01-01", "2026-01-01")
    made = World(first)
    for line in STORY[:cut]:
        made.tell(line)
    published = {"type": "programme_published", "id": "programme:2", "occurred_at": "2026-03-11T00:00:00Z"}
    made.simulation.add(fact(**published, text=text, sha256=sha256(text.encode()).hexdigest()))
    for line in STORY[cut:]:
        made.tell(line)
    assert stands(made) == "available 0 pending 200 held 0 debt 0"
