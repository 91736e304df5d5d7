"""A house with what several checks make of it, made once."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.oracles.recount.house import House, Record, Row
from tests.oracles.recount.members import Judged, Members


@dataclass
class Books:
    """A house with what is made of it once for several checks."""

    house: House

    @cached_property
    def said(self) -> dict[str, str]:
        """What each id said, as JSON."""
        return {json.loads(text)["id"]: text for _, _, text in self.house.said}

    @cached_property
    def cards(self) -> dict[str, str | None]:
        """Whose each said thing is: the card that was shown; what comes back with its receipt is whose the receipt is,
        a guest's receipt is whose its number was claimed by. None: nobody's, and never booked."""
        told = [json.loads(text) for text in self.said.values()]
        claims = {one["receipt"]: one for one in told if one["type"] == "receipt_claimed"}
        found: dict[str, str | None] = {}
        for one in told:
            shown = one["identifier"] or claims.get(one["id"], one)["identifier"]
            found[one["id"]] = shown and shown["value"]
        for one in told:
            if one.get("purchase") is not None:
                found[one["id"]] = found.get(one["purchase"])
            elif one["type"] == "receipt_claimed":
                found[one["id"]] = None
        return found

    @cached_property
    def owners(self) -> dict[str, str]:
        """Of whom each fact is booked."""
        return {row["fact_id"]: row["member"] for row in self.facts}

    @cached_property
    def bodies(self) -> dict[str, dict[str, Any]]:
        """The facts of members, by id."""
        return {row["fact_id"]: json.loads(row["body"]) for row in self.facts}

    @cached_property
    def forgotten(self) -> set[str]:
        """Members of whom an erasure is booked; their cards may lead to somebody new."""
        return {row["member"] for row in self.facts if row["type"] == "erased"}

    @cached_property
    def holders(self) -> dict[str, set[str]]:
        """By card: everybody for whom something is booked that was said with it."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, card in self.cards.items():
            if card is not None and name in self.owners and not json.loads(self.said[name]).get("purchase"):
                found[card].add(self.owners[name])
        return found

    @cached_property
    def leads(self) -> dict[str, list[str]]:
        """By card: whom the directory leads to, and those before who are forgotten."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in self.house.tables["identity"]:
            found[row["value"]].append(row["member"])
        for card, members in self.holders.items():
            found[card] += members & self.forgotten
        return found

    @cached_property
    def facts(self) -> list[Row]:
        """The rows of members' facts, in the order of the book."""
        return [row for row in self.house.tables["fact"] if row["member"] is not None]

    @cached_property
    def entries(self) -> dict[tuple[int, int], list[Row]]:
        found: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in self.house.tables["entry"]:
            found[row["partition"], row["seq"]].append(row)
        return found

    @cached_property
    def _judged(self) -> tuple[Members, dict[tuple[int, int], Judged]]:
        members = Members()
        return members, {(row["partition"], row["seq"]): members.judge(row) for row in in_turn(self.facts)}

    @property
    def members(self) -> Members:
        """All members under the rules, at the end."""
        return self._judged[0]

    @property
    def dues(self) -> dict[tuple[int, int], Judged]:
        """What the rules say of each fact."""
        return self._judged[1]

    @cached_property
    def published(self) -> dict[int, list[Record]]:
        """entries.v1 as a consumer has it that drops `seq <= last`."""
        return {partition: kept(records) for partition, records in self.house.entries.items()}


def in_turn(facts: list[Row]) -> list[Row]:
    """Rows of all partitions, each partition's in its order: what was handed on stands before what has come of it."""
    newest: dict[int, int] = {}
    recorded: list[tuple[int, int, int]] = []
    for n, row in enumerate(facts):
        newest[row["partition"]] = max(newest.get(row["partition"], 0), row["recorded_at"])
        recorded.append((newest[row["partition"]], row["partition"], n))
    return [facts[n] for _, _, n in sorted(recorded)]


def kept(records: list[Record]) -> list[Record]:
    """Without what is not above the last."""
    last, found = 0, []
    for record in records:
        if (seq := seq_of(record)) > last:
            last = seq
            found.append(record)
    return found


def seq_of(record: Record) -> int:
    return int(dict(record.headers)["seq"])
