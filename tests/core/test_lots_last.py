"""How long lots last at least, which spares a return the look for its breakage: never longer than the calendar says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.programme.compile import compile_programme

TEXT = """
programme: last
version: last-1
effective_from: 2000-01-01T00:00:00Z
currency: GBP
zone: %s
rules:
  - {id: base, share: {points: 1, per_minor: 1, valid_months: %d}}
  - {id: card, stamps: {every: 3, unit: coffee}}
"""


@pytest.mark.parametrize("zone", ["Europe/London", "Pacific/Auckland", "America/St_Johns"])
@pytest.mark.parametrize("months", [1, 2, 12])
def test_no_lot_ends_before_its_version_says(zone: str, months: int) -> None:
    """Every hour of two years, a leap year among them; the last hour of a day is the shortest way to its lot's end."""
    (version,) = compile_programme([TEXT % (zone, months)]).versions
    assert version.lots_last_ms >= months * 27 * 86_400_000
    at, end = datetime(2027, 12, 20, tzinfo=UTC), datetime(2029, 4, 10, tzinfo=UTC)
    base = version.rules["basket"][0].mechanic
    line = type("Line", (), {"item": "tea", "total_minor": 100, "tax_minor": 0, "quantity": 1, "categories": ()})()
    while at < end:
        at_ms = int(at.timestamp() * 1000)
        ((_, _, lot, _),) = base.due(None, version.basket("p", at_ms, (line,), 0, None, None))
        assert lot[0] >= at_ms + version.lots_last_ms, at
        at += timedelta(hours=1)


@pytest.mark.parametrize(
    "rule", ["ladder: {per_minor: 1, steps: [{from_minor: 0, points: 1}]}", "daily_cap: {points: 9}"]
)
def test_a_rule_that_does_not_say_makes_every_return_look(rule: str) -> None:
    (version,) = compile_programme([TEXT % ("UTC", 1) + f"  - {{id: other, {rule}}}\n"]).versions
    assert version.lots_last_ms == 0


def test_points_that_end_with_their_own_day_make_every_return_look() -> None:
    (version,) = compile_programme([TEXT % ("UTC", 0)]).versions
    assert version.lots_last_ms == 0
