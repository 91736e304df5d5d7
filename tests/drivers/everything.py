"""Random histories of one member under programmes in which most mechanics and policies live together, from a seed.

Like histories.py, with statuses, stores and currencies, and a programme whose policies the seed chooses.
"""

from __future__ import annotations

import random
from typing import Any

from tests.drivers.histories import Said, hour

_PROGRAMME = """
programme: everything
version: everything-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
partners: [fuel]
stores: {s-ak: {zone: Pacific/Auckland}, s-2: {region: north}}
returns: {policy: %(policy)s, shortfall: %(shortfall)s}
currencies: {promo: {decimals: 1, valid_months: 1}}
tier:
  levels: [{name: silver, from_minor: 20000}, {name: gold, from_minor: 60000}]
  %(term)s
groups: {offers: best, bar: {stack: exclusive, at_most: 40}}
rules:
  - {id: base, share: {points: 1, per_minor: 100, exclude: [gift], tier_percent: [100, 125, 150], valid_months: 2}}
  - {id: tea, group: offers, share: {points: 1, per_minor: 300, only: [tea], valid_months: 1, pending_days: 5}}
  - {id: any, group: offers, share: {points: 1, per_minor: 700, valid_months: 1}}
  - {id: north, group: bar, when: {regions: [north]}, bonus: {points: 30, from_minor: 500}}
  - {id: vip, group: bar, when: {groups: [vip]}, share: {points: 1, per_minor: 50, valid_months: 1}}
  - id: promo
    gives: promo
    share: {per_minor: 100, steps: [{from_minor: 0, points: 1}, {from_minor: 9000, points: 3}]}
  - {id: cap, daily_cap: {points: 200}}
  - {id: month, ladder: {per_minor: 10000, steps: [{from_minor: 0, points: 3}, {from_minor: 30000, points: 10}]}}
  - {id: coffee, stamps: {every: 3, unit: free, only: [tea]}}
  - {id: gift, gift: {points: 50, from_minor: 2000, times: 2}}
  - {id: visits, visits: {every: 3, points: 20, from_minor: 100}}
  - {id: hello, welcome: {points: 100, valid_months: 3}}
"""
TERMS = (
    "window_months: 12",
    "window_months: 1",
    "window_months: 0\n  hold: {years: 1}",
    "window_months: 1\n  hold: {months: 2}\n  drop: soft",
    "window_months: 1\n  grace_days: 10",
)


def programme(seed: int, **said: str) -> str:
    """A programme whose policies the seed has chosen; `said` (policy, shortfall, term) are chosen already."""
    dice = random.Random(seed)
    drawn = {
        "policy": dice.choice(["protected", "protected", "strict"]),
        "shortfall": dice.choice(["debt", "write_off", "source_lot"]),
        "term": dice.choice(TERMS),
    }
    return _PROGRAMME % (drawn | said)


def history(seed: int, longest: int, *, decisions: bool = False, loose: bool = True) -> list[Said]:
    """Facts in the order of time. decisions: also redemptions; loose: also returns without a receipt."""
    dice, now = random.Random(seed), 0
    told: list[Said] = []
    bought: list[Said] = []
    revisions: dict[str, int] = {}
    verbs = ["buy"] * 6 + ["back"] * 3 + ["set", "set until", "end", "fix", "join"]
    verbs += ["loose"] if loose else []
    verbs += ["redeem", "taken"] if decisions else []
    for number in range(dice.randrange(3, longest)):
        now += dice.choice([0, 1, 5, 24, 24 * 7, 24 * 40])
        said: Said = {"id": f"f{number}", "occurred_at": hour(now)}
        lines = [_line(dice, item) for item in range(dice.randrange(1, 4))]
        match dice.choice(verbs):
            case "back" if bought:
                sale = dice.choice(bought)
                line = dice.choice(sale["lines"])
                part = {"item": line["item"], "quantity": dice.choice([0, line["quantity"]]),
                        "total_minor": line["total_minor"] * dice.choice([30, 100]) // 100}  # fmt: skip
                said |= {"type": "return", "purchase": sale["id"], "lines": [part]}
            case "loose":
                said |= {"type": "return", "lines": lines}
            case "set":
                said |= {"type": "status_set", "status": "vip"}
            case "set until":
                said |= {"type": "status_set", "status": "vip", "until": hour(now + 24 * 20)}
            case "end":
                said |= {"type": "status_ended", "status": "vip"}
            case "join":
                said |= {"type": "enrolled"}
            case "redeem":
                said |= {"type": "redemption_requested", "points": dice.randrange(1, 200)}
            case "taken":
                said |= {"type": "redemption_taken", "points": dice.randrange(1, 200)}
            case "fix" if bought:
                sale = dice.choice(bought)
                revision = revisions[sale["id"]] = revisions.get(sale["id"], 0) + 1
                at = dice.choice([sale["occurred_at"], hour(now)])
                said = {**sale, "type": "correction", "revision": revision, "lines": lines, "occurred_at": at}
            case _:
                said |= {"type": "purchase", "lines": lines} | _place(dice)
                bought.append(said)
        told.append(said)
    return told


def _line(dice: random.Random, item: int) -> Said:
    minor = dice.choice([0, dice.randrange(30_000), dice.randrange(3_000)])
    quantity, categories = dice.choice([1, 1, 2]), dice.choice([[], ["tea"], ["gift"]])
    return {"item": f"i{item}", "total_minor": minor, "quantity": quantity, "categories": categories}


def _place(dice: random.Random) -> dict[str, Any]:
    partner = {"partner": "fuel"} if dice.random() < 0.3 else {}
    store = dice.choice([None, "s-ak", "s-2"])
    return partner | ({"store": store} if store else {})
