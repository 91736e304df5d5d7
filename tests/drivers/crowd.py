"""What a crowd of customers says at tills: receipts of 600 bytes, goods brought back, points asked for, new cards.

Some points are held first and taken later, given to others or put into pools; tea earns leaves, too. Second cards turn
out to be their owners', and some of them not to be after all. Some customers want to be forgotten, and come again as
somebody new. Some receipts are guests' until their number is claimed, and goods come back with any card or none. Pure.
Owns the mix and how hard it presses: who asks for points asks for about all there are, sometimes at two tills at once,
so that a balance that is read too early or twice is overdrawn. Knows the wire and no rule of the programme, but that a
whole pound is a point: a till shows what it was last told.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECONDS_BETWEEN = 2
TILLS = 12
PARTNERS = ("corner-shops", "petrol")
LATE, AT_TWO_TILLS = 0.01, 0.3
"""Of the receipts, how many happened an hour before; of the redemptions, how many are asked for twice at once."""
SHARES = {
    "again": 0.005,
    "redemption": 0.075,
    "hold": 0.015,
    "end_of_a_hold": 0.009,
    "return": 0.05,
    "enrolment": 0.01,
    "guest": 0.02,
}
"""Of what is said; the rest are receipts. Some holds nobody ends, so that time does."""
BETWEEN = {"transfer": 0.012, "contribution": 0.006, "spent_by_a_pool": 0.004, "join": 0.002, "leave": 0.001,
           "merge": 0.0015, "unmerge": 0.001, "erasure": 0.001}  # fmt: skip
"""The same of what goes between members, and of what ends one."""
HOLD_MINUTES = (5, 120)
"""At least and at most: some end before they are taken."""
SECOND_CARDS = 0.03
"""Of the customers, how many have one; and of the receipts, how many are said with one."""
CLAIMED, CARD_AT_A_RETURN = 0.7, 0.7
"""Of the guests' receipts, how many are claimed; of what comes back with its receipt, how often the buyer's card is
shown. Else it is another's, or none: it is the receipt that says whose it is."""
POOLS = 40
LEAVES, OF_LEAVES = "leaves", 0.2
"""The currency that tea earns; and of the redemptions and holds, how many are of leaves."""
GOODS = tuple(f"{what} {number:03d}" for number in range(60) for what in ("tea", "lantern", "cake stand"))


class Saying(NamedTuple):
    """A record for an inbound topic, keyed by the till."""

    topic: str
    till: str
    said: dict[str, Any]
    fact: str | None
    """Whose answer is to come: None where nothing of it is ever anybody's."""


