"""Cyclic garbage is looked for where little is new; a million members are set apart unseen."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from services.ledger import garbage
from services.ledger.garbage import Sweep


@pytest.fixture(autouse=True)
def off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def cycles(count: int) -> None:
    for _ in range(count):
        one: list[object] = []
        one.append(one)


def test_what_came_in_a_quiet_time_is_looked_through() -> None:
    cycles(100)
    sweep = Sweep()
    sweep.after_batch()
    sweep.when_idle()
    assert gc.collect() == 0


def test_much_that_is_new_is_set_apart_unseen() -> None:
    kept: list[list[object]] = [[] for _ in range(garbage.LOOKED_THROUGH_MAX + 1_000)]
    cycles(1)
    before = gc.get_stats()[2]["collections"]
    Sweep().sweep()
    assert gc.get_stats()[2]["collections"] == before
    assert gc.get_freeze_count() > len(kept)
    assert gc.get_count()[0] < 1_000


def test_it_is_looked_for_once_in_so_many_batches_and_not_while_nothing_comes() -> None:
    sweep, before = Sweep(), gc.get_stats()[2]["collections"]
    for _ in range(garbage.BATCHES):
        sweep.after_batch()
    for _ in range(10):
        sweep.when_idle()
    assert gc.get_stats()[2]["collections"] == before + 1
