"""The recount of the fault tests: a sound house is exact, and each way to be wrong is found by its check."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.oracles.recount.__main__ import CHECKS, report
from tests.oracles.recount.house import House, Record

AT = "2026-03-10T09:30:00Z"
AT_MS = 1_773_135_000_000
CARDS = {"mem_a": "9826", "mem_b": "9827", "mem_c": "9828", "mem_pool": "9829", "mem_new": "9826"}
MEMBER, PARTNER = "mem_a", "petrol"
TABLES = ("fact", "entry", "reward", "reward_position", "member", "position", "parked_journal", "parked")


def line(item: str, pence: int, category: str = "china") -> dict[str, Any]:
    return {"item": item, "quantity": 1, "total_minor": pence, "categories": [category]}


def entry(debit: str, credit: str, points: int, balance: int, lot: str = "lot-1") -> dict[str, Any]:
    return {"debit": debit, "credit": credit, "points": points, "why": "base", "balance_after": balance, "lot": lot}


def card_of(member: str) -> dict[str, str]:
    return {"scheme": "card", "value": CARDS[member]}


Purses = dict[str, tuple[list[dict[str, Any]], int]]
"""Account -> its entries, and the balance after them."""


class Builder:
    """A house of one partition, written down fact by fact: what each did stands in the test."""

    def __init__(self) -> None:
        self.house = House(partitions=1)
        self.house.tables = {name: [] for name in (*TABLES, "identity", "receipt", "erasure", "intake_position")}
        self.house.models = {"balance": [], "tier": [], "balance.parked": [], "tier.parked": []}
        self.house.journal, self.house.entries, self.house.rewards = {0: []}, {0: []}, {PARTNER: {0: []}}
        self._stands: dict[str, tuple[int, list[Any]]] = {}  # member -> seq, posting

    def say(
        self,
        said: dict[str, Any],
        entries: list[dict[str, Any]],
        balance: int,
        refusal: str = "",
        member: str = MEMBER,
        held: int = 0,
        more: Purses | None = None,
        status: str = "done",
        **named: str,
    ) -> None:
        """What a till said of a member, its entries, and the balance after it. more: of other currencies, by account.
        named: another member, by field."""
        house, seq = self.house, len(self.house.tables["fact"]) + 1
        said = {"occurred_at": AT, "store": "store-1", **said}
        shown = {"identifier": card_of(member)} | {name: card_of(other) for name, other in named.items()}
        house.said.append(("purchases.v1", "till-1", json.dumps(said | shown)))
        known = {"scheme": "card", "value": card_of(member)["value"], "member": member}
        if known not in house.tables["identity"]:
            house.tables["identity"].append(known)
        house.tables["receipt"].append({"receipt": said["id"], "revision": 0, "member": member})
        source = {"source": {"topic": "purchases.v1", "partition": 0, "offset": seq - 1}}
        outcome = {"status": "declined", "refusal": refusal} if refusal else {"status": status}
        self.book({**said, **named, "member": member, **source}, entries, balance, outcome, held, more)

    def book(
        self,
        fact: dict[str, Any],
        entries: list[dict[str, Any]],
        balance: int,
        outcome: Any,
        held: int = 0,
        more: Purses | None = None,
    ) -> None:
        """A fact in the journal, in the book, and told."""
        house, seq, member = self.house, len(self.house.tables["fact"]) + 1, fact["member"]
        accounts = {member: (entries, balance)} | (more or {})
        postings = [
            [account, max(0, stands), 0, held if account == member else 0, max(0, -stands), 0, 0]
            for account, (_, stands) in accounts.items()
        ]
        row = {"partition": 0, "seq": seq, "fact_id": fact["id"], "revision": fact.get("revision", 0), "member": member}
        row |= {"type": fact["type"], "recorded_at": 7, "offset": seq - 1, "body": json.dumps(fact).encode()}
        row |= {"outcome": json.dumps(outcome).encode(), "postings": json.dumps(postings).encode()}
        house.tables["fact"].append(row)
        for account, (moved, _) in accounts.items():
            house.tables["entry"] += [{"partition": 0, "seq": seq, "member": account, **one} for one in moved]
        house.journal[0].append(Record(seq - 1, member.encode(), row["body"], ()))
        names = ("member", "available", "pending", "held", "debt", "tier", "qualifying_minor")
        told = {
            "seq": seq,
            "fact": fact["id"],
            "type": fact["type"],
            "occurred_at": fact["occurred_at"],
            "recorded_at_ms": 7,
        }
        told |= {"outcome": outcome}
        told["postings"] = [
            dict(zip(names, posting, strict=True)) | {"entries": accounts[posting[0]][0]} for posting in postings
        ]
        told |= {name: fact[name] for name in ("partner", "store") if name in fact}
        told |= {"revision": fact["revision"]} if "revision" in fact else {}
        house.entries[0].append(numbered(seq, member, json.dumps(told).encode()))
        about = json.loads(fact["facts"][0]["fact"]) if fact.get("facts") else fact
        stands = next((one for one in postings if one[0] == f"{member}~{about.get('unit')}"), postings[0])
        entries = accounts[stands[0]][0]
        answer = {"fact": about["id"], "type": about["type"], "revision": about.get("revision", 0), "member": member}
        answer |= {**outcome, "available": stands[1], "held": stands[3]}
        answer |= {"debt": stands[4], "earned": sum(e["points"] for e in entries if e["debit"] == "issued")}
        answer |= {"redeemed": sum(e["points"] for e in entries if e["credit"] in ("spent", "held"))}
        answer["redeemed"] -= sum(e["points"] for e in entries if e["debit"] == "held")
        answer |= {"reversed": sum(e["points"] for e in entries if e["credit"] == "reversed")}
        house.answers.append(json.dumps(answer))
        self._reward(fact, seq, answer)
        self._stands |= {posting[0]: (seq, posting) for posting in postings}
        self._close(seq)

    def _reward(self, said: dict[str, Any], fact_seq: int, answer: dict[str, Any]) -> None:
        points = answer["earned"] - answer["reversed"]
        if said.get("partner") and points:
            seq = len(self.house.tables["reward"]) + 1
            told = {"seq": seq, "id": said["id"], "partner": PARTNER, "member": "pm_1", "points": abs(points)}
            told |= {"kind": "earned" if points > 0 else "reversed", "occurred_at": AT, "store": "store-1"}
            value = json.dumps(told).encode()
            row = {"partition": 0, "partner": PARTNER, "seq": seq, "fact_seq": fact_seq, "value": value}
            self.house.tables["reward"].append(row)
            self.house.rewards[PARTNER][0].append(numbered(seq, "pm_1", value))

    def _close(self, seq: int) -> None:
        """What stands once, as it is after the newest fact."""
        house = self.house
        house.tables["member"], house.models["balance"], house.models["tier"] = [], [], []
        for member in self._stands:
            self._close_member(member)
        house.tables["position"] = [{"partition": 0, "next_offset": seq, "next_seq": seq + 1, "published_seq": seq}]
        house.tables["intake_position"] = [{"topic": "purchases.v1", "partition": 0, "next_offset": seq}]
        house.inbound_ends = {("purchases.v1", 0): seq}
        position = {"partition": 0, "next_seq": seq + 1, "next_offset": seq}
        house.models |= {"balance.position": [position], "tier.position": [position]}

    def _close_member(self, member: str) -> None:
        house, (seq, stands) = self.house, self._stands[member]
        sums: dict[str, int] = dict.fromkeys(("issued", "spent", "expired", "reversed"), 0)
        for one in house.tables["entry"]:
            for account in sums if one["member"] == member else ():
                sums[account] += one["points"] * ((one["credit"] == account) - (one["debit"] == account))
        at = {"member": member, "partition": 0}
        sides = dict(zip(("available", "pending", "held", "debt"), stands[1:5], strict=True))
        if "~" not in member:
            house.tables["member"].append(at | sides)
        balance = at | {"seq": seq} | sides | {"balance": stands[1] - stands[4], "earned": -sums["issued"]}
        balance |= {"redeemed": sums["spent"], "expired": sums["expired"], "reversed": sums["reversed"]}
        house.models["balance"].append(balance)
        house.models["tier"].append(at | {"seq": seq, "level": 0, "since_ms": AT_MS, "qualifying_minor": 0})


def numbered(seq: int, key: str, value: bytes) -> Record:
    return Record(seq - 1, key.encode(), value, (("seq", str(seq).encode()),))


def sound() -> House:
    """Bought for 12.50 and 3.99; 5 points redeemed; 20 asked for and declined; 3.00 of 12.50 brought back."""
    build = Builder()
    bought = {"type": "purchase", "id": "p1", "partner": PARTNER, "currency": "GBP"}
    build.say(bought | {"lines": [line("tea", 950), line("cup", 300)]}, [entry("issued", "lot", 12, 12)], 12)
    build.say(
        {"type": "purchase", "id": "p2", "currency": "GBP", "lines": [line("tea", 399)]},
        [entry("issued", "lot", 3, 15, "lot-2")],
        15,
    )
    build.say({"type": "redemption_requested", "id": "q1", "points": 5}, [entry("lot", "spent", 5, 10)], 10)
    refusal = "balance_must_cover_the_points"
    build.say({"type": "redemption_requested", "id": "q2", "points": 20}, [], 10, refusal)
    back = {"type": "return", "id": "b1", "purchase": "p1", "partner": PARTNER, "currency": "GBP"}
    build.say(back | {"lines": [line("cup", 300)]}, [entry("lot", "reversed", 3, 7)], 7)
    return build.house


def test_a_sound_house_is_exact() -> None:
    found = report(sound())
    assert found["exact"], found["differences"]
    assert (found["facts"], found["declined"], found["answers"]) == (
        {"purchase": 2, "redemption_requested": 2, "return": 1},
        1,
        5,
    )


def message(build: Builder, sender: str, cause: str, rule: str, to: str, points: int) -> dict[str, Any]:
    """A message as the ledger says it."""
    lots = [{"lot": f"never.{AT_MS}.{AT_MS}.p:p1", "points": points}]
    number = len(build.house.tables["fact"]) + 1
    fact = {"type": "message", "id": f"msg:{number}", "revision": 1, "occurred_at": AT, "member": to}
    return fact | {"sender": sender, "cause": cause, "rule": rule, "account": "transferred", "lots": lots}


DONE = {"status": "done"}


def meeting() -> House:
    """Of 100 points 50 go to Bob, who gets 45; 20 go into a pool and come back; a second card's 3 are hers; of 10 that
    are held 4 are spent."""
    build = Builder()

    def come(points: int, balance: int, *gift: str) -> None:
        sender, cause, rule, to = gift
        fact = message(build, sender, cause, rule, to, points)
        build.book(fact, [entry("transferred", "lot", points, balance)], balance, DONE)

    bought = {"type": "purchase", "id": "p1", "currency": "GBP", "lines": [line("tea", 10_099)]}
    build.say(bought, [entry("issued", "lot", 100, 100)], 100)
    build.say(bought | {"id": "p2", "lines": [line("tea", 300)]}, [entry("issued", "lot", 3, 3)], 3, member="mem_c")
    build.say({"type": "enrolled", "id": "e1"}, [], 0, member="mem_b")
    given = [entry("lot", "fee", 5, 95), entry("lot", "transferred", 45, 50)]
    build.say({"type": "transfer_requested", "id": "t1", "points": 50}, given, 50, to="mem_b")
    come(45, 45, "mem_a", "t1", "transfer", "mem_b")
    build.say({"type": "pool_joined", "id": "j1"}, [], 0, member="mem_pool", who="mem_a")
    put = {"type": "contribution_requested", "id": "c1", "points": 20}
    build.say(put, [entry("lot", "transferred", 20, 30)], 30, pool="mem_pool")
    come(20, 20, "mem_a", "c1", "contribution", "mem_pool")
    back = [entry("lot", "transferred", 20, 0)]
    build.say({"type": "pool_left", "id": "l1"}, back, 0, member="mem_pool", who="mem_a")
    come(20, 50, "mem_pool", "l1", "given back", "mem_a")
    build.say({"type": "merged", "id": "m1"}, [entry("lot", "issued", 3, 0)], 0, member="mem_c", into="mem_a")
    inner = json.loads(build.house.tables["fact"][1]["body"])
    del inner["source"]
    forwarded = {"type": "forwarded", "id": "fwd:1", "occurred_at": AT, "member": "mem_a", "sender": "mem_c"}
    forwarded |= {"way": "to", "merge": "m1", "facts": [{"fact": json.dumps(inner), "outcome": json.dumps(DONE)}]}
    build.book(forwarded, [entry("issued", "lot", 3, 53)], 53, DONE)
    hold = {"type": "redemption_requested", "id": "h1", "points": 10, "hold_until": "2026-03-10T10:30:00Z"}
    build.say(hold, [entry("lot", "held", 10, 43)], 43, held=10)
    taken = [entry("held", "spent", 4, 43), entry("held", "lot", 6, 49)]
    build.say({"type": "redemption_captured", "id": "k1", "redemption": "h1", "points": 4}, taken, 49)
    nothing = {key: value for key, value in forwarded.items() if key != "facts"}  # of a card that never bought
    build.book(nothing | {"id": "fwd:2", "merge": "m2", "sender": "mem_d"}, [], 49, DONE)
    return build.house


# ---------------------------------------------------------------- each way to be wrong

LESS = b'[["mem_a",14,0,0,0,0,0]]'
Break = Callable[[House], object]


def said_as(house: House, n: int, **more: Any) -> tuple[str, str, str]:
    """What was said, with something else in it."""
    topic, till, text = house.said[n]
    return topic, till, json.dumps(json.loads(text) | more)


def outcome_of(house: House, n: int, **more: str) -> None:
    house.tables["fact"][n]["outcome"] = json.dumps(more).encode()


def without(rows: Any, n: int) -> None:
    del rows[n]


def reword(rows: Any, n: int, old: bytes, new: bytes) -> None:
    assert old in rows[n]["value"]
    rows[n]["value"] = rows[n]["value"].replace(old, new)


def reworded(house: House, n: int, old: str, new: str) -> None:
    """Another answer."""
    assert old in house.answers[n]
    house.answers[n] = house.answers[n].replace(old, new)


def told_twice(house: House) -> None:
    record = house.entries[0][1]
    house.entries[0].insert(3, record._replace(offset=9, value=record.value.replace(b"15", b"16")))


BROKEN: list[tuple[str, str, Break]] = [
    ("lost", "acknowledged and not booked", lambda h: h.said.append(said_as(h, 0, id="p9"))),
    ("lost", "intake is behind", lambda h: h.inbound_ends.update({("purchases.v1", 0): 6})),
    ("lost", "the ledger is behind", lambda h: h.journal[0].append(h.journal[0][4]._replace(offset=5))),
    ("doubled", "booked twice", lambda h: h.tables["fact"].append(h.tables["fact"][4])),
    ("doubled", "booked and never said", lambda h: without(h.said, 4)),
    ("doubled", "booked as a correction", lambda h: h.tables["fact"][4].update(revision=1)),
    ("overdrawn", "given more than there is", lambda h: outcome_of(h, 3, status="done")),
    ("overdrawn", "less than nothing", lambda h: h.tables["member"][0].update(available=-1)),
    ("changed on the way", "other content", lambda h: h.said.__setitem__(2, said_as(h, 2, points=4))),
    ("changed on the way", "another member", lambda h: h.tables["identity"][0].update(member="mem_b")),
    ("directory", "a card too many", lambda h: h.tables["identity"].append({"value": "1", "member": "mem_c"})),
    ("directory", "one member, two cards", lambda h: h.tables["identity"].append(dict(h.tables["identity"][0]))),
    ("directory", "a receipt is missing", lambda h: without(h.tables["receipt"], 1)),
    ("set aside", "parked", lambda h: h.tables["parked_journal"].append({"partition": 0, "offset": 1, "reason": "?"})),
    ("journal", "a repeat unlike it", lambda h: h.journal[0].append(h.journal[0][0]._replace(value=b'{"id":"p1"}'))),
    ("journal", "another order", lambda h: h.journal[0].reverse()),
    ("gaps in seq", "in the table", lambda h: without(h.tables["fact"], 2)),
    ("gaps in seq", "on the topic", lambda h: without(h.entries[0], 2)),
    ("gaps in seq", "on a partner's topic", lambda h: without(h.rewards[PARTNER][0], 0)),
    ("gaps in seq", "not all published", lambda h: h.tables["position"][0].update(published_seq=4)),
    ("decisions", "declined without a reason", lambda h: outcome_of(h, 2, status="declined", refusal="because")),
    ("decisions", "more points than the rules give", lambda h: h.tables["entry"][0].update(points=13)),
    ("decisions", "a posting that says less", lambda h: h.tables["fact"][1].update(postings=LESS)),
    ("decisions", "a balance that is not the rules'", lambda h: h.tables["member"][0].update(available=8)),
    ("double entry", "a balance that is not the sum", lambda h: h.tables["entry"][2].update(balance_after=11)),
    ("double entry", "a lot that gives more than it got", lambda h: h.tables["entry"][2].update(lot="lot-2")),
    ("double entry", "a member row that is not the sum", lambda h: h.tables["member"][0].update(available=6, debt=-1)),
    ("accounts of the house", "one that is not in the chart", lambda h: h.tables["entry"][0].update(debit="minted")),
    ("accounts of the house", "points on their way", lambda h: h.tables["entry"][0].update(debit="transferred")),
    ("accounts of the house", "a member row too much", lambda h: h.tables["member"][0].update(pending=5)),
    ("entries.v1 against the tables", "a repeat with other bytes", told_twice),
    ("entries.v1 against the tables", "another outcome", lambda h: outcome_of(h, 0, status="done", programme="x")),
    ("entries.v1 against the tables", "a fact less", lambda h: without(h.entries[0], 4)),
    ("rewards", "not told", lambda h: without(h.tables["reward"], 1)),
    ("rewards", "told too much", lambda h: reword(h.tables["reward"], 0, b"12", b"13")),
    ("rewards", "two names", lambda h: reword(h.tables["reward"], 1, b"pm_1", b"pm_2")),
    ("answers", "another outcome was told", lambda h: h.answers.__setitem__(0, h.answers[0].replace("12", "13"))),
    ("answers", "never answered", lambda h: without(h.answers, 0)),
    ("projections against a rebuild", "a balance", lambda h: h.models["balance"][0].update(earned=16)),
    ("projections against a rebuild", "a level", lambda h: h.models["tier"][0].update(level=1)),
    ("projections against a rebuild", "not at the end", lambda h: h.models["tier.position"][0].update(next_seq=5)),
]  # fmt: skip


@pytest.mark.parametrize(("check", "what", "broken"), BROKEN, ids=[f"{check}: {what}" for check, what, _ in BROKEN])
def test_what_is_wrong_is_found_by_its_check(check: str, what: str, broken: Break) -> None:
    del what
    house = sound()
    broken(house)
    found = report(house)
    assert not found["exact"]
    assert found["differences"][check], found


def of_a_guest() -> House:
    """The same receipts and goods: p1 was a guest's until its number was claimed; another card was shown with b1. A
    second guest's receipt, and what came back of it, are nobody's."""
    house = sound()
    for n, shown in ((0, None), (4, card_of("mem_b"))):
        house.said[n] = said_as(house, n, identifier=shown)
    claim = {"type": "receipt_claimed", "id": "c1", "receipt": "p1", "occurred_at": AT, "identifier": card_of(MEMBER)}
    house.said.append(("purchases.v1", "till-2", json.dumps(claim)))
    house.said.append(said_as(house, 0, id="p9"))
    house.said.append(said_as(house, 4, id="b9", purchase="p9"))
    house.tables["receipt"] += [{"receipt": name, "revision": 0, "member": None} for name in ("p9", "b9")]
    return house


def claimed(house: House, receipt: str) -> None:
    house.said.append(said_as(house, 5, id=f"c:{receipt}", receipt=receipt))


BROKEN_GUESTS: list[tuple[str, str, Break]] = [
    ("lost", "what was claimed", lambda h: claimed(h, "p9")),
    ("doubled", "what nobody claimed is booked", lambda h: without(h.said, 5)),
    ("changed on the way", "a claim of another's", lambda h: h.said.__setitem__(5, said_as(h, 5, identifier=OTHERS))),
    ("directory", "a guest's receipt has a member", lambda h: h.tables["receipt"][-1].update(member="mem_b")),
]
OTHERS = {"scheme": "card", "value": "9"}


def test_a_house_with_guests_is_exact() -> None:
    found = report(of_a_guest())
    assert found["exact"], found["differences"]


@pytest.mark.parametrize(("check", "what", "broken"), BROKEN_GUESTS, ids=[what for _, what, _ in BROKEN_GUESTS])
def test_what_is_wrong_with_a_guests_receipt_is_found(check: str, what: str, broken: Break) -> None:
    del what
    house = of_a_guest()
    broken(house)
    assert report(house)["differences"][check]


def body_with(house: House, n: int, old: bytes, new: bytes) -> None:
    """A fact's row that says something else."""
    body = house.tables["fact"][n]["body"]
    assert old in body
    house.tables["fact"][n]["body"] = body.replace(old, new)


