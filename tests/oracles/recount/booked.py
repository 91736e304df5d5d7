"""What was said is booked: once, as it was said, in the order of the journal."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from tests.oracles.recount.books import Books, kept, seq_of
from tests.oracles.recount.house import Record, Row

OTHERS = ("to", "pool", "who", "into")
"""Where another card is named, or whose it is."""

NOT_AT_A_SHOP = ("pool_joined", "pool_left", "merged", "unmerged", "erased")
"""Facts that do not keep where they were said."""


def lost(books: Books) -> Iterator[str]:
    booked = {row["fact_id"] for row in books.facts}
    for name, card in books.cards.items():
        if card is not None and name not in booked:
            yield f"{name} was acknowledged to its till, and is not booked"
    for row in books.house.tables["intake_position"]:
        end = books.house.inbound_ends[row["topic"], row["partition"]]
        if row["next_offset"] != end:
            yield f"intake stands at {row['next_offset']} of {row['topic']}/{row['partition']}, which ends at {end}"
    ends = {partition: len(records) for partition, records in books.house.journal.items()}
    for row in books.house.tables["position"]:
        if row["next_offset"] != ends[row["partition"]]:
            end = ends[row["partition"]]
            yield f"the ledger stands at {row['next_offset']} of journal.v1/{row['partition']}, which ends at {end}"


def doubled(books: Books) -> Iterator[str]:
    between = {row["fact_id"] for row in books.facts if row["type"] in ("message", "forwarded")}
    booked = Counter((row["fact_id"], row["revision"]) for row in books.facts)
    for (name, revision), times in booked.items():
        if times > 1:
            yield f"{name} revision {revision} is booked {times} times"
        if name not in between and revision:
            yield f"{name} was said once, and is booked as revision {revision}"
        if name not in between and name not in books.said:
            yield f"{name} is booked, and nobody has said it"
        elif name not in between and books.cards[name] is None:
            yield f"{name} is booked, and is nobody's"


def changed(books: Books) -> Iterator[str]:
    """What is booked is what was said, of whom it was said; what comes back, of whom the receipt is."""
    for row in books.facts:
        if row["fact_id"] in books.said:
            fact, said = json.loads(row["body"]), json.loads(books.said[row["fact_id"]])
            if content(fact) != content(said):
                yield f"{row['fact_id']} is booked with other content than was said"
            other = next((name for name in OTHERS if name in said), "")
            if other and fact[other] not in books.leads[said[other]["value"]]:
                yield f"{row['fact_id']} is booked with {fact[other]}, who does not have the card that was named"
            bought = said.get("purchase")
            whose = books.leads[books.cards[row["fact_id"]] or ""] if bought is None else [books.owners.get(bought)]
            if fact["member"] != row["member"] or row["member"] not in whose:
                yield f"{row['fact_id']} is booked for {row['member']}, who does not have the card that was shown"
    yield from back_again(books)


def back_again(books: Books) -> Iterator[str]:
    """At each till what a card leads to changes when its holder is forgotten, and never back."""
    tills: dict[tuple[str, str, int], list[tuple[int, str]]] = defaultdict(list)
    for row in books.facts:
        said = json.loads(books.said.get(row["fact_id"], "{}"))
        if said.get("identifier") and not said.get("purchase"):
            source = json.loads(row["body"])["source"]
            till = said["identifier"]["value"], source["topic"], source["partition"]
            tills[till].append((source["offset"], row["member"]))
    for (card, topic, partition), told in tills.items():
        runs = [member for member, _ in groupby(member for _, member in sorted(told))]
        if len(runs) > len(set(runs)):
            yield f"on {topic}/{partition} {card} has led to {runs} in turn"


def content(fact: Mapping[str, Any]) -> tuple[Any, ...]:
    names = (
        "type",
        "id",
        "occurred_at",
        "partner",
        "points",
        "unit",
        "purchase",
        "currency",
        "redemption",
        "hold_until",
    )
    names += () if fact["type"] in NOT_AT_A_SHOP else ("store",)
    lines = [
        (line["item"], line.get("quantity", 1), line["total_minor"], tuple(line.get("categories", ())))
        for line in fact.get("lines", ())
    ]
    return (*(fact.get(name) for name in names), lines)


def directory(books: Books) -> Iterator[str]:
    """One member a card, one card a member, one row a receipt; and nothing of who is forgotten."""
    for card in books.leads.keys() | books.holders.keys():
        leads, holders = sorted(books.leads[card]), sorted(books.holders[card])
        if leads != holders:
            yield f"the directory leads from {card} to {leads}, and {holders} have shown it"
        if len(set(leads) - books.forgotten) > 1:
            yield f"{card} is the card of {leads}"
    cards = Counter(member for members in books.leads.values() for member in members)
    yield from (f"{member} has {count} cards" for member, count in cards.items() if count > 1)
    if {row["member"] for row in books.house.tables["erasure"]} != books.forgotten:
        yield "the directory has not forgotten exactly those of whom an erasure is booked"
    owners = books.owners
    receipts = {(row["receipt"], row["revision"]): row["member"] for row in books.house.tables["receipt"]}
    for name in books.said:
        if receipts.pop((name, 0), None) != owners.get(name):
            yield f"the directory has another owner of {name} than the book"
    yield from (f"the directory has {name} in revision {revision}" for name, revision in receipts)


def set_aside(books: Books) -> Iterator[str]:
    """Nothing that was said is bad: only what is said once more of somebody who is forgotten may be parked."""
    for name in ("parked", "parked_journal"):
        for row in books.house.tables[name]:
            if name == "parked" and is_said_of_the_forgotten(books, json.loads(row["value"])):
                continue
            yield f"{name} holds {row.get('topic', 'journal.v1')}/{row['partition']} {row['offset']}: {row['reason']}"
    for name, rows in books.house.models.items():
        if name.endswith(".parked"):
            yield from (f"{name} holds entries.v1/{row['partition']} {row['offset']}" for row in rows)


def is_said_of_the_forgotten(books: Books, said: Mapping[str, Any]) -> bool:
    """Whether what is parked is a second copy of what is booked, and names somebody who is forgotten."""
    booked = books.bodies.get(said.get("receipt", said["id"]), {})
    return any(booked.get(name) in books.forgotten for name in ("member", *OTHERS))


def journal(books: Books) -> Iterator[str]:
    """Repeats have the same bytes; the book has the facts in the order of their first place."""
    rows: dict[int, list[Row]] = defaultdict(list)
    for row in books.house.tables["fact"]:
        rows[row["partition"]].append(row)
    home: dict[bytes, int] = {}
    for partition, records in books.house.journal.items():
        first: dict[tuple[str, int], Record] = {}
        for record in records:
            fact = json.loads(record.value)
            known = first.setdefault((fact["id"], fact.get("revision", 0)), record)
            if known.value != record.value:
                yield f"{fact['id']} stands in journal.v1/{partition} at {known.offset} and {record.offset}, not alike"
            if record.key is not None and home.setdefault(record.key, partition) != partition:
                yield f"{record.key.decode()} has facts in two partitions of the journal"
        told = [(record.offset, *name, record.value) for name, record in first.items()]
        booked = [(row["offset"], row["fact_id"], row["revision"], row["body"]) for row in rows[partition]]
        if booked != told:
            at = next((n for n, pair in enumerate(zip(booked, told, strict=False)) if pair[0] != pair[1]), "its end")
            yield f"the book of partition {partition} is not its journal without repeats, from fact {at} on"


def gaps(books: Books) -> Iterator[str]:
    """seq is 1, 2, 3 ... in the tables and, once `seq <= last` is dropped, on each topic."""
    for partition in range(books.house.partitions):
        seqs = [row["seq"] for row in books.house.tables["fact"] if row["partition"] == partition]
        yield from gap(f"fact of partition {partition}", seqs)
        position = next((row for row in books.house.tables["position"] if row["partition"] == partition), None)
        if position is not None and (position["next_seq"], position["published_seq"]) != (len(seqs) + 1, len(seqs)):
            yield f"partition {partition} has {len(seqs)} facts, and its position says {dict(position)}"
        yield from gap(f"entries.v1/{partition}", [seq_of(record) for record in kept(books.house.entries[partition])])
        for partner, topics in books.house.rewards.items():
            yield from gap(f"rewards.{partner}.v1/{partition}", [seq_of(record) for record in kept(topics[partition])])


def gap(where: str, seqs: list[int]) -> Iterator[str]:
    for n, seq in enumerate(seqs, 1):
        if seq != n:
            yield f"{where}: seq {seq} stands where {n} was due"
            return
