"""Random rich histories through the ledger's worker: cut, said again, killed and failing, the tables are the same.

The other files of this level fold in `simulate`; here the same histories go through batches, caches, cold rows in
flight, commits and the relay, over tables and topics in memory. Two claims:

- however a journal is cut into batches and whatever dies on the way, every row is that of one calm process which reads
  the same journal once, in one go, without its repeats: members, cold rows, entries, rewards, outcomes;
- where nothing is decided, the order of arrival does not matter either: what each member has, and what each partner is
  told of each purchase, is that of an on-time journal.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from services.book import history as places
from services.book import pages, shelves
from services.book.member import decode
from services.book.retold import Retold
from services.ledger import worker
from services.ledger.batch import Batch
from tests.drivers import everything, histories
from tests.drivers.accounts import account_again
from tests.drivers.facts import fact
from tests.drivers.histories import Said, delayed, hour
from tests.drivers.ledger_memory import MemoryStore
from tests.drivers.ledger_play import PARTITIONS, Play
from tests.drivers.ledger_topics import Topics
from tests.property import test_between as between
from tests.topology.test_ledger import FAILPOINTS, assert_bytes_of_repeats_are_equal, assert_topics_are_the_tables

JOURNAL = "journal.v1"
MEMBERS = ("ann", "bob", "cat", "dan")
TICKED, AFTERWARDS = hour(24 * 28), hour(24 * 28 + 1)
"""The instant of the ticks in the middle of a journal, and one that no book has passed for their sake."""
AGAIN = 0.3
"""Of the facts, how many come twice; the second time anywhere behind the first."""
ENDS = ("2031-01-01T00:00:00Z", "2040-01-01T00:00:00Z")
"""Two: what time alone sends to another member at the first has its own time by the second."""


class Told(NamedTuple):
    """What a journal is made of: programmes in the order of their beginnings, and facts in the order they come."""

    programmes: list[str]
    facts: list[Said]


def _whose(said: Said, name: str) -> Said:
    """One member's fact: histories of several in one house must not share ids."""
    ids = {key: f"{name}-{said[key]}" for key in ("id", "purchase", "redemption") if key in said}
    return said | ids | {"member": name}


def _together(stories: Iterable[list[Said]], dice: random.Random) -> list[Said]:
    """Several stories in one journal, each in its own order."""
    left = [list(story) for story in stories]
    found = []
    while left := [story for story in left if story]:
        found.append(dice.choice(left).pop(0))
    return found


def mechanics(seed: int, *, decisions: bool) -> Told:
    """Four members, in a programme with most mechanics, levels, conditions and currencies."""
    own = [
        [_whose(said, name) for said in everything.history(seed * 10 + n, 22, decisions=decisions)]
        for n, name in enumerate(MEMBERS)
    ]
    return Told([everything.programme(seed)], _together(own, random.Random(seed)))


def versions(seed: int, *, decisions: bool) -> Told:
    """Four members with holds, captures and voids, twenty levels, and vouchers whose rule may be revised."""
    own = [
        [_whose(said, name) for said in histories.history(seed * 10 + n, 22, decisions=decisions)]
        for n, name in enumerate(MEMBERS)
    ]
    return Told(histories.programmes(seed), _together(own, random.Random(seed)))


def members_between(seed: int, *, decisions: bool) -> Told:
    """Three members and a pool, with transfers, referrals and merges: messages on their way through the journal."""
    free = ("purchase", "correction", "return", "enrolled", "redemption_taken", "pool_joined")
    policy = random.Random(seed).choice(list(between.POLICIES)) if decisions else "protected"
    facts = [said for said in between.story(seed, 40) if decisions or said["type"] in free]
    return Told([between.PROGRAMME % between.POLICIES[policy]], facts)


TRIES = 5
"""Histories of each kind."""
KINDS = (mechanics, versions, members_between)


def published(text: str, number: int) -> list[tuple[int, bytes]]:
    """A programme's fact, one per partition."""
    value = {"type": "programme_published", "id": f"programme:{number}", "occurred_at": "2010-01-01T00:00:00Z",
             "text": text, "sha256": sha256(text.encode()).hexdigest()}  # fmt: skip
    return [(partition, json.dumps(value).encode()) for partition in range(PARTITIONS)]


