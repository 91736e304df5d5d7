"""The crowd of the fault tests: stories are said as a whole, and nobody is named whom the house may not know."""

from __future__ import annotations

from collections import deque
from typing import Any

from tests.drivers.crowd import Crowd, Saying

ROUNDS = 400
"""Of ten sayings each: some of the receipts that are claimed are the last of theirs."""


def test_a_guests_receipt_and_its_claim_are_said_in_one_round() -> None:
    crowd, waited_for, claimed = Crowd(seed=0x6A, members=60), 0, set[str]()
    for _ in range(ROUNDS):
        told = crowd.sayings(10)
        for saying in told:
            crowd.answered({"fact": saying.said["id"], "status": "done", "available": 40})
        claimed |= {saying.said["receipt"] for saying in told if saying.said["type"] == "receipt_claimed"}
        guests = {str(saying.fact) for saying in told if _of_a_guest(saying.said) and saying.fact is not None}
        waited_for += len(guests)
        assert guests <= claimed
    assert waited_for > ROUNDS / 100


LAG = 25
"""Sayings whose answers are on their way."""
OTHERS = ("to", "who", "into")
MUST_BE_KNOWN = ("transfer_requested", "contribution_requested", "merged", "unmerged", "erased", "receipt_claimed")
"""Of these the card that is shown, too."""


def test_who_is_forgotten_is_named_again_only_when_the_house_knows_the_card_again() -> None:
    crowd, waits = Crowd(seed=0x6B, members=40), deque[Saying]()
    unknown: dict[str, bool] = {}  # card that is to be forgotten -> whether that was answered
    comes_back: dict[str, str] = {}  # fact that was said with it since -> card
    forgotten, known_again = 0, 0
    for _ in range(100 * ROUNDS):
        for saying in crowd.sayings(1):
            said = saying.said
            assert not _named(said) & unknown.keys(), said
            if said["type"] == "erased":
                forgotten += 1
                (card,) = _named(said)
                assert not any(card in _named(other.said) for other in waits), said
                unknown[card] = False
            elif (shown := _card(said["identifier"])) and unknown.get(shown) and not said.get("purchase"):
                comes_back[said["id"]] = shown
            waits.append(saying)
        while len(waits) > LAG:
            said = waits.popleft().said
            if said["type"] == "erased":
                unknown[_card(said["identifier"])] = True
            crowd.answered({"fact": said["id"], "status": "done", "available": 40})
            if unknown.pop(comes_back.pop(said["id"], ""), False):
                known_again += 1
    assert min(forgotten, known_again) > ROUNDS / 100


def _named(said: dict[str, Any]) -> set[str]:
    """The cards that the house must know."""
    found = {_card(said[name]) for name in OTHERS if name in said}
    return found | ({_card(said["identifier"])} if said["type"] in MUST_BE_KNOWN else set())


def _card(identifier: dict[str, str] | None) -> str:
    return "" if identifier is None else identifier["value"]


def _of_a_guest(said: dict[str, Any]) -> bool:
    return said["type"] == "purchase" and said["identifier"] is None
