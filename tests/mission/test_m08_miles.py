"""M08, levels by miles with multipliers and perks: Red, Silver (+50 % miles), Gold (the lounge) over 100,000 miles in a
year; one level by invitation only; demoted after a month without a visit."""

from __future__ import annotations

from tests.drivers.prices import Till

MILES = """
programme: miles
version: miles-1
effective_from: 2020-01-01T00:00:00Z
currency: EUR
zone: Europe/Paris
tier:
  lowest: red
  levels: [{name: silver, from_minor: 2500000}, {name: gold, from_minor: 10000100}]
  window_months: 0
entitlements:
  - {id: lounge, any: [{when: {tiers: [gold]}}, {when: {status: {card: [black]}}}]}
rules:
  - {id: miles, share: {points: 1, per_minor: 100, tier_percent: [100, 150, 150]}}
  - {id: black, share: {points: 1, per_minor: 100}, when: {status: {card: [black]}}}
"""
CAFE = """
programme: cafe
version: cafe-1
effective_from: 2020-01-01T00:00:00Z
currency: EUR
zone: Europe/Paris
tier: {lowest: passer-by, levels: [{name: regular, from_minor: 1}], window_months: 1}
rules: [{id: base, share: {points: 1, per_minor: 100, tier_percent: [100, 200]}}]
"""


def euros(till: Till, line: str) -> None:
    """A line of a story, in EUR."""
    import msgspec

    from tests.drivers.facts import told

    fact = told(line)
    till.simulation.add(msgspec.structs.replace(fact, currency="EUR") if hasattr(fact, "currency") else fact)  # type: ignore[type-var]


def test_silver_earns_half_as_much_again_and_gold_is_over_100000_miles_in_a_year() -> None:
    """25,000 euros make silver; the next 10,000 are 15,000 miles. 100,000 qualify for nothing, one more for gold."""
    till = Till(MILES)
    euros(till, "2026-01-10 buy A 25000.00")
    euros(till, "2026-02-10 buy B 10000.00")
    assert till.lots() == {"A": 25000, "B": 15000}
    euros(till, "2026-03-10 buy C 65000.00")
    assert till.member().tier == 1
    euros(till, "2026-03-11 buy D 1.00")
    assert till.member().tier == 2
    till.until("2026-12-31T22:59:59")
    assert till.member().tier == 2
    till.until("2026-12-31T23:00:00")  # midnight in Paris
    assert till.member().tier == 0


def test_the_black_card_is_by_invitation_only_and_gives_double_miles() -> None:
    till = Till(MILES)
    euros(till, "2026-01-10 buy A 100.00")
    euros(till, "2026-01-11 set s card=black")
    euros(till, "2026-01-12 buy B 100.00")
    assert (till.lots()["A"], sum(lot[4] for lot in till.member().lots)) == (100, 300)


def test_a_month_without_a_visit_and_the_level_is_gone() -> None:
    till = Till(CAFE)
    euros(till, "2026-03-10 buy A 10.00")
    euros(till, "2026-04-09 buy B 10.00")  # within the month: double, and a month more
    assert till.lots() == {"A": 10, "B": 20}
    till.until("2026-05-09T21:59:59")
    assert till.member().tier == 1
    till.until("2026-05-09T22:00:00")
    assert till.member().tier == 0
