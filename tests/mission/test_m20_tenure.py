"""M20, earning by tenure and status: points by spend, by services used, and more with the years as a customer."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: tenure
version: tenure-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
groups: {base: best}
rules:
  - {id: first, group: base, share: {points: 100, per_minor: 10000}}
  - {id: after-1, group: base, share: {points: 110, per_minor: 10000}, when: {tenure_months: 12}}
  - {id: after-5, group: base, share: {points: 150, per_minor: 10000}, when: {tenure_months: 60}}
  - {id: app, reward: {deed: app-login, points: 5}}
  - {id: vip, share: {points: 50, per_minor: 10000}, when: {status: {account: [vip]}}}
"""


@pytest.mark.parametrize(
    ("day", "points"),
    [("2021-05-31", 100), ("2022-05-31", 100), ("2022-06-01", 110), ("2026-05-31", 110), ("2026-06-01", 150)],
)
def test_the_years_as_a_customer_count(day: str, points: int) -> None:
    """Joined on 1 June 2021; a purchase of 100.00."""
    world = World(PROGRAMME)
    world.tell("2021-06-01T08:00 enrol e")
    world.tell(f"{day} buy A 100.00")
    assert world.member().available == points


def test_an_enrolment_that_comes_late_counts_from_its_own_day() -> None:
    world = World(PROGRAMME)
    world.tell("2026-06-02 buy A 100.00")
    assert world.member().available == 100
    world.tell("2021-06-01 enrol e")
    assert world.member().available == 150


def test_services_used_and_the_accounts_status() -> None:
    """Two logins are 10; as a VIP 100.00 give 100 and 50."""
    world = World(PROGRAMME)
    world.tell_all("""
        2026-03-01 deed d app-login 2
        2026-03-02 set s account=vip
        2026-03-03 buy A 100.00
    """)
    assert world.member().available == 160
