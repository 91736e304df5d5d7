"""Checks over two fields: each fault a sentence, and a sound record has none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.decode import decode_said
from events.values import millis
from services.intake.core.faults import SKEW_MS, faults

AT = "2026-03-10T09:30:00Z"
LOGGED = millis(AT)

BASE: dict[str, Any] = {"id": "r1", "occurred_at": AT, "identifier": {"scheme": "card", "value": "1"}}
TEA = {"item": "tea", "total_minor": 5}
PURCHASE = BASE | {"type": "purchase", "currency": "GBP", "total_minor": 5, "lines": [TEA]}
RETURN = PURCHASE | {"type": "return"}
REQUEST = BASE | {"type": "redemption_requested", "points": 5}
ADJUSTED = BASE | {"type": "adjusted", "points": 5, "reason": "goodwill", "actor": "clerk:7"}
ENROLLED = BASE | {"type": "enrolled"}
MERGED = BASE | {"type": "merged"}
ADDED = BASE | {"type": "identifier_added", "added": {"scheme": "phone", "value": "2"}}


OURS = "ids that begin with tick:, programme:, msg: or fwd: are the house's own"


@pytest.mark.parametrize(
    ("record", "sentences"),
    [
        (PURCHASE, []),
        (PURCHASE | {"id": "tick:0:2026-03-10:0/1"}, [OURS]),
        (PURCHASE | {"id": "programme:p-1"}, [OURS]),
        (PURCHASE | {"id": "msg:1"}, [OURS]),
        (PURCHASE | {"total_minor": 6}, ["total_minor is 6, but its lines come to 5"]),
        (RETURN | {"total_minor": 4}, ["total_minor is 4, but its lines come to 5"]),
        (PURCHASE | {"identifier": None, "total_minor": 6}, ["total_minor is 6, but its lines come to 5"]),
        (PURCHASE | {"occurred_at": "2026-02-30T09:30:00Z"}, ["occurred_at 2026-02-30T09:30:00Z is no date"]),
        (PURCHASE | {"occurred_at": "2026-02-30T00:00:00Z"}, ["occurred_at 2026-02-30T00:00:00Z is no date"]),
        (
            PURCHASE | {"identifier": {"scheme": "card", "value": " \u200b\x00"}, "total_minor": 6},
            ["identifier.value holds nothing that can be printed", "total_minor is 6, but its lines come to 5"],
        ),
        (REQUEST, []),
        (REQUEST | {"hold_until": "2026-03-10T09:30:00.001Z"}, []),
        (REQUEST | {"hold_until": AT}, [f"hold_until {AT} is not after occurred_at {AT}"]),
        (REQUEST | {"hold_until": "2026-03-32T00:00:00Z"}, ["hold_until 2026-03-32T00:00:00Z is no date"]),
        (ADDED, []),
        (ADDED | {"added": {"scheme": "phone", "value": " "}}, ["added.value holds nothing that can be printed"]),
        (PURCHASE | {"lines": [TEA | {"tax_minor": 5}]}, []),
        (PURCHASE | {"lines": [TEA | {"tax_minor": 6}]}, ["the tax of line 1 is 6, more than its total of 5"]),
        (ADJUSTED, []),
        (ADJUSTED | {"points": 0}, ["points is 0; an adjustment gives (more than 0) or takes (less than 0)"]),
        (ADJUSTED | {"expires_at": "2026-03-10T09:30:01Z"}, []),
        (ADJUSTED | {"expires_at": AT}, [f"expires_at {AT} is not after occurred_at {AT}"]),
        (ADJUSTED | {"expires_at": "2026-03-32T00:00:00Z"}, ["expires_at 2026-03-32T00:00:00Z is no date"]),
        (
            ADJUSTED | {"points": -5, "expires_at": "2027-03-10T00:00:00Z"},
            ["expires_at says when points that were given end, and these are taken"],
        ),
        (ENROLLED, []),
        (ENROLLED | {"referrer": {"scheme": "card", "value": "2"}}, []),
        (
            ENROLLED | {"referrer": {"scheme": "card", "value": "\u200b"}},
            ["referrer.value holds nothing that can be printed"],
        ),
        (MERGED | {"into": {"scheme": "card", "value": "2"}}, []),
        (
            MERGED | {"into": {"scheme": "card", "value": "1 "}},
            ["into is the identifier itself: a member cannot be merged into itself"],
        ),
        (
            BASE | {"type": "transfer_requested", "points": 5, "to": {"scheme": "card", "value": "1"}},
            ["to is the identifier itself: a member cannot give points to itself"],
        ),
        (
            BASE | {"type": "pool_joined", "who": {"scheme": "card", "value": "\u200b"}},
            ["who.value holds nothing that can be printed"],
        ),
        (BASE | {"type": "unmerged"}, []),
    ],
)  # fmt: skip
def test_faults(record: dict[str, Any], sentences: list[str]) -> None:
    assert list(faults(decode_said(json.dumps(record).encode()), LOGGED)) == sentences


def test_a_tills_clock_may_run_ahead_a_little() -> None:
    purchase = decode_said(json.dumps(PURCHASE).encode())
    assert faults(purchase, LOGGED - SKEW_MS) == ()
    assert faults(purchase, LOGGED - SKEW_MS - 1) == (
        f"occurred_at {AT} is 900 s after the record was logged (at most 900)",
    )


def test_where_the_data_are_the_clock_nothing_is_in_the_future() -> None:
    assert faults(decode_said(json.dumps(PURCHASE | {"occurred_at": "2999-01-01T00:00:00Z"}).encode()), None) == ()
