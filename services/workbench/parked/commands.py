"""`parked list`, `show`, `retry` and `discard`: which records are meant, what is done, and what is refused.

Does not own what may be done with a record (records.py), nor how one looks (words.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from events.printable import printable
from infra.kafka.client import Writer
from infra.postgres.pool import Pool
from infra.settings import Settings
from services.workbench.inside import Refused, in_house
from services.workbench.parked.records import (
    BEGINNING,
    STATES,
    WAITING,
    Content,
    Coordinates,
    Filter,
    Parked,
    Shelves,
    coordinates,
    place_of,
    shelves,
    topic_of,
)
from services.workbench.parked.words import came_of_it, contents, facts, print_page, print_record

STATE_WORDS = {"waiting": WAITING, "all": STATES} | {state: (state,) for state in STATES}


@dataclass(frozen=True)
class Meant:
    """Which records a command means: those named, or all that wait and pass the filter."""

    named: tuple[str, ...] = ()
    all: bool = False
    topic: str | None = None
    reason: str | None = None


def run_list(topic: str | None, reason: str | None, state: str, after: str | None, limit: int, *, as_json: bool) -> int:
    """Print a page of what lies parked. 0, or 2 for what is refused."""

    async def work(house: Settings, found: Shelves) -> int:
        which = _filter(house, topic, reason, state)
        begin = BEGINNING if after is None else coordinates(after, house.topic_prefix)
        page = await found.page(which, begin, limit + 1)
        more = page[limit - 1].at if len(page) > limit else None
        if as_json:
            rows = [facts(record) for record in page[:limit]]
            print(json.dumps({"parked": rows, "after": None if more is None else str(more)}))
        else:
            print_page(page[:limit], more)
        return 0

    return _run(work)


def run_show(at: str, *, as_json: bool) -> int:
    """Print one record whole. 0, or 2 where nothing is parked there."""

    async def work(house: Settings, found: Shelves) -> int:
        place = coordinates(at, house.topic_prefix)
        record, content = await _one(found, place)
        again = None
        if record.retried_as is not None:
            parked_again = await found.one(place._replace(offset=record.retried_as))
            again = parked_again[0] if parked_again is not None else None
        if as_json:
            print(json.dumps(facts(record) | came_of_it(record, again) | contents(content)))
        else:
            print_record(record, again, content)
        return 0

    return _run(work)


def run_retry(meant: Meant, *, as_json: bool) -> int:
    """Have records read again. 0: all of them; 1: some are in no state for it; 2: refused."""

    async def work(house: Settings, found: Shelves) -> int:
        again: dict[Coordinates, int] = {}
        refused: dict[Coordinates, str] = {}
        writer = Writer(house)
        await writer.start()
        try:
            async for page in _pages(house, found, meant, WAITING):
                able = [record for record in page if not _why_not_retried(record)]
                refused |= {record.at: _why_not_retried(record) for record in page if _why_not_retried(record)}
                done = await found.retry(writer, able)
                again |= done
                refused |= {record.at: "somebody else has just seen to it" for record in able if record.at not in done}
                _progress(meant, len(again), "written again")
        finally:
            await writer.stop()
        if as_json:
            rows = [{"coordinates": str(at), "read_again_as": str(at._replace(offset=n))} for at, n in again.items()]
            print(json.dumps({"retried": rows, "refused": _refused_rows(refused)}))
        else:
            for at, offset in again.items():
                print(f"{at} is read again as {at._replace(offset=offset)}")
            _print_refused(refused)
            if again:
                print(f"{len(again)} written again; `./run parked show` says of each what came of it")
        return 1 if refused else 0

    return _run(work)


def run_discard(meant: Meant, by: str, why: str, *, as_json: bool) -> int:
    """Say that nobody will look after records any more. 0: all of them; 1: some are in no state for it; 2: refused."""

    async def work(house: Settings, found: Shelves) -> int:
        if not by.strip() or not why.strip():
            raise Refused("a record is discarded by somebody and for a reason: --by NAME --why TEXT")
        done: set[Coordinates] = set()
        refused: dict[Coordinates, str] = {}
        async for page in _pages(house, found, meant, ("parked",)):
            able = [record.at for record in page if record.state == "parked"]
            refused |= {record.at: _state_of(record) for record in page if record.state != "parked"}
            now = await found.discard(able, by, why)
            done |= now
            refused |= {at: "somebody else has just seen to it" for at in able if at not in now}
            _progress(meant, len(done), "discarded")
        if as_json:
            print(json.dumps({"discarded": [str(at) for at in sorted(done)], "refused": _refused_rows(refused)}))
        else:
            for at in sorted(done):
                print(f"{at} is discarded")
            _print_refused(refused)
        return 1 if refused else 0

    return _run(work)


# ---------------------------------------------------------------- the house, and which records


def _run(work: Callable[[Settings, Shelves], Awaitable[int]]) -> int:
    async def with_shelves(house: Settings, pool: Pool) -> int:
        return await work(house, await shelves(pool))

    return in_house(with_shelves)


def _filter(house: Settings, topic: str | None, reason: str | None, state: str) -> Filter:
    if state not in STATE_WORDS:
        raise Refused(f"there is no state {state!r}: there are {', '.join(STATE_WORDS)}")
    return Filter(None if topic is None else topic_of(topic, house.topic_prefix), reason, STATE_WORDS[state])


async def _pages(house: Settings, found: Shelves, meant: Meant, states: tuple[str, ...]) -> AsyncIterator[list[Parked]]:
    """The records meant, in pages. Raises Refused where none are, or nothing is parked at some coordinates."""
    filtered = meant.topic is not None or meant.reason is not None
    if meant.all == bool(meant.named) or (filtered and not meant.all):
        raise Refused("name the coordinates of some records, or say --all, with --topic and --reason to mean fewer")
    if meant.all:
        topic = None if meant.topic is None else topic_of(meant.topic, house.topic_prefix)
        async for page in found.pages(Filter(topic, meant.reason, states)):
            yield page
        return
    places = [coordinates(text, house.topic_prefix) for text in dict.fromkeys(meant.named)]
    yield [(await _one(found, at))[0] for at in places]  # all of them are looked at before anything is done


async def _one(found: Shelves, at: Coordinates) -> tuple[Parked, Content]:
    record = await found.one(at)
    if record is None:
        raise Refused(f"nothing is parked at {at}; `./run parked list --topic {at.topic}` shows what is")
    return record


def _why_not_retried(record: Parked) -> str:
    """A clause; "" when it can be."""
    if place_of(record.at.topic) == "projections":
        return "read models read their topic again by `./run rebuild balance` and `./run rebuild tier`"
    return "" if record.state in WAITING else _state_of(record)


def _state_of(record: Parked) -> str:
    match record.state:
        case "retrying":
            return "it is on its topic again, or about to be: retry it once more, or wait until it was read"
        case "retried":
            return f"it was read again as {record.at._replace(offset=record.retried_as or 0)}"
        case "discarded":
            return (
                f"it was discarded by {printable(record.discarded_by or '')}: {printable(record.discarded_why or '')}"
            )
    return "it waits"


def _refused_rows(refused: dict[Coordinates, str]) -> list[dict[str, str]]:
    return [{"coordinates": str(at), "why": why} for at, why in refused.items()]


def _print_refused(refused: dict[Coordinates, str]) -> None:
    for at, why in refused.items():
        print(f"{at} is left as it is: {why}", file=sys.stderr)


def _progress(meant: Meant, count: int, what: str) -> None:
    if meant.all and sys.stderr.isatty():
        print(f"\r  {count:,} {what}", end="", file=sys.stderr, flush=True)
