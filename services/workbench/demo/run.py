"""The demo from beginning to end: start, publish, stream, wait until it has settled, compare, show.

Owns the order of things and the exit code. Its servers and data live in the folder `demo` of the state folder; what an
earlier demo left there is deleted at the start, never at the end, so that a finished demo can be looked into.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from infra.clock import monotonic
from infra.postgres.pool import open_pool
from infra.settings import StackSettings, load_stack, mask
from infra.stack.house import House
from infra.stack.stack import Stack
from infra.stack.supervisor import StackError
from services.workbench.demo.answers import Answers
from services.workbench.demo.books import Books, Stuck
from services.workbench.demo.club import Club
from services.workbench.demo.expectation import Expectation, Row
from services.workbench.demo.plain import say_all, watch
from services.workbench.demo.receipts import read
from services.workbench.demo.report import Progress, progress, show_table, show_verdict
from services.workbench.demo.restarts import SIGNALS, Restarts
from services.workbench.demo.tills import Tills
from services.workbench.programme.publish import publish

PLAIN = House("plain", database="plain", topic_prefix="plain.", clock="facts")
CLUB = House("club", database="club", topic_prefix="club.", clock="facts")
PROGRAMMES = Path(__file__).resolve().parents[2] / "programme" / "examples"
LAST_TICK = "2012-01-01T00:00:00Z"
"""After the last receipt: what has ended by then is gone from the balances."""


class Demo:
    """One run on a stack. `restarts`: how often each process is ended in the middle."""

    def __init__(self, stack: Stack, *, restarts: int) -> None:
        self._stack = stack
        self._restarts = restarts

    async def run(self) -> dict[str, Any]:
        """The report. Raises StackError, Stuck, or what a server says that is away."""
        began = monotonic()
        await _start(self._stack)
        expected = Expectation()
        due = expected.receipts()
        _say(f"\n{due['plain']:,} receipts, two houses; data moving {monotonic() - began:.0f} s after the start")
        with progress(due) as shown:
            counted = {  # one after the other, so that the rate of each is its own
                "plain": await self._plain(due["plain"], shown),
                "club": await self._club(due["club"], shown),
            }
        differences = [
            what for name, (totals, rows) in counted.items() for what in expected.differences(name, totals, rows)
        ]
        return {
            "exact": not differences,
            "differences": differences[:100],
            "seconds": round(monotonic() - began, 1),
            "houses": {name: totals for name, (totals, _) in counted.items()},
        }

    async def _plain(self, due: int, shown: Progress) -> tuple[Row, dict[str, Row]]:
        settings = self._stack.settings_of(PLAIN)
        await publish(settings, (PROGRAMMES / "plain.yaml").read_text("utf-8"), "plain.yaml")
        restarts = self._ends_of(PLAIN, due)
        async with AsyncExitStack() as closing:
            tills = await closing.enter_async_context(Tills(settings))
            books = Books(settings, await closing.enter_async_context(await open_pool(settings)))
            began = monotonic()
            await _all_of(
                [say_all(read(), tills, restarts), watch(due, books, restarts, shown), restarts.run()],
                beside=[tills.run()],
            )
            await books.projected()
            seconds = monotonic() - began
            await books.published()
            return await self._counted(books, due, seconds, restarts)

    async def _club(self, due: int, shown: Progress) -> tuple[Row, dict[str, Row]]:
        settings = self._stack.settings_of(CLUB)
        await publish(settings, (PROGRAMMES / "club.yaml").read_text("utf-8"), "club.yaml")
        restarts = self._ends_of(CLUB, due)
        async with AsyncExitStack() as closing:
            tills = await closing.enter_async_context(Tills(settings))
            pool = await closing.enter_async_context(await open_pool(settings))
            answers = await closing.enter_async_context(Answers(settings, pool))
            books = Books(settings, pool)
            began = monotonic()
            receipts = await asyncio.to_thread(list, read())
            club = Club(tills, answers, restarts, shown)
            await _all_of([club.run(receipts), restarts.run()], beside=[tills.run(), answers.read(), answers.look()])
            await books.projected()
            seconds = monotonic() - began
            await books.tick(LAST_TICK)
            await books.projected()
            await books.published()
            totals, rows = await self._counted(books, due, seconds, restarts)
            return totals | {"answers_looked_up": answers.looked_up}, rows

    def _ends_of(self, house: House, total: int) -> Restarts:
        names = [house.child_name(process) for process in house.processes]
        return Restarts(self._stack, names, self._restarts, total, SIGNALS if house is PLAIN else SIGNALS[::-1])

    async def _counted(
        self, books: Books, receipts: int, seconds: float, restarts: Restarts
    ) -> tuple[Row, dict[str, Row]]:
        """A house's totals and its customers' rows. seconds: from the file to the projections."""
        rows = await books.customers()
        totals = await books.totals(rows)
        ended = {f"{name} {how}": count for (name, how), count in sorted(restarts.ended.items())}
        return totals | {
            "receipts_per_s": round(receipts / seconds),
            "ended": ended,
        }, rows


async def _start(stack: Stack) -> None:
    for server in ("kafka", "postgres"):
        await asyncio.to_thread(shutil.rmtree, stack.folder / server, ignore_errors=True)
    await stack.start()
    async with asyncio.TaskGroup() as houses:
        for house in (PLAIN, CLUB):
            houses.create_task(stack.start_house(house))


async def _all_of(work: Sequence[Coroutine[Any, Any, None]], beside: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Until all the work is done; what runs beside it is then ended. The first failure of any ends all."""
    async with asyncio.TaskGroup() as group:
        helping = [group.create_task(one) for one in beside]
        await asyncio.gather(*[group.create_task(one) for one in work])
        for task in helping:
            task.cancel()


