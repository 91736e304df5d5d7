"""What a crowd of customers says at tills: receipts of 600 bytes, goods brought back, points asked for, new cards.

Pure. Owns the mix and how hard it presses: who asks for points asks for about all there are, sometimes at two tills at
once, so that a balance that is read too early or twice is overdrawn. Knows the wire and no rule of the programme, but
that a whole pound is a point: a till shows what it was last told.
"""

from __future__ import annotations

import random
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECONDS_BETWEEN = 2
TILLS = 12
PARTNERS = ("corner-shops", "petrol")
REDEMPTIONS, RETURNS, ENROLMENTS, SECOND_UPLOADS, LATE = 0.12, 0.05, 0.01, 0.005, 0.01
"""Shares of what is said; the rest are receipts. LATE: of the receipts, how many happened an hour before."""
AT_TWO_TILLS = 0.3
GOODS = tuple(f"{what} {number:03d}" for number in range(60) for what in ("tea", "lantern", "cake stand"))


class Saying(NamedTuple):
    """A record for an inbound topic, keyed by the till."""

    topic: str
    till: str
    said: dict[str, Any]


class Crowd:
    """An endless stream of sayings, the same for the same seed and the same answers."""

    def __init__(self, seed: int, members: int = 3_000, lines: int = 5) -> None:
        self._dice = random.Random(seed)
        self._name = f"{seed:x}"
        self._members = members
        self._lines = lines
        self._count = 0
        self._shown: dict[int, int] = {}  # customer -> points, as the last answer said
        self._asked: dict[str, int] = {}  # fact -> customer
        self._bought: deque[tuple[int, dict[str, Any]]] = deque(maxlen=2_000)
        self._recent: deque[Saying] = deque(maxlen=500)
        self._later: list[Saying] = []

    def say(self) -> Saying:
        """The next one."""
        if self._later:
            return self._later.pop()
        roll = self._dice.random()
        if roll < SECOND_UPLOADS and self._recent:
            again = self._dice.choice(self._recent)
            return again._replace(till=self._till())
        roll -= SECOND_UPLOADS
        if roll < REDEMPTIONS / (1 + AT_TWO_TILLS):
            return self._redemption()
        roll -= REDEMPTIONS / (1 + AT_TWO_TILLS)
        if roll < RETURNS and self._bought:
            return self._return()
        return self._enrolment() if roll < RETURNS + ENROLMENTS else self._purchase()

    def answered(self, fact: str, available: int) -> None:
        """A till was told how many points there are after a fact."""
        customer = self._asked.pop(fact, None)
        if customer is not None:
            self._shown[customer] = available

    # ------------------------------------------------------------ what is said

    def _purchase(self) -> Saying:
        customer, late = self._customer(), self._dice.random() < LATE
        lines = [self._line() for _ in range(self._lines)]
        said = self._said("purchase", customer, late) | self._basket(lines)
        if self._dice.random() < 0.3:
            said["partner"] = self._dice.choice(PARTNERS)
        self._bought.append((customer, said))
        return self._saying("purchases.v1", said)

    def _return(self) -> Saying:
        """Most with their receipt, some of it or all; now and then more than was bought."""
        customer, bought = self._dice.choice(self._bought)
        lines = self._dice.sample(bought["lines"], self._dice.randint(1, 2))
        said = self._said("return", customer) | self._basket([dict(line) for line in lines])
        if self._dice.random() < 0.8:
            said["purchase"] = bought["id"]
        if "partner" in bought:
            said["partner"] = bought["partner"]
        return self._saying("purchases.v1", said)

    def _redemption(self) -> Saying:
        customer = self._customer()
        there = self._shown.get(customer, 40)
        if self._dice.random() < AT_TWO_TILLS:  # not both can be had
            self._later.append(self._ask(customer, there * 2 // 3 + 1))
            return self._ask(customer, there * 2 // 3 + 1)
        return self._ask(customer, there + self._dice.randint(-9, 4))

    def _ask(self, customer: int, points: int) -> Saying:
        said = self._said("redemption_requested", customer) | {"points": max(1, points)}
        return self._saying("redemptions.v1", said)

    def _enrolment(self) -> Saying:
        return self._saying("enrolments.v1", self._said("enrolled", self._dice.randrange(self._members)))

    def _said(self, kind: str, customer: int, late: bool = False) -> dict[str, Any]:
        self._count += 1
        fact = f"{kind[0]}:{self._name}:{self._count}"
        at = START + timedelta(seconds=SECONDS_BETWEEN * self._count - (3_600 if late else 0))
        self._asked[fact] = customer
        return {
            "type": kind,
            "id": fact,
            "occurred_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "identifier": {"scheme": "card", "value": f"98260{customer:08d}"},
            "store": f"store-{self._count % 7}",
        }

    def _line(self) -> dict[str, Any]:
        quantity = self._dice.randint(1, 6)
        item = self._dice.choice(GOODS)
        total = quantity * self._dice.randint(25, 900)
        return {"item": item, "quantity": quantity, "total_minor": total, "categories": [item.rpartition(" ")[0]]}

    @staticmethod
    def _basket(lines: list[dict[str, Any]]) -> dict[str, Any]:
        return {"currency": "GBP", "total_minor": sum(line["total_minor"] for line in lines), "lines": lines}

    def _customer(self) -> int:
        """Some come often: theirs are the long histories and the crowded moments."""
        return int(self._members * self._dice.random() ** 2)

    def _till(self) -> str:
        return f"till-{self._dice.randrange(TILLS):02d}"

    def _saying(self, topic: str, said: dict[str, Any]) -> Saying:
        saying = Saying(topic, self._till(), said)
        self._recent.append(saying)
        return saying
