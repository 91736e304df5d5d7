"""Several members whose facts reach each other: messages late and said twice, facts late and said twice, crashes none.

Goal: whatever is given between members adds up over the house, and each book is what all its facts, folded again from
the first, come to. Method: random histories of three members and a pool, from a seed; messages wait for a random while
before they are told, half of them twice. `--soak` tries a hundred times as many.
"""

from __future__ import annotations

import json
import random
from typing import Any
from unittest.mock import patch

import pytest

from events.decode import decode_fact, encode_fact
from services.book import history as places
from services.book import pages
from services.book.member import decode, encode
from services.workbench.simulate import Simulation
from tests.drivers.facts import World, fact
from tests.drivers.histories import Said, history, hour, shuffled

PROGRAMME = """
programme: between
version: between-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
currencies: {fuel: {valid_months: 1}}
transfers: {fee_percent: 7}
%s
tier: {levels: [{name: silver, from_minor: 20000}]}
rules:
  - {id: base, share: {points: 1, per_minor: 100, tier_percent: [100, 150], valid_months: 2}}
  - {id: drops, gives: fuel, share: {points: 1, per_minor: 70, valid_months: 1}}
  - {id: often, voucher: {per_points: 40, unit: cup}}
  - {id: friend, referral: {points: 90, from_minor: 5000, after_days: 3, valid_months: 3}}
"""
POLICIES = {
    "protected": "",
    "strict": "returns: {policy: strict}",
    "forgiving": "returns: {shortfall: write_off}\nredemptions: {after_expiry: reissue, late_capture: refuse}",
    "harsh": "returns: {policy: strict, shortfall: source_lot}\nredemptions: {after_expiry: grace, grace_days: 10}",
}
NAMES = ("ann", "bob", "cat")
POOL = "home"
SHARES = 6


class Late(Simulation):
    """A house whose messages are told later, in any order, some twice."""

    def __init__(self, seed: int, policy: str = "protected") -> None:
        super().__init__([PROGRAMME % POLICIES[policy]], ["test.yaml"])
        self.waiting: list[Any] = []
        self._dice = random.Random(seed)

    def deliver(self, message: Any) -> None:
        self.waiting.append(message)

    def tell_some(self, all_of_them: bool) -> None:
        self._dice.shuffle(self.waiting)
        count = len(self.waiting) if all_of_them else self._dice.randrange(len(self.waiting) + 1)
        for message in [self.waiting.pop() for _ in range(count)]:
            self.add(decode_fact(encode_fact(message)))
            if self._dice.random() < 0.5:
                self.add(decode_fact(encode_fact(message)))


@pytest.fixture(params=[(16, 16, 12), (3, 3, 2)], ids=["as they are", "chunks of 3, pages of 2"])
def sizes(request: pytest.FixtureRequest) -> Any:
    chunk, hot, page = request.param
    with patch.object(places, "CHUNK", chunk), patch.multiple(pages, HOT_LOTS_MAX=hot, PAGE_LOTS=page):
        yield


@pytest.fixture
def tries(soak: int) -> int:
    return 10 * soak