def twice(house: House) -> None:
    row = house.tables["fact"][11]
    fact = json.loads(row["body"])
    row["body"] = json.dumps(fact | {"facts": fact["facts"] * 2}).encode()


BROKEN_BETWEEN: list[tuple[str, Break]] = [
    ("less has come than was given", lambda h: body_with(h, 4, b'"points": 45', b'"points": 44')),
    ("more has come than was given", lambda h: body_with(h, 7, b'"points": 20', b'"points": 21')),
    ("what was given has not come", lambda h: without(h.tables["fact"], 4)),
    ("what has come was not given", lambda h: without(h.tables["fact"], 3)),
    ("who left the pool has nothing back", lambda h: without(h.tables["fact"], 9)),
    ("of a second card something is missing", lambda h: without(h.tables["fact"], 11)),
    ("of a second card something came twice", twice),
    ("of a second card something came changed", lambda h: body_with(h, 11, b"300", b"301")),
]


def test_a_house_whose_members_meet_is_exact() -> None:
    found = report(meeting())
    assert found["exact"], found["differences"]


@pytest.mark.parametrize("broken", [broken for _, broken in BROKEN_BETWEEN], ids=[what for what, _ in BROKEN_BETWEEN])
def test_what_is_wrong_between_members_is_found(broken: Break) -> None:
    house = meeting()
    broken(house)
    assert report(house)["differences"]["between members"]


