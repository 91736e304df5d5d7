"""How fast this machine runs Python just now, on a scale by which other machines and other hours can be compared.

A guest on a shared host is two or three times slower in one hour than in another, though nobody else is on its cores,
and no counter says so. So a fixed piece of work is timed beside what is measured: it decodes receipts, adds up their
lines in integers, keeps small tuples in dictionaries, and encodes them, as a ledger does. It shares no code with one: a
ledger made faster must not make the yardstick shorter.

The scale: 1 is the machine on which the design was measured, and for which its rates were promised; 2 is half as fast.
There the prototype of the rating engine took 24 us for a fact of five lines under five rules and a level. REFERENCE_US
is what the yardstick takes where that prototype takes 24 us (docs/bench.md, "The pace").
"""

from __future__ import annotations

import sys
from time import process_time, sleep

import msgspec

REFERENCE_US = 2.3
UNITS = 800
"""Receipts of a sample: two to six milliseconds."""
EVERY_S = 0.2
"""Between two samples: a fiftieth of the core, in which the pace may change by half and back within a second."""


class _Line(msgspec.Struct, frozen=True, gc=False):
    item: str
    cents: int
    groups: tuple[str, ...]


class _Receipt(msgspec.Struct, frozen=True, gc=False):
    id: str
    member: str
    lines: tuple[_Line, ...]


def receipts() -> list[bytes]:
    """A thousand of five lines each, always the same."""
    groups = ((), ("fresh",), ("tobacco",), ("fresh", "coffee"))
    made = []
    for n in range(1_000):
        lines = [_Line(f"i{(n * 31 + k) % 499}", 99 + (n * 13 + k * 57) % 2_900, groups[(n + k) % 4]) for k in range(5)]
        made.append(msgspec.json.encode(_Receipt(f"till:{n}", f"m{n * 7 % 997}", tuple(lines))))
    return made


def fold(said: list[bytes], units: int) -> int:
    """What all members have in the end, and the bytes that were written on the way."""
    decode, encode = msgspec.json.Decoder(_Receipt).decode, msgspec.msgpack.Encoder().encode
    members: dict[str, tuple[int, int, tuple[tuple[int, int], ...]]] = {}
    written = 0
    for n in range(units):
        receipt = decode(said[n % len(said)])
        paid = fresh = 0
        for line in receipt.lines:
            if "tobacco" not in line.groups:
                paid += line.cents
                if "fresh" in line.groups:
                    fresh += line.cents
        points, (had, spent, lots) = paid // 100 + fresh * 2 // 100, members.get(receipt.member, (0, 0, ()))
        state = members[receipt.member] = (had + points, spent + paid, (*lots[-7:], (n, points)))
        written += len(encode((receipt.id, receipt.member, state)))
    return written + sum(state[0] for state in members.values())


def pace(said: list[bytes], units: int = UNITS) -> float:
    """How many times as long the yardstick takes here and now as at REFERENCE_US. `said`: the receipts."""
    fold(said, units // 4)  # what ran before has left its own things in the caches
    started = process_time()
    fold(said, units)
    return (process_time() - started) / units * 1e6 / REFERENCE_US


def main(samples: int) -> None:
    """A line for each sample."""
    said = receipts()
    for _ in range(samples):
        sleep(EVERY_S)
        sys.stdout.write(f"{pace(said):.4f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
