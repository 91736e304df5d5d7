"""The read models are what comes of the topic when it is folded from its first record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.oracles.recount.books import Books


def projections(books: Books) -> Iterator[str]:
    """The read models are what comes of the topic when it is folded from its first record."""
    balance: dict[str, dict[str, Any]] = {}
    tier: dict[str, dict[str, Any]] = {}
    for partition, records in books.published.items():
        for record in records:
            told = json.loads(record.value)
            for posting in told["postings"]:
                at = {"member": posting["member"], "partition": partition, "seq": told["seq"]}
                fold_balance(balance, at, posting)
                fold_tier(tier, at, posting, told["occurred_at"])
    for name, rebuilt in (("balance", balance), ("tier", tier)):
        live = {row["member"]: dict(row) for row in books.house.models.get(name, ())}
        for member in live.keys() | rebuilt.keys():
            if live.get(member) != rebuilt.get(member):
                yield f"{name} has {live.get(member)}, and built again from zero {rebuilt.get(member)}"
        for row in books.house.models.get(f"{name}.position", ()):
            reached = row["next_offset"], row["next_seq"]
            partition = row["partition"]
            ends = len(books.house.entries[partition]), len(books.published[partition]) + 1
            if reached != ends:
                yield f"{name} stands at offset and seq {reached} of entries.v1/{partition}, which ends at {ends}"


def fold_balance(rows: dict[str, dict[str, Any]], at: dict[str, Any], posting: dict[str, Any]) -> None:
    before = rows.get(posting["member"], {})
    row = at | {name: posting[name] for name in ("available", "pending", "held", "debt")}
    row["balance"] = row["available"] + row["pending"] - row["debt"]
    for name, account, sign in (
        *(("earned", "issued", -1), ("redeemed", "spent", 1)),
        *(("expired", "expired", 1), ("reversed", "reversed", 1)),
    ):
        moved = sum(
            entry["points"] * ((entry["credit"] == account) - (entry["debit"] == account))
            for entry in posting["entries"]
        )
        row[name] = before.get(name, 0) + sign * moved
    rows[posting["member"]] = row


def fold_tier(rows: dict[str, dict[str, Any]], at: dict[str, Any], posting: dict[str, Any], occurred_at: str) -> None:
    before = rows.get(posting["member"])
    since = round(datetime.fromisoformat(occurred_at).timestamp() * 1000)
    if before is not None and before["level"] == posting["tier"]:
        since = before["since_ms"]
    rows[posting["member"]] = at | {
        "level": posting["tier"],
        "since_ms": since,
        "qualifying_minor": posting["qualifying_minor"],
    }