class Crowd:
    """An endless stream of sayings, the same for the same seed and the same answers.

    A card is a number: those of the customers, then the second cards, then the pools'. Another card is only ever named
    once an answer has shown that the house knows it: one that it does not know would be set aside. So who is named in
    something that nobody has answered yet is not forgotten yet.
    """

    def __init__(self, seed: int, members: int = 3_000, lines: int = 5, *, meet: bool = True) -> None:
        """meet: whether points go between members, too."""
        self._dice = random.Random(seed)
        self._name = f"{seed:x}"
        self._members = members
        self._seconds = int(members * SECOND_CARDS)
        self._lines = lines
        self._between = BETWEEN if meet else {}
        self._count = 0
        self._shown: dict[int, int] = {}  # card -> points, as the last answer said
        self._leaves: dict[int, int] = {}  # the same of leaves
        self._asked: dict[str, tuple[int, str | None]] = {}  # fact -> card, unit
        self._named: dict[str, tuple[int, ...]] = {}  # fact that was not answered yet -> cards that must be known
        self._held: dict[str, tuple[int, int, str | None]] = {}  # hold, the same -> card, points, unit
        self._holds: deque[tuple[str, int, int, str | None]] = deque(maxlen=10)  # that were granted: the same
        self._joining: dict[str, tuple[int, int]] = {}  # fact -> pool, card
        self._circle: set[tuple[int, int]] = set()  # pool, card
        self._merged: set[int] = set()
        self._parting: dict[str, int] = {}  # fact -> card that is to be merged no longer
        self._leaving: dict[str, int] = {}  # fact -> card that is to be forgotten
        self._bought: deque[tuple[int | None, dict[str, Any]]] = deque(
            maxlen=2_000
        )  # None: a guest's for good, or forgotten
        self._recent: deque[Saying] = deque(maxlen=500)
        self._later: list[Saying] = []

    def sayings(self, at_least: int) -> list[Saying]:
        """So many, and whatever belongs to the last of them: nobody waits for the answer to half a story."""
        told = [self._say() for _ in range(at_least)]
        while self._later:
            told.append(self._later.pop())
        return told

    def _say(self) -> Saying:
        if self._later:
            return self._later.pop()
        roll = self._dice.random()
        for kind, share in (SHARES | self._between).items():
            if roll < share:
                saying: Saying | None = getattr(self, f"_{kind}")()
                return saying or self._purchase()
            roll -= share
        return self._purchase()

    def answered(self, answer: Mapping[str, Any]) -> None:
        """A till was told what became of a fact, and how many points there are after it."""
        fact = answer["fact"]
        self._named.pop(fact, None)
        self._leaving.pop(fact, None)
        if answer["status"] == "forwarded":  # to whoever decides it
            return
        if (parted := self._parting.pop(fact, None)) is not None:
            self._merged.discard(parted)
        granted = answer["status"] == "done"
        if (hold := self._held.pop(fact, None)) and granted:
            self._holds.append((fact, *hold))
        if (pair := self._joining.pop(fact, None)) and granted:
            self._circle.add(pair)
        if (asked := self._asked.pop(fact, None)) is not None:
            card, unit = asked
            (self._shown if unit is None else self._leaves)[card] = answer.get("available", 0)

    # ------------------------------------------------------------ receipts

    def _purchase(self) -> Saying:
        card, late = self._card(), self._dice.random() < LATE
        lines = [self._line() for _ in range(self._lines)]
        said = self._said("purchase", card, late) | self._basket(lines)
        if self._dice.random() < 0.3:
            said["partner"] = self._dice.choice(PARTNERS)
        self._bought.append((card, said))
        return self._saying("purchases.v1", said)

    def _return(self) -> Saying | None:
        """Most with their receipt, some of it or all; now and then more than was bought."""
        if not self._bought:
            return None
        card, bought = self._dice.choice(self._bought)
        lines = self._dice.sample(bought["lines"], self._dice.randint(1, 2))
        said = self._said("return", card) | self._basket([dict(line) for line in lines])
        if card is None or self._dice.random() < 0.8:
            said["purchase"] = bought["id"]
            if self._dice.random() >= CARD_AT_A_RETURN:
                other = self._known(self._members)
                said |= {"identifier": None if other is None else self._identifier(other)}
        if "partner" in bought:
            said["partner"] = bought["partner"]
        return self._saying("purchases.v1", said, None if card is None else said["id"])

    def _guest(self) -> Saying | None:
        """A receipt without a card. Most are claimed, at another till: before the house has read them or after."""
        card = self._known(self._members) if self._dice.random() < CLAIMED else None
        said = self._said("purchase", card) | self._basket([self._line() for _ in range(self._lines)])
        said["identifier"] = None
        self._bought.append((card, said))
        if card is None:
            return self._saying("purchases.v1", said, None)
        self._named[said["id"]] = (card,)
        claim = self._said("receipt_claimed", card) | {"receipt": said["id"]}
        del self._asked[claim["id"]]  # it is the receipt that is answered
        told = [self._saying("purchases.v1", one, said["id"]) for one in (said, claim)]
        self._dice.shuffle(told)
        self._later.append(told[0])
        return told[1]

    def _again(self) -> Saying | None:
        return self._dice.choice(self._recent)._replace(till=self._till()) if self._recent else None

    def _enrolment(self) -> Saying:
        return self._saying("enrolments.v1", self._said("enrolled", self._dice.randrange(self._members)))

    # ------------------------------------------------------------ points

    def _redemption(self) -> Saying:
        card, unit = self._card(), self._unit()
        if self._dice.random() < AT_TWO_TILLS:  # not both can be had
            points = self._about(card, unit) * 2 // 3 + 1
            self._later.append(self._ask(card, points, unit))
            return self._ask(card, points, unit)
        return self._ask(card, self._about_all(card, unit), unit)

    def _ask(self, card: int, points: int, unit: str | None = None) -> Saying:
        return self._saying("redemptions.v1", self._said_of("redemption_requested", card, unit, max(1, points)))

    def _hold(self) -> Saying:
        card, unit = self._dice.randrange(self._members), self._unit()
        points = max(1, self._about(card, unit) // 2)
        said = self._said_of("redemption_requested", card, unit, points)
        said["hold_until"] = self._at(60 * self._dice.randint(*HOLD_MINUTES))
        self._held[said["id"]] = card, points, unit
        return self._saying("redemptions.v1", said)

    def _end_of_a_hold(self) -> Saying | None:
        """Taken in part or whole, or given back; each hold ends so at most once."""
        if not self._holds:
            return None
        hold, card, points, unit = self._holds.popleft()
        if self._dice.random() < 0.3:
            said = self._said_of("redemption_voided", card, unit)
        else:
            taken = self._dice.choice((points, (points + 1) // 2))
            said = self._said_of("redemption_captured", card, unit, taken)
        return self._saying("redemptions.v1", said | {"redemption": hold})

    def _said_of(self, kind: str, card: int, unit: str | None, points: int | None = None) -> dict[str, Any]:
        """Of points of a currency. points None: it says no number."""
        said = self._said(kind, card, unit=unit) | ({} if points is None else {"points": points})
        return said if unit is None else said | {"unit": unit}

    def _unit(self) -> str | None:
        return LEAVES if self._dice.random() < OF_LEAVES else None

    # ------------------------------------------------------------ between members

    def _transfer(self) -> Saying | None:
        """To a card that may be somebody's second one, merged or not."""
        card, to = self._known(self._members), self._known(self._members + self._seconds)
        if card is None or to is None or self._owner(to) == card:
            return None
        said = self._said("transfer_requested", card) | {"to": self._identifier(to)}
        self._named[said["id"]] = card, to
        return self._saying("redemptions.v1", said | {"points": max(1, self._about_all(card) // 2)})

    def _contribution(self) -> Saying | None:
        """Most by somebody who shares the pool; who does not has the points back."""
        if not self._circle:
            return None
        pool, card = self._dice.choice(sorted(self._circle))
        if self._dice.random() < 0.2 and (other := self._known(self._members)) is not None:
            card = other
        said = self._said("contribution_requested", card) | {"pool": self._identifier(pool)}
        self._named[said["id"]] = (card,)
        return self._saying("redemptions.v1", said | {"points": max(1, self._about_all(card) // 2)})

    def _spent_by_a_pool(self) -> Saying | None:
        if not self._circle:
            return None
        pool, _ = self._dice.choice(sorted(self._circle))
        return self._ask(pool, self._about_all(pool) // 2)

    def _join(self) -> Saying | None:
        pool = self._members + self._seconds + self._dice.randrange(POOLS)
        card = self._known(self._members)
        if card is None:
            return None
        said = self._said("pool_joined", pool) | {"who": self._identifier(card)}
        self._joining[said["id"]] = pool, card
        self._named[said["id"]] = (card,)
        return self._saying("enrolments.v1", said)

    def _leave(self) -> Saying | None:
        if not self._circle:
            return None
        pool, card = self._dice.choice(sorted(self._circle))
        self._circle.remove((pool, card))
        said = self._said("pool_left", pool) | {"who": self._identifier(card)}
        self._named[said["id"]] = (card,)
        return self._saying("enrolments.v1", said)

    def _merge(self) -> Saying | None:
        """A second card turns out to be its owner's; both go on."""
        card = self._members + self._dice.randrange(self._seconds)
        if card in self._merged or not {card, self._owner(card)} <= self._shown.keys():
            return None
        self._merged.add(card)
        said = self._said("merged", card) | {"into": self._identifier(self._owner(card))}
        self._named[said["id"]] = (self._owner(card),)
        return self._saying("enrolments.v1", said)

    def _unmerge(self) -> Saying | None:
        """It was another's after all, or will be merged again once that is answered."""
        together = sorted(self._merged - set(self._parting.values()))
        if not together:
            return None
        card = self._dice.choice(together)
        said = self._said("unmerged", card)
        self._parting[said["id"]] = card
        return self._saying("enrolments.v1", said)

    def _erasure(self) -> Saying | None:
        """A customer is forgotten. The card goes on: who shows it is somebody new, whom nothing is known of until a
        saying after the answer is answered."""
        card = self._known(self._members)
        if card is None or any(card in cards for cards in self._named.values()):
            return None
        del self._shown[card]
        self._leaves.pop(card, None)
        self._circle = {pair for pair in self._circle if pair[1] != card}
        self._bought = deque(((None if one == card else one, bought) for one, bought in self._bought), maxlen=2_000)
        self._asked = {fact: asked for fact, asked in self._asked.items() if asked[0] != card}
        said = self._said("erased", card) | {"reason": "asked for it"}
        del self._asked[said["id"]]
        self._leaving[said["id"]] = card
        return self._saying("enrolments.v1", said)

    # ------------------------------------------------------------ words of a saying

    def _said(self, kind: str, card: int | None, late: bool = False, unit: str | None = None) -> dict[str, Any]:
        self._count += 1
        fact = f"{kind[0]}:{self._name}:{self._count}"
        if card is not None and card not in self._leaving.values():
            self._asked[fact] = card, unit
        return {
            "type": kind,
            "id": fact,
            "occurred_at": self._at(-3_600 if late else 0),
            "identifier": None if card is None else self._identifier(card),
            "store": f"store-{self._count % 7}",
        }

    def _at(self, seconds: int) -> str:
        """So many seconds after the newest fact."""
        return (START + timedelta(seconds=SECONDS_BETWEEN * self._count + seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _line(self) -> dict[str, Any]:
        quantity = self._dice.randint(1, 6)
        item = self._dice.choice(GOODS)
        total = quantity * self._dice.randint(25, 900)
        return {"item": item, "quantity": quantity, "total_minor": total, "categories": [item.rpartition(" ")[0]]}

    @staticmethod
    def _basket(lines: list[dict[str, Any]]) -> dict[str, Any]:
        return {"currency": "GBP", "total_minor": sum(line["total_minor"] for line in lines), "lines": lines}

    @staticmethod
    def _identifier(card: int) -> dict[str, str]:
        return {"scheme": "card", "value": f"98260{card:08d}"}

    # ------------------------------------------------------------ cards

    def _card(self) -> int:
        """Some come often: theirs are the long histories and the crowded moments."""
        if self._dice.random() < SECOND_CARDS:
            return self._members + self._dice.randrange(self._seconds)
        return int(self._members * self._dice.random() ** 2)

    def _owner(self, card: int) -> int:
        """Whose second card it is; every other card is its own."""
        second = card - self._members
        return second * self._members // self._seconds if 0 <= second < self._seconds else card

    def _known(self, cards: int) -> int | None:
        """One of the first so many cards, if the house knows it."""
        card = self._dice.randrange(cards)
        return card if card in self._shown else None

    def _about(self, card: int, unit: str | None = None) -> int:
        """How many points a till may believe there are."""
        shown = self._shown if unit is None else self._leaves
        return shown.get(self._owner(card) if card in self._merged else card, 40)

    def _about_all(self, card: int, unit: str | None = None) -> int:
        return self._about(card, unit) + self._dice.randint(-9, 4)

    def _till(self) -> str:
        return f"till-{self._dice.randrange(TILLS):02d}"

    def _saying(self, topic: str, said: dict[str, Any], fact: str | None = "") -> Saying:
        saying = Saying(topic, self._till(), said, said["id"] if fact == "" else fact)
        self._recent.append(saying)
        return saying
