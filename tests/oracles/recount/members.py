"""All members under the rules, fact by fact in the order of the book; and what goes from one to another.

What a message or a forwarded record says is taken as it is here; between.py holds it against what must have been sent.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracles.recount.house import Row
from tests.oracles.recount.person import Person
from tests.oracles.recount.pools import Pool
from tests.oracles.recount.rules import DONE, FEE_PERCENT, Due, Fact, Stands, declined, given_by

Gift = tuple[str, str, str, str]
"""(who gives, the fact it is given with, why, who has it)."""


class Judged(NamedTuple):
    """A row of the book under the rules: what is due, and how the member's accounts stand before and after it."""

    due: Due
    before: Mapping[str, Stands]
    after: Mapping[str, Stands]


@dataclass
class Members:
    """As far as the rows have been judged."""

    persons: dict[str, Person] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    merged: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Who turned out to be whom, and by which fact."""
    taken: dict[tuple[str, str], str] = field(default_factory=dict)
    """(who stays, who is gone) -> the fact by which it is so, as far as who stays has heard of it."""
    parted: set[str] = field(default_factory=set)
    """Such facts that were taken back."""
    given: Counter[Gift] = field(default_factory=Counter)
    """By transfers and contributions that were granted; of pools see `gifts`."""
    come: dict[Gift, tuple[int, int]] = field(default_factory=dict)
    """(revision, points) of the newest message."""
    handed_on: dict[tuple[str, str], list[Fact]] = field(default_factory=lambda: defaultdict(list))
    """(from whom, to whom) -> facts that belong there."""
    taken_in: dict[tuple[str, str], list[Fact]] = field(default_factory=lambda: defaultdict(list))
    """The same, of what has come."""
    told: dict[str, int] = field(default_factory=dict)
    """Fact -> what its partner knows it to be worth, wherever it counts."""

    def judge(self, row: Row) -> Judged:
        fact, member = json.loads(row["body"]), row["member"]
        before = self.stands(member)
        due = self._pools(fact) or self._merges(fact) or self._own(fact)
        return Judged(due, before, self.stands(member))

    def stands(self, member: str) -> dict[str, Stands]:
        """By account."""
        if member in self.pools:
            return {member: (self.pools[member].counted().balance, 0)}
        return self._person(member).stands(member)

    def gifts(self) -> Counter[Gift]:
        """All that must have been sent, now."""
        found = self.given.copy()
        for name, pool in self.pools.items():
            for (fact, owner), points in pool.counted().given.items():
                found[name, fact, "given back", owner] += points
        return found

    def _person(self, member: str) -> Person:
        if member not in self.persons:
            self.persons[member] = Person(self.told)
        return self.persons[member]

    # ------------------------------------------------------------ one fact

    def _own(self, fact: Fact) -> Due:
        """A fact that concerns its own member."""
        if fact["type"] == "message" and not self._is_news(fact):
            return DONE
        due = self._person(fact["member"]).judge(fact)
        self._gives(fact, due)
        return due

    def _pools(self, fact: Fact) -> Due | None:
        name = fact["member"]
        if fact["type"] == "pool_joined":
            self.pools.setdefault(name, Pool())
        if name not in self.pools:
            return None
        return DONE if fact["type"] == "message" and not self._is_news(fact) else self.pools[name].judged(fact)

    def _gives(self, fact: Fact, due: Due) -> None:
        if due.status == "declined":
            return
        if fact["type"] == "transfer_requested":
            fee = fact["points"] * FEE_PERCENT // 100
            self.given[fact["member"], fact["id"], "transfer", fact["to"]] += fact["points"] - fee
        elif fact["type"] == "contribution_requested":
            self.given[fact["member"], fact["id"], "contribution", fact["pool"]] += fact["points"]

    def _is_news(self, message: Fact) -> bool:
        """Note what a message says. False: a newer one has come before it."""
        gift = message["sender"], message["cause"], message["rule"], message["member"]
        revision = message.get("revision", 0)
        if self.come.get(gift, (-1, 0))[0] >= revision:
            return False
        self.come[gift] = revision, given_by(message)
        return True

    # ------------------------------------------------------------ two cards of one person

    def _merges(self, fact: Fact) -> Due | None:
        name = fact["member"]
        if fact["type"] == "forwarded":
            return self._arrives(fact)
        if name in self.merged:
            if fact["type"] == "merged":
                return declined("member_must_not_be_merged")
            if fact["type"] == "message":
                self._is_news(fact)
            return self._hands_on(name, self.merged[name][0], [fact])
        if fact["type"] == "unmerged":
            return declined("member_must_be_merged")
        if fact["type"] != "merged":
            return None
        self.merged[name] = fact["into"], fact["id"]
        self._hands_on(name, fact["into"], self._person(name).facts)
        self.persons[name] = Person(self.told)
        return DONE

    def _hands_on(self, name: str, to: str, facts: list[Fact]) -> Due:
        self.handed_on[name, to] += facts
        return Due("forwarded")

    def _arrives(self, envelope: Fact) -> Due:
        """Facts of another card: on from here where it is merged, home where the merge was taken back on the way."""
        name, sender, merge = envelope["member"], envelope["sender"], envelope["merge"]
        inners = envelope.get("facts", ())  # a card may never have bought
        facts = [json.loads(inner["fact"]) for inner in inners]
        self.taken_in[sender, name] += facts
        if envelope["way"] == "to":
            if merge in self.parted:
                return self._hands_on(name, sender, facts)
            self.taken[name, sender] = merge
        elif name in self.merged:
            into, by = self.merged[name]
            if by != merge:
                return self._hands_on(name, into, facts)
            del self.merged[name]
        if [fact["type"] for fact in facts] == ["unmerged"]:
            return self._part(name, facts[0])
        dues = [
            self._count(name, fact, inner.get("outcome") is not None) for fact, inner in zip(facts, inners, strict=True)
        ]
        return dues[0] if len(dues) == 1 else Due(tells=tuple(tell for due in dues for tell in due.tells))

    def _count(self, name: str, fact: Fact, decided: bool) -> Due:
        """One that has just come is decided as the member stands; the others were decided."""
        due = self._person(name).judge(fact, decided=decided, arrived=True)
        if not decided:
            self._gives(fact, due)
        return due

    def _part(self, name: str, fact: Fact) -> Due:
        """A merge is taken back: the facts of who was gone go home."""
        merge = self.taken.pop((name, fact["member"]), None)
        if merge is None:
            return declined("member_must_be_merged")
        self.parted.add(merge)
        self._hands_on(name, fact["member"], self._person(name).part_with(fact["member"]))
        return DONE
