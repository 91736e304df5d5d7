"""What was said is booked: once, as it was said, in the order of the journal."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracles.recount.books import Books, kept, seq_of
from tests.oracles.recount.house import Record, Row

OTHERS = ("to", "pool", "who", "into")
"""Where another card is named, or whose it is."""

NOT_AT_A_SHOP = ("pool_joined", "pool_left", "merged")
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
    """What is booked is what was said, of whom it was said."""
    members = {row["value"]: row["member"] for row in books.house.tables["identity"]}
    for row in books.facts:
        if row["fact_id"] in books.said:
            fact, said = json.loads(row["body"]), json.loads(books.said[row["fact_id"]])
            if content(fact) != content(said):
                yield f"{row['fact_id']} is booked with other content than was said"
            other = next((name for name in OTHERS if name in said), "")
            if other and fact[other] != members.get(said[other]["value"]):
                yield f"{row['fact_id']} is booked with {fact[other]}, who does not have the card that was named"
            if fact["member"] != row["member"] or row["member"] != members.get(books.cards[row["fact_id"]]):
                yield f"{row['fact_id']} is booked for {row['member']}, who does not have the card that was shown"


def content(fact: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("type", "id", "occurred_at", "partner", "points", "purchase", "currency", "redemption", "hold_until")
    names += () if fact["type"] in NOT_AT_A_SHOP else ("store",)
    lines = [
        (line["item"], line.get("quantity", 1), line["total_minor"], tuple(line.get("categories", ())))
        for line in fact.get("lines", ())
    ]
    return (*(fact.get(name) for name in names), lines)


def directory(books: Books) -> Iterator[str]:
    """One member a card, one card a member, one row a receipt."""
    told = [json.loads(text) for text in books.said.values()]
    cards = {one["identifier"]["value"] for one in told if one["identifier"] and not one.get("purchase")}
    holders = Counter(row["member"] for row in books.house.tables["identity"])
    if {row["value"] for row in books.house.tables["identity"]} != cards:
        yield "the directory does not hold exactly the cards that were shown"
    yield from (f"{member} has {count} cards" for member, count in holders.items() if count > 1)
    owners = {row["fact_id"]: row["member"] for row in books.facts}
    receipts = {(row["receipt"], row["revision"]): row["member"] for row in books.house.tables["receipt"]}
    for name in books.said:
        if receipts.pop((name, 0), None) != owners.get(name):
            yield f"the directory has another owner of {name} than the book"
    yield from (f"the directory has {name} in revision {revision}" for name, revision in receipts)


def set_aside(books: Books) -> Iterator[str]:
    """Nothing that was said is bad, so nothing may be parked."""
    for name in ("parked", "parked_journal"):
        for row in books.house.tables[name]:
            yield f"{name} holds {row.get('topic', 'journal.v1')}/{row['partition']} {row['offset']}: {row['reason']}"
    for name, rows in books.house.models.items():
        if name.endswith(".parked"):
            yield from (f"{name} holds entries.v1/{row['partition']} {row['offset']}" for row in rows)


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
