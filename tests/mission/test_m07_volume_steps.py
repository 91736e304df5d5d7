"""M07, marginal volume steps: lamps at 10, the first 100 at full price, 101 to 200 5 % less, 201 to 300 10 %, above
that 20 %. 350 packs cost 1,000 + 950 + 900 + 400 = 3,250."""

from __future__ import annotations

import pytest

from tests.drivers.prices import Till

PROGRAMME = """
programme: volume
version: volume-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
price:
  - id: lamps
    by_volume:
      only: [lamp]
      steps: [{from_units: 101, percent: 5}, {from_units: 201, percent: 10}, {from_units: 301, percent: 20}]
rules: []
"""


@pytest.mark.parametrize(
    ("units", "pays"),
    [(1, 1000), (100, 100000), (101, 100950), (200, 195000), (201, 195900), (300, 285000), (301, 285800),
     (350, 325000)],
)  # fmt: skip
def test_each_unit_has_the_step_that_it_falls_in(units: int, pays: int) -> None:
    assert Till(PROGRAMME).pays(f"2026-03-01 {units}*pack/lamp={units * 10}.00") == pays


def test_units_count_over_lines_and_other_goods_do_not() -> None:
    """60 and 60 lamps: 20 of the second line at 5 % less, 10.00 in all."""
    said = Till(PROGRAMME).quote("2026-03-01 60*warm/lamp=600.00 500*bolt=50.00 60*cold/lamp=600.00")
    assert [line["after_minor"] for line in said["lines"]] == [60000, 5000, 59000]
