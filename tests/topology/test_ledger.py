"""The ledger's worker with no broker and no database: whatever goes wrong, the book and the topics are the same."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from events.decode import encode_fact
from events.facts import Fact
from events.topics import JOURNAL
from events.values import millis
from infra.kafka.client import TopicPartition, partition_of
from services.book.member import Broken
from services.ledger.fold import Stopped
from services.ledger.worker import JournalRefused
from tests.drivers.bad_records import KINDS, bad_records
from tests.drivers.facts import fact, told
from tests.drivers.ledger_memory import MemoryStore
from tests.drivers.ledger_play import PARTITIONS, Play, Process, shuffled_marks
from tests.drivers.ledger_topics import Crash, Recreate, Redeliver, Reorder

EXAMPLES = Path(__file__).parents[2] / "services" / "programme" / "examples"
STEPS = ("fetch", "claim", "commit", "produce", "mark")
FAILPOINTS = [f"{when}-{what}" for what, when in itertools.product(STEPS, ("before", "after"))]


def programme(name: str) -> list[tuple[int, bytes]]:
    """An example's fact, one per partition."""
    return published_to_all(name, (EXAMPLES / f"{name}.yaml").read_text())


def published_to_all(name: str, text: str) -> list[tuple[int, bytes]]:
    value = {
        "type": "programme_published",
        "id": f"programme:{name}",
        "occurred_at": "2010-01-01T00:00:00Z",
        "text": text,
        "sha256": sha256(text.encode()).hexdigest(),
    }
    return [(partition, json.dumps(value).encode()) for partition in range(PARTITIONS)]


def shopping(seed: int, count: int = 60, members: int = 7) -> tuple[list[Fact], dict[str, int]]:
    """Purchases in order of time, and what each member must have: whole pounds of each receipt."""
    rng = random.Random(seed)
    facts, points = [], dict.fromkeys((f"m{n}" for n in range(members)), 0)
    for n in range(count):
        member, pence = rng.choice(list(points)), rng.randint(1, 30_000)
        points[member] += pence // 100
        day = f"2011-{3 + n // 84:02d}-{1 + n // 3 % 28:02d}T{10 + n % 3}:00"
        facts.append(told(f"{day} buy r{n} {pence // 100}.{pence % 100:02d}", member))
    return facts, {name: total for name, total in points.items() if total}


def assert_topics_are_the_tables(play: Play) -> None:
    """Every fact stands on entries.v1 with the seq of its row, and every reward on its partner's topic."""
    published = play.published()
    seqs: dict[int, list[str]] = {}
    for (partition, _), row in sorted(play.store.fact.items()):
        seqs.setdefault(partition, []).append(row["fact_id"])
    assert {p: [record.fact for record in records] for p, records in published.items()} == seqs
    moved = sum(len(posting.entries) for records in published.values() for r in records for posting in r.postings)
    assert moved == len(play.store.entry)
    for (partition, partner, _), row in play.store.reward.items():
        log = play.topics.records[f"rewards.{partner}.v1", partition]
        assert row["value"] in [value for _, value, _ in log]


def assert_bytes_of_repeats_are_equal(play: Play) -> None:
    """A record that was published again has the same key, value and headers."""
    for (topic, partition), log in play.topics.records.items():
        if topic == "entries.v1" or topic.startswith("rewards."):
            first: dict[bytes, Any] = {}
            for message in log:
                seq = dict(message[2])["seq"]
                assert first.setdefault(seq, message) == message, f"{topic}/{partition} seq {seq!r}"


LEVELS = """
programme: levels
version: levels-1
effective_from: 2010-01-01T00:00:00Z
currency: GBP
tier: {levels: [{name: gold, from_minor: 100000}], window_months: 0}
rules:
  - {id: base, share: {points: 1, per_minor: 100, tier_percent: [100, 150]}}
"""