def run_demo(*, once: bool, as_json: bool, restarts: int = 0) -> int:
    """The exit code: 0 when everything equals the independent count, 1 when not or when it could not run."""
    return asyncio.run(_demo(load_stack(), once=once, as_json=as_json, restarts=restarts))


async def _demo(settings: StackSettings, *, once: bool, as_json: bool, restarts: int) -> int:
    me = asyncio.current_task()
    assert me is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    local = settings.model_copy(update={"kafka_bootstrap_servers": None, "database_url": None})
    report: dict[str, Any] = {}
    try:
        async with Stack(local, local.state_dir / "demo", _say) as stack:
            _say("Starting PostgreSQL, Kafka and the processes of two houses (Ctrl-C stops it)")
            report = await _or_death(stack, Demo(stack, restarts=restarts).run())
            show_table(report)
            show_verdict(report["differences"])
            if not once:
                _say(_addresses(stack))
                await _or_death(stack, asyncio.Event().wait())
    except asyncio.CancelledError:
        _say("Stopped")
    except (StackError, Stuck) as wrong:
        print(f"error: {wrong}", file=sys.stderr, flush=True)
        return 1
    if as_json and report:
        print(json.dumps(report), flush=True)
    return 0 if report.get("exact") else 1


T = TypeVar("T")


async def _or_death(stack: Stack, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns. Raises StackError when a server dies meanwhile."""
    death, task = asyncio.create_task(stack.death()), asyncio.create_task(work)
    try:
        await asyncio.wait([death, task], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise StackError(death.result())
        return task.result()
    except ExceptionGroup as several:  # of a task group: the first one caused the others
        raise _first(several) from several
    finally:
        death.cancel()
        task.cancel()
        await asyncio.wait([task])


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _addresses(stack: Stack) -> str:
    house = stack.settings_of(CLUB)
    lines = [
        "\nIt stays up; Ctrl-C stops it.",
        f"  {'Kafka':<18} {house.kafka_bootstrap_servers}   topics {PLAIN.topic_prefix}* and {CLUB.topic_prefix}*",
    ]
    for name in (PLAIN, CLUB):
        url = stack.settings_of(name).database_url.get_secret_value()
        lines.append(f"  {'PostgreSQL':<18} {mask(url)}")
    if stack.postgres is not None:
        lines.append(f"  {'':<18} its password is in {stack.postgres.password_file}")
    lines += [f"  {name:<18} {address}" for name, address in stack.metrics().items()]
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, flush=True)
