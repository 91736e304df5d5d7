"""What the demo's house `club` must come to, counted by a second, simple program.

The rules are those of docs/demo.md, written down again, literally and without any cleverness: one customer after the
other, one receipt after the other. Reads the CSV alone and imports nothing of ours, so that a mistake of the engine
cannot be a mistake here too. What takes points away is negative, so that the columns of a customer add up.

    python tests/oracles/club.py       prints one JSON object
"""

from __future__ import annotations

import calendar
import csv
import gzip
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

DATA = Path(__file__).parents[2] / "data" / "uci-online-retail"
LONDON = ZoneInfo("Europe/London")
LAST_TICK = datetime(2012, 1, 1, tzinfo=UTC)
MULTIPLIER = {0: Decimal(1), 1: Decimal("1.25"), 2: Decimal("1.5")}
PARTNER = {"Germany": "shops-germany", "France": "shops-france", "EIRE": "shops-eire"}


@dataclass
class Receipt:
    number: str
    customer: str
    country: str
    at: datetime
    """Of its first row."""
    lines: list[tuple[str, Decimal]] = field(default_factory=list)
    """Code and total in pounds; positive for returns too (what was given back)."""


@dataclass
class Lot:
    expires_at: datetime
    """The first instant at which it is gone."""
    earned_at: datetime
    slot: str
    points: int


@dataclass
class Customer:
    earned: int = 0
    reversed: int = 0
    redeemed: int = 0
    declined: int = 0
    expired: int = 0
    debt: int = 0
    lots: list[Lot] = field(default_factory=list)
    spend_of_day: dict[date, Decimal] = field(default_factory=dict)

    def available(self) -> int:
        return sum(lot.points for lot in self.lots)


def read(data: Path) -> list[Receipt]:
    """The receipts in the order of the file, a receipt standing where its first row stands."""
    receipts: dict[str, Receipt] = {}
    with gzip.open(data / "online-retail.csv.gz", "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            number = row["InvoiceNo"]
            if number not in receipts:
                local = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=LONDON, fold=0)
                receipts[number] = Receipt(number, row["CustomerID"], row["Country"], local.astimezone(UTC))
            amount = int(row["Quantity"]) * Decimal(row["UnitPrice"])
            if number.startswith("C"):
                amount = -amount
            pounds = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)
            receipts[number].lines.append((row["StockCode"], pounds))
    return list(receipts.values())


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has no such day."""
    year, month = day.year, day.month + months
    while month > 12:
        year, month = year + 1, month - 12
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def end_of(day: date) -> datetime:
    """The first instant after the day, in London."""
    return datetime.combine(day + timedelta(days=1), time(0), LONDON).astimezone(UTC)


def london_day(at: datetime) -> date:
    return at.astimezone(LONDON).date()


def let_lapse(customer: Customer, at: datetime) -> None:
    customer.expired -= sum(lot.points for lot in customer.lots if lot.expires_at <= at)
    customer.lots = [lot for lot in customer.lots if lot.expires_at > at]


def qualifying(customer: Customer, today: date) -> Decimal:
    """A day's spend counts until the same day twelve months later has ended."""
    return sum((s for day, s in customer.spend_of_day.items() if today <= months_later(day, 12)), Decimal(0))


def level(spend: Decimal) -> int:
    if spend >= 5000:
        return 2
    if spend >= 1000:
        return 1
    return 0


def is_service(code: str) -> bool:
    return re.match(r"[0-9]{5}", code) is None


def rate(receipt: Receipt, multiplier: Decimal) -> tuple[int, Decimal]:
    """Points of both rules, and the spend that counts for the level."""
    basket = sum((total for code, total in receipt.lines if not is_service(code)), Decimal(0))
    group_22 = sum((total for code, total in receipt.lines if not is_service(code) and code[:2] == "22"), Decimal(0))
    base = int((basket * multiplier).to_integral_value(ROUND_FLOOR))
    bonus = int((group_22 / 2).to_integral_value(ROUND_FLOOR))
    return base + bonus, basket