async def test_what_a_late_sale_changes_is_dated_when_it_came_and_names_it() -> None:
    """Gold from 1,000 on. P2 of 12 March comes on the 14th: P3 of the 13th gets 100 more, dated the 14th, by P2."""
    p1, p2, p3 = (
        told(f"2026-03-{day} buy {name} {pounds}.00", "ann")
        for day, name, pounds in ((10, "P1", 600), (12, "P2", 500), (13, "P3", 200))
    )
    play, came_ms = Play(), millis("2026-03-14T09:00:00Z")
    play.topics.taken_at_ms[encode_fact(p2)] = came_ms
    await play.run([*published_to_all("levels", LEVELS), p1, p3, p2])
    (records,) = (records for records in play.published().values() if any(r.fact == "P2" for r in records))
    moved = [
        (record.recorded_at_ms, record.fact, entry.credit, entry.points, entry.lot.rpartition(".")[2])
        for record in records
        for posting in record.postings
        for entry in posting.entries
        if record.fact == "P2"
    ]
    assert moved == [(came_ms, "P2", "lot", 500, "p:P2"), (came_ms, "P2", "lot", 100, "p:P3")]


async def test_purchases_become_balances_entries_and_outcomes() -> None:
    facts, points = shopping(1)
    play = await Play().run([*programme("plain"), *facts])
    assert play.balances() == points
    assert_topics_are_the_tables(play)
    answers = play.answers()
    assert {a.fact for a in answers} == {f.id for f in facts}
    assert sum(a.earned for a in answers) == sum(points.values())
    rows = play.store.position.values()
    assert {p.partition: p.published_seq for p in rows} == {p.partition: p.next_seq - 1 for p in rows}


async def test_small_fetches_make_the_same_book_as_large_ones() -> None:
    facts, _ = shopping(2)
    large = await Play().run([*programme("plain"), *facts])
    small = await Play(most=3).run([*programme("plain"), *facts])
    assert small.book() == large.book()


@pytest.mark.parametrize("name", FAILPOINTS)
async def test_a_crash_at_any_failpoint_changes_nothing(name: str) -> None:
    facts, points = shopping(3)
    calm = await Play(most=8).run([*programme("club"), *facts])
    script = [*programme("club"), *facts[:30], Crash(name), *facts[30:], Crash(name)]
    rough = await Play(most=8).run(script)
    assert rough.lives == 3
    assert rough.book() == calm.book()
    assert set(rough.balances()) == set(points)
    assert_topics_are_the_tables(rough)
    assert_bytes_of_repeats_are_equal(rough)


@pytest.mark.parametrize("seed", range(12))
async def test_crashes_and_redeliveries_change_nothing(seed: int) -> None:
    facts, points = shopping(seed)
    rng = random.Random(seed)
    marks = [Crash(rng.choice(FAILPOINTS)) for _ in range(3)] + [Crash(), Redeliver(5), Redeliver(20), Reorder()]
    play = await Play(most=rng.choice((1, 5, 40))).run([*programme("plain"), *shuffled_marks(facts, marks, seed)])
    assert play.balances() == points
    assert len(play.store.fact) == len(facts) + PARTITIONS
    assert_topics_are_the_tables(play)
    assert_bytes_of_repeats_are_equal(play)


async def test_a_batch_is_folded_while_the_one_before_commits() -> None:
    facts, points = shopping(4, count=120)
    for seed in range(6):
        marks = [Redeliver(8), Redeliver(3), Crash("after-commit"), Crash("before-commit")]
        script = shuffled_marks(facts, marks, seed)
        play = await Play(most=4, members_cached=2).run([*programme("plain"), *script])
        assert play.balances() == points
        assert_topics_are_the_tables(play)
    calm = await Play().run([*programme("plain"), *facts])
    piped = await Play(most=4).run([*programme("plain"), *facts])
    assert piped.book() == calm.book()


