"""Two intakes and one directory, with no broker and no database: the one that is quicker, at any moment between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

import pytest

from events.topics import PURCHASES
from infra.health import Health
from infra.kafka.client import Record, TopicPartition
from infra.metrics import Registry
from infra.settings import Settings
from services.intake.core.batch import walk
from services.intake.core.identity import Key, Revision
from services.intake.directory import Position
from services.intake.metrics import Metrics
from services.intake.worker import Worker

AT = "2026-03-10T09:30:00Z"
QUESTIONS = ("revisions", "members", "write")


class SharedDirectory:
    """A directory in memory. Just before question `number` of the one who asks, somebody else claims everything."""

    def __init__(self, identities: dict[Key, str], revisions: dict[str, list[Revision]], number: int) -> None:
        self._claimed = identities, revisions
        self._left = number
        self._identities: dict[Key, str] = {}
        self._revisions: dict[str, list[Revision]] = {}

    async def members(self, keys: Collection[Key]) -> dict[Key, str]:
        self._asked()
        return {key: self._identities[key] for key in keys if key in self._identities}

    async def erasures(self) -> int:
        return 0

    async def revisions(self, receipts: Collection[str]) -> dict[str, list[Revision]]:
        self._asked()
        found = {receipt: self._revisions[receipt] for receipt in receipts if receipt in self._revisions}
        waited = {name for rows in found.values() for row in rows for name in row.returns}
        return found | {name: self._revisions[name] for name in waited}

    async def write(self, _: Any, identities: dict[Key, str], revisions: Any, *set_aside: list[Any]) -> bool:
        self._asked()
        assert not any(set_aside), set_aside
        there = {(receipt, row.number): row for receipt, rows in self._revisions.items() for row in rows}
        for receipt, row in revisions:
            seen = there.get((receipt, row.number))
            if seen is not None and (seen.member is not None or seen.written != row.written):
                return False
        return not identities.keys() & self._identities.keys()

    def _asked(self) -> None:
        if self._left == 0:
            self._identities, self._revisions = self._claimed
        self._left -= 1


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=[f"before {name}" for name in QUESTIONS])
def test_a_new_card_and_its_receipt_at_two_tills_at_once(number: int) -> None:
    """The second upload is dropped, whenever the other worker's claim came: the receipt is nobody else's."""
    tp = TopicPartition(PURCHASES.name, 1)
    said = {"type": "purchase", "id": "r1", "occurred_at": AT, "currency": "GBP", "total_minor": 500}
    said |= {"identifier": {"scheme": "card", "value": "4711"}, "lines": [{"item": "tea", "total_minor": 500}]}
    record = Record(PURCHASES.name, 1, 0, 0, b"till-2", json.dumps(said).encode(), ())

    async def decided() -> Any:
        worker = worker_with(SharedDirectory({}, {}, -1))
        worker._positions[tp] = Position("", 1, 0, 0, 0)
        item = worker._item(tp, record)
        first = Revision(0, "purchase", "mem_first", item.heard.content, (PURCHASES.name, 0, 0))
        worker.directory = SharedDirectory({("card", "4711"): "mem_first"}, {"r1": [first]}, number)
        while (plan := await worker._decided([item], {tp: [record]})) is None:
            pass
        return plan

    plan = asyncio.run(decided())
    assert (plan.facts, plan.parked) == ([], [])


@pytest.mark.parametrize("number", [0, 2], ids=["before revisions", "before write"])
@pytest.mark.parametrize("return_last", [False, True])
def test_a_return_and_its_receipt_at_two_tills_at_once(return_last: bool, number: int) -> None:
    """Whoever comes second sees the other: the return is booked by one of them."""
    tp = TopicPartition(PURCHASES.name, 1)
    said = {"occurred_at": AT, "currency": "GBP", "total_minor": 500, "lines": [{"item": "tea", "total_minor": 500}]}
    buys = said | {"type": "purchase", "id": "r1", "identifier": {"scheme": "card", "value": "4711"}}
    back = said | {"type": "return", "id": "x1", "purchase": "r1"}
    worker = worker_with(SharedDirectory({}, {}, -1))
    worker._positions[tp] = Position("", 1, 0, 0, 0)
    told = (buys, back) if return_last else (back, buys)
    records = [Record(PURCHASES.name, 1, n, 0, b"till", json.dumps(one).encode(), ()) for n, one in enumerate(told)]
    items = [worker._item(tp, record) for record in records]
    others = walk(items[:1], {}, {}, lambda: "mem_other")
    claimed = others.identities, {name: [row._replace(written=1)] for name, row in others.revisions.values()}

    async def decided() -> Any:
        worker.directory = SharedDirectory(*claimed, number)
        while (plan := await worker._decided(items[1:], {tp: records[1:]})) is None:
            pass
        return plan

    booked = [(fact.type, fact.member) for plan in (others, asyncio.run(decided())) for _, fact in plan.facts]
    member = booked[0][1]
    assert booked == [("purchase", member), ("return", member)]


def worker_with(directory: SharedDirectory) -> Worker:
    away = {"kafka_bootstrap_servers": "127.0.0.1:1", "database_url": "postgresql://a:b@127.0.0.1:1/c"}
    settings = Settings(**away, clock="facts")  # nothing of them is called
    return Worker(
        settings,
        directory,
        None,
        Health(),
        Metrics(Registry()),
        lambda _: None,
        {PURCHASES.name: ""},
    )