def test_what_is_held_too_long_is_found() -> None:
    house = meeting()
    body_with(house, 12, b"10:30", b"09:30")
    assert report(house)["differences"]["decisions"]


# ---------------------------------------------------------------- leaves, two cards again, and who is forgotten


def brewing() -> House:
    """Tea for 9.50 and a cup for 3.00: 12 points and 19 leaves. 5 leaves are spent; tea for 2.20 comes back: 10.30 are
    left, 7.30 of them tea."""
    build, leaves = Builder(), f"{MEMBER}~leaves"
    bought = {"type": "purchase", "id": "p1", "currency": "GBP"}
    bought |= {"lines": [line("tea", 950, "tea"), line("cup", 300)]}
    earned = [entry("issued", "lot", 19, 19)]
    build.say(bought, [entry("issued", "lot", 12, 12)], 12, more={leaves: (earned, 19)})
    asked = {"type": "redemption_requested", "id": "q1", "points": 5, "unit": "leaves"}
    build.say(asked, [], 12, more={leaves: ([entry("lot", "spent", 5, 14)], 14)})
    back = {"type": "return", "id": "b1", "purchase": "p1", "currency": "GBP", "lines": [line("tea", 220, "tea")]}
    gone = [entry("lot", "reversed", 5, 9)]
    build.say(back, [entry("lot", "reversed", 2, 10)], 10, more={leaves: (gone, 9)})
    return build.house


