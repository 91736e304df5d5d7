"""M10 at the till: buy two, get the third free; the second at 50 %, which is 25 % off the pair."""

from __future__ import annotations

import pytest

from tests.drivers.prices import Till

PROGRAMME = """
programme: nth
version: nth-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
price:
  - {id: third, every_nth: {every: 3, only: [shoes]}}
  - {id: second, every_nth: {every: 2, percent: 50, only: [socks]}}
  - {id: one, every_nth: {every: 2, times: 1, only: [hats]}}
rules: []
"""


@pytest.mark.parametrize(
    ("basket", "pays"),
    [
        ("2*boot/shoes=200.00", 20000),
        ("3*boot/shoes=300.00", 20000),  # the third is free
        ("7*boot/shoes=700.00", 50000),  # two are
        ("1*boot/shoes=90.00 1*clog/shoes=50.00 1*slipper/shoes=20.00", 14000),  # the cheapest of the three
        ("2*sock/socks=10.00", 750),  # 25 % off the pair
        ("3*sock/socks=15.00", 1250),
        ("2*sock/socks=9.99", 749),  # 2.4975 off, rounded to 2.50
        ("4*hat/hats=40.00", 3000),  # once in a basket
        ("1*boot/shoes=0.00 2*clog/shoes=20.00", 2000),  # what costs nothing is no unit
    ],
)
def test_every_nth(basket: str, pays: int) -> None:
    assert Till(PROGRAMME).pays(f"2026-03-01 {basket}") == pays