async def test_a_linked_return_sees_its_purchase_in_flight_and_in_the_same_batch() -> None:
    story = [
        told("2011-03-01 buy p1 tea=100.00"),
        told("2011-03-02 back b1 of p1 tea=30.00"),
        told("2011-03-03 back b2 of p1 tea=30.00"),
        told("2011-03-04 redeem u1 25"),
        told("2011-03-05 void v1 of u1"),
        told("2011-03-06 back b3 of p1 tea=41.00"),
    ]
    books = [(await Play(most=most).run([*programme("plain"), *story])).book() for most in (1, 2, 3, 100)]
    assert all(book == books[0] for book in books)
    play = await Play(most=1).run([*programme("plain"), *story])
    assert play.balances() == {"ann": 40}
    assert [a.refusal for a in play.answers()][-1] == "return_must_not_exceed_the_purchase"


async def test_a_repeat_is_answered_again_and_gets_no_seq() -> None:
    bought = told("2011-03-01 buy p1 10.00")
    play = await Play().run([*programme("plain"), bought, bought, Crash("after-mark"), bought])
    await play.run([bought])
    answers = [(a.fact, a.status, a.earned, a.available) for a in play.answers()]
    assert set(answers) == {("p1", "done", 10, 10)}
    assert len(answers) >= 4
    assert play.balances() == {"ann": 10}
    assert [row["fact_id"] for row in play.store.fact.values()].count("p1") == 1


async def test_the_same_id_with_other_content_is_parked() -> None:
    first, other = told("2011-03-01 buy p1 10.00"), told("2011-03-01 buy p1 11.00")
    play = await Play().run([*programme("plain"), first, other])
    await play.run([other])
    assert play.balances() == {"ann": 10}
    reasons = set(play.store.parked.values())
    assert reasons == {"p1 revision 0 is known with other content"}
    assert len(play.store.parked) == 2


async def test_other_coordinates_are_no_other_content() -> None:
    again = fact(
        type="purchase", id="p1", occurred_at="2011-03-01T12:00:00Z", lines=[{"item": "goods", "total_minor": 1000}],
        source={"topic": "purchases.v1", "partition": 0, "offset": 7},
    )  # fmt: skip
    play = await Play().run([*programme("plain"), told("2011-03-01 buy p1 10.00"), again])
    assert play.store.parked == {}
    assert len(play.answers()) == 2


async def test_a_known_id_with_a_later_instant_slips_to_the_index_and_is_parked() -> None:
    """The high-water mark lets it pass; the unique index does not, and the refold asks for every id."""
    play = await Play().run([*programme("plain"), told("2011-03-01 buy p1 10.00")])
    await play.run([told("2011-04-01 buy p1 10.00"), told("2011-04-02 buy p2 5.00")])
    assert play.balances() == {"ann": 15}
    assert list(play.store.parked.values()) == ["p1 revision 0 is known with other content"]
    assert ("p2", 0) in play.store.lookups


async def test_facts_in_order_are_not_looked_up() -> None:
    facts, _ = shopping(5)
    play = await Play(most=5).run([*programme("plain"), *facts])
    asked = {key for key in play.store.lookups if not key[0].startswith("programme")}
    assert len(asked) <= 2  # two receipts of one member in the same hour


@pytest.mark.parametrize("lost", ["lose_answer", "lose_commit"])
async def test_a_commit_whose_answer_is_lost_is_found_out(lost: str) -> None:
    facts, points = shopping(6)
    store = MemoryStore(**{lost: 2})
    play = await Play(store=store, most=10).run([*programme("plain"), *facts])
    assert play.balances() == points
    assert_topics_are_the_tables(play)


