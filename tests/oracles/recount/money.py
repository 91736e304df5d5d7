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

ASKED = ("redemption_requested", "transfer_requested", "contribution_requested")
"""Facts that ask for points."""

OURS = ("lot", "debt")
"""The accounts whose sum is a member's balance; debt counts against the lots."""


def overdrawn(books: Books) -> Iterator[str]:
    for row in books.facts:
        judged = books.dues[row["partition"], row["seq"]]
        if row["type"] in ASKED and judged.due.refusal and json.loads(row["outcome"])["status"] == "done":
            given = json.loads(row["body"])["points"]
            yield f"{row['fact_id']} was given {given} points, and there were {max(0, judged.before)}"
    for row in books.house.tables["member"]:
        if min(row["available"], row["pending"], row["held"], row["debt"]) < 0:
            yield f"{row['member']} has less than nothing: {dict(row)}"


def decisions(books: Books) -> Iterator[str]:
    """Every outcome and every posting is the rules'."""
    balances: dict[str, int] = {}
    for row in books.facts:
        place = row["partition"], row["seq"]
        due, before, after, held = books.dues[place]
        outcome = json.loads(row["outcome"])
        if (outcome["status"], outcome.get("refusal", "")) != (due.status, due.refusal):
            yield f"{row['type']} {row['fact_id']} ended as {outcome}, and the rules say {due.status} {due.refusal}"
        moved = sum(signed(entry) for entry in books.entries.get(place, ()))
        if moved != after - before:
            yield f"{row['type']} {row['fact_id']} moved {moved} points, and the rules say {after - before}"
        balances[row["member"]] = after
        stands = [row["member"], max(0, after), 0, held, max(0, -after)]
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
