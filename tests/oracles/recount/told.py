"""What was told is what is booked: entries.v1, the partners' topics, the answers that the tills read."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from tests.oracles.recount.books import Books, kept, seq_of
from tests.oracles.recount.house import Record, Row
from tests.oracles.recount.person import account_of


def publication(books: Books) -> Iterator[str]:
    """entries.v1 without its repeats is the tables, seq by seq; a repeat has the same bytes."""
    yield from repeats("entries.v1", books.house.entries)
    rows: dict[int, list[Row]] = defaultdict(list)
    for row in books.house.tables["fact"]:
        rows[row["partition"]].append(row)
    for partition, records in books.published.items():
        if len(records) != len(rows[partition]):
            yield f"entries.v1/{partition} has {len(records)} facts, and the table {len(rows[partition])}"
        for row, record in zip(rows[partition], records, strict=False):
            told = json.loads(record.value)
            wanted = publication_of(row, books.entries.get((partition, row["seq"]), []))
            if told != wanted:
                yield f"entries.v1/{partition} offset {record.offset} says {told}, and the tables {wanted}"
            if record.key != (None if row["member"] is None else row["member"].encode()):
                yield f"entries.v1/{partition} offset {record.offset} is keyed {record.key!r}"


def publication_of(row: Row, entries: list[Row]) -> dict[str, Any]:
    """The record of a fact, made of the tables."""
    fact = json.loads(row["body"])
    names = ("member", "available", "pending", "held", "debt", "tier", "qualifying_minor")
    columns = ("debit", "credit", "points", "why", "balance_after")
    postings = [
        dict(zip(names, posting, strict=True))
        | {
            "entries": [
                {name: entry[name] for name in columns} | ({"lot": entry["lot"]} if entry["lot"] else {})
                for entry in entries
                if entry["member"] == posting[0]
            ]
        }
        for posting in json.loads(row["postings"])
    ]
    told = {
        "seq": row["seq"],
        "fact": row["fact_id"],
        "type": row["type"],
        "occurred_at": fact["occurred_at"],
        "recorded_at_ms": row["recorded_at"],
        "outcome": json.loads(row["outcome"]),
        "postings": postings,
    }
    shop = {name: fact[name] for name in ("partner", "store") if fact.get(name)}
    return told | ({"revision": row["revision"]} if row["revision"] else {}) | shop


def repeats(topic: str, partitions: Mapping[int, list[Record]]) -> Iterator[str]:
    for partition, records in partitions.items():
        first: dict[int, bytes] = {}
        for record in records:
            bytes_of = blake2b(repr(record[1:]).encode(), digest_size=16).digest()
            if first.setdefault(seq_of(record), bytes_of) != bytes_of:
                yield f"{topic}/{partition}: seq {seq_of(record)} came again at {record.offset} with other bytes"


def rewards(books: Books) -> Iterator[str]:
    """Each partner is told what its shops earned and took back, once, under one name a member."""
    facts = {(row["partition"], row["seq"]): row for row in books.facts}
    due = defaultdict(list)
    for place in facts:
        for fact, points in books.dues[place].due.tells:
            if fact.get("partner") in books.house.rewards and points:
                due[fact["partner"], place].append((fact, points))
    names: dict[tuple[str, str], str] = {}
    for row in books.house.tables["reward"]:
        place, told = (row["partition"], row["fact_seq"]), json.loads(row["value"])
        if place not in facts:
            yield f"a reward says {told}, and there is no fact {place}"
            continue
        about = facts[place]
        waits = due.pop((row["partner"], place), [(json.loads(about["body"]), 0)])
        (fact, points), rest = waits[0], waits[1:]
        if rest:
            due[row["partner"], place] = rest
        wanted = {"kind": "earned" if points > 0 else "reversed", "points": abs(points), "seq": row["seq"]}
        wanted |= {name: fact.get(name) for name in ("id", "partner", "occurred_at", "store")}
        if {name: told[name] for name in wanted} != wanted:
            yield f"a reward says {told}, and the rules {wanted}"
        if names.setdefault((row["partner"], told["member"]), about["member"]) != about["member"]:
            yield f"{told['member']} stands for two members with {row['partner']}"
    yield from (
        f"{partner} was not told of {points} points of fact {place}"
        for (partner, place), rest in due.items()
        for _, points in rest
    )
    told_of = Counter((partner, member) for (partner, _), member in names.items())
    yield from (f"{member} has {n} names with {partner}" for (partner, member), n in told_of.items() if n > 1)
    for partner, topics in books.house.rewards.items():
        yield from repeats(f"rewards.{partner}.v1", topics)
        for partition, records in topics.items():
            table = [
                row["value"]
                for row in books.house.tables["reward"]
                if (row["partition"], row["partner"]) == (partition, partner)
            ]
            if [record.value for record in kept(records)] != table:
                yield f"rewards.{partner}.v1/{partition} without its repeats is not the table"


def answers(books: Books) -> Iterator[str]:
    """Every fact was answered, where it was said and where it was forwarded; each answer is the outcome as stored."""
    stored: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in books.facts:
        answer = answer_of(row, books.entries.get((row["partition"], row["seq"]), []))
        stored[answer["fact"]].append(answer)
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for text in books.house.answers:
        answer = json.loads(text)
        mine = {name: answer.get(name, default) for name, default in BLANK.items()}
        told[answer["fact"]].append(mine)
        if mine not in stored[answer["fact"]]:
            yield f"{answer['fact']} was answered {answer}, and the tables say {stored[answer['fact']]}"
    for name, wanted in stored.items():
        yield from (f"{name} was never answered {answer}" for answer in wanted if answer not in told[name])


_WORDS = ("fact", "type", "member", "status", "refusal")
_NUMBERS = ("revision", "earned", "reversed", "redeemed", "available", "pending", "held", "debt", "tier")
BLANK: dict[str, Any] = dict.fromkeys(_WORDS, "") | dict.fromkeys(_NUMBERS, 0)
"""An answer's fields, as they are where nothing is written."""


def answer_of(row: Row, entries: list[Row]) -> dict[str, Any]:
    outcome = json.loads(row["outcome"])
    about = json.loads(row["body"])
    if row["type"] == "forwarded" and len(about.get("facts", ())) == 1:
        about = json.loads(about["facts"][0]["fact"])
    told = BLANK | {"fact": about["id"], "type": about["type"], "revision": about.get("revision", 0)}
    told |= {"member": row["member"]}
    postings = {posting[0]: posting for posting in json.loads(row["postings"])}
    account = account_of(row["member"], about.get("unit"))
    stands = postings.get(account, postings[row["member"]])
    entries = [entry for entry in entries if entry["member"] == stands[0]]
    told |= {"status": outcome["status"], "refusal": outcome.get("refusal", "")}
    told |= dict(zip(("available", "pending", "held", "debt", "tier"), stands[1:6], strict=True))
    told["earned"] = sum(entry["points"] for entry in entries if entry["debit"] == "issued")
    for name, accounts in (("reversed", ("reversed",)), ("redeemed", ("spent", "held"))):
        told[name] = sum(
            entry["points"] * ((entry["credit"] in accounts) - (entry["debit"] in accounts)) for entry in entries
        )
    return told
