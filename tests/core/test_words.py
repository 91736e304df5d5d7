"""Amounts in words, and the sentence that each mechanic ends: what a customer reads of a rule."""

from __future__ import annotations

import pytest

from services.programme.mechanic import Counted, Frame, Meter
from services.programme.mechanics import MECHANICS
from services.programme.words import amount, counted, money
from tests.core.test_laws import CONFIGS


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (money(123456, "GBP"), "1,234.56 GBP"),
        (money(1000, "JPY"), "1,000 JPY"),
        (money(1500, "KWD"), "1.500 KWD"),
        (amount(1, "pts"), "1 point"),
        (amount(-12, "pts"), "-12 points"),
        (amount(150, "pts", 2), "1.50 points"),
        (amount(100, "pts", 2), "1.00 point"),
        (amount(2, "free-coffee"), "2 free-coffee"),
        (counted(Counted()), ""),
        (counted(Counted(only=("wine", "beer"), exclude=("gift-card",))), " for wine or beer, not gift-card"),
        (counted(Counted(exclude=("tobacco",))), " for all but tobacco"),
    ],
)
def test_amounts_are_said_as_a_person_writes_them(said: str, words: str) -> None:
    assert said == words


@pytest.mark.parametrize(
    ("name", "config", "sentence"),
    [
        ("share", {"points": 1, "per_minor": 100, "only": ["wine"]},
         "12 points for what was paid for wine: 1 point for every 1.00 GBP"),
        ("share", {"points": 1, "per_minor": 100, "tier_percent": [100, 150], "to": "red-cross"},
         "12 points to red-cross for what was paid: 1 point for every 1.00 GBP, by the level held"),
        ("bonus", {"points": 50, "each": "unit", "from_minor": 1000, "only": ["ink"]},
         "12 points as a bonus for each unit of ink, of at least 10.00 GBP"),
        ("stamps", {"every": 5, "unit": "mask", "deed": "empty-jar"}, "12 points free for every 5 empty-jar"),
        ("daily_cap", {"points": 500}, "12 points because a day gives 500 points at most"),
    ],
)  # fmt: skip
def test_a_rule_is_one_sentence(name: str, config: dict[str, object], sentence: str) -> None:
    kind = MECHANICS[name]
    mechanic = kind(kind.Config.model_validate(config, strict=False), Meter(), Frame("UTC", "GBP", "rule"))
    assert mechanic.says("12 points") == sentence


@pytest.mark.parametrize("name", sorted(MECHANICS))
def test_every_mechanic_has_a_sentence(name: str) -> None:
    for config in CONFIGS[name]:
        kind = MECHANICS[name]
        mechanic = kind(kind.Config.model_validate(config, strict=False), Meter(), Frame("UTC", "GBP", "rule"))
        assert mechanic.why
        assert mechanic.why == mechanic.why.strip().replace("  ", " ")