def take(customer: Customer, points: int) -> int:
    """Takes from the lots in spending order; what they could not cover comes back."""
    customer.lots.sort(key=lambda lot: (lot.expires_at, lot.earned_at, lot.slot))
    for lot in customer.lots:
        taken = min(lot.points, points)
        lot.points -= taken
        points -= taken
    customer.lots = [lot for lot in customer.lots if lot.points > 0]
    return points


def buy(customer: Customer, receipt: Receipt, points: int) -> None:
    customer.earned += points
    repaid = min(points, customer.debt)
    customer.debt -= repaid
    if points > repaid:
        expires_at = end_of(months_later(london_day(receipt.at), 3))
        customer.lots.append(Lot(expires_at, receipt.at, f"p:uci:{receipt.number}", points - repaid))


def bring_back(customer: Customer, points: int) -> None:
    customer.reversed -= points
    customer.debt += take(customer, points)


def redeem(customer: Customer, receipt: Receipt) -> None:
    """After the sale is booked, when there are 500 points or more. A receipt that ends in 7 first asks for too much."""
    available = customer.available()
    if available < 500:
        return
    if receipt.number.endswith("7"):
        customer.declined += 1
    points = available // 500 * 500
    missing = take(customer, points)
    assert missing == 0
    customer.redeemed -= points


def visit(customer: Customer, receipt: Receipt, partners: dict[str, dict[str, int]]) -> None:
    let_lapse(customer, receipt.at)
    today = london_day(receipt.at)
    points, spend = rate(receipt, MULTIPLIER[level(qualifying(customer, today))])
    assert points >= 0
    assert spend >= 0
    partner = PARTNER.get(receipt.country)
    if receipt.number.startswith("C"):
        bring_back(customer, points)
        customer.spend_of_day[today] = customer.spend_of_day.get(today, Decimal(0)) - spend
        if partner:
            partners[partner]["reversed"] -= points
    else:
        buy(customer, receipt, points)
        customer.spend_of_day[today] = customer.spend_of_day.get(today, Decimal(0)) + spend
        if partner:
            partners[partner]["earned"] += points
        redeem(customer, receipt)


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(customer: Customer) -> dict[str, Any]:
    """A customer after the last tick."""
    let_lapse(customer, LAST_TICK)
    customer.lots.sort(key=lambda lot: (lot.expires_at, lot.earned_at, lot.slot))
    spend = qualifying(customer, london_day(LAST_TICK))
    assert (
        customer.earned + customer.reversed + customer.redeemed + customer.expired
        == customer.available() - customer.debt
    )
    assert customer.debt == 0 or not customer.lots
    return {
        "earned": customer.earned,
        "reversed": customer.reversed,
        "redeemed": customer.redeemed,
        "declined": customer.declined,
        "expired": customer.expired,
        "available": customer.available(),
        "debt": customer.debt,
        "tier": level(spend),
        "qualifying_minor": int(spend * 100),
        "lots": [[text(lot.expires_at), text(lot.earned_at), lot.slot, lot.points] for lot in customer.lots],
    }


def count(data: Path = DATA) -> dict[str, Any]:
    """Totals, rewards per partner, and every customer, after the last tick."""
    customers: dict[str, Customer] = {}
    partners = {name: {"earned": 0, "reversed": 0} for name in PARTNER.values()}
    for receipt in read(data):
        if receipt.customer:
            visit(customers.setdefault(receipt.customer, Customer()), receipt, partners)
    rows = {number: shown(customers[number]) for number in sorted(customers)}
    sums = ("earned", "reversed", "redeemed", "declined", "expired", "available", "debt")
    return {
        "members": len(rows),
        **{name: sum(row[name] for row in rows.values()) for name in sums},
        "lots": sum(len(row["lots"]) for row in rows.values()),
        "tiers": {str(tier): sum(row["tier"] == tier for row in rows.values()) for tier in MULTIPLIER},
        "partners": partners,
        "customers": rows,
    }


def main() -> None:
    json.dump(count(), sys.stdout)
    print()


if __name__ == "__main__":
    main()
