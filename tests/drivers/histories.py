"""Random histories of one member, from a seed: purchases, returns, redemptions, corrections, and how they arrive.

Made from a seed and not drawn by Hypothesis: a history that fails is named by its number and told again at once.
"""

from __future__ import annotations

import json
import random
from typing import Any

Said = dict[str, Any]

LEVELS = ", ".join(f"{{name: level-{n}, from_minor: {n * 5000}}}" for n in range(1, 21))
"""For every 50.00 up to 1,000.00: nearly every return and every late sale moves what was bought since."""

PERCENT = [100 + n * 10 for n in range(21)]

PROGRAMME = f"""
programme: random
version: random-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
partners: [fuel]
tier:
  levels: [{LEVELS}]
rules:
  - {{id: base, share: {{points: 1, per_minor: 100, exclude: [gift], tier_percent: {PERCENT}, valid_months: 2}}}}
  - {{id: tea, share: {{points: 1, per_minor: 300, only: [tea], valid_months: 1, pending_days: 5}}}}
"""

POLICIES = {
    "returns": {"policy": ["protected", "strict"], "shortfall": ["debt", "write_off", "source_lot"]},
    "redemptions": {"after_expiry": ["original", "grace", "reissue"], "late_capture": ["book", "refuse"]},
}


VOUCHER = "  - {id: gift, revision: %d, carry: %s, voucher: {per_points: %d, unit: gift}}\n"
"""For every so many points; another version of the programme may change how many, and says what becomes of the old."""


def programmes(seed: int) -> list[str]:
    """The versions of a programme, with policies of their own for each seed."""
    dice, text = random.Random(f"vouchers {seed}"), policies(seed)
    carry = dice.choice(["", "freeze", "migrate", "top_up"])
    if not carry:
        return [text]
    begins = hour(24 * dice.randrange(0, 400))
    later = text.replace("random-1", "random-2").replace("2020-01-01T00:00:00Z", begins)
    first, second = dice.choice([60, 100]), dice.choice([40, 100, 150])
    return [_with(text, VOUCHER % (0, "freeze", first)), _with(later, VOUCHER % (1, carry, second))]


def _with(text: str, rule: str) -> str:
    """A programme with one rule more."""
    head, policies = text.split('"returns"')
    return head.rstrip() + "\n" + rule + '"returns"' + policies


def policies(seed: int) -> str:
    """The programme with policies of its own for each seed."""
    dice = random.Random(f"policies {seed}")
    said: Said = {part: {key: dice.choice(values) for key, values in keys.items()} for part, keys in POLICIES.items()}
    if said["redemptions"]["after_expiry"] == "grace":
        said["redemptions"]["grace_days"] = dice.choice([1, 20])
    said["late_days"] = dice.choice([0, 3, 35, 366])
    return PROGRAMME + json.dumps(said)[1:-1].replace('}, "', '}\n"') + "\n"


def hour(number: int) -> str:
    """An instant so many hours into 2026, in months of 28 days."""
    day, rest = divmod(number, 24)
    month, day = divmod(day, 28)
    year, month = divmod(month, 12)
    return f"{2026 + year}-{month + 1:02d}-{day + 1:02d}T{rest:02d}:00:00Z"


def history(seed: int, longest: int, *, decisions: bool) -> list[Said]:
    """Facts in the order of time. decisions: also redemptions that may be declined, captures and voids."""
    dice, now = random.Random(seed), 0
    told: list[Said] = []
    bought: list[Said] = []
    asked: list[str] = []
    revisions: dict[str, int] = {}
    verbs = ["buy"] * 5 + ["back"] * 3 + ["loose", "taken", "fix", "use"]
    verbs += ["redeem", "hold", "capture", "void"] if decisions else []
    for number in range(dice.randrange(3, longest)):
        now += dice.choice([0, 1, 24, 24 * 7, 24 * 40])
        said: Said = {"id": f"f{number}", "occurred_at": hour(now)}
        lines = [_line(dice, item) for item in range(dice.randrange(1, 4))]
        match dice.choice(verbs):
            case "back" if bought:
                sale = dice.choice(bought)
                percent = dice.choice([30, 100, 120, 0])
                some = [dice.choice(sale["lines"])] if percent else sale["lines"]  # a line of it, or all
                said |= {"type": "return", "purchase": sale["id"], "lines": [
                    {"item": line["item"], "quantity": 0, "total_minor": line["total_minor"] * (percent or 100) // 100}
                    for line in some
                ]}  # fmt: skip
            case "loose":
                said |= {"type": "return", "lines": lines}
            case "use":
                said |= {"type": "used", "what": "gift", "count": 1}
            case "taken":
                said |= {"type": "redemption_taken", "points": dice.randrange(1, 300)}
                asked.append(said["id"])
            case "redeem":
                said |= {"type": "redemption_requested", "points": dice.randrange(1, 200)}
                asked.append(said["id"])
            case "hold":
                until = hour(now + dice.choice([1, 30, 24 * 20]))
                said |= {"type": "redemption_requested", "points": dice.randrange(1, 200), "hold_until": until}
                asked.append(said["id"])
            case "capture" if asked:
                said |= {"type": "redemption_captured", "redemption": dice.choice(asked),
                         "points": dice.randrange(1, 200)}  # fmt: skip
            case "void" if asked:
                said |= {"type": "redemption_voided", "redemption": dice.choice(asked)}
                said |= {"points": dice.randrange(1, 200)} if dice.random() < 0.4 else {}
            case "fix" if bought:
                sale = dice.choice(bought)
                at = dice.choice([sale["occurred_at"], hour(now)])
                revision = revisions[sale["id"]] = revisions.get(sale["id"], 0) + 1
                said = {**sale, "type": "correction", "occurred_at": at, "revision": revision, "lines": lines}
            case _:
                said |= {"type": "purchase", "lines": lines, "partner": dice.choice([None, "fuel"])}
                bought.append(said)
        told.append(said)
    return told


def _line(dice: random.Random, item: int) -> Said:
    minor = dice.choice([0, dice.randrange(30_000), dice.randrange(3_000)])
    return {"item": f"i{item}", "total_minor": minor, "quantity": 1, "categories": dice.choice([[], ["tea"], ["gift"]])}


def delayed(told: list[Said], seed: int) -> list[Said]:
    """Some come late, by up to a dozen facts, and three in ten come twice."""
    dice = random.Random(seed)
    keyed = [(place + (dice.randrange(1, 12) if dice.random() < 0.4 else 0), place) for place in range(len(told))]
    return _twice([told[place] for _, place in sorted(keyed)], dice)


def shuffled(told: list[Said], seed: int) -> list[Said]:
    """In any order, and three in ten come twice."""
    dice = random.Random(seed)
    return _twice(dice.sample(told, len(told)), dice)


def _twice(told: list[Said], dice: random.Random) -> list[Said]:
    return [said for one in told for said in ([one, one] if dice.random() < 0.3 else [one])]
