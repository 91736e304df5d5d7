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


def line(row: dict) -> dict:
    said = {"item": row["item"], "total_minor": smallest(row["paid"], 2)}
    if row["units"].isdigit():  # what was weighed counts as one
        said["quantity"] = int(row["units"])
    return said | ({"categories": [row["category"]]} if row["category"] else {})


def facts(rows: list[dict]):
    """A receipt's own fact, and those of the points that the till gave and took."""
    first, lines = rows[0], [line(row) for row in rows]
    at = datetime.fromisoformat(first["when"]).replace(tzinfo=ZONE).astimezone(UTC)
    of = {"member": first["card"], "occurred_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "store": first["store"]}
    back = {"type": "return", "purchase": first["return_of"]} if first["return_of"] else {"type": "purchase"}
    yield back | of | {"id": first["receipt"], "currency": "PLN", "lines": lines}
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
