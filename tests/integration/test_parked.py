"""`./run parked` on the real servers: what each place has parked is looked at, read again, and discarded."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from events.decode import Unreadable
from events.topics import ENTRIES, INBOUND, JOURNAL, PURCHASES, REDEMPTIONS
from infra.kafka.client import WriteFailed, Writer, partition_of
from infra.kafka.topics_admin import ensure_topics
from infra.postgres.pool import open_pool
from infra.settings import Settings, child_environment, variables
from services.intake import worker as intake_worker
from services.workbench.parked.records import BEGINNING, Filter, shelves
from tests.drivers.intake import REPOSITORY, Shop, ended, intake, purchase, shop_of, start_intake, until
from tests.drivers.ledger import Ledger, ledger_of, process_of
from tests.integration.test_projections import projections

MEMBER = b"mem_a"


@pytest_asyncio.fixture
async def shop(house: Settings) -> AsyncIterator[Shop]:
    async with shop_of(house) as shop:
        yield shop


class Said:
    """What a command printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        assert self.code in (0, 1), self.err
        return json.loads(self.out)


async def parked(house: Settings, *arguments: str) -> Said:
    """`./run parked ...` with the house's servers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.workbench", "parked", *arguments),
        env=child_environment() | variables(house) | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", "TERM": "dumb"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


def place(source: str, offset: int, settings: Settings) -> str:
    return f"{PURCHASES.name}/{partition_of(source.encode(), settings.partitions)}/{offset}"


async def state(shop: Shop, at: str) -> tuple[Any, ...]:
    """(state, retry_of, retried_as) of a parked inbound record."""
    topic, partition, offset = at.split("/")
    query = 'select state, retry_of, retried_as from parked where topic = $1 and partition = $2 and "offset" = $3'
    (row,) = await shop.rows(query, topic, int(partition), int(offset))
    return row


async def test_a_house_in_which_nothing_ran_yet_has_nothing_parked(house: Settings) -> None:
    await ensure_topics(house, INBOUND)
    assert (await parked(house, "list", "--json")).json == {"parked": [], "after": None}
    assert "nothing is parked here" in (await parked(house, "list")).out
    said = await parked(house, "show", "purchases.v1/0/0")
    assert said.code == 2
    sentence = "nothing is parked at purchases.v1/0/0; `./run parked list --topic purchases.v1` shows what is"
    assert said.err == f"error: {sentence}\n"


async def test_what_lies_in_all_three_places_is_listed_and_shown(shop: Shop, house: Settings) -> None:
    await shop.say(PURCHASES, "till-1", b"\xff\x00{", ce_type="tallystick.purchase.v1")
    await shop.buy("till-1", *(b'{"nr": %d}' % n for n in range(4)), "très\tbon\n".encode())
    await shop.redeem("till-1", {"type": "gift\x1b[31m"})
    journal = partition_of(MEMBER, house.partitions)
    async with ledger_of(house) as ledger, projections(house), process_of(house, clock="facts"), intake(house):
        await ledger.write(journal, [(b"\x00k", b"{", (("h", b"\xff"),)), (None, None, ())])
        await ledger.writer.write(ENTRIES.name, 2, [(b"who", b"[" * 5000, ())])
        await shop.heard()
        await ledger.all_booked()
        await until(lambda: _projections_parked(ledger), "both read models have parked it")

    rows = (await parked(house, "list", "--json")).json["parked"]
    till = partition_of(b"till-1", house.partitions)
    assert [(row["coordinates"], row["read_by"], row["state"], row["bytes"]) for row in rows] == [
        ("entries.v1/2/0", "balance, tier", "parked", 5000),
        (f"journal.v1/{journal}/0", "ledger", "parked", 1),
        (f"journal.v1/{journal}/1", "ledger", "parked", None),
        (f"purchases.v1/{till}/0", "intake", "parked", 3),
        *((f"purchases.v1/{till}/{n}", "intake", "parked", 9) for n in range(1, 5)),
        (f"purchases.v1/{till}/5", "intake", "parked", 10),
        (f"redemptions.v1/{till}/0", "intake", "parked", 26),
    ]
    assert rows[2]["reason"] == "the record has no value"
    assert rows[-1]["reason"] == r"Invalid value 'gift\x1b[31m' - at `$.type`"
    assert all(row["logged_at"] for row in rows[1:])

    first = (await parked(house, "list", "--json", "--limit", "4")).json
    rest = (await parked(house, "list", "--json", "--limit", "50", "--after", first["after"])).json
    assert [*first["parked"], *rest["parked"]] == rows
    assert (first["after"], rest["after"]) == (rows[3]["coordinates"], None)
    of_topic = (await parked(house, "list", "--json", "--topic", house.topic_prefix + "purchases.v1")).json["parked"]
    assert of_topic == rows[3:9]
    for_reason = (await parked(house, "list", "--json", "--reason", "missing required field")).json["parked"]
    assert for_reason == rows[4:8]
    listed = await parked(house, "list", "--limit", "3")
    assert "Input data was truncated" in listed.out
    assert f"there are more: add --after journal.v1/{journal}/1" in listed.out

    shown = (await parked(house, "show", rows[1]["coordinates"], "--json")).json
    assert (shown["key"], shown["headers"], shown["value"]) == ("\x00k", [{"name": "h", "value_hex": "ff"}], "{")
    shown = (await parked(house, "show", rows[3]["coordinates"], "--json")).json
    assert (shown["key"], shown["value_hex"]) == ("till-1", "ff007b")
    assert shown["headers"] == [{"name": "ce_type", "value": "tallystick.purchase.v1"}]
    words = (await parked(house, "show", rows[3]["coordinates"])).out
    assert "value      3 bytes, in hex, because it is no text that can be printed" in words
    assert "00000000  ff 00 7b                                         ..{" in words
    assert (await parked(house, "show", rows[2]["coordinates"])).out.endswith("  key        none\n  value      none\n")
    words = (await parked(house, "show", rows[8]["coordinates"])).out
    assert words.endswith("  value      10 bytes, text\n\ntrès\tbon\n\n")
    words = (await parked(house, "show", rows[9]["coordinates"])).out
    assert "\x1b" not in words
    assert '{"type": "gift\\u001b[31m"}' in words
    whole = (await parked(house, "show", rows[0]["coordinates"])).out
    assert "[" * 5000 in whole


async def _projections_parked(ledger: Ledger) -> bool:
    try:
        return all([await ledger.rows(f"select from {model}_1.parked") for model in ("balance", "tier")])
    except asyncpg.UndefinedTableError:  # the projections have just been started
        return False


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "purchases.v1/3"], "'purchases.v1/3' are no coordinates: write topic, partition and offset, such as"),
        (["show", "purchases.v1/3/x"], "are no coordinates"),
        (
            ["show", "outcomes.v1/3/1"],
            "nothing is parked of topic 'outcomes.v1': records are parked of adjustments.v1,",
        ),
        (["list", "--topic", "nonsense"], "nothing is parked of topic 'nonsense'"),
        (["list", "--state", "lost"], "there is no state 'lost': there are waiting, all, parked, retrying, retried,"),
        (["list", "--after", "here"], "are no coordinates"),
        (["retry"], "name the coordinates of some records, or say --all"),
        (["retry", "--topic", "purchases.v1"], "name the coordinates of some records, or say --all"),
        (["retry", "--all", "purchases.v1/3/1"], "name the coordinates of some records, or say --all"),
        (["retry", "purchases.v1/3/1"], "nothing is parked at purchases.v1/3/1; `./run parked list"),
        (["discard", "purchases.v1/3/1", "--by", "ann", "--why", " "], "for a reason: --by NAME --why TEXT"),
    ],
)
async def test_what_cannot_be_meant_is_a_sentence(house: Settings, arguments: list[str], sentence: str) -> None:
    said = await parked(house, *arguments)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert sentence in said.err
    assert "Traceback" not in said.err


async def test_a_discard_needs_somebody_and_a_reason(house: Settings) -> None:
    said = await parked(house, "discard", "purchases.v1/3/1")
    assert said.code == 2
    assert "--by" in said.err


async def test_a_server_that_is_away_is_a_sentence(house: Settings) -> None:
    away = house.model_copy(update={"database_url": type(house.database_url)("postgresql://x:y@127.0.0.1:1/z")})
    said = await parked(away, "list")
    assert said.code == 2
    assert said.err.startswith("error: a server does not answer: ")


async def test_a_record_is_read_again_by_a_program_that_can(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parked by a program with a fault, retried under one without: booked once, in its order, and said so."""
    hear = intake_worker.hear

    def cannot_yet(*said: Any) -> Any:
        if said[3] and b'"r1"' in said[3]:
            raise Unreadable("a dialect of next year")
        return hear(*said)

    monkeypatch.setattr(intake_worker, "hear", cannot_yet)
    await shop.buy("till-1", purchase("r0", "1"), purchase("r1", "1"), purchase("r2", "1"))
    at = place("till-1", 1, shop.settings)
    async with intake(shop.settings):
        await shop.heard()
    assert [fact["id"] for fact in await shop.facts()] == ["r0", "r2"]
    monkeypatch.setattr(intake_worker, "hear", hear)
    again = place("till-1", 3, shop.settings)
    async with intake(shop.settings):
        assert (await parked(shop.settings, "retry", at, "--json")).json == {
            "retried": [{"coordinates": at, "read_again_as": again}],
            "refused": [],
        }
        shop.sent[PURCHASES.name, int(at.split("/")[1])] += 1
        await shop.heard()
    assert [fact["id"] for fact in await shop.facts()] == ["r0", "r2", "r1"]
    assert await state(shop, at) == ("retried", None, 3)
    assert (await parked(shop.settings, "list", "--json")).json["parked"] == []
    shown = (await parked(shop.settings, "show", at, "--json")).json
    assert (shown["state"], shown["retried_as"], shown["came_of_it"]) == ("retried", again, "done")
    assert f"state      read again as {again}, and was done" in (await parked(shop.settings, "show", at)).out
    refused = await parked(shop.settings, "retry", at)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"{at} is left as it is: it was read again as {again}\n"


