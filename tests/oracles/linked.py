"""The real web shop's returns with the receipts that they belong to: a guess of ours, made before anything is counted.

Every line of a C-invoice is a return of the newest earlier sale of the same item at the same price to the same
customer, as far as that sale still has so many; then of the one before it. What finds no sale is left out and counted.
Every tenth sale is also paid in part with points, at an offline till. Reads the CSV alone and imports nothing of ours.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

DATA = Path(__file__).parents[2] / "data" / "uci-online-retail"
LONDON = ZoneInfo("Europe/London")

Fact = dict[str, Any]


@dataclass
class Linked:
    """Each customer's facts, in the order of the file."""

    customers: dict[str, list[Fact]] = field(default_factory=dict)
    lines: int = 0
    """Of C-invoices with a customer."""
    left_out: int = 0
    """Of these, the ones of which something found no sale."""


def linked(data: Path = DATA) -> Linked:
    found = Linked()
    sold: dict[tuple[str, str, int], list[list[Any]]] = {}
    """(customer, item, price) -> [receipt, units left], oldest first."""
    made: dict[str, Fact] = {}
    with gzip.open(data / "online-retail.csv.gz", "rt", encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)  # the names of the columns
        for invoice, item, _, quantity, when, money, customer, _ in rows:
            price, units = pence(money) if customer else 0, int(quantity)
            if not price:
                continue
            goods = customer, item, price
            if not invoice.startswith("C"):
                if invoice not in made:
                    made[invoice] = start(invoice, "purchase", customer, when)
                    found.customers.setdefault(customer, []).append(made[invoice])
                    if invoice.endswith("5"):
                        found.customers[customer].append(
                            start(invoice + ":points", "redemption_taken", customer, when) | {"points": 50}
                        )
                made[invoice]["lines"].append(line(goods, units))
                sold.setdefault(goods, []).append([invoice, units])
                continue
            found.lines += 1
            back = -units
            for sale in reversed(sold.get(goods, [])):
                part = min(back, sale[1])
                if part:
                    sale[1] -= part
                    back -= part
                    name = f"{invoice}:{sale[0]}"
                    if name not in made:
                        made[name] = start(name, "return", customer, when) | {"purchase": sale[0]}
                        found.customers[customer].append(made[name])
                    made[name]["lines"].append(line(goods, part))
            found.left_out += back > 0
    for fact in made.values():
        fact["currency"] = "GBP"
    return found


def pence(price: str) -> int:
    """0 where it is none, or not in whole pence."""
    whole, _, part = price.partition(".")
    return 0 if part[2:].strip("0") else int(whole) * 100 + int(part[:2].ljust(2, "0"))


def start(name: str, kind: str, customer: str, when: str) -> Fact:
    there = datetime.fromisoformat(when).replace(tzinfo=LONDON)
    at = there.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
    fact: Fact = {"id": name, "type": kind, "member": customer, "occurred_at": at}
    return fact if kind == "redemption_taken" else fact | {"lines": []}


def line(goods: tuple[str, str, int], units: int) -> Fact:
    return {"item": goods[1], "quantity": units, "total_minor": goods[2] * units}
