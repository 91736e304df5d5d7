"""A house with what several checks make of it, made once."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.oracles.recount.house import House, Record, Row
from tests.oracles.recount.rules import Account, Due, judged


@dataclass
class Books:
    """A house with what is made of it once for several checks."""

    house: House

    @cached_property
    def said(self) -> dict[str, dict[str, Any]]:
        """What each id said."""
        return {said["id"]: said for _, _, said in self.house.said}

    @cached_property
    def facts(self) -> list[tuple[Row, dict[str, Any]]]:
        """The rows of members' facts in the order of the book, with what they say."""
        return [(row, json.loads(row["body"])) for row in self.house.tables["fact"] if row["member"] is not None]

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
        for row, fact in self.facts:
            account = accounts[row["member"]]
            before = account.balance
            due = judged(account, fact)
            account.balance += due.points
            found[row["partition"], row["seq"]] = due, before
        return found

    @cached_property
    def published(self) -> dict[int, list[tuple[Record, dict[str, Any]]]]:
        """entries.v1 as a consumer has it that drops `seq <= last`."""
        return {
            partition: [(record, json.loads(record.value)) for record in kept(records)]
            for partition, records in self.house.entries.items()
        }


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