async def test_what_is_bad_again_is_parked_again_and_linked(shop: Shop) -> None:
    await shop.say(PURCHASES, "till-1", b"nonsense", ce_type="acme.sale.v9")
    first, second, third = (place("till-1", n, shop.settings) for n in range(3))
    sent = (PURCHASES.name, int(first.split("/")[1]))
    async with intake(shop.settings):
        await shop.heard()
        for at in (first, second):
            assert (await parked(shop.settings, "retry", at)).code == 0
            shop.sent[sent] += 1
            await shop.heard()
    assert await state(shop, first) == ("retried", None, 1)
    assert await state(shop, second) == ("retried", 0, 2)
    assert await state(shop, third) == ("parked", 1, None)
    rows = await shop.rows('select key, value, headers::text, reason from parked order by "offset"')
    assert {row[:2] for row in rows} == {(b"till-1", b"nonsense")}
    assert [row[2] for row in rows] == [
        '[["ce_type", "acme.sale.v9"]]',
        '[["ce_type", "acme.sale.v9"], ["retry_of", "0"]]',
        '[["ce_type", "acme.sale.v9"], ["retry_of", "1"]]',
    ]
    words = (await parked(shop.settings, "show", second)).out
    assert f"read again as {third}, and parked again: ce_type 'acme.sale.v9' is a dialect" in words
    assert f"brings     {first} again" in words
    listed = (await parked(shop.settings, "list", "--state", "all", "--json")).json["parked"]
    assert [(row["coordinates"], row["retry_of"], row["retried_as"]) for row in listed] == [
        (first, None, second),
        (second, first, third),
        (third, second, None),
    ]