@pytest.mark.parametrize("away", ["commits", "reads"])
async def test_who_is_asked_to_stop_while_the_database_is_away_ends(away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts, points = shopping(6)
    play, stopping = Play(most=10), asyncio.Event()
    for said in [*programme("plain"), *facts]:
        play.say(said)
    process = Process(play, None)
    await process.work(turns=2)

    async def refused(*_: object) -> None:
        stopping.set()
        raise ConnectionRefusedError("the server is away")

    with monkeypatch.context() as outage:
        if away == "commits":
            outage.setattr(play.store, "commit", refused)
        outage.setattr(play.store, "locked_positions", refused)
        outage.setattr(play.store, "members", refused)
        async with asyncio.timeout(10):
            await process.worker.run(process.journal, stopping)
    assert "servers: not ready (ConnectionRefusedError" in process.health.report()
    await process.kill()
    await play.run([])
    assert play.balances() == points
    assert_topics_are_the_tables(play)


async def test_nothing_is_published_that_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, _ = shopping(14)
    play, seen = Play(most=5), []

    async def write(topic: str, partition: int, records: Any) -> None:
        if topic == "entries.v1":
            seen.extend((partition, int(dict(headers)["seq"])) for _, _, headers in records)
            assert all(one in play.store.fact for one in seen)
        await arrive(topic, partition, records)

    async def slow_commit(batch: Any) -> None:
        for _ in range(20):  # turns of the loop in which something might be published too early
            await asyncio.sleep(0)
        await commit(batch)

    arrive, commit = play.topics.write, play.store.commit
    monkeypatch.setattr(play.topics, "write", write)
    monkeypatch.setattr(play.store, "commit", slow_commit)
    await play.run([*programme("plain"), *facts])
    assert len(set(seen)) == len(play.store.fact)


async def test_failed_writes_leave_no_hole() -> None:
    facts, points = shopping(7)
    play = Play(most=5)
    play.topics.failures = 4
    await play.run([*programme("club"), *facts])
    assert set(play.balances()) == set(points)
    assert_topics_are_the_tables(play)
    assert_bytes_of_repeats_are_equal(play)


async def test_a_member_of_another_partition_is_parked() -> None:
    wrong = (partition_of(b"ann", PARTITIONS) + 1) % PARTITIONS
    value = json.dumps({"type": "enrolled", "id": "e1", "member": "ann", "occurred_at": "2011-03-01T12:00:00Z"})
    play = Play()
    play.topics.say(value.encode(), "ann", wrong)
    await play.run([])
    assert list(play.store.parked.values()) == ["member ann belongs to another partition"]


async def test_a_programme_with_faults_or_with_another_hash_is_parked() -> None:
    value = {"type": "programme_published", "id": "p", "occurred_at": "2010-01-01T00:00:00Z", "text": "rules: 7"}
    right = {**value, "sha256": sha256(b"rules: 7").hexdigest()}
    wrong = {**value, "id": "q", "sha256": sha256(b"other").hexdigest()}
    play = await Play().run([json.dumps(right).encode(), json.dumps(wrong).encode()])
    faulty, unlike = (play.store.parked[0, offset] for offset in (0, 1))
    assert faulty.startswith("the programme has faults: ")
    assert unlike == "sha256 is not that of the text"


async def test_a_programme_counts_from_its_own_instant_on_and_its_partners_have_topics() -> None:
    """Also for those before it that lie in its time: p0 is rated when the programme comes."""
    play = await Play().run([told("2011-03-01 buy p0 10.00"), *programme("club"), told("2011-03-02 buy p1 10.00")])
    assert play.balances() == {"ann": 20}
    assert sorted(play.partners) == ["shops-eire", "shops-france", "shops-germany"]
    assert not [row for row in play.store.fact.values() if row["type"] == "programme_published" and row["member"]]


async def test_rewards_are_numbered_without_gaps_per_partner_and_partition() -> None:
    facts = [
        fact(type="purchase", id=f"r{n}", member=f"m{n % 5}", occurred_at=f"2011-03-01T12:00:{n:02d}Z",
             partner=("shops-eire", "shops-france", "nobody")[n % 3], lines=[{"item": "tea", "total_minor": 1000}])
        for n in range(40)
    ]  # fmt: skip
    play = await Play(most=7).run(
        [*programme("club"), *shuffled_marks(facts, [Crash("after-commit"), Crash("before-produce")], 1)]
    )
    by_partner: dict[tuple[int, str], list[int]] = {}
    for partition, partner, seq in sorted(play.store.reward):
        by_partner.setdefault((partition, partner), []).append(seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in by_partner.values())
    assert {partner for _, partner in by_partner} == {"shops-eire", "shops-france"}
    assert len(play.store.reward) == 27
    assert_topics_are_the_tables(play)
    assert_bytes_of_repeats_are_equal(play)


def tick(when: str, number: int = 0, slices: int = 1) -> list[tuple[int, bytes]]:
    return [
        (p, json.dumps({"type": "tick", "id": f"tick:{p}:{when}:{number}/{slices}", "occurred_at": when,
                        "slice": number, "slices": slices}).encode())
        for p in range(PARTITIONS)
    ]  # fmt: skip


@pytest.mark.parametrize("most", [2, 10_000])
async def test_ticks_let_points_end_in_slices_and_once(most: int) -> None:
    facts, points = shopping(8)
    slices = [one for number in range(3) for one in tick("2012-01-01T00:00:00Z", number, 3)]
    play = await Play(most=most).run([*programme("club"), *facts, *slices, Redeliver(9), *slices[:2]])
    assert set(play.balances().values()) == {0}
    expired = [row for row in play.store.entry.values() if row["credit"] == "expired"]
    issued = [row for row in play.store.entry.values() if row["debit"] == "issued"]
    assert sum(r["points"] for r in expired) == sum(r["points"] for r in issued) > 0
    ticks = [row for row in play.store.fact.values() if row["type"] == "tick"]
    assert len(ticks) == 9
    assert set(points) == {json.loads(s)[0] for row in ticks for s in map(json.dumps, json.loads(row["postings"]))}
    assert_topics_are_the_tables(play)


LATE = """
programme: late
version: late-{number}
effective_from: {begins}T00:00:00Z
currency: GBP
tier: {{levels: [{{name: silver, from_minor: 10000}}], window_months: {months}}}
rules:
  - {{id: base, share: {{points: 1, per_minor: 100, tier_percent: [100, 150]}}}}
"""


async def test_a_version_published_late_counts_what_time_alone_has_dropped_since_it_began() -> None:
    """120.00 in February count for a month, so a tick of 20 March has dropped them. A version of twelve months, from
    1 March on, is published after that tick: from its beginning they count, and 10.00 later earn 15 points."""

    def published(number: int, begins: str, months: int) -> list[tuple[int, bytes]]:
        text = LATE.format(number=number, begins=begins, months=months)
        value = {"type": "programme_published", "id": f"programme:{number}", "text": text}
        value |= {"occurred_at": "2026-03-22T00:00:00Z", "sha256": sha256(text.encode()).hexdigest()}
        return [(partition, json.dumps(value).encode()) for partition in range(PARTITIONS)]

    first, second = published(1, "2026-01-01", 1), published(2, "2026-03-01", 12)
    bought = told("2026-02-15 buy a 120.00", "m1")
    script = [*first, bought, *tick("2026-03-20T00:00:00Z"), *second, told("2026-03-25 buy b 10.00", "m1")]
    play = await Play(most=10_000).run(script)
    assert play.balances() == {"m1": 120 + 15}


async def test_a_version_published_ahead_counts_levels_anew_for_whom_nobody_sees_again() -> None:
    """120.00 make silver for a year; from 1 April on for a month, which is over by then."""
    first = published_to_all("first", LATE.format(number=1, begins="2026-01-01", months=12))
    second = published_to_all("second", LATE.format(number=2, begins="2026-04-01", months=1))
    bought = told("2026-02-15 buy a 120.00", "m1")
    for day, level in (("2026-03-31", 1), ("2026-04-01", 0)):
        play = await Play(most=10_000).run([*first, bought, *second, *tick(f"{day}T00:00:00Z")])
        assert [row[7] for (_, name), row in play.store.member.items() if name == "m1"] == [level]


@pytest.mark.parametrize(
    "error", [Broken("the sum of lots is not the balance"), RuntimeError("a bug"), RecursionError()]
)
async def test_a_fact_that_cannot_be_folded_stops_its_partition_only(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from services.ledger import fold

    def broken(member: Any, said: Any, *rest: Any) -> Any:
        if said.id == "poison":
            raise error
        return step(member, said, *rest)

    step = fold.step
    monkeypatch.setattr(fold, "step", broken)
    play = poisoned()
    await assert_only_the_poisoned_partition_stops(play)
    monkeypatch.setattr(fold, "step", step)  # a better program comes
    await assert_all_goes_on(play)


async def test_a_row_that_the_database_refuses_stops_its_partition_only() -> None:
    play = poisoned()
    play.store.refuses = "poison"
    await assert_only_the_poisoned_partition_stops(play)
    play.store.refuses = ""
    await assert_all_goes_on(play)


async def test_a_bug_beside_the_fold_stops_its_partition_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(draft: Any, in_flight: Any) -> None:
        if any(item.fact.id == "poison" for item in draft.items):
            raise RuntimeError("a bug that does not say which fact it met")
        set_repeats_aside(draft, in_flight)

    from services.ledger import fold

    set_repeats_aside = fold.set_repeats_aside
    monkeypatch.setattr(fold, "set_repeats_aside", broken)
    play = poisoned()
    await assert_only_the_poisoned_partition_stops(play)
    monkeypatch.setattr(fold, "set_repeats_aside", set_repeats_aside)
    await assert_all_goes_on(play)


NAMES = [f"m{n}" for n in range(12)]
STUCK = partition_of(NAMES[0].encode(), PARTITIONS)


def poisoned() -> Play:
    """Ten points for everybody, then a fact named poison (ten for the first), then ten for everybody."""
    play = Play()
    for text in programme("plain"):
        play.say(text)
    for name in NAMES:
        play.say(told(f"2011-03-01 buy a-{name} 10.00", name))
    play.say(told("2011-03-01 buy poison 10.00", NAMES[0]))
    for name in NAMES:
        play.say(told(f"2011-03-03 buy b-{name} 10.00", name))
    return play


async def assert_only_the_poisoned_partition_stops(play: Play) -> None:
    """It stands just before the poison, and says so."""
    process = Process(play, None)
    await process.work()
    await process.kill()
    expected = {name: 10 if partition_of(name.encode(), PARTITIONS) == STUCK else 20 for name in NAMES}
    assert play.balances() == expected
    log = play.topics.records["journal.v1", STUCK]
    offset = next(n for n, (_, value, _) in enumerate(log) if b'"poison"' in value)
    assert play.store.position[STUCK].next_offset == offset
    assert not process.health.ready
    assert f"partitions: not ready (journal.v1/{STUCK} stops at offset {offset}" in process.health.report()
    assert b"tallystick_ledger_stopped_partitions 1.0" in process.registry.text()
    assert_topics_are_the_tables(play)


async def assert_all_goes_on(play: Play) -> None:
    await play.run([])
    assert play.balances() == {name: 30 if name == NAMES[0] else 20 for name in NAMES}
    assert_topics_are_the_tables(play)


async def test_every_bad_record_is_parked_with_its_reason_and_costs_its_neighbours_nothing() -> None:
    facts, points = shopping(12)
    play = Play(most=7, wall=True)
    bad = [one for number in range(3) for one in bad_records(JOURNAL, number, PARTITIONS)]
    dice = random.Random(12)
    for text in programme("plain"):
        play.say(text)
    expected: dict[tuple[int, int], str] = {}
    for one in bad:
        for said in (facts.pop(0) for _ in range(dice.randrange(2)) if facts):
            play.say(said)
        for record in filter(None, (one.after, one.record)):
            partition = partition_of(record.placed_by, PARTITIONS)
            log = play.topics.records.setdefault((JOURNAL.name, partition), [])
            log.append((record.key, record.value, record.headers))  # type: ignore[arg-type]
        expected[partition, len(log) - 1] = one.reason
    for said in facts:
        play.say(said)
    process = Process(play, None)
    await process.work()
    assert process.health.ready, process.health.report()
    await process.kill()
    assert play.store.parked.keys() == expected.keys()
    assert [place for place, reason in expected.items() if reason not in play.store.parked[place]] == []
    firsts = {f"mem_{n}-{i}" for n in range(3) for i, kind in enumerate(KINDS) if kind.name.startswith("a receipt of")}
    assert play.balances() == points | dict.fromkeys(firsts, 5)


async def test_a_parked_record_that_comes_again_is_known_as_such() -> None:
    value = b'{"type":"enrolled","id":"e1","occurred_at":"2011-03-01T12:00:00Z","member":"ann"}'
    partition = partition_of(b"ann", PARTITIONS)
    play = Play()
    log = play.topics.records.setdefault((JOURNAL.name, partition), [])
    log += [(b"ann", value, ()), (b"ann", value, (("retry_of", b"0"),)), (b"ann", b"{", (("retry_of", b"7"),))]
    log += [(b"ann", value, (("retry_of", b"-1"),)), (b"ann", value, (("retry_of", b"1"), ("more", b"")))]
    await play.run([])
    assert play.store.retries == [(partition, 1), (partition, 2)]
    assert [row["fact_id"] for row in play.store.fact.values()] == ["e1"]
    assert list(play.store.parked) == [(partition, 2)]


async def test_a_journal_made_anew_or_cut_or_exchanged_is_refused() -> None:
    facts, _ = shopping(9)
    play = await Play().run([*programme("plain"), *facts])
    with pytest.raises(JournalRefused, match="made anew"):
        await play.run([Recreate()])
    play.journal_id = "journal-1"
    for (topic, _), log in play.topics.records.items():
        if topic == "journal.v1":
            log[-1] = (log[-1][0], log[-1][1] + b" ", ())
    with pytest.raises(JournalRefused, match="another record"):
        await play.run([])
    for (topic, _), log in play.topics.records.items():
        if topic == "journal.v1":
            del log[-1]
    with pytest.raises(JournalRefused, match="truncated"):
        await play.run([])


async def test_who_was_overtaken_commits_nothing_more() -> None:
    facts, points = shopping(10)
    play = Play(most=10)
    for said in [*programme("plain"), *facts[:30]]:
        play.say(said)
    first = Process(play, None)
    await first.work(turns=1)
    second = Process(play, None)
    await second.work(turns=1)
    for said in facts[30:]:
        play.say(said)
    await first.worker.turn(first.journal)
    await first.worker.settle(first.journal)
    assert first.worker.owned == {}
    await second.worker.turn(second.journal)
    await second.kill()
    await play.run([])
    assert play.balances() == points
    assert_topics_are_the_tables(play)


async def test_who_comes_back_knows_what_another_did_meanwhile() -> None:
    facts, points = shopping(13)
    play = Play(most=10)
    for said in [*programme("plain"), *facts[:30]]:
        play.say(said)
    first = Process(play, None)
    await first.work(turns=2)
    await first.worker.settle(first.journal)
    second = Process(play, None)
    await second.work()
    await second.kill()
    for said in facts[30:]:
        play.say(said)
    first.journal.begin(await first.worker.claim(first.journal, range(PARTITIONS)))
    while first.journal.waiting():
        await first.worker.turn(first.journal)
    await first.worker.settle(first.journal)
    await first.kill()
    await play.run([])
    assert play.balances() == points
    assert_topics_are_the_tables(play)


async def test_a_lost_partition_is_refolded_without_the_others_losing_anything() -> None:
    facts, points = shopping(11)
    play = Play(most=50)
    for said in [*programme("plain"), *facts]:
        play.say(said)
    process = Process(play, None)
    process.journal.begin(await process.worker.claim(process.journal, range(PARTITIONS)))
    await play.store.claim([0], "journal-1")  # another owner takes one partition
    while process.journal.waiting():
        await process.worker.turn(process.journal)
    await process.worker.settle(process.journal)
    assert sorted(process.worker.owned) == [1, 2]
    mine = {name: total for name, total in points.items() if partition_of(name.encode(), PARTITIONS) != 0}
    assert play.balances() == mine
    await process.kill()
    await play.run([])
    assert play.balances() == points


def test_a_stop_says_where_and_why() -> None:
    assert str(Stopped(3, 17, "purchase p1 cannot be folded")) == (
        "journal.v1/3 stops at offset 17: purchase p1 cannot be folded"
    )
    assert TopicPartition("journal.v1", 3).partition == 3
