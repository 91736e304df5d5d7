"""Caps in any order above and below each other, over rules that give to other receipts than the one that moves them:
what is left of each purchase is what a second program counts (tests/oracles/caps.py), however facts arrive, with old
cells on shelves, and after a version that takes cells over."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from events.values import millis
from services.book import shelves
from services.book.retold import retell
from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from services.workbench.simulate import Simulation
from tests.drivers.accounts import account, account_again
from tests.drivers.facts import MEMBER, fact
from tests.oracles.caps import count

ZONE = "Europe/London"
STORES = {"far": "Pacific/Auckland", "west": "America/Los_Angeles"}
HEAD = {
    "programme": "caps",
    "version": "caps-1",
    "effective_from": "2026-01-01T00:00:00Z",
    "currency": "GBP",
    "zone": ZONE,
    "stores": {store: {"zone": zone} for store, zone in STORES.items()},
}
CONDITIONS = [None, None, None, {"stores": ["near", "far"]}, {"stores": ["west"]}]
END_MS = millis("2028-01-01T00:00:00Z")
SHARES = 8


def rules_of(dice: random.Random) -> list[dict[str, Any]]:
    """Rules that check as a programme: some that give, and among them caps."""
    while True:
        rules: list[dict[str, Any]] = []
        for number in range(dice.randrange(3, 9)):
            rule: dict[str, Any] = {"id": f"r{number}"}
            if (when := dice.choice(CONDITIONS)) is not None:
                rule["when"] = when
            kinds = ["share", "gift", "cap", "cap", "cap"] + ["visits"] * (not any("visits" in one for one in rules))
            match dice.choice(kinds):
                case "share":
                    rule["share"] = {"points": dice.randrange(1, 3), "per_minor": 1}
                case "gift":
                    rule["gift"] = {"points": dice.randrange(10, 90), "from_minor": dice.choice([0, 50]),
                                    "times": dice.randrange(1, 4)}  # fmt: skip
                case "visits":
                    rule["visits"] = {"every": dice.randrange(1, 4), "points": dice.randrange(5, 40)}
                case _:
                    per = dice.choice(["day", "week", "month", "year", "member"])
                    rule["cap"] = {"points": dice.randrange(20, 400), "per": per}
                    if rules and dice.random() < 0.4:
                        some = dice.sample(rules, dice.randrange(1, len(rules) + 1))
                        rule["cap"]["of"] = [one["id"] for one in some]
            rules.append(rule)
        try:
            compile_programme([json.dumps(HEAD | {"rules": rules})])
        except ProgrammeError:
            continue
        return rules


def history(dice: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Facts in the order of time, and what is left of each purchase at their end."""
    told: list[dict[str, Any]] = []
    bought: list[dict[str, Any]] = []
    at = datetime(2026, 2, 20, tzinfo=UTC)
    for number in range(dice.randrange(4, 40)):
        at += timedelta(hours=dice.choice([0, 2, 5, 9, 24, 24, 50, 200]))
        said: dict[str, Any] = {"id": f"p{number:02d}", "occurred_at": at.isoformat().replace("+00:00", "Z")}
        if bought and dice.random() < 0.35:
            sale = dice.choice(bought)
            gone = dice.choice([sale["minor"], dice.randrange(sale["minor"] + 1)])
            if not gone:
                continue
            sale["minor"] -= gone
            said |= {
                "type": "return",
                "purchase": sale["id"],
                "lines": [{"item": "tea", "quantity": 0, "total_minor": gone}],
            }
        else:
            sale = {"id": said["id"], "instant": at, "store": dice.choice(["near", "far", "west"]),
                    "minor": dice.randrange(1, 130)}  # fmt: skip
            bought.append(sale)
            lines = [{"item": "tea", "total_minor": sale["minor"]}]
            said |= {"type": "purchase", "store": sale["store"], "lines": lines}
        told.append(said)
    return told, bought


def points_of(simulation: Simulation) -> dict[str, int]:
    return {lot[3]: lot[4] for lot in simulation.lots(MEMBER)}


def revised(dice: random.Random, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rules in the next version: some give otherwise, by cells that they take over."""
    later = []
    for rule in rules:
        one = json.loads(json.dumps(rule))
        if "share" not in rule and dice.random() < 0.6:
            one |= {"revision": 1, "carry": "migrate"}
            kind = next(kind for kind in ("gift", "visits", "cap", "voucher") if kind in rule)
            key = "per_points" if kind == "voucher" else "points"
            one[kind][key] = max(one[kind][key] * dice.choice([50, 80, 150, 300]) // 100, 1)
        later.append(one)
    return later


@pytest.mark.parametrize("share", range(SHARES))
def test_what_caps_leave_is_what_a_second_program_counts(share: int, soak: int) -> None:
    elsewhere = 0
    for seed in range(share * 100_000, share * 100_000 + 25 * soak):
        dice = random.Random(seed)
        rules = rules_of(dice)
        told, left = history(dice)
        if dice.random() < 0.3:
            rules.append({"id": "cup", "voucher": {"per_points": dice.randrange(20, 200), "unit": "cup"}})
        texts = [json.dumps(HEAD | {"rules": rules})]
        if dice.random() < 0.4:
            rules = revised(dice, rules)
            begins = {"version": "caps-2", "effective_from": "2026-03-03T00:00:00Z"}
            texts.append(json.dumps(HEAD | begins | {"rules": rules}))
        expected = count([rule for rule in rules if "voucher" not in rule], left, ZONE, STORES)
        arrived = list(told)
        if dice.random() < 0.4:
            dice.shuffle(arrived)
        hot, together = dice.choice([(2, 2), (2, 2), (shelves.HOT_CELLS_MAX, shelves.TOGETHER)])
        simulation = Simulation(texts, ["caps-1.yaml", "caps-2.yaml"][: len(texts)])
        with patch.multiple(shelves, HOT_CELLS_MAX=hot, TOGETHER=together):
            for said in arrived:
                simulation.add(fact(**said))
                simulation.members[MEMBER].check()
            assert not simulation.parked
            assert all(one.results[0].outcome.status != "declined" for one in simulation.booked), seed
            simulation.advance(END_MS)
            if "voucher" in rules[-1]:
                made, rest = divmod(sum(expected.values()), rules[-1]["voucher"]["per_points"])
                assert simulation.members[MEMBER].units.get("cup", 0) == made, seed
                assert sum(points_of(simulation).values()) == rest, seed
            else:
                assert points_of(simulation) == expected, seed
            assert simulation.members[MEMBER].debt == 0, seed
            again = retell(simulation.members[MEMBER], simulation.plan, simulation.cold_of(MEMBER))
            assert account_again(again) == account(simulation, MEMBER), seed
        elsewhere += simulation.plan.by_lot
    assert elsewhere > 5 * soak