async def test_a_crash_in_the_middle_neither_loses_nor_doubles(
    shop: Shop, house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the write, after it, and of intake at each step with the copy in its hands. One record is good by now."""
    hear = intake_worker.hear

    def cannot_yet(*said: Any) -> Any:
        if said[3] and b'"r1"' in said[3]:
            raise Unreadable("a dialect of next year")
        return hear(*said)

    monkeypatch.setattr(intake_worker, "hear", cannot_yet)
    await shop.buy("till-1", purchase("r1", "1"), b"nonsense")
    async with intake(house):
        await shop.heard()
    monkeypatch.setattr(intake_worker, "hear", hear)
    good, bad = (place("till-1", n, house) for n in range(2))

    async def breaks(*_: Any) -> Any:
        raise WriteFailed("the operator's machine is gone")

    pool, writer = await open_pool(house), Writer(house)
    try:
        found = await shelves(pool)
        with monkeypatch.context() as dead:
            dead.setattr(writer, "send", breaks)
            with pytest.raises(WriteFailed):
                await found.retry(writer, await found.page(Filter(), BEGINNING, 10))
    finally:
        await pool.close()
    assert [await state(shop, at) for at in (good, bad)] == [("retrying", None, None)] * 2
    assert "retrying: written to its topic again" in (await parked(house, "show", good)).out
    refused = await parked(house, "discard", good, "--by", "ann", "--why", "tired")
    assert (refused.code, refused.out) == (1, "")
    assert "it is on its topic again, or about to be: retry it once more" in refused.err

    for _ in range(2):  # both copies are on the topic before anybody reads; the second is one too many
        assert (await parked(house, "retry", "--all", "--json")).code == 0
    shop.sent[PURCHASES.name, int(good.split("/")[1])] += 4
    for step in ("before-commit", "after-commit", "before-produce", "after-produce"):
        process = await start_intake(house, failpoint=f"{step}:1")
        assert await ended(process) == -signal.SIGKILL, step
    async with intake(house):
        await shop.heard()
    assert [fact["id"] for fact in await shop.facts()] == ["r1"]
    assert await state(shop, good) == ("retried", None, 2)
    assert await state(shop, bad) == ("retried", None, 3)
    assert await shop.rows('select "offset", state, retry_of from parked order by 1') == [
        (0, "retried", None),
        (1, "retried", None),
        (3, "parked", 1),
    ]


async def test_many_are_retried_at_once_and_come_in_their_order(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    hear = intake_worker.hear

    def cannot_yet(*_: Any) -> Any:
        raise Unreadable("a dialect of next year")

    monkeypatch.setattr(intake_worker, "hear", cannot_yet)
    receipts = {f"till-{till}": [f"r{till}-{n}" for n in range(150)] for till in range(4)}
    for till, said in receipts.items():
        await shop.buy(till, *(purchase(receipt, till) for receipt in said))
    await shop.say(REDEMPTIONS, "till-0", b"other")
    async with intake(shop.settings):
        await shop.heard()
    monkeypatch.setattr(intake_worker, "hear", hear)
    async with intake(shop.settings):
        said = await parked(shop.settings, "retry", "--all", "--topic", "purchases.v1", "--reason", "next year")
        assert said.code == 0
        assert "600 written again; `./run parked show` says of each what came of it" in said.out
        for sent in shop.sent:
            shop.sent[sent] *= 2 if sent[0] == PURCHASES.name else 1
        await shop.heard()
    members = await shop.members()
    of_member: dict[str, list[str]] = {}
    for fact in await shop.facts():
        of_member.setdefault(fact["member"], []).append(fact["id"])
    assert of_member == {members[till]: said for till, said in receipts.items()}
    assert await shop.rows("select state, count(*) from parked group by 1 order by 1") == [
        ("parked", 1),
        ("retried", 600),
    ]


async def test_the_ledgers_are_retried_in_the_journal(house: Settings) -> None:
    """A fact of the year 2999, and one that is none: under a clock that follows the data, the first is booked."""
    partition = partition_of(MEMBER, house.partitions)
    late = {
        "type": "redemption_taken",
        "id": "f1",
        "occurred_at": "2999-01-01T00:00:00Z",
        "member": "mem_a",
        "points": 7,
    }
    at, bad = f"{JOURNAL.name}/{partition}/0", f"{JOURNAL.name}/{partition}/1"
    async with ledger_of(house) as ledger:
        await ledger.say([late])
        await ledger.write(partition, [(MEMBER, b"{", ())])
        async with process_of(house, clock="wall"):
            await ledger.all_booked()
        assert "s after the record was logged" in (await parked(house, "show", at)).out
        async with process_of(house, clock="facts", failpoint="after-commit:1") as process:
            said = (await parked(house, "retry", at, bad, "--json")).json
            assert [row["read_again_as"] for row in said["retried"]] == [
                f"{JOURNAL.name}/{partition}/{n}" for n in (2, 3)
            ]
            ledger.sent[partition] += 2
            await ended(process)
        async with process_of(house, clock="facts"):
            await ledger.all_booked()
        query = 'select "offset", state, retry_of, retried_as from parked_journal order by 1'
        assert await ledger.rows(query) == [(0, "retried", None, 2), (1, "retried", None, 3), (3, "parked", 1, None)]
        assert await ledger.rows("select fact_id from fact") == [("f1",)]
        assert await ledger.balances() == {"mem_a": -7}
        assert (await parked(house, "show", at, "--json")).json["came_of_it"] == "done"
        assert (await parked(house, "show", bad, "--json")).json["came_of_it"] == "parked"
        await ledger.assert_topics_are_the_tables()


async def test_what_is_discarded_stays_with_its_reason(shop: Shop, house: Settings) -> None:
    await shop.buy("till-1", b"one", b"two", b"three")
    await ensure_topics(house, [ENTRIES])
    one, two, three = (place("till-1", n, house) for n in range(3))
    partition = partition_of(MEMBER, house.partitions)
    journal = f"{JOURNAL.name}/{partition}/0"
    async with ledger_of(house) as ledger, projections(house), process_of(house, clock="facts"), intake(house):
        await ledger.write(partition, [(MEMBER, b"{", ())])
        await ledger.writer.write(ENTRIES.name, 0, [(b"who", b"no record", ())])
        await shop.heard()
        await ledger.all_booked()
        await until(lambda: _projections_parked(ledger), "both read models have parked it")
        for at in (one, journal, "entries.v1/0/0"):
            said = await parked(house, "discard", at, "--by", "ann", "--why", "a test of the till's maker")
            assert (said.code, said.out) == (0, f"{at} is discarded\n")
        assert [row["coordinates"] for row in (await parked(house, "list", "--json")).json["parked"]] == [two, three]
        rows = (await parked(house, "list", "--state", "discarded", "--json")).json["parked"]
        assert [row["coordinates"] for row in rows] == ["entries.v1/0/0", journal, one]
        assert {(row["discarded"]["by"], row["discarded"]["why"]) for row in rows} == {
            ("ann", "a test of the till's maker")
        }
        shown = await parked(house, "show", one)
        assert "state      discarded by ann at " in shown.out
        assert shown.out.endswith(": a test of the till's maker\n" + shown.out.partition("maker\n")[2])
        assert "\none\n" in shown.out
        refused = await parked(house, "retry", one, two, "--json")
        assert refused.code == 1
        assert [row["coordinates"] for row in refused.json["retried"]] == [two]
        assert refused.json["refused"] == [
            {"coordinates": one, "why": "it was discarded by ann: a test of the till's maker"}
        ]
        refused = await parked(house, "retry", "entries.v1/0/0")
        assert (refused.code, "./run rebuild balance" in refused.err) == (1, True)
        said = await parked(house, "discard", "--all", "--topic", "purchases.v1", "--by", "bob", "--why", "all of it")
        assert said.code == 0
        assert f"{three} is discarded" in said.out
        assert await shop.rows('select "offset", value, discarded_by from parked where "offset" < 3 order by 1') == [
            (0, b"one", "ann"),
            (1, b"two", None),
            (2, b"three", "bob"),
        ]
