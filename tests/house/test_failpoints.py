"""Every process can be killed before and after each of its steps (tests/faults does so)."""

from __future__ import annotations

import pytest

from tests.drivers.failpoints import failpoints

STEPS = {
    "intake": ("claim", "commit", "fetch", "mark", "produce"),
    "ledger": ("claim", "commit", "fetch", "mark", "produce"),
    "projections": ("claim", "commit", "fetch"),  # they publish nothing, so there is nothing to mark as published
}


@pytest.mark.parametrize("process", STEPS)
def test_every_step_has_a_failpoint_on_both_sides(process: str) -> None:
    assert failpoints(process) == sorted(f"{when}-{step}" for step in STEPS[process] for when in ("before", "after"))
