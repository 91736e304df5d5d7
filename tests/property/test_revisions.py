"""Purchases and returns over three revisions of a rule, against a count of what every receipt has left.

The oracle knows neither cells nor changes: under `freeze` the receipts of each revision are counted by its own rule,
under `migrate` all of them by the newest.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.drivers.examples import examples
from tests.drivers.rating import Rating

PER = (100, 30, 70)
MONTHS = ("2026-01", "2026-04", "2026-07")


def programme(number: int, carry: str) -> str:
    revision = f"revision: {number}, carry: {carry}, " if number else ""
    return f"""
programme: p
version: p-{number}
effective_from: {MONTHS[number]}-01T00:00:00Z
currency: GBP
rules:
  - {{id: base, share: {{points: 1, per_minor: 100}}}}
  - {{id: voucher, {revision}voucher: {{per_points: {PER[number]}, unit: v}}}}
"""


steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0, 1, 20, 60]), st.integers(1, 25_000), st.integers(0, 20)), max_size=15
)


@examples(300)
@given(st.sampled_from(["freeze", "migrate"]), steps)
def test_every_receipt_is_counted_by_the_revision_that_holds_it(
    carry: str, story: list[tuple[bool, int, int, int]]
) -> None:
    rules = Rating(*(programme(number, carry) for number in range(3)))
    bought: list[dict[str, Any]] = []
    day, version = 0, 0
    for number, (back, later, minor, which) in enumerate(story):
        day += later
        month, rest = divmod(day, 28)
        if month > 11:
            break
        version = sum(f"2026-{month + 1:02d}" >= begins for begins in MONTHS) - 1
        when = f"2026-{month + 1:02d}-{rest + 1:02d}T{number // 60:02d}:{number % 60:02d}"
        if back and bought:
            receipt = bought[which % len(bought)]
            part = min(minor, receipt["minor"])
            receipt["minor"] -= part
            rules.tell(f"{when} back b{number} of {receipt['id']} {part / 100:.2f}")
        else:
            bought.append({"id": f"r{number}", "minor": minor, "version": version})
            rules.tell(f"{when} buy r{number} {minor / 100:.2f}")
    points = [sum(r["minor"] // 100 for r in bought if r["version"] == number) for number in range(3)]
    if carry == "migrate":
        vouchers = sum(points) // PER[version]
        drawn = vouchers * PER[version]
    else:
        vouchers = sum(earned // per for earned, per in zip(points, PER, strict=True))
        drawn = sum(earned // per * per for earned, per in zip(points, PER, strict=True))
    assert rules.units() == {u: n for u, n in (("pts", sum(points) - drawn), ("v", vouchers)) if n}