def of_two_prices() -> House:
    """A cup for 5.00 and three for 1.00 each on one receipt: the three come back, and then once more."""
    build = Builder()
    cheap = line("cup", 300) | {"quantity": 3}
    bought = {"type": "purchase", "id": "p1", "currency": "GBP", "lines": [line("cup", 500), cheap]}
    build.say(bought, [entry("issued", "lot", 8, 8)], 8)
    back = {"type": "return", "purchase": "p1", "currency": "GBP", "lines": [cheap]}
    build.say(back | {"id": "b1"}, [entry("lot", "reversed", 3, 5)], 5)
    build.say(back | {"id": "b2"}, [], 5, "return_must_not_exceed_the_purchase")
    return build.house


def parting() -> House:
    """A second card's 3 points count with 10, of which 12 are spent. Then it is another's after all: its 3 go home, and
    2 are owed."""
    build = Builder()
    bought = {"type": "purchase", "id": "p1", "currency": "GBP", "lines": [line("cup", 1_000)]}
    build.say(bought, [entry("issued", "lot", 10, 10)], 10)
    second = bought | {"id": "p2", "lines": [line("cup", 300)]}
    build.say(second, [entry("issued", "lot", 3, 3)], 3, member="mem_c")
    build.say({"type": "merged", "id": "m1"}, [entry("lot", "issued", 3, 0)], 0, member="mem_c", into=MEMBER)
    inner = json.loads(build.house.tables["fact"][1]["body"])
    del inner["source"]
    to = {"type": "forwarded", "id": "fwd:1", "occurred_at": AT, "member": MEMBER, "sender": "mem_c", "way": "to"}
    told = {"facts": [{"fact": json.dumps(inner), "outcome": json.dumps(DONE)}], "merge": "m1"}
    build.book(to | told, [entry("issued", "lot", 3, 13)], 13, DONE)
    spent = [entry("lot", "spent", 12, 1)]
    build.say({"type": "redemption_requested", "id": "q1", "points": 12}, spent, 1)
    build.say({"type": "unmerged", "id": "u1"}, [], 0, member="mem_c", status="forwarded")
    inner = json.loads(build.house.tables["fact"][5]["body"])
    del inner["source"]
    parted = [entry("lot", "issued", 1, 0), entry("debt", "issued", 2, -2)]
    build.book(to | {"id": "fwd:2", "merge": "m1", "facts": [{"fact": json.dumps(inner)}]}, parted, -2, DONE)
    home = {"id": "fwd:3", "way": "back", "member": "mem_c", "sender": MEMBER}
    build.book(to | told | home, [entry("issued", "lot", 3, 3)], 3, DONE)
    return build.house