def story(seed: int, longest: int) -> list[Said]:
    """Facts of three members and their pool, in the order of time."""
    dice, now = random.Random(seed), 0
    told: list[Said] = [
        {"type": "enrolled", "id": "e1", "member": "ann", "referrer": "bob", "occurred_at": hour(0)},
        {"type": "enrolled", "id": "e2", "member": "bob", "referrer": "cat", "occurred_at": hour(0)},
        *({"type": "pool_joined", "id": f"j-{n}", "member": POOL, "who": n, "occurred_at": hour(0)} for n in NAMES[:2]),
    ]
    bought: list[Said] = []
    asked: list[tuple[str, str]] = []
    revisions: dict[str, int] = {}
    kinds = [*["buy"] * 6, "back", "back", "fix", "redeem", "redeem", "taken", "hold", "void", "capture"]
    kinds += [*["transfer"] * 3, *["contribute"] * 3, *["pool redeem"] * 2, "pool taken", "leave", "join", "erase"]
    kinds += ["merge", "merge", "unmerge", "unmerge"]
    for number in range(dice.randrange(8, longest)):
        now += dice.choice([0, 1, 24, 24 * 7, 24 * 30])
        name = dice.choice(NAMES)
        said: Said = {"id": f"f{number}", "occurred_at": hour(now), "member": name}
        lines = [{"item": "i", "total_minor": dice.randrange(100, 12_000), "quantity": 1}]
        points = dice.randrange(1, 150)
        kind = dice.choice(kinds)
        if kind.startswith("pool "):
            kind, said["member"] = kind.removeprefix("pool "), POOL
        match kind:
            case "back" if bought:
                sale = dice.choice(bought)
                part = sale["lines"][0]["total_minor"] * dice.choice([30, 100, 110]) // 100
                said |= {"type": "return", "member": sale["member"], "purchase": sale["id"],
                         "lines": [{"item": "i", "quantity": 0, "total_minor": part}]}  # fmt: skip
            case "fix" if bought:
                sale = dice.choice(bought)
                revision = revisions[sale["id"]] = revisions.get(sale["id"], 0) + 1
                at = dice.choice([sale["occurred_at"], hour(now)])
                said = {**sale, "type": "correction", "revision": revision, "occurred_at": at, "lines": lines}
            case "redeem" | "taken" | "hold":
                said |= {"type": "redemption_taken" if kind == "taken" else "redemption_requested", "points": points}
                said |= {"hold_until": hour(now + dice.choice([1, 60, 24 * 40]))} if kind == "hold" else {}
                asked.append((said["id"], said["member"]))
            case "void" | "capture" if asked:
                redemption, said["member"] = dice.choice(asked)
                said |= {"type": "redemption_voided", "redemption": redemption}
                said |= {"type": "redemption_captured", "points": points} if kind == "capture" else {}
            case "transfer":
                said |= {"type": "transfer_requested", "to": dice.choice((*NAMES, POOL)), "points": points}
            case "contribute":
                said |= {"type": "contribution_requested", "pool": POOL, "points": points}
            case "leave" | "join":
                said |= {"type": "pool_left" if kind == "leave" else "pool_joined", "member": POOL, "who": name}
            case "merge" if name != "ann":
                said |= {"type": "merged", "into": "ann" if name == "bob" else dice.choice(["ann", "bob"])}
            case "unmerge":
                said |= {"type": "unmerged"}
            case "erase" if number > longest * 2 // 3:
                said |= {"type": "erased", "reason": "asked for"}
            case _:
                said |= {"type": "purchase", "lines": lines}
                bought.append(said)
        told.append(said)
    return told


def arrival(told: list[Said], seed: int) -> list[Said]:
    """Some come late, by up to ten facts, and one in five twice."""
    dice = random.Random(seed)
    keyed = [(place + (dice.randrange(1, 10) if dice.random() < 0.3 else 0), place) for place in range(len(told))]
    late = [told[place] for _, place in sorted(keyed)]
    return [said for one in late for said in ([one, one] if dice.random() < 0.2 else [one])]


