"""Random histories through the book: after every fact every account adds up, and a second, simple count agrees.

Oracles: the value oracle (points of what is left of every basket, counted from the story alone), a linear little book
that knows nothing of lots (what was earned, taken back, spent), the row that is encoded and read again after every
fact, and the entries, whose sums must be the accounts.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from services.book import pages
from services.book.member import decode, encode
from tests.drivers.examples import examples
from tests.drivers.facts import World, fact

PROGRAMME = """
programme: random
version: random-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
partners: [fuel]
tier:
  levels: [{name: silver, from_minor: 20000}, {name: gold, from_minor: 60000}]
rules:
  - {id: base, share: {points: 1, per_minor: 100, exclude: [gift], tier_percent: [100, 125, 150], valid_months: 2}}
  - {id: tea, share: {points: 1, per_minor: 300, only: [tea], valid_months: 1, pending_days: 5}}
  - {id: flash, share: {points: 1, per_minor: 900, valid_months: 0, pending_days: 1}}
"""
PLAIN = """
programme: value
version: value-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules: [{id: base, share: {points: 1, per_minor: 100}}]
"""
SAVE = examples(250)


@st.composite
def stories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Facts of one member, in the order they arrive; instants mostly ascend, and sometimes come late."""
    hour = 0
    story: list[dict[str, Any]] = []
    bought: list[dict[str, Any]] = []
    asked: list[str] = []
    verbs = st.sampled_from(
        ["buy"] * 5
        + ["back"] * 3
        + ["unlinked", "redeem", "redeem", "hold", "taken", "capture", "void", "fix", "again"]
    )
    for number in range(draw(st.integers(3, 25))):
        hour += draw(st.sampled_from([0, 1, 24, 24 * 20, 24 * 70, -48]))
        hour = max(hour, 0)
        day, rest = divmod(hour, 24)
        month, day = divmod(day, 28)
        year, month = divmod(month, 12)
        said: dict[str, Any] = {
            "id": f"f{number}", "occurred_at": f"{2026 + year}-{month + 1:02d}-{day + 1:02d}T{rest:02d}:00:00Z",
        }  # fmt: skip
        lines = [
            {"item": f"i{n}", "total_minor": draw(st.integers(0, 30_000)), "quantity": 1, "categories": draw(
                st.sampled_from([[], ["tea"], ["gift"]]))}
            for n in range(draw(st.integers(1, 3)))
        ]  # fmt: skip
        verb = draw(verbs)
        if verb == "buy" or not story:
            said |= {"type": "purchase", "lines": lines, "partner": draw(st.sampled_from([None, "fuel", "else"]))}
            bought.append(said)
        elif verb == "back" and bought:
            purchase = draw(st.sampled_from(bought))
            line = draw(st.sampled_from(purchase["lines"]))
            part = line["total_minor"] * draw(st.sampled_from([30, 100, 120])) // 100
            said |= {"type": "return", "purchase": purchase["id"],
                     "lines": [{"item": line["item"], "quantity": 0, "total_minor": part}]}  # fmt: skip
        elif verb == "unlinked":
            said |= {"type": "return", "lines": lines}
        elif verb in ("redeem", "hold", "taken"):
            kind = "redemption_taken" if verb == "taken" else "redemption_requested"
            said |= {"type": kind, "points": draw(st.integers(1, 300))}
            if verb == "hold":
                said["hold_until"] = f"{2026 + year + draw(st.integers(0, 1))}-12-31T00:00:00Z"
            asked.append(said["id"])
        elif verb in ("capture", "void") and asked:
            said |= {"type": f"redemption_{verb}{'d' if verb == 'capture' else 'ed'}", "redemption": draw(
                st.sampled_from(asked))}  # fmt: skip
            if verb == "capture":
                said["points"] = draw(st.integers(1, 300))
            elif draw(st.booleans()):
                said["points"] = draw(st.integers(1, 150))
        elif verb == "fix" and bought:
            purchase = draw(st.sampled_from(bought))
            said = purchase | {"type": "correction", "revision": number + 1, "lines": lines}
        elif verb == "again":
            said = draw(st.sampled_from(story))
        else:
            said |= {"type": "enrolled"}
        story.append(said)
    return story


