"""Categories are whatever tills say: what is remembered of them is bounded, and the sums are right all the same."""

from __future__ import annotations

from unittest.mock import patch

from events.facts.purchases import Line
from services.programme import mechanic
from services.programme.mechanic import Counted, Meter, OfKinds

MOST = 8


def line(item: str, *categories: str) -> Line:
    return Line(item=item, quantity=1, total_minor=100, categories=categories)


def test_a_meter_remembers_no_more_combinations_than_it_may() -> None:
    meter = Meter()
    no_alcohol, tea = meter.add("gross", Counted(exclude=("alcohol",))), meter.add("gross", Counted(items=("tea",)))
    with patch.object(mechanic, "REMEMBERED_MAX", MOST):
        for number in range(100):
            made_up = f"kind-{number}"
            lines = (line("gin", "alcohol", made_up), line("tea", made_up), line("cake", made_up))
            sums = meter.measure(lines)
            assert (sums[no_alcohol], sums[tea]) == (200, 100)
            assert len(meter._of_categories) + len(meter._of_items) <= MOST


def test_so_does_a_rule_that_asks_each_line() -> None:
    counts = OfKinds(Counted(only=("food",)))
    with patch.object(mechanic, "REMEMBERED_MAX", MOST):
        for number in range(100):
            made_up = f"kind-{number}"
            assert (counts["food", made_up], counts[made_up,]) == (True, False)
            assert len(counts) <= MOST
