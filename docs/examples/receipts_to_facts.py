"""A till's CSV, a row a line of a receipt, as the facts that `./run simulate` reads: see docs/receipts.md."""

import csv
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Warsaw")


def smallest(amount: str, decimals: int) -> int:
    """Money in groszy (2), points in tenths (1): whole numbers, exactly. Fails on a finer amount than that."""
    whole = Decimal(amount).scaleb(decimals)
    assert whole == int(whole), f"{amount} has more than {decimals} decimals"
    return int(whole)


def units(count: str) -> int:
    """What was weighed counts as one."""
    number = Decimal(count)
    return int(number) if number == int(number) else int(Decimal(1).copy_sign(number))


def lines(rows: list[dict]) -> list[dict]:
    """A line for each item: what was rung up by mistake and taken off again is not there."""
    found = {}
    for row in rows:
        line = {"item": row["item"], "total_minor": 0, "quantity": 0}
        line = found.setdefault(row["item"], line | ({"categories": [row["category"]]} if row["category"] else {}))
        line["total_minor"] += smallest(row["paid"], 2)
        line["quantity"] += units(row["units"])
    return list(found.values())


def facts(rows: list[dict]):
    """What a receipt sells, what comes back with it (below zero), and the points that the till gave and took."""
    first, found = rows[0], lines(rows)
    at = datetime.fromisoformat(first["when"]).replace(tzinfo=ZONE).astimezone(UTC)
    of = {"member": first["card"], "occurred_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "store": first["store"]}
    bought = [one for one in found if one["total_minor"] >= 0 and one["quantity"] > 0]
    back = [one | {"total_minor": -one["total_minor"], "quantity": -one["quantity"]} for one in found
            if one["total_minor"] < 0]  # fmt: skip
    if bought:
        yield of | {"type": "purchase", "id": first["receipt"], "currency": "PLN", "lines": bought}
    if back:
        known = {"purchase": first["return_of"]} if first["return_of"] else {}
        name = first["receipt"] + ("-back" if bought else "")
        yield of | known | {"type": "return", "id": name, "currency": "PLN", "lines": back}
    if first["points_spent"]:
        points = smallest(first["points_spent"], 1)
        yield of | {"type": "redemption_taken", "id": first["receipt"] + "-spent", "points": points}
    if first["promo_points"]:
        points, why = smallest(first["promo_points"], 1), {"reason": "promotion", "actor": "till"}
        yield of | why | {"type": "adjusted", "id": first["receipt"] + "-promo", "points": points, "unit": "promo"}


with Path(sys.argv[1]).open(newline="") as file:
    for _, rows in groupby(csv.DictReader(file), key=lambda row: row["receipt"]):
        for fact in facts(list(rows)):
            print(json.dumps(fact))
