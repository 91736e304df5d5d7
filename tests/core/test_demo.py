"""The demo's own parts that need no server: reading the data, ending processes on time, telling what differs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from events.decode import decode_said
from services.workbench.demo import run
from services.workbench.demo.expectation import Expectation
from services.workbench.demo.receipts import Receipt, enrolment, read, redemption, said
from services.workbench.demo.restarts import SIGNALS, Restarts

SALE = Receipt("536367", "13047", "United Kingdom", "2011-06-01 08:34", (("84879", 32, "1.69"), ("POST", 1, "18.00")))


def test_every_row_of_the_data_is_in_one_receipt_in_the_order_of_the_file() -> None:
    receipts = list(read())
    assert len(receipts) == 25_900
    assert len({receipt.number for receipt in receipts}) == 25_900
    assert sum(len(receipt.rows) for receipt in receipts) == 541_909
    assert receipts[0].number == "536365"
    assert receipts[0].rows[0] == ("85123A", 6, "2.55")
    guests = [receipt for receipt in receipts if not receipt.customer]
    assert (len(guests), sum(len(receipt.rows) for receipt in guests)) == (3_710, 135_080)
    assert sum(row[1] < 0 for receipt in guests if receipt.is_sale for row in receipt.rows) == 1_336


def test_a_receipt_is_said_in_its_own_dialect_and_keeps_to_one_till() -> None:
    saying = said(SALE)
    assert json.loads(saying.value) == {
        "InvoiceNo": "536367",
        "InvoiceDate": "2011-06-01 08:34",
        "CustomerID": "13047",
        "Country": "United Kingdom",
        "rows": [["84879", 32, "1.69"], ["POST", 1, "18.00"]],
    }
    assert dict(saying.headers)["ce_type"] == b"uci.invoice.v1"
    assert {saying.key, enrolment(SALE)[1].key, redemption(SALE, 500)[1].key} == {b"till-03"}


def test_what_a_customer_asks_is_said_in_the_language_at_the_instant_of_the_receipt() -> None:
    for fact, saying in (enrolment(SALE), redemption(SALE, 500)):
        heard = decode_said(saying.value)
        assert heard.id == fact
        assert heard.occurred_at == "2011-06-01T07:34:00Z", "London is an hour ahead of UTC in June"
    assert redemption(SALE, 501, "too-much")[0] != redemption(SALE, 500)[0]


class OneByOne:
    """Stands for the stack: a process is ready again as soon as it was ended."""

    def __init__(self) -> None:
        self.pids = {"ledger": 1, "intake": 2}
        self.ended: list[tuple[str, int, int]] = []
        self.answered: Callable[[], int] = lambda: 0

    def pid(self, name: str) -> int:
        return self.pids[name]

    async def restarted(self, name: str, old_pid: int) -> int:
        assert self.pids[name] == old_pid + 1000
        return self.pids[name]

    def kill(self, pid: int, how: int) -> None:
        name = next(name for name, known in self.pids.items() if known == pid)
        self.pids[name] += 1000
        self.ended.append((name, how, self.answered()))


async def test_each_process_is_ended_so_often_in_the_middle_and_by_both_signals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = OneByOne()
    monkeypatch.setattr(os, "kill", stack.kill)
    restarts = Restarts(stack, ["ledger", "intake"], times=2, total=100)  # type: ignore[arg-type]
    answered = 0
    stack.answered = lambda: answered

    async def stream() -> None:
        nonlocal answered
        for number in range(100):
            await restarts.may_say(number)
            answered += 1
            await restarts.answered(answered)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(stream())
        group.create_task(restarts.run())
    term, kill = signal.SIGTERM, signal.SIGKILL
    assert [(name, how) for name, how, _ in stack.ended] == [
        ("ledger", term), ("intake", kill), ("ledger", kill), ("intake", term)
    ]  # fmt: skip
    parts = [(20 * n + 10, 20 * n + 20) for n in range(4)]
    assert all(half <= at < end for (half, end), (_, _, at) in zip(parts, stack.ended, strict=True)), stack.ended
    assert restarts.ended == {
        ("ledger", "SIGTERM"): 1, ("ledger", "SIGKILL"): 1, ("intake", "SIGTERM"): 1, ("intake", "SIGKILL"): 1
    }  # fmt: skip


async def test_a_second_house_takes_the_signals_the_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: Counter[tuple[str, str]] = Counter()
    for signals in (SIGNALS, SIGNALS[::-1]):
        stack = OneByOne()
        monkeypatch.setattr(os, "kill", stack.kill)
        restarts = Restarts(stack, ["ledger", "intake"], times=5, total=1, signals=signals)  # type: ignore[arg-type]
        await restarts.answered(1)
        await restarts.run()
        ended += restarts.ended
    assert ended == {(name, how.name): 5 for name in ("ledger", "intake") for how in SIGNALS}


async def test_without_restarts_the_stream_never_waits() -> None:
    restarts = Restarts(OneByOne(), ["ledger"], times=0, total=10)  # type: ignore[arg-type]
    for number in range(10):
        await restarts.may_say(number)
        await restarts.answered(number + 1)
    await restarts.run()


def found_as_expected(house: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    expected = Expectation()
    return expected._totals[house] | {"parked": 0, "projections_differ": 0}, dict(expected._customers[house])


@pytest.mark.parametrize("house", ["plain", "club"])
def test_no_difference_is_found_where_there_is_none(house: str) -> None:
    assert Expectation().differences(house, *found_as_expected(house)) == []


def test_every_difference_is_told_with_its_place() -> None:
    totals, customers = found_as_expected("club")
    totals |= {"parked": 1, "debt": 0}
    customers["12347"] = customers["12347"] | {"tier": 9}
    customers["1"] = customers.pop("12348")
    assert Expectation().differences("club", totals, customers) == [
        "club: debt is 0, expected 417625",
        "club: parked is 1, expected 0",
        "club: customer 12348 is not there",
        "club: customer 1 is not expected",
        "club: customer 12347: tier is 9, expected 1",
    ]


class NoServers:
    """Stands for the stack; nothing is started, and nothing dies."""

    def __init__(self, *_: object) -> None: ...

    async def __aenter__(self) -> NoServers:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def death(self) -> str:
        return await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("wrong", [None, "total", "customer", "lot"])
def test_the_exit_code_is_0_only_if_every_single_number_is_right(
    wrong: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, club = found_as_expected("plain"), found_as_expected("club")
    plain[0]["partners"] = {}
    if wrong == "total":
        plain[0]["guest_lines"] += 1
    elif wrong == "customer":
        plain[1]["12347"] = plain[1]["12347"] | {"earned": plain[1]["12347"]["earned"] - 1}
    elif wrong == "lot":
        name, row = next((name, row) for name, row in club[1].items() if row["lots"])
        club[1][name] = row | {"lots": [*row["lots"][:-1], [*row["lots"][-1][:3], row["lots"][-1][3] + 1]]}

    async def started(_stack: object) -> None: ...

    async def counted_plain(*_: object) -> Any:
        return plain

    async def counted_club(*_: object) -> Any:
        return club

    monkeypatch.setattr(run, "Stack", NoServers)
    monkeypatch.setattr(run, "_start", started)
    monkeypatch.setattr(run, "read", list)
    monkeypatch.setattr(run.Demo, "_plain", counted_plain)
    monkeypatch.setattr(run.Demo, "_club", counted_club)
    assert run.run_demo(once=True, as_json=True) == (0 if wrong is None else 1)
    *_, verdict, report = capsys.readouterr().out.splitlines()
    assert json.loads(report)["exact"] is (wrong is None)
    assert len(json.loads(report)["differences"]) == (0 if wrong is None else 1), verdict