def ticks(when: str) -> list[tuple[int, bytes]]:
    """Time, one per partition."""
    value = {"type": "tick", "occurred_at": when, "slice": 0, "slices": 1}
    return [(p, json.dumps(value | {"id": f"tick:{p}:{when}:0/1"}).encode()) for p in range(PARTITIONS)]


def journal(told: Told, dice: random.Random) -> list[Any]:
    """The facts as they come, the later programmes and some ticks among them, and three in ten again."""
    script: list[Any] = [fact(**said) for said in told.facts]
    for place in range(len(script), 0, -1):
        if dice.random() < 0.05:
            script[place:place] = ticks(TICKED)  # the same each time: the first is booked
    for place in range(len(script) - 1, -1, -1):
        if dice.random() < AGAIN:
            script.insert(dice.randrange(place, len(script)) + 1, script[place])
    for number, text in enumerate(told.programmes[1:], 1):
        place = dice.randrange(len(script) + 1)
        script[place:place] = published(text, number)
    return [*published(told.programmes[0], 0), *script]


class Slow(MemoryStore):
    """Commits take a few turns of the loop: the next batch is folded meanwhile, or the process dies in the middle."""

    def __init__(self, turns: random.Random) -> None:
        super().__init__()
        self._turns = turns

    async def commit(self, batch: Batch) -> None:
        for _ in range(self._turns.randrange(8)):
            await asyncio.sleep(0)
        await super().commit(batch)


async def rough(script: list[Any], dice: random.Random) -> Play:
    """Everything that can go wrong between any two facts, and batches of any size."""
    play = Play(Slow(dice), Topics(PARTITIONS, apart_ms=0), members_cached=dice.choice([1, 6, 1000]))
    for step in script:
        play.say(step)
        if dice.random() < 0.15:
            play.most = dice.choice([1, 2, 5, 40])
            play.store.lose_answer, play.store.lose_commit = (int(dice.random() < 0.15) for _ in range(2))
            play.topics.failures = int(dice.random() < 0.15)
            how = dice.randrange(3)
            await play.live(dice.choice(FAILPOINTS) if how else None, turns=None if how else dice.randrange(1, 4))
    return await play.run([])


async def calm(records: dict[int, list[Any]]) -> Play:
    """One process, which finds the whole journal before it."""
    play = Play(topics=Topics(PARTITIONS, apart_ms=0))
    for partition, found in records.items():
        play.topics.records[JOURNAL, partition] = found
    return await play.run([])


def without_repeats(play: Play) -> dict[int, list[Any]]:
    """The journal as it stands at the end, with the messages that came into it, each record once."""
    found: dict[int, list[Any]] = {}
    for (topic, partition), log in play.topics.records.items():
        if topic == JOURNAL:
            first: dict[Any, Any] = {}
            for record in log:
                first.setdefault(record[1], record)
            found[partition] = list(first.values())
    return found


def test_the_journals_are_rich() -> None:
    """Everything that the claims speak of is in them, and three in ten come again."""
    kinds, again, facts = Counter[str](), 0, 0
    for seed in range(40):
        for kind in KINDS:
            script = journal(kind(seed, decisions=True), random.Random(seed))
            said = [step for step in script if not isinstance(step, tuple)]
            again += len(said) - len({(one.member, one.id, one.revision) for one in said})
            facts += len(said)
            kinds.update(one.type for one in said)
            kinds.update(json.loads(step[1])["type"] for step in script if isinstance(step, tuple))
            kinds["hold"] += sum(getattr(one, "hold_until", None) is not None for one in said)
    assert kinds.keys() >= {
        *("purchase", "return", "correction", "enrolled", "status_set", "status_ended", "used", "erased", "hold"),
        *("redemption_requested", "redemption_taken", "redemption_captured", "redemption_voided", "tick"),
        *("transfer_requested", "contribution_requested", "pool_joined", "pool_left", "merged", "unmerged"),
        "programme_published",
    }
    assert abs(again / (facts - again) - AGAIN) < 0.05


