"""The crowd of the fault tests: whenever it stops, what the tills wait for has been said as a whole."""

from __future__ import annotations

from typing import Any

from tests.drivers.crowd import Crowd

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


def _of_a_guest(said: dict[str, Any]) -> bool:
    return said["type"] == "purchase" and said["identifier"] is None
