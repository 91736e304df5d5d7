"""Points are what the rules say, nobody has more or less, and every account is the sum of its entries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracles.recount.books import Books
from tests.oracles.recount.person import ASKED, account_of

CHART = {"issued", "lot", "debt", "written_off", "held", "spent", "expired", "reversed", "transferred", "fee",
         "forfeited", "moved"}  # fmt: skip
"""Every account that an entry may name."""
ON_THE_WAY = ("transferred", "moved")
"""Accounts that hold what is on its way between members or lots: nothing, in a house that is at rest."""

OURS = ("lot", "debt")
"""The accounts whose sum is a member's balance; debt counts against the lots."""

NOTHING = 0, 0
"""How an account stands that there is not."""


def overdrawn(books: Books) -> Iterator[str]:
    for row in books.facts:
        judged = books.dues[row["partition"], row["seq"]]
        if row["type"] in ASKED and judged.due.refusal and json.loads(row["outcome"])["status"] == "done":
            asked = json.loads(row["body"])
            there = judged.before[account_of(row["member"], asked.get("unit"))][0]
            yield f"{row['fact_id']} was given {asked['points']} points, and there were {max(0, there)}"
    for row in books.house.tables["member"]:
        if min(row["available"], row["pending"], row["held"], row["debt"]) < 0:
            yield f"{row['member']} has less than nothing: {dict(row)}"


def decisions(books: Books) -> Iterator[str]:
    """Every outcome and every posting is the rules'."""
    for row in books.facts:
        place = row["partition"], row["seq"]
        due, before, after = books.dues[place]
        outcome = json.loads(row["outcome"])
        if (outcome["status"], outcome.get("refusal", "")) != (due.status, due.refusal):
            yield f"{row['type']} {row['fact_id']} ended as {outcome}, and the rules say {due.status} {due.refusal}"
        moved: Counter[str] = Counter()
        for entry in books.entries.get(place, ()):
            moved[entry["member"]] += signed(entry)
        for account in moved.keys() | after.keys():
            was, now = before.get(account, NOTHING)[0], after.get(account, NOTHING)[0]
            if moved[account] != now - was:
                yield f"{row['type']} {row['fact_id']} moved {moved[account]} of {account}, the rules say {now - was}"
        postings = json.loads(row["postings"])
        said = {posting[0]: posting[1:5] for posting in postings}
        changed = {account for account, stands in after.items() if stands != before.get(account, NOTHING)}
        if postings[0][0] != row["member"] or len(said) < len(postings) or not changed <= said.keys():
            yield f"{row['fact_id']} has {postings}, and the rules say that {changed} have changed"
        for account, stands in said.items():
            balance, held = after.get(account, NOTHING)
            if stands != [max(0, balance), 0, held, max(0, -balance)]:
                yield f"after {row['fact_id']} {account} stands at {stands}, and the rules say {balance}, {held} held"
    for row in books.house.tables["member"]:
        balance, _ = books.members.stands(row["member"])[row["member"]]
        if row["available"] + row["pending"] - row["debt"] != balance:
            yield f"{row['member']} has {dict(row)}, and the rules say {balance}"


def signed(entry: Mapping[str, Any]) -> int:
    """What an entry adds to lots less debt."""
    return int(entry["points"]) * ((entry["credit"] in OURS) - (entry["debit"] in OURS))


def double_entry(books: Books) -> Iterator[str]:
    """Lots less debt is the sum of the signed entries, at every entry; no lot gives more than it got."""
    balances: Counter[str] = Counter()
    lots: Counter[tuple[str, str]] = Counter()
    debts: Counter[str] = Counter()
    for entry in books.house.tables["entry"]:
        member, points = entry["member"], entry["points"]
        balances[member] += signed(entry)
        where = f"entry of {entry['partition']}/{entry['seq']}"
        if entry["balance_after"] != balances[member]:
            yield f"{where}: {member} has {balances[member]} by the entries, and it says {entry['balance_after']}"
        lot = member, entry["lot"]
        lots[lot] += points * ((entry["credit"] == "lot") - (entry["debit"] == "lot"))
        debts[member] += points * ((entry["debit"] == "debt") - (entry["credit"] == "debt"))
        if lots[lot] < 0 or debts[member] < 0:
            yield f"{where}: lot {entry['lot']} of {member} has {lots[lot]}, the debt is {debts[member]}"
    held: Counter[str] = Counter()
    for (member, _), points in lots.items():
        held[member] += points
    for row in books.house.tables["member"]:
        stands = row["available"] + row["pending"], row["debt"]
        if stands != (held[row["member"]], debts[row["member"]]):
            by_entries = held[row["member"]], debts[row["member"]]
            yield f"{row['member']} has lots and debt of {stands}, and of {by_entries} by the entries"


def chart(books: Books) -> Iterator[str]:
    """Entries name accounts of the chart, nothing is on its way, and what is owed is what members have: by currency."""
    house: Counter[tuple[str, str]] = Counter()
    for entry in books.house.tables["entry"]:
        currency = entry["member"].partition("~")[2]
        house[currency, entry["credit"]] += entry["points"]
        house[currency, entry["debit"]] -= entry["points"]
    yield from (f"an entry names the account {name}" for _, name in house if name not in CHART)
    for (currency, name), points in house.items():
        if name in ON_THE_WAY and points:
            yield f"{points} {currency or 'points'} of the house are still {name}"
    stands: Counter[str] = Counter()
    for row in books.house.tables["member"]:
        stands[""] += row["available"] + row["pending"]
    for row in books.house.models["balance"]:
        if currency := row["member"].partition("~")[2]:
            stands[currency] += row["available"] + row["pending"]
    for currency in stands.keys() | {currency for currency, _ in house}:
        if house[currency, "lot"] != stands[currency]:
            owed, name = house[currency, "lot"], currency or "points"
            yield f"the house owes {stands[currency]} {name} by the members' rows, and {owed} by the entries"
