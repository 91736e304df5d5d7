"""What the bench feeds: receipts of five lines and 600 bytes, redemptions, returns, repeats, the same for every run.

A seed and a count say all of it. Facts come in the order of time, but for those that a mix says are late, spread over
300 days however many there are, so that lots end and levels rise. Owns the bytes of the journal. What they come to is
counted elsewhere, from those bytes (count.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from infra.kafka.client import Message, partition_of
from infra.stack.house import REPOSITORY

PROGRAMME = Path(__file__).with_name("programme.yaml")
BOOK = Path(__file__).with_name("book.yaml")
"""Five rules, some with cells."""
GROCERY = REPOSITORY / "services" / "programme" / "examples" / "grocery.yaml"
"""Nineteen rules: most of what there is, living together."""
PARTITIONS = 12
SEED = 20260310
START = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 300
GOODS = 1_000
LINES = 5
LATE_MOST = timedelta(days=10)
REPEATED_WITHIN = 20_000
"""A repeat comes at most so many records after the first: in its batch, in the batch in flight, or in the tables."""


class Sent(NamedTuple):
    """A record of the journal."""

    partition: int
    key: bytes
    value: bytes


@dataclass(frozen=True)
class Mix:
    """What is fed: shares of all records (what is left are purchases), of how many members, and what they buy where."""

    members: int = 20_000
    redemptions: float = 0.12
    returns: float = 0.05
    repeats: float = 0.005
    late: float = 0.0
    """Of the purchases: up to LATE_MOST facts' time late."""
    most_points: int = 60
    """A redemption asks for 10, 20 ... up to so many points."""
    aisles: tuple[str, ...] = ("fresh", "dry-goods", "household", "frozen")
    """The categories of most goods."""
    partners: tuple[str, str] = ("fuel", "cinema")
    start: datetime = START


GROCER = Mix(
    returns=0.10,
    late=0.01,
    aisles=("fruit", "coffee", "cake", "home", "dairy", "bread", "meat", "household"),
    partners=("fuel", "airline"),
    start=datetime(2026, 1, 5, tzinfo=UTC),
)
"""Of grocery.yaml: returns and late purchases, and goods of which half have a rule of their own."""


class _Bought(NamedTuple):
    id: str
    lines: tuple[bytes, ...]
    shop: bytes


