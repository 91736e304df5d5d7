"""All members under the rules, fact by fact in the order of the book; and what goes from one to another.

What a message or a forwarded record says is taken as it is here; between.py holds it against what must have been sent.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracles.recount.house import Row
from tests.oracles.recount.pools import Pool
from tests.oracles.recount.rules import DONE, FEE_PERCENT, Account, Due, Fact, given_by, judged

Gift = tuple[str, str, str, str]
"""(who gives, the fact it is given with, why, who has it)."""


class Judged(NamedTuple):
    """A row of the book under the rules: what is due, and how the member stands before and after it."""

    due: Due
    before: int
    after: int
    held: int


@dataclass
class Members:
    """As far as the rows have been judged."""

    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    pools: dict[str, Pool] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    """Who turned out to be whom."""
    given: Counter[Gift] = field(default_factory=Counter)
    """By transfers and contributions that were granted; of pools see `gifts`."""
    come: dict[Gift, tuple[int, int]] = field(default_factory=dict)
    """(revision, points) of the newest message."""
    counts: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    """The facts that count of a member, in the order in which they came."""
    handed_on: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    """Of who was merged: all facts that belong to somebody else now."""
    taken_in: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    """By whose they were: what has come of them where they belong now."""

    def judge(self, row: Row) -> Judged:
        fact, member = json.loads(row["body"]), row["member"]
        before = self.stands(member)[0]
        due = self._pools(fact) or self._merges(fact) or self._own(fact)
        return Judged(due, before, *self.stands(member))

    def stands(self, member: str) -> tuple[int, int]:
        """Balance and what is held."""
        if member in self.pools:
            return self.pools[member].counted().balance, 0
        return self.accounts[member].stands()

    def gifts(self) -> Counter[Gift]:
        """All that must have been sent, now."""
        found = self.given.copy()
        for name, pool in self.pools.items():
            for (fact, owner), points in pool.counted().given.items():
                found[name, fact, "given back", owner] += points
        return found

    # ------------------------------------------------------------ one fact

    def _own(self, fact: Fact) -> Due:
        """A fact that concerns its own member."""
        account = self.accounts[fact["member"]]
        if fact["type"] == "message" and not self._is_news(fact):
            return DONE
        account.now = max(account.now, fact["occurred_at"])
        due = judged(account, fact)
        if due.status != "declined" or fact["type"] == "return":
            self.counts[fact["member"]].append(fact)
            self._gives(fact)
        return due

    def _pools(self, fact: Fact) -> Due | None:
        name = fact["member"]
        if fact["type"] == "pool_joined":
            self.pools.setdefault(name, Pool())
        if name not in self.pools:
            return None
        return DONE if fact["type"] == "message" and not self._is_news(fact) else self.pools[name].judged(fact)

    def _merges(self, fact: Fact) -> Due | None:
        name = fact["member"]
        if name in self.merged:
            if fact["type"] == "message":
                self._is_news(fact)
            self.handed_on[name].append(fact)
            return Due("forwarded")
        if fact["type"] == "merged":
            self.merged[name] = fact["into"]
            self.handed_on[name] = self.counts.pop(name, [])
            self.accounts[name] = Account()
            return DONE
        return self._take_in(fact) if fact["type"] == "forwarded" else None

    def _take_in(self, envelope: Fact) -> Due:
        """Facts of another card. One that has just come is decided as the member stands; the others were decided."""
        account, inners = self.accounts[envelope["member"]], envelope.get("facts", ())  # a card may never have bought
        due = DONE
        for inner in inners:
            fact, decided = json.loads(inner["fact"]), inner.get("outcome") is not None
            self.taken_in[envelope["sender"]].append(fact)
            due = judged(account, fact, decided=decided)
            if due.status != "declined" or fact["type"] == "return":
                account.now = max(account.now, fact["occurred_at"])
            if decided:
                due = due._replace(tells=())  # partners know it
        return due if len(inners) == 1 else DONE

    def _gives(self, fact: Fact) -> None:
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