@SAVE
@given(stories())
def test_every_account_adds_up_after_every_fact(story: list[dict[str, Any]]) -> None:
    world = World(PROGRAMME)
    accounts: Counter[str] = Counter()
    for said in story:
        world.simulation.add(fact(**said))
        member = world.member()
        member.check()
        assert decode(member.id, encode(member)) == member
        world.simulation.members[member.id] = decode(member.id, encode(member))
    world.until("2035-01-01")
    member = world.member()
    for booked in world.simulation.booked:
        for result in booked.results:
            for entry in result.posting.entries:
                assert entry.points > 0
                accounts[entry.debit] -= entry.points
                accounts[entry.credit] += entry.points
            if result.posting.entries:
                posting = result.posting
                assert posting.entries[-1].balance_after == posting.available + posting.pending - posting.debt
    assert accounts["lot"] == sum(lot[4] for lot in member.lots) == 0  # everything has ended by then
    assert -accounts["issued"] == member.issued
    assert (accounts["spent"], accounts["expired"], accounts["reversed"], accounts["held"]) == (
        member.spent, member.expired, member.reversed, 0,
    )  # fmt: skip
    assert -accounts["debt"] == member.debt
    assert (member.timeline.days, member.qualifying_minor, member.tier) == (b"", 0, 0)


@SAVE
@given(stories())
def test_a_story_told_twice_is_the_story(story: list[dict[str, Any]]) -> None:
    once, twice = World(PROGRAMME), World(PROGRAMME)
    for said in story:
        once.simulation.add(fact(**said))
        twice.simulation.add(fact(**said))
        twice.simulation.add(fact(**said))
    assert encode(once.member()) == encode(twice.member())


@SAVE
@given(stories())
def test_far_lots_in_pages_change_nothing(story: list[dict[str, Any]]) -> None:
    """Pages of two lots, pages of two pages, and one near, behind three open lots; against lots that all lie open."""
    whole, paged = World(PROGRAMME), World(PROGRAMME)
    for number, said in enumerate(story):
        with patch.multiple(pages, HOT_LOTS_MAX=1 << 20):
            whole.simulation.add(fact(**said))
        with patch.multiple(pages, HOT_LOTS_MAX=3, PAGE_LOTS=2, NEAR_PAGES=1, LEVEL_PAGES_MAX=2, PAGE_PAGES=2):
            paged.simulation.add(fact(**said))
            paged.member().check()
        if number % 2:  # its directory of pages is packed, or lies open as with a member who is cached
            paged.simulation.members["ann"] = decode("ann", encode(paged.member()))
        assert len(paged.member().lots) <= 3 + sum(lot[2] > paged.member().now_ms for lot in paged.member().lots) + 1
        assert paged.simulation.lots("ann") == whole.member().lots
    with patch.multiple(pages, HOT_LOTS_MAX=3, PAGE_LOTS=2, NEAR_PAGES=1, LEVEL_PAGES_MAX=2, PAGE_PAGES=2):
        paged.until("2027-06-15")
        paged.until("2035-01-01")
    whole.until("2027-06-15")
    whole.until("2035-01-01")
    assert [b.results[0].posting for b in paged.simulation.booked] == [
        b.results[0].posting for b in whole.simulation.booked
    ]
    assert [b.results[0].outcome for b in paged.simulation.booked] == [
        b.results[0].outcome for b in whole.simulation.booked
    ]


RANKS = {"purchase": 0, "correction": 0, "return": 1}


def worth(told: list[dict[str, Any]]) -> int:
    """The value oracle: the newest receipts in the order of time, less what came back of them, each rounded down once.

    Goods that come back before their receipt's own instant come off it; more than there is comes off nothing.
    """
    newest: dict[str, dict[str, Any]] = {}
    for said in told:
        if said["id"] not in newest or said.get("revision", 0) > newest[said["id"]].get("revision", 0):
            newest[said["id"]] = said
    kept: dict[str, Counter[str]] = {}
    early: dict[str, list[tuple[str, int]]] = {}
    loose = 0
    for said in sorted(newest.values(), key=lambda f: (f["occurred_at"], RANKS.get(f["type"], 9), f["id"])):
        sums: Counter[str] = Counter()
        for line in said.get("lines", ()):
            sums[line["item"]] += line["total_minor"]
        if said["type"] in ("purchase", "correction"):
            kept[said["id"]] = sums
            back = early.pop(said["id"], [])
        elif said["type"] == "return" and "purchase" in said:
            back = list(sums.items())
            if said["purchase"] not in kept:
                early.setdefault(said["purchase"], []).extend(back)
                continue
        else:
            loose += sum(sums.values()) // 100
            continue
        goods = kept[said.get("purchase", said["id"])]
        for item, minor in back:
            if goods[item] >= minor:
                goods[item] -= minor
    return sum(sum(goods.values()) // 100 for goods in kept.values()) - loose


@SAVE
@given(stories())
def test_points_are_those_of_the_goods_that_were_kept(story: list[dict[str, Any]]) -> None:
    """No tier, no expiry: after every fact, what is left of every basket less what was used."""
    world = World(PLAIN)
    told: list[dict[str, Any]] = []
    for said in story:
        world.simulation.add(fact(**said))
        if not any((f["id"], f.get("revision")) == (said["id"], said.get("revision")) for f in told):
            told.append(said)
        member = world.member()
        assert member.live - member.debt == worth(told) - member.spent - member.held
        assert member.expired == 0