def forgetting() -> House:
    """Of 100 points 10 are held when she is forgotten at ten; 3 of before come late, and end, too. A purchase of later
    is declined, and the hold is open no longer. Who comes with the card is somebody new."""
    build = Builder()
    bought = {"type": "purchase", "id": "p1", "currency": "GBP", "lines": [line("cup", 10_099)]}
    build.say(bought, [entry("issued", "lot", 100, 100)], 100)
    hold = {"type": "redemption_requested", "id": "h1", "points": 10, "hold_until": "2026-03-10T10:30:00Z"}
    build.say(hold, [entry("lot", "held", 10, 90)], 90, held=10)
    gone = [entry("held", "lot", 10, 100), entry("lot", "forfeited", 100, 0)]
    build.say({"type": "erased", "id": "x1", "occurred_at": "2026-03-10T10:00:00Z"}, gone, 0)
    late = bought | {"id": "p2", "occurred_at": "2026-03-10T09:50:00Z", "lines": [line("cup", 300)]}
    build.say(late, [entry("issued", "lot", 3, 3), entry("lot", "forfeited", 3, 0)], 0)
    later = bought | {"id": "p3", "occurred_at": "2026-03-10T10:10:00Z"}
    build.say(later, [], 0, "member_must_not_be_erased")
    void = {"type": "redemption_voided", "id": "v1", "redemption": "h1", "occurred_at": "2026-03-10T10:15:00Z"}
    build.say(void, [], 0, "redemption_must_be_open")
    build.house.tables["identity"].clear()
    build.house.tables["erasure"].append({"member": MEMBER})
    build.say(bought | {"id": "p4", "lines": [line("cup", 500)]}, [entry("issued", "lot", 5, 5)], 5, member="mem_new")
    return build.house


