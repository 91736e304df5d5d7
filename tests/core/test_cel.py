"""Conditions in CEL: what they say of a receipt, counted by hand, and what is refused when the file is loaded."""

from __future__ import annotations

import pytest

from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from tests.drivers.facts import World

HEAD = """programme: p
version: p-1
effective_from: 2025-01-01T00:00:00Z
currency: GBP
zone: Europe/London
partners: [fuel]
stores: {s1: {region: north}, s2: {zone: Pacific/Auckland}}
tier: {levels: [{name: silver, from_minor: 10000}]}
"""


def rule(cel: str, mechanic: str = "share: {points: 1, per_minor: 100}", key: str = "when") -> str:
    return HEAD + f'rules:\n  - id: a\n    {key}: {{cel: "{cel}"}}\n    {mechanic}\n'


def _after_a_bonus(text: str) -> str:
    """A cap wants something that it counts."""
    return text.replace("rules:\n", "rules:\n  - {id: b, bonus: {points: 1}}\n")


BASKET = "2026-03-10T17:05 buy p1 2*tea/hot=3.00~0.50 wine/wine=20.00~3.33 bread=2.00"
"""A Tuesday; 25.00 with 3.83 of tax, four units."""


@pytest.mark.parametrize(
    ("cel", "end", "holds"),
    [
        ("total_minor == 2500 && tax_minor == 383 && units == 4", "", True),
        ("total_minor > 2500", "", False),
        ("items == ['tea', 'wine', 'bread'] && categories == ['hot', 'wine']", "", True),
        ("spent['wine'] >= 2000 && bought['tea'] == 2", "", True),
        ("spent['wine'] > 2000 || 'bread' in items", "", True),
        ("spent['beer'] == 0", "", False),  # there is no such key, so no answer
        ("'beer' in spent && spent['beer'] > 0 || units == 4", "", True),
        ("total_minor / (units - 4) > 1", "", False),
        ("items.exists(i, i.startsWith('br'))", "", True),
        ("items.all(i, i.size() > 3)", "", False),
        ("items.filter(i, i != 'tea').size() == 2", "", True),
        ("'tea'.matches('t.a')", "", True),
        ("tier == 'standard' && level == 0", "", True),
        ("store == 's1' && region == 'north'", " store:s1", True),
        ("region == ''", " store:s2", True),
        ("channel == 'web' && partner == 'fuel'", " channel:web partner:fuel", True),
        ("'SPRING' in codes", " code:SPRING", True),
        ("'SPRING' in codes", "", False),
        ("date == '2026-03-10' && weekday == 'tue' && time == '17:05'", "", True),
        ("time >= '06:00' && time < '06:30' && weekday == 'wed'", " store:s2", True),  # 13 hours ahead
        ("date < '2026-03-10' || date > '2026-03-20'", "", False),
        ("total_minor >= 1000 ? units > 3 : units > 1", "", True),
    ],
)
def test_an_expression_says_of_a_receipt_what_it_says(cel: str, end: str, holds: bool) -> None:
    for key, expected in (("when", holds), ("unless", not holds)):
        world = World(rule(cel, key=key))
        world.tell(BASKET + end)
        assert world.member().available == (25 if expected else 0), key


def test_statuses_are_asked_at_the_purchases_instant_whenever_they_come() -> None:
    story = ("2026-03-01 set a segment=loyal", "2026-03-05 buy p1 7.00", "2026-03-06 set b segment=lost")
    for order in (story, story[::-1]):
        world = World(rule("'segment' in status && status.segment == 'loyal'"))
        world.tell_all("\n".join(order))
        assert world.member().available == 7


def test_a_return_that_makes_it_false_takes_everything_back() -> None:
    world = World(rule("total_minor >= 5000"))
    world.tell_all("2026-03-05 buy p1 tea=60.00\n2026-03-06 back r1 of p1 tea=9.00")
    assert world.lots() == {"p1": 51}
    world.tell("2026-03-07 back r2 of p1 tea=2.00")
    assert world.lots() == {}


@pytest.mark.parametrize(
    ("cel", "says"),
    [
        ("total_minor > 'a'", "column 13: found no matching overload"),
        ("total_minor", "it is int, and not true or false; compare it with something"),
        ("total > 1", "undeclared reference to 'total'; there are total_minor, tax_minor"),
        ("total_minor >", "Syntax error"),
        ("", "Syntax error"),
        ("total_minor > 10.5", "write money in whole minor units"),
        ("total_minor > 1e3", "write money in whole minor units"),
        ("double(total_minor) > units", "fractions are not exact"),
        ("timestamp('2026-01-01T00:00:00Z').getHours('Europe/London') > 1", "ask for date, weekday or time"),
        ("dyn(total_minor) == 'a'", "values of one type"),
        ("items.exists(i, categories.exists(c, c == i))", "more than one walk over a list"),
        ("(" * 13 + "true" + ")" * 13, "brackets deeper than 12"),
        ("units == 1" + " || units == 1" * 60, "longer than 500 characters"),
        ("items == [1]", "column"),
        ("__import__('os').system('ls') == 0", "undeclared reference"),
        ("total_minor > 99999999999999999999", "invalid int literal"),
    ],
)
def test_one_that_cannot_be_is_refused_when_the_file_is_loaded(cel: str, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([rule(cel)], ["shop.yaml"])
    assert any(f.startswith("shop.yaml:11: rules.0.when.cel: ") and says in f for f in refused.value.faults), (
        refused.value.faults
    )


@pytest.mark.parametrize(
    ("mechanic", "says"),
    [("daily_cap: {points: 5}", "a daily_cap counts points"), ("welcome: {points: 5}", "a welcome reads no basket")],
)
def test_a_rule_that_goes_by_no_basket_may_not_ask_for_one(mechanic: str, says: str) -> None:
    with pytest.raises(ProgrammeError, match=says):
        compile_programme([_after_a_bonus(rule("units > 1", mechanic))])
    compile_programme([_after_a_bonus(rule("store == 's1'", mechanic))])


def test_text_in_quotes_names_nothing() -> None:
    """`units` in a text is no unit of the basket, so a cap may ask it."""
    compile_programme([_after_a_bonus(rule("store == 'units 1.5'", "daily_cap: {points: 5}"))])