@pytest.fixture(params=["as they are", "small"])
def sizes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small: so that histories go back over chunks, lots over pages and cells over shelves."""
    if request.param == "as they are":
        yield
        return
    with (
        patch.object(places, "CHUNK", 3),
        patch.multiple(pages, HOT_LOTS_MAX=3, PAGE_LOTS=2),
        patch.multiple(shelves, HOT_CELLS_MAX=2, TOGETHER=2),
    ):
        yield


@pytest.fixture(autouse=True)
def _nothing_stops(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A partition that stops would go on in the next process, from the tables, and leave no trace there."""
    with patch.object(worker, "BACKOFF_SECONDS", (0.0,)):
        yield
    assert not [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("kind", KINDS)
async def test_cut_said_again_and_killed_anywhere_the_tables_are_those_of_a_calm_run(
    sizes: None, kind: Any, soak: int
) -> None:
    """Also what was decided: the rows of the facts hold their outcomes."""
    sent = 0
    for seed in range(TRIES * soak):
        dice = random.Random(f"{kind.__name__} {seed}")
        told = kind(seed, decisions=True)
        script = journal(Told(told.programmes, delayed(told.facts, seed)), dice)
        played = await rough([*script, *ticks(ENDS[0]), *ticks(ENDS[1])], dice)
        plain = await calm(without_repeats(played))
        ours, wanted = played.book(), plain.book()
        for table, rows in wanted.items():
            assert ours[table] == rows, f"{kind.__name__} {seed}: {table}"
        assert not plain.store.parked, plain.store.parked
        assert not played.store.parked, f"{kind.__name__} {seed}"
        sent += len(played.store.message)
        assert_topics_are_the_tables(played)
        assert_bytes_of_repeats_are_equal(played)
    assert (sent > 0) == (kind is members_between)


@pytest.mark.parametrize("kind", KINDS)
async def test_in_any_order_members_have_and_partners_are_told_the_same(sizes: None, kind: Any, soak: int) -> None:
    """Nothing is asked that may be declined, or that is taken from points which others have to bring first."""
    for seed in range(TRIES * soak):
        dice = random.Random(f"any order {kind.__name__} {seed}")
        told = kind(seed, decisions=False)
        on_time = await Play().run([*published_all(told), *(fact(**said) for said in told.facts)])
        mixed = Told(told.programmes, dice.sample(told.facts, len(told.facts)))
        played = await rough(journal(mixed, dice), dice)
        for end in (max(AFTERWARDS, *(said["occurred_at"] for said in told.facts)), *ENDS):
            await on_time.run(ticks(end))
            await played.run(ticks(end))
            if kind is not members_between or end == ENDS[-1]:
                assert stands(played) == stands(on_time), f"{kind.__name__} {seed} at {end}"
        assert told_partners(played, told) == told_partners(on_time, told), f"{kind.__name__} {seed}"
        assert_topics_are_the_tables(played)


def published_all(told: Told) -> list[tuple[int, bytes]]:
    return [one for number, text in enumerate(told.programmes) for one in published(text, number)]


def stands(play: Play) -> dict[str, Any]:
    """Every member's account as the tables have it, unless nothing is left of what had come there. Each must add up."""
    found = {}
    for (partition, name), row in play.store.member.items():
        rows = {key[2:]: value for key, value in play.store.cold.items() if key[:2] == (partition, name)}
        found[name] = account_again(Retold(decode(name, row[-1]), (), rows))  # type: ignore[arg-type]
    return {name: account for name, account in found.items() if any(account.values())}


def told_partners(play: Play, told: Told) -> dict[tuple[str, str], int]:
    """Partner and purchase -> points earned less taken back."""
    purchase = {said["id"]: said.get("purchase", said["id"]) for said in told.facts}
    found = Counter[tuple[str, str]]()
    for (_, partner, _), row in play.store.reward.items():
        reward = json.loads(row["value"])
        sign = 1 if reward["kind"] == "earned" else -1
        found[partner, purchase[reward["id"]]] += sign * reward["points"]
    return {key: points for key, points in found.items() if points}
