"""What the demo's house `plain` must come to, counted by a second, simple program.

Rule A: for each receipt with a customer, the sum of quantity times price, truncated toward zero to whole pounds; the
receipts that start with C are returns and give negative points; no floor at zero. Reads the CSV alone and imports
nothing of ours, so that a mistake of the engine cannot be a mistake here too.

    python tests/oracles/plain.py      prints one JSON object
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "uci-online-retail"


def count(data: Path = DATA) -> dict[str, Any]:
    """Totals, guests and `customers`: id -> [earned, reversed (negative or 0), net]."""
    receipts: dict[str, tuple[str, Decimal]] = {}
    lines_of_receipt: dict[str, int] = {}
    with gzip.open(data / "online-retail.csv.gz", "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            receipt = row["InvoiceNo"]
            customer, amount = receipts.get(receipt, (row["CustomerID"], Decimal(0)))
            assert customer == row["CustomerID"], f"receipt {receipt} has two customers"
            receipts[receipt] = customer, amount + int(row["Quantity"]) * Decimal(row["UnitPrice"])
            lines_of_receipt[receipt] = lines_of_receipt.get(receipt, 0) + 1

    customers: dict[str, list[int]] = {}
    guest_receipts = guest_lines = 0
    for receipt, (customer, amount) in receipts.items():
        if customer == "":
            guest_receipts += 1
            guest_lines += lines_of_receipt[receipt]
            continue
        points = int(amount)  # int() of a Decimal truncates toward zero
        earned_reversed_net = customers.setdefault(customer, [0, 0, 0])
        if receipt.startswith("C"):
            assert points <= 0, f"return {receipt} is worth more than nothing"
            earned_reversed_net[1] += points
        else:
            assert points >= 0, f"sale {receipt} is worth less than nothing"
            earned_reversed_net[0] += points
        earned_reversed_net[2] += points

    return {
        "lines": sum(lines_of_receipt.values()),
        "receipts": len(receipts),
        "guest_receipts": guest_receipts,
        "guest_lines": guest_lines,
        "members": len(customers),
        "earned": sum(c[0] for c in customers.values()),
        "reversed": sum(c[1] for c in customers.values()),
        "net": sum(c[2] for c in customers.values()),
        "customers": {customer: customers[customer] for customer in sorted(customers)},
    }


def main() -> None:
    json.dump(count(), sys.stdout)
    print()


if __name__ == "__main__":
    main()
