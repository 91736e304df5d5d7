"""M11, promo codes: bearer keys that may be shared and used again while they are valid; 30 % for 2.5 months; one needs
a basket of 10,000; offers marked R1 are excluded; a new one every fortnight; 15 % and 500 off machines for past
buyers."""

from __future__ import annotations

from tests.drivers.prices import Till

PROGRAMME = """
programme: codes
version: codes-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
groups: {codes: exclusive, buyers: best}
price:
  - id: thirty
    group: codes
    when: {codes: [SPRING30], dates: [2026-03-01..2026-05-15]}
    percent_off: {percent: 30, exclude: [R1]}
  - id: large
    group: codes
    when: {codes: [LARGE], basket: {from_minor: 1000000}}
    percent_off: {percent: 30, exclude: [R1]}
  - {id: fortnight-1, group: codes, when: {codes: [MAR-A], dates: [2026-03-01..2026-03-14]}, percent_off: {percent: 10}}
  - {id: fortnight-2, group: codes, when: {codes: [MAR-B], dates: [2026-03-15..2026-03-28]}, percent_off: {percent: 10}}
  - {id: standing, group: buyers, holds: [buyer], percent_off: {percent: 15}}
  - {id: machines, group: buyers, holds: [buyer], amount_off: {minor: 50000, only: [machine]}}
rules:
  - {id: buyer, gift: {unit: buyer}}
"""


def test_a_code_is_for_whoever_shows_it_as_often_as_it_is_shown() -> None:
    till = Till(PROGRAMME)
    for member in ("ann", "bob", "ann"):
        assert till.pays("2026-03-10 100.00 code:SPRING30", member) == 7000
    assert till.pays("2026-03-10 100.00") == 10000


def test_it_is_valid_for_two_and_a_half_months() -> None:
    till = Till(PROGRAMME)
    assert till.pays("2026-02-28T23:59:59 100.00 code:SPRING30") == 10000
    assert till.pays("2026-03-01T00:00:00 100.00 code:SPRING30") == 7000
    assert till.pays("2026-05-15T22:59:59 100.00 code:SPRING30") == 7000
    assert till.pays("2026-05-15T23:00:00 100.00 code:SPRING30") == 10000
    assert till.why("thirty", "2026-05-16 100.00 code:SPRING30") == "the day is not in 2026-03-01..2026-05-15"


def test_offers_marked_r1_are_excluded() -> None:
    said = Till(PROGRAMME).quote("2026-03-10 1*kettle=100.00 1*iron/R1=50.00 code:SPRING30")
    assert [line["after_minor"] for line in said["lines"]] == [7000, 5000]


def test_one_needs_a_basket_of_ten_thousand() -> None:
    till = Till(PROGRAMME)
    assert till.pays("2026-03-10 9999.99 code:LARGE") == 999999
    assert till.why("large", "2026-03-10 9999.99 code:LARGE") == "the basket does not come to 10,000.00 GBP or more"
    assert till.pays("2026-03-10 10000.00 code:LARGE") == 700000


def test_the_fortnights_follow_each_other() -> None:
    till = Till(PROGRAMME)
    paid = [
        till.pays(f"2026-03-{day} 100.00 code:MAR-{code}")
        for day, code in (("14", "A"), ("14", "B"), ("15", "A"), ("15", "B"))
    ]
    assert paid == [9000, 10000, 10000, 9000]


def test_of_two_codes_the_first_in_the_file_counts() -> None:
    till = Till(PROGRAMME)
    assert till.pays("2026-03-10 20000.00 code:LARGE code:SPRING30") == 1400000
    assert till.why("large", "2026-03-10 20000.00 code:LARGE code:SPRING30") == "thirty comes first, and shuts it out"


def test_who_has_bought_before_has_fifteen_per_cent_or_500_off_a_machine() -> None:
    """Of 3,000 15 % are 450, and 500 is more; of 4,000 they are 600. A code comes before: of 4,000 it leaves 2,800, of
    which 15 % are 420, and 500 is more."""
    till = Till(PROGRAMME)
    assert till.pays("2026-03-01 1*press/machine=3000.00") == 300000
    till.tell("2026-03-02 buy A 10.00")
    assert till.pays("2026-03-03 1*press/machine=3000.00") == 250000
    assert till.pays("2026-03-03 1*press/machine=4000.00") == 340000
    assert till.pays("2026-03-03 1*press/machine=300.00") == 0  # never below nothing
    assert till.pays("2026-03-03 1*press/machine=4000.00 code:SPRING30") == 230000