def moved(house: House, seq: int, points: int) -> None:
    """Another number in the first entry of a fact."""
    next(one for one in house.tables["entry"] if one["seq"] == seq)["points"] = points


def parked(house: House, fact: int, **more: Any) -> None:
    """What was said of a fact, once more and set aside."""
    row = {"topic": "purchases.v1", "partition": 0, "offset": 9, "reason": "the receipt is another member's"}
    house.tables["parked"].append(row | {"value": json.dumps(json.loads(house.said[fact][2]) | more)})


BROKEN_PERSONS: list[tuple[str, str, Callable[[], House], Break]] = [
    ("decisions", "leaves for what is no tea", brewing, lambda h: h.tables["entry"][1].update(points=25)),
    ("decisions", "leaves that come back are not taken", brewing, lambda h: without(h.tables["entry"], 4)),
    ("overdrawn", "more leaves than there are", brewing, lambda h: body_with(h, 1, b'"points": 5', b'"points": 20')),
    ("accounts of the house", "leaves that nobody has", brewing, lambda h: h.models["balance"][1].update(available=8)),
    ("answers", "the points instead of the leaves", brewing, lambda h: reworded(h, 1, 'le": 14', 'le": 12')),
    ("between members", "what has not come home", parting, lambda h: without(h.tables["fact"], 7)),
    ("between members", "what came home and was not sent", parting, lambda h: without(h.tables["fact"], 6)),
    ("decisions", "what counts on where it was", parting, lambda h: without(h.tables["entry"], 6)),
    ("decisions", "a merge that was none is taken back", parting, lambda h: without(h.tables["fact"], 3)),
    ("decisions", "something that is left", forgetting, lambda h: moved(h, 4, 4)),
    ("decisions", "a purchase of later", forgetting, lambda h: outcome_of(h, 4, status="done")),
    ("decisions", "a hold of before", forgetting, lambda h: outcome_of(h, 5, status="done")),
    ("directory", "a card that leads on", forgetting, lambda h: h.tables["identity"][0].update(member=MEMBER)),
    ("directory", "nobody was forgotten", forgetting, lambda h: h.tables["erasure"].clear()),
    ("changed on the way", "back to who is forgotten", forgetting, lambda h: body_with(h, 6, b": 6}", b": 1}")),
    ("set aside", "what nobody has booked", forgetting, lambda h: parked(h, 0, id="p9")),
    ("set aside", "what is of somebody else", forgetting, lambda h: parked(h, 6)),
]  # fmt: skip


@pytest.mark.parametrize("house", [brewing, of_two_prices, parting, forgetting])
def test_each_of_these_houses_is_exact(house: Callable[[], House]) -> None:
    found = report(house())
    assert found["exact"], found["differences"]


@pytest.mark.parametrize(
    ("check", "house", "broken"),
    [(check, house, broken) for check, _, house, broken in BROKEN_PERSONS],
    ids=[f"{check}: {what}" for check, what, _, _ in BROKEN_PERSONS],
)
def test_what_is_wrong_with_them_is_found(check: str, house: Callable[[], House], broken: Break) -> None:
    found = house()
    broken(found)
    assert report(found)["differences"][check]


def test_what_is_said_again_of_somebody_who_is_forgotten_may_be_set_aside() -> None:
    house = forgetting()
    parked(house, 1)
    found = report(house)
    assert found["exact"], found["differences"]


def test_every_check_has_something_that_it_finds() -> None:
    assert {check for check, _, _ in BROKEN} | {"between members"} == set(CHECKS)
