"""The bench's own parts that need no server: what it feeds, what it counts, how it names where time goes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from events.decode import decode_fact, encode_fact
from infra.kafka.client import partition_of
from tests.bench import pace, rate, steps
from tests.bench.backlog import Backlog
from tests.bench.count import Count
from tests.bench.grocery import Grocery
from tests.bench.house import BenchFailed
from tests.bench.report import run, spread
from tests.bench.steps import STEPS, shared_out, step_of
from tests.bench.workload import GROCER, PARTITIONS, Mix, Workload
from tests.drivers.documents import ROOT

FACTS = 20_000


@pytest.fixture(scope="module")
def workload() -> list[bytes]:
    return [sent.value for sent in Workload(Mix(members=2_000), FACTS).facts(FACTS)]


def test_the_mix_is_what_the_documents_say(workload: list[bytes]) -> None:
    first = list(dict.fromkeys(workload))
    kinds = Counter(json.loads(value)["type"] for value in first)
    assert len(workload) == FACTS
    assert FACTS - len(first) == pytest.approx(0.005 * FACTS, rel=0.3)
    assert kinds["redemption_requested"] == pytest.approx(0.12 * FACTS, rel=0.05)
    assert kinds["return"] == pytest.approx(0.05 * FACTS, rel=0.1)
    purchases = [value for value in first if json.loads(value)["type"] == "purchase"]
    assert sum(map(len, purchases)) / len(purchases) == pytest.approx(600, abs=5)
    assert {len(json.loads(value)["lines"]) for value in purchases} == {5}


def test_it_is_the_same_every_time_and_written_as_intake_writes(workload: list[bytes]) -> None:
    again = Workload(Mix(members=2_000), FACTS).facts(FACTS)
    assert [sent.value for sent in islice(again, 1_000)] == workload[:1_000]
    assert all(encode_fact(decode_fact(value)) == value for value in workload[:1_000])


def test_a_record_lies_in_the_partition_of_its_member() -> None:
    for sent in Workload(Mix(members=50), 500).facts(500):
        assert json.loads(sent.value)["member"].encode() == sent.key
        assert partition_of(sent.key, PARTITIONS) == sent.partition


def fact(name: str, kind: str, at: str, **more: object) -> bytes:
    return json.dumps({"type": kind, "id": name, "occurred_at": at, "member": "ann", **more}).encode()


def line(item: str, pence: int, category: str) -> dict[str, object]:
    return {"item": item, "total_minor": pence, "categories": [category]}


def test_the_count_counts_as_a_bookkeeper_would() -> None:
    """By hand: 99.99 + wine 12.00 is 111 and 6 for wine, then silver: 20.50 is floor(25.625) = 25."""
    lines = [line("tea", 9_999, "fresh"), line("wine", 1_200, "wine"), line("gift", 5_000, "gift-card")]
    counted = Count().add(
        [
            fact("p1", "purchase", "2025-03-10T09:00:00Z", lines=lines, partner="fuel"),
            fact("p2", "purchase", "2025-03-11T09:00:00Z", lines=[line("tea", 2_050, "fresh")]),
            fact("r1", "redemption_requested", "2025-03-12T09:00:00Z", points=143),
            fact("r2", "redemption_requested", "2025-03-12T10:00:00Z", points=100),
            fact("r2", "redemption_requested", "2025-03-12T10:00:00Z", points=100),
            fact("b1", "return", "2025-03-13T09:00:00Z", lines=lines[:1], purchase="p1", partner="fuel"),
        ]
    )
    ann = counted.members["ann"]
    assert (counted.facts, counted.repeats, counted.declined) == (5, 1, 1)
    # 142 earned, 143 declined, 100 spent from p1's lot: 17 and 25 are left; tea back: 117 - (12 + 6) = 99 to take
    assert (ann.available, ann.debt, ann.spend) == (0, 57, 3_250)
    assert counted.moved == {"issued": 142, "spent": 100, "reversed": 99}
    assert counted.rewards == {("fuel", "earned"): 117, ("fuel", "reversed"): 99}


def test_the_count_lets_points_end_six_months_later_and_spend_after_twelve() -> None:
    counted = Count().add(
        [
            fact("p1", "purchase", "2025-08-31T10:00:00Z", lines=[line("tea", 10_000, "fresh")]),
            fact("r1", "redemption_requested", "2026-02-28T23:59:59Z", points=40),
            fact("r2", "redemption_requested", "2026-03-01T00:00:00Z", points=10),
            fact("p2", "purchase", "2026-08-31T22:59:59Z", lines=[line("tea", 400, "fresh")]),
            fact("p3", "purchase", "2026-08-31T23:00:00Z", lines=[line("tea", 400, "fresh")]),
        ]
    )
    # through 28 February (31 August and six months); silver until the end of 31 August 2026, London
    assert counted.declined == 1
    assert counted.moved == {"issued": 109, "spent": 40, "expired": 60}
    assert counted.members["ann"].spend == 800


def test_the_pure_path_is_exact_and_another_programme_is_not(tmp_path: Path) -> None:
    backlog = Backlog(Mix(members=100), 1_000)
    _, members = rate.fold(backlog)
    assert rate.differences(backlog, members) == []
    wrong = tmp_path / "programme.yaml"
    wrong.write_text(backlog.programme.read_text().replace("per_minor: 200", "per_minor: 199"))
    backlog.programme = wrong
    _, members = rate.fold(backlog)
    assert rate.differences(backlog, members)


def test_every_step_is_of_a_file_that_there_is() -> None:
    """A file that was renamed would send its time elsewhere."""
    ours = [
        str(path.relative_to(ROOT)) for room in ("events", "services", "infra") for path in (ROOT / room).rglob("*.py")
    ]
    theirs = ("aiokafka/", "asyncpg/", "asyncio/", "uvloop/")
    lost = [part for part, _, _ in STEPS if not part.startswith(theirs) and not any(part in path for path in ours)]
    assert lost == []


@pytest.mark.parametrize(
    ("path", "function", "step"),
    [
        ("/a/services/ledger/reading.py", "digest", "hash of the body"),
        ("/a/services/ledger/reading.py", "_item", "decode"),
        ("/a/services/book/step.py", "step", "post"),
        ("/a/services/programme/rate.py", "rate", "rate"),
        ("/a/lib/aiokafka/producer/sender.py", "_sender_routine", "publish"),
        ("/a/lib/somewhere/else.py", "f", ""),
    ],
)
def test_a_sample_is_named_by_the_first_row_that_fits(path: str, function: str, step: str) -> None:
    assert step_of(path, function) == step


def test_the_folder_of_the_checkout_names_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "REPOSITORY", Path("/shop/programme"))
    assert step_of("/shop/programme/services/book/step.py", "step") == "post"


def test_samples_share_the_cpu_of_the_round() -> None:
    assert shared_out({"decode": 30, "post": 10}, 20.0) == {"decode": 15.0, "post": 5.0}


def test_the_yardstick_is_a_fixed_piece_of_work() -> None:
    """Against a second program, which reads each receipt by itself and keeps no state but sums."""
    said, units = pace.receipts(), 2_500
    points = Counter[str]()
    written = 0
    recent: dict[str, list[tuple[int, int]]] = {}
    paid = Counter[str]()
    for n in range(units):
        receipt = json.loads(said[n % 1_000])
        member = receipt["member"]
        counted = [one for one in receipt["lines"] if "tobacco" not in one["groups"]]
        got = sum(one["cents"] for one in counted) // 100
        got += 2 * sum(one["cents"] for one in counted if "fresh" in one["groups"]) // 100
        points[member] += got
        paid[member] += sum(one["cents"] for one in counted)
        recent[member] = [*recent.get(member, []), (n, got)][-8:]
        written += len(msgspec.msgpack.encode([receipt["id"], member, [points[member], paid[member], recent[member]]]))
    assert pace.fold(said, units) == written + points.total()


def test_the_pace_is_the_yardsticks_time_over_its_time_where_the_rates_were_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([10.0, 10.0 + 2 * 400 * pace.REFERENCE_US / 1e6])
    monkeypatch.setattr(pace, "process_time", lambda: next(clock))
    assert pace.pace(pace.receipts(), 400) == pytest.approx(2.0)


def test_the_spread_is_told() -> None:
    assert spread([3, 1, 2]) == {"median": 2, "least": 1, "most": 3}
    assert spread([0.5, 1.0]) == {"median": 0.75, "least": 0.5, "most": 1.0}


@pytest.mark.parametrize(("exact", "kept", "code"), [(True, True, 0), (False, True, 1), (True, False, 1)])
def test_a_run_that_was_not_exact_or_kept_no_promise_ends_with_1(
    exact: bool, kept: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def bench() -> dict[str, object]:
        differences = [] if exact else ["member ann: 1, counted 2"]
        return {"bench": "none", "exact": exact, "differences": differences, "promises": [{"kept": kept}]}

    assert run(bench) == code
    *_, last = capsys.readouterr().out.splitlines()
    assert json.loads(last)["exact"] is exact
    assert all(0.1 < one < 100 for one in json.loads(last)["machine"]["pace"])


def test_a_run_that_could_not_end_is_a_sentence_and_1(capsys: pytest.CaptureFixture[str]) -> None:
    async def bench() -> dict[str, object]:
        raise BenchFailed("the worker ended with exit code 3")

    assert run(bench) == 1
    assert capsys.readouterr().err == "error: the worker ended with exit code 3\n"


def test_records_that_come_late_are_counted_where_they_belong() -> None:
    """By hand: 50 to begin with, 99 for a basket; the late one of the day before makes silver, and so 123 of it.

    The request for 140 came before the late record, with 149 there: it is granted, and stays so.
    """
    counted = Count(book=True).add(
        [
            fact("e", "enrolled", "2025-03-01T00:00:00Z"),
            fact("p1", "purchase", "2025-03-10T09:00:00Z", lines=[line("tea", 9_900, "dry-goods")]),
            fact("r1", "redemption_requested", "2025-03-10T10:00:00Z", points=140),
            fact("r2", "redemption_requested", "2025-03-10T11:00:00Z", points=20),
            fact("p0", "purchase", "2025-03-09T09:00:00Z", lines=[line("ice", 10_000, "frozen") | {"quantity": 11}]),
        ]
    )
    ann = counted.members["ann"]
    assert (counted.declined, ann.available, ann.debt, ann.stamps) == (1, 50 + 100 + 123 - 140, 0, 11)
    assert counted.moved == {"issued": 50 + 100 + 123, "spent": 140}


def test_the_pure_path_is_exact_where_purchases_come_late() -> None:
    backlog = Backlog(Mix(members=100, returns=0.1, late=0.1), 1_000, "book")
    _, members = rate.fold(backlog)
    assert rate.differences(backlog, members) == []
    assert any(member.units for member in members.values())


def test_the_pure_path_is_exact_with_a_grocers_programme() -> None:
    """Few members and many receipts, so that vouchers, caps, free things and debts come about, and are undone."""
    backlog = Backlog(replace(GROCER, members=12, late=0.05), 1_000, "grocery")
    _, members = rate.fold(backlog)
    assert rate.differences(backlog, members) == []
    assert {"card", "free-coffee", "five-off"} <= {unit for member in members.values() for unit in member.units}
    assert any(member.debts_made for member in members.values())
    assert backlog.counted.messages == sum(member.said for member in members.values()) > 0


def test_the_grocers_count_counts_as_a_bookkeeper_would() -> None:
    """By hand: 100 to begin with. Of 110.00 (60.00 fruit, two coffees and a cake of 30.00, 20.00 tobacco): 90 of 90.00,
    120 of the fruit, 10 of the set, a card and a point for the cause. Fuel of 20.00: 10, a fortnight later. Then the
    month comes to 110.00 that count: 1, in April. The fruit comes back: 60, 120 and the month's are gone (50.00 count),
    and a point of the cause."""
    lines = [
        line("apple", 6_000, "fruit"),
        line("bean", 2_000, "coffee") | {"quantity": 2},
        line("pie", 1_000, "cake"),
        line("pipe", 2_000, "tobacco"),
    ]
    counted = Grocery().add(
        [
            fact("e", "enrolled", "2026-03-01T00:00:00Z"),
            fact("p1", "purchase", "2026-03-10T09:00:00Z", lines=lines),
            fact("p2", "purchase", "2026-03-11T09:00:00Z", lines=[line("oil", 2_000, "home")], partner="fuel"),
        ]
    )
    ann = counted.members["ann"]
    assert (ann.available, ann.pending, ann.debt, ann.spend) == (100 + 90 + 120 + 10, 10 + 1, 0, 11_000)
    assert ann.units == {"card": 1}
    assert counted.rewards == {("fuel", "earned"): 10 + 1}
    counted.add(
        [
            fact("r", "redemption_requested", "2026-03-12T09:00:00Z", points=300),
            fact("b", "return", "2026-03-13T09:00:00Z", lines=lines[:1], purchase="p1"),
        ]
    )
    ann = counted.members["ann"]
    assert (ann.available, ann.pending, ann.debt, ann.spend) == (0, 10, 160, 5_000)
    assert ann.units == {}
    assert (counted.messages, counted.everybody["red-cross"].available) == (2, 0)
    assert counted.moved["issued"] == 100 + 90 + 120 + 10 + 10 + 1 + 1