def accounts(house: Simulation) -> dict[str, int]:
    world = World.__new__(World)
    world.simulation = house
    return world.accounts()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("share", range(SHARES // 2))
def test_the_house_adds_up_and_each_book_is_that_of_its_facts(sizes: None, share: int, tries: int, policy: str) -> None:
    for seed in range(share * 10_000, share * 10_000 + tries):
        house = Late(seed, policy)
        for said in arrival(story(seed, 34), seed):
            house.add(fact(**said))
            house.tell_some(all_of_them=False)
            for name, member in house.members.items():
                member.check()
                house.members[name] = decode(name, encode(member))
        while house.waiting:
            house.tell_some(all_of_them=True)
        found = accounts(house)
        assert found.get("transferred", 0) == 0, f"seed {seed}: {found}"
        assert found.get("moved", 0) == 0, f"seed {seed}"
        assert sum(found.values()) == 0, f"seed {seed}"
        world = World.__new__(World)
        world.simulation = house
        for name, member in house.members.items():
            assert member.live - member.debt == sum(
                entry.points * ((entry.credit in ("lot", "debt")) - (entry.debit in ("lot", "debt")))
                for booked in house.booked
                for result in booked.results
                if result.posting.member == name
                for entry in result.posting.entries
            ), f"seed {seed}: {name}"
            assert world.counts_again(name), f"seed {seed}: {name}"


@pytest.mark.parametrize("share", range(SHARES))
def test_messages_in_any_order_and_twice_come_to_the_same(sizes: None, share: int, tries: int) -> None:
    """The same facts in the same order; nothing is asked that depends on what messages bring."""
    free = ("purchase", "correction", "return", "enrolled", "redemption_taken", "pool_joined")
    for seed in range(share * 10_000, share * 10_000 + tries):
        told = [said for said in arrival(story(seed, 34), seed) if said["type"] in free]
        ends = []
        for dice in (1, 2, 3):
            house = Late(dice)
            for said in told:
                house.add(fact(**said))
                house.tell_some(all_of_them=dice == 1)
            while house.waiting:
                house.tell_some(all_of_them=True)
            house.advance(1_900_000_000_000)
            ends.append({name: (house.lots(name), m.debt, m.issued, m.expired) for name, m in house.members.items()})
        assert ends[0] == ends[1] == ends[2], f"seed {seed}: {json.dumps(told)[:200]}"


def stands(house: Simulation, name: str) -> dict[str, Any]:
    """A member's points, regular and of the other currency, level and things."""
    member = house.members[name]
    found: dict[str, Any] = {"lots": house.lots(name), "level": (member.tier, member.qualifying_minor)}
    for currency, account in (("", member), *member.purses.items()):
        found[currency] = account.live, account.debt, account.issued, account.expired, account.reversed
    return found | {"units": member.units}


@pytest.mark.parametrize("share", range(SHARES))
def test_two_cards_of_one_person_come_to_what_one_card_would(sizes: None, share: int, tries: int) -> None:
    """Each fact on either card, in any order and twice, and the merge anywhere among them; half of the time it is taken
    back once and said again. At the end the one account is what a single card's would be."""
    for seed in range(share * 10_000, share * 10_000 + tries):
        dice = random.Random(seed)
        told = history(seed, 24, decisions=False)
        single = Late(seed)
        for said in told:
            single.add(fact(**said | {"member": "ann"}))
        merged = {"type": "merged", "id": "x1", "member": "bob", "into": "ann", "occurred_at": hour(0)}
        late = shuffled(told, seed)
        spread = [said | {"member": dice.choice(["ann", "bob"])} for said in late]
        if dice.random() < 0.5:
            back = {"type": "unmerged", "id": "y1", "member": "bob", "occurred_at": hour(1)}
            places_of = sorted(dice.randrange(len(spread) + 1) for _ in range(3))
            for place, one in reversed(list(zip(places_of, [merged, back, merged | {"id": "x2"}], strict=True))):
                spread.insert(place, one)
        else:
            spread.insert(dice.randrange(len(spread) + 1), merged)
        house = Late(seed)
        for said in spread:
            house.add(fact(**said))
            house.tell_some(all_of_them=said["type"] == "unmerged")
            if said["type"] in ("merged", "unmerged"):
                while house.waiting:
                    house.tell_some(all_of_them=True)
        while house.waiting:
            house.tell_some(all_of_them=True)
        for one in (house, single):
            one.advance(1_785_000_000_000)
        house.members["ann"].check()
        assert stands(house, "ann") == stands(single, "ann"), f"seed {seed}"
        assert "bob" not in house.members or house.members["bob"].live == 0, f"seed {seed}"


CARDS = ("ann", "bob", "cat", "dan", "eve")


@pytest.mark.parametrize("share", range(SHARES))
def test_merged_and_taken_back_in_any_way_every_point_is_in_one_account(share: int, tries: int) -> None:
    """Five cards, merged into each other and taken back at random, in chains and circles, while what they hand over is
    on its way: what was bought is what there is, and what each buys at the end arrives once."""
    for seed in range(share * 10_000, share * 10_000 + 10 * tries):
        dice, house = random.Random(seed), Late(seed)
        bought = 0
        for number in range(dice.randrange(6, 30)):
            name, kind = dice.choice(CARDS), dice.choice(["buy", "merge", "merge", "unmerge"])
            said: Said = {"id": f"f{number}", "member": name, "occurred_at": hour(number // dice.choice([1, 4]))}
            if kind == "buy":
                pounds = dice.randrange(1, 40)  # below what the voucher, the levels and the referral ask for
                bought += pounds
                said |= {"type": "purchase", "lines": [{"item": "i", "total_minor": pounds * 100}]}
            elif kind == "merge":
                said |= {"type": "merged", "into": dice.choice([card for card in CARDS if card != name])}
            else:
                said |= {"type": "unmerged"}
            house.add(fact(**said))
            house.tell_some(all_of_them=dice.random() < 0.1)
        for number, name in enumerate(CARDS):
            bought += 1
            lines = [{"item": "i", "total_minor": 100}]
            house.add(fact(type="purchase", id=f"end-{number}", member=name, lines=lines, occurred_at=hour(99)))
        for _ in range(200):
            house.tell_some(all_of_them=True)
        assert not house.waiting, f"seed {seed}: something is sent round for ever"
        for member in house.members.values():
            member.check()
        assert sum(member.timeline.sum_minor for member in house.members.values()) == bought * 100, f"seed {seed}"
