"""A house with what several checks make of it, made once."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from tests.oracles.recount.house import House, Record, Row
from tests.oracles.recount.rules import Account, Due, judged


@dataclass
class Books:
    """A house with what is made of it once for several checks."""

    house: House

    @cached_property
    def said(self) -> dict[str, str]:
        """What each id said, as JSON."""
        return {json.loads(text)["id"]: text for _, _, text in self.house.said}

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
    def dues(self) -> dict[tuple[int, int], tuple[Due, int]]:
        """Of each fact: what the rules say, and the balance before it."""
        accounts: dict[str, Account] = defaultdict(Account)
        found = {}
        for row in self.facts:
            account = accounts[row["member"]]
            before = account.balance
            due = judged(account, json.loads(row["body"]))
            account.balance += due.points
            found[row["partition"], row["seq"]] = due, before
        return found

    @cached_property
    def published(self) -> dict[int, list[Record]]:
        """entries.v1 as a consumer has it that drops `seq <= last`."""
        return {partition: kept(records) for partition, records in self.house.entries.items()}


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
