"""M06, a ladder by the last calendar month's spend: 3 % under 1,000, 10 % under 1,500, 15 % from there."""

from __future__ import annotations

import pytest

from events.values import millis
from tests.drivers.rating import Rating

PROGRAMME = """
programme: ladder
version: ladder-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - id: month
    ladder:
      per_minor: 10000
      steps:
        - {from_minor: 0, points: 3}
        - {from_minor: 100000, points: 10}
        - {from_minor: 150000, points: 15}
"""


@pytest.mark.parametrize(
    ("spend", "points"),
    [
        ("5000.00", 750),  # 5,000 last month -> 750 to spend this month
        ("1500.00", 225),  # from 1,500: 15 %
        ("1499.99", 149),  # under 1,500: 10 % of it is 149.999
        ("1000.00", 100),
        ("999.99", 29),  # under 1,000: 3 % of it is 29.9997
        ("33.33", 0),
    ],
)
def test_the_months_step_counts_for_all_of_it(spend: str, points: int) -> None:
    rules = Rating(PROGRAMME)
    rules.tell(f"2026-04-20 buy A {spend}")
    assert sum(rules.lots().values()) == points


def test_a_months_points_are_for_the_next_month_else_they_lapse() -> None:
    """April's are active from 1 May and gone on 1 June, both in London (British Summer Time)."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-04-20 buy A 5000.00")
    (slot,) = rules.lots()
    assert rules.instants(slot) == [(millis("2026-04-30T23:00:00Z"), millis("2026-05-31T23:00:00Z"))]


def test_a_return_drops_a_step_for_the_whole_month() -> None:
    """900 and 600 are 1,500: 225. One pound comes back: 1,499 at 10 % are 149, and 76 points go with that pound."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-04-10 buy A 900.00")
    rules.tell("2026-04-20 buy B 600.00")
    assert sum(rules.lots().values()) == 225
    awards = rules.tell("2026-05-10 back b1 of A 1.00")
    assert [award[3] for award in awards] == [-76]


def test_months_are_the_programmes_and_each_stands_alone() -> None:
    """23:30 UTC on 30 April is 00:30 on 1 May in London."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-04-30T22:30 buy A 900.00")
    rules.tell("2026-04-30T23:30 buy B 900.00")
    assert sorted(rules.lots().values()) == [27, 27]