class Workload:
    """A stream of facts of one mix. `enrolments` come first; then `facts`, which may be taken in several parts."""

    def __init__(self, mix: Mix, facts: int, days: int = DAYS, seed: int = SEED) -> None:
        """facts: how many there will be in all, repeats included, spread over `days` from the mix's start."""
        self.mix = mix
        self._start = mix.start
        self._random = random.Random(seed)
        self._step = timedelta(days=days) / max(1, facts)
        self._number = 0
        self._bought: dict[int, _Bought] = {}
        self._buyers: list[int] = []
        self._sent: list[Sent] = []
        self._goods = [self._good(number) for number in range(GOODS)]
        self._shops = [self._shop(number) for number in range(200)]
        names = [f"mem_{self._random.getrandbits(100):020x}"[:24] for _ in range(mix.members)]
        self.members = names
        self._keys = [(partition_of(name.encode(), PARTITIONS), name.encode()) for name in names]

    def enrolments(self) -> Iterator[Sent]:
        """One fact a member."""
        at = _text(self._start)
        for partition, key in self._keys:
            value = b'{"type":"enrolled","id":"enrolled:%b","occurred_at":"%b","member":"%b"}' % (key, at, key)
            yield Sent(partition, key, value)

    def facts(self, count: int) -> Iterator[Sent]:
        """The next so many records."""
        mix, draw = self.mix, self._random.random
        for _ in range(count):
            if draw() < mix.repeats and self._sent:
                yield self._random.choice(self._sent)
                continue
            kind = draw()
            if kind < mix.returns and self._buyers:
                sent = self.back()
            elif kind < mix.returns + mix.redemptions:
                sent = self.redemption()
            else:
                sent = self.purchase()
            if len(self._sent) < REPEATED_WITHIN:
                self._sent.append(sent)
            else:
                self._sent[self._number % REPEATED_WITHIN] = sent
            yield sent

    def purchase(self) -> Sent:
        """The next fact is a receipt."""
        member, at = int(self._random.random() * self.mix.members), self._next()
        if self.mix.late and self._random.random() < self.mix.late:
            then = self._start + self._number * self._step - self._random.random() * LATE_MOST
            at = _text(max(then, self._start + timedelta(seconds=1)))
        partition, key = self._keys[member]
        return Sent(partition, key, self._purchase(member, key, at))

    def redemption(self) -> Sent:
        """The next fact is a request for points; its id begins with `redemption:`."""
        member, at = int(self._random.random() * self.mix.members), self._next()
        partition, key = self._keys[member]
        return Sent(partition, key, self._redemption(key, at))

    def back(self) -> Sent:
        """The next fact is a return, in whole or in part, of somebody's newest purchase."""
        buyer, at = self._buyers.pop(int(self._random.random() * len(self._buyers))), self._next()
        partition, key = self._keys[buyer]
        return Sent(partition, key, self._return(self._bought.pop(buyer), key, at))

    def _next(self) -> bytes:
        self._number += 1
        return _text(self._start + self._number * self._step)

    def _purchase(self, member: int, key: bytes, at: bytes) -> bytes:
        number, draw = self._number, self._random.random
        first, stride = int(draw() * GOODS), 1 + int(draw() * (GOODS // LINES - 1))
        lines = tuple(self._goods[(first + n * stride) % GOODS] for n in range(LINES))
        shop = self._shops[int(draw() * len(self._shops))]
        name = f"till-{number % 97:03d}:2025-{number:010d}"
        if member not in self._bought:
            self._buyers.append(member)
        self._bought[member] = _Bought(name, lines, shop)
        return b'{"type":"purchase","id":"%b","occurred_at":"%b","member":"%b","currency":"GBP","lines":[%b],%b,%b}' % (
            *(name.encode(), at, key, b",".join(lines)),
            *(self._source("purchases"), shop),
        )

    def _return(self, bought: _Bought, key: bytes, at: bytes) -> bytes:
        lines = bought.lines if self._number % 2 else bought.lines[:2]
        return (
            b'{"type":"return","id":"back:%d","occurred_at":"%b","member":"%b","currency":"GBP","lines":[%b],%b,%b,'
            b'"purchase":"%b"}'
        ) % (
            *(self._number, at, key, b",".join(lines)),
            *(self._source("purchases"), bought.shop, bought.id.encode()),
        )

    def _redemption(self, key: bytes, at: bytes) -> bytes:
        points = 10 * (1 + int(self._random.random() * (self.mix.most_points // 10)))
        source = self._source("redemptions")
        return (
            b'{"type":"redemption_requested","id":"redemption:%d","occurred_at":"%b","member":"%b","points":%d,%b,'
            b'"store":"store-001"}'
        ) % (self._number, at, key, points, source)

    def _source(self, topic: str) -> bytes:
        return b'"source":{"topic":"%b.v1","partition":%d,"offset":%d}' % (
            topic.encode(),
            self._number % PARTITIONS,
            self._number,
        )

    def _good(self, number: int) -> bytes:
        """A line: 6 % wine, 4 % tobacco, 1 % gift cards, the rest of the aisles; every third of two units."""
        drawn = self._random.random()
        kind = (
            "wine" if drawn < 0.06 else "tobacco" if drawn < 0.10 else "gift-card" if drawn < 0.11
            else self.mix.aisles[number % len(self.mix.aisles)]
        )  # fmt: skip
        price = 49 + int(self._random.random() ** 3 * 3_000)
        units = b'"quantity":2,' if number % 3 == 0 else b""
        item = 4006381000000 + number
        return b'{"item":"%d","total_minor":%d,%b"categories":["%b"]}' % (item, price, units, kind.encode())

    def _shop(self, number: int) -> bytes:
        partner = b',"partner":"%b"' % self.mix.partners[number % 2].encode() if number % 10 < 3 else b""
        return b'"store":"store-%03d"%b' % (number, partner)


def _text(at: datetime) -> bytes:
    return at.isoformat("T", "seconds")[:19].encode() + b"Z"


def messages(sent: list[Sent]) -> dict[int, list[Message]]:
    """Records by partition, as a Writer takes them."""
    found: dict[int, list[Message]] = {}
    for partition, key, value in sent:
        found.setdefault(partition, []).append((key, value, ()))
    return found
