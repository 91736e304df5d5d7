"""Points are what the rules say, nobody has more or less, and every account is the sum of its entries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracles.recount.books import Books

CHART = {"issued", "lot", "debt", "written_off", "held", "spent", "expired", "reversed", "transferred", "fee",
         "forfeited", "moved"}  # fmt: skip
"""Every account that an entry may name."""
ON_THE_WAY = ("transferred", "moved")
"""Accounts that hold what is on its way between members or lots: nothing, in a house that is at rest."""

OURS = ("lot", "debt")
"""The accounts whose sum is a member's balance; debt counts against the lots."""


def overdrawn(books: Books) -> Iterator[str]:
    for row in books.facts:
        due, before = books.dues[row["partition"], row["seq"]]
        if row["type"] == "redemption_requested" and due.refusal and json.loads(row["outcome"])["status"] == "done":
            given = json.loads(row["body"])["points"]
            yield f"{row['fact_id']} was given {given} points, and there were {max(0, before)}"
    for row in books.house.tables["member"]:
        if min(row["available"], row["pending"], row["held"], row["debt"]) < 0:
            yield f"{row['member']} has less than nothing: {dict(row)}"


def decisions(books: Books) -> Iterator[str]:
    """Every outcome and every posting is the rules'."""
    balances: dict[str, int] = {}
    for row in books.facts:
        place = row["partition"], row["seq"]
        due, before = books.dues[place]
        outcome = json.loads(row["outcome"])
        if outcome.get("refusal", "") != due.refusal or (outcome["status"] == "declined") != bool(due.refusal):
            yield f"{row['type']} {row['fact_id']} ended as {outcome}, and the rules say {due.refusal or 'done'}"
        if (outcome["status"] == "waiting") != due.waits:
            yield f"{row['type']} {row['fact_id']} ended as {outcome}, and by the rules it waits: {due.waits}"
        moved = sum(signed(entry) for entry in books.entries.get(place, ()))
        if moved != due.points:
            yield f"{row['type']} {row['fact_id']} moved {moved} points, and the rules say {due.points}"
        after = balances[row["member"]] = before + due.points
        stands = [row["member"], max(0, after), 0, 0, max(0, -after)]
        if [posting[:5] for posting in json.loads(row["postings"])] != [stands]:
            yield f"after {row['fact_id']} stands {row['postings'].decode()}, and the rules say {stands}"
    for row in books.house.tables["member"]:
        if row["available"] + row["pending"] - row["debt"] != balances.get(row["member"], 0):
            yield f"{row['member']} has {dict(row)}, and the rules say {balances.get(row['member'], 0)}"


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
    """Entries name accounts of the chart, nothing is on its way, and what is owed is what members have."""
    house: Counter[str] = Counter()
    for entry in books.house.tables["entry"]:
        house[entry["credit"]] += entry["points"]
        house[entry["debit"]] -= entry["points"]
    yield from (f"an entry names the account {name}" for name in house if name not in CHART)
    yield from (f"{house[name]} points of the house are still {name}" for name in ON_THE_WAY if house[name])
    stands = sum(row["available"] + row["pending"] for row in books.house.tables["member"])
    if house["lot"] != stands:
        yield f"the house owes {stands} points by the members' rows, and {house['lot']} by the entries"
