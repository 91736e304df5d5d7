"""Intake on the real servers: what tills say, and what then stands in the directory and in the journal."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from pydantic import SecretStr

from events.topics import PURCHASES
from infra.health import Health
from infra.kafka.client import partition_of
from infra.metrics import Registry
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from infra.settings import Settings
from infra.stack.probes import http_ok
from services.intake import worker as worker_module
from services.intake.core.batch import NewRevision
from services.intake.core.identity import Revision
from services.intake.directory import SQL, Directory, Fenced
from tests.drivers.intake import AT, Shop, ended, intake, purchase, returned, shop_of, shown, start_intake, until
from tests.drivers.ledger import Ledger, ledger_of, process_of
from tests.drivers.ledger import until as ledger_until

UCI = "uci.invoice.v1"


@pytest_asyncio.fixture
async def shop(house: Settings) -> AsyncIterator[Shop]:
    async with shop_of(house) as shop:
        yield shop


async def test_a_purchase_of_an_unknown_card_makes_a_member_and_a_fact(shop: Shop) -> None:
    await shop.buy("till-1", purchase("r1", "4711", store="s1"))
    async with intake(shop.settings):
        await shop.heard()
    (fact,) = await shop.facts()
    members = await shop.members()
    assert list(members) == ["4711"]
    assert fact["member"] == members["4711"]
    assert (fact["type"], fact["id"], fact["store"]) == ("purchase", "r1", "s1")
    assert await shop.rows("select receipt, revision, kind, member, lines, body from receipt") == [
        ("r1", 0, "purchase", members["4711"], 1, None)
    ]


async def test_a_second_upload_changes_nothing(shop: Shop) -> None:
    await shop.buy("till-1", purchase("r1", "1"), purchase("r1", "1"))
    async with intake(shop.settings):
        await shop.heard()
        await shop.buy("till-1", purchase("r1", "1", a_field_of_next_year=1))
        await shop.buy("till-9", purchase("r1", "1 "))
        await shop.heard()
    assert [fact["id"] for fact in await shop.facts()] == ["r1"]
    assert len(await shop.journal()) == 1


async def test_other_content_is_a_correction(shop: Shop) -> None:
    async with intake(shop.settings):
        for pence in (500, 600, 600, 500):
            await shop.buy("till-1", purchase("r1", "1", pence))
            await shop.heard()
    facts = [(f["type"], f.get("revision", 0), f["lines"][0]["total_minor"]) for f in await shop.facts()]
    assert facts == [("purchase", 0, 500), ("correction", 1, 600), ("correction", 2, 500)]


async def test_another_members_receipt_is_set_aside(shop: Shop) -> None:
    await shop.buy("till-1", purchase("r1", "1"), purchase("r1", "2"), purchase("r1", "2", 600))
    async with intake(shop.settings):
        await shop.heard()
    assert len(await shop.facts()) == 1
    assert await shop.rows('select "offset", reason from parked order by 1') == [
        (1, "the receipt is another member's"),
        (2, "the receipt is another member's"),
    ]
    assert list(await shop.members()) == ["1"]


async def test_a_guests_receipt_is_kept_and_claimed_once(shop: Shop) -> None:
    async with intake(shop.settings) as (_, registry):
        await shop.buy("till-1", purchase("r1"), purchase("r2"))
        await shop.heard()
        kept = await shop.rows("select receipt, member, lines, body is not null from receipt order by 1")
        assert kept == [("r1", None, 1, True), ("r2", None, 1, True)]
        assert await shop.facts() == []
        await shop.buy("till-1", purchase("r1", "1"), purchase("r1", "1"), purchase("r1", "2"))
        await shop.heard()
        assert b"tallystick_intake_guest_receipts_total 2.0" in registry.text()
        assert b"tallystick_intake_guest_lines_total 2.0" in registry.text()
        ends = b'tallystick_intake_records_total{end="parked",topic="purchases.v1"} 1.0'
        assert ends in registry.text()
    (fact,) = await shop.facts()
    members = await shop.members()
    assert (fact["id"], fact["member"]) == ("r1", members["1"])
    claimed = await shop.rows("select receipt, member, body is not null from receipt order by 1")
    assert claimed == [("r1", members["1"], False), ("r2", None, True)]
    assert await shop.rows("select reason from parked") == [("the receipt is another member's",)]


async def test_a_guests_receipt_that_is_claimed_by_its_number_comes_to_points(house: Settings) -> None:
    """Through intake, journal and book: before the till has sent it, and after; another's claim is set aside. What
    comes back of it takes its points, whoever brings it and whenever."""
    ours = house.model_copy(update={"clock": "facts"})
    async with shop_of(ours) as shop, ledger_of(ours) as ledger, intake(ours), process_of(ours):
        told = {"type": "programme_published", "id": "programme:1", "occurred_at": "2020-01-01T00:00:00Z"}
        await ledger.say_to_all(told | {"text": PLAIN, "sha256": sha256(PLAIN.encode()).hexdigest()})
        await shop.buy("till-1", purchase("a", "1", 100), purchase("b", "2", 100), purchase("r1", None, 2000))
        await shop.buy("till-1", returned("x1", "r1", None, 500))
        await shop.heard()
        await shop.buy("app", claim("c1", "1", "r1"), claim("c2", "1", "r2"), claim("c3", "2", "r1"))
        await shop.heard()
        await shop.buy(
            "till-1", purchase("r2", None, 3000), purchase("r1", None, 2000), returned("x2", "r2", "2", 1000)
        )
        await shop.heard()
        await ledger_until(lambda: booked(ledger, 6), "first purchases, those that were claimed and returns are booked")
        members = await shop.members()
        balances = {name: points for name, *points in await ledger.rows("select member, available from member")}
        assert balances == {members["1"]: [1 + 20 - 5 + 30 - 10], members["2"]: [1]}
        assert await shop.rows("select reason from parked") == [("the receipt is another member's",)]


def claim(name: str, card: str, receipt: str) -> dict[str, Any]:
    shown = {"scheme": "card", "value": card}
    return {"type": "receipt_claimed", "id": name, "occurred_at": AT, "identifier": shown, "receipt": receipt}


PLAIN = """
programme: plain
version: plain-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules: [{id: base, share: {points: 1, per_minor: 100}}]
"""


async def booked(ledger: Ledger, receipts: int) -> bool:
    try:
        return await ledger.rows("select count(*) from fact where type in ('purchase', 'return')") == [(receipts,)]
    except asyncpg.UndefinedTableError:  # the ledger has just been started for the first time
        return False


async def test_what_cannot_be_read_is_parked_as_it_came(shop: Shop) -> None:
    await shop.say(PURCHASES, "till-1", b"\xff\x00{", ce_type="tallystick.purchase.v1")
    await shop.say(PURCHASES, "till-1", b"{}", ce_type="acm\x00e")
    await shop.buy("till-1", b'{"type":"gift\\u0000"}', purchase("r1", "1", total_minor=7), purchase("r2", "1"))
    async with intake(shop.settings) as (health, _):
        await shop.heard()
        await until(lambda: _ready(health), "intake is ready")
    assert [fact["id"] for fact in await shop.facts()] == ["r2"]
    rows = await shop.rows('select topic, "offset", key, value, headers::text, reason, state from parked order by 2')
    assert [row[:4] for row in rows[:3]] == [
        ("purchases.v1", 0, b"till-1", b"\xff\x00{"),
        ("purchases.v1", 1, b"till-1", b"{}"),
        ("purchases.v1", 2, b"till-1", b'{"type":"gift\\u0000"}'),
    ]
    assert rows[0][4] == '[["ce_type", "tallystick.purchase.v1"]]'
    assert rows[1][4:6] == (
        '[["ce_type", "acm\\u0000e"]]',
        r"ce_type 'acm\x00e' is a dialect that intake does not speak",
    )
    assert rows[3][5:] == ("total_minor is 7, but its lines come to 500", "parked")


async def test_invoices_of_the_real_data(shop: Shop) -> None:
    invoice = (
        b"""{"InvoiceNo":"%b","InvoiceDate":"2010-12-01 08:26:00","CustomerID":"%b","Country":"EIRE","rows":[%b]}"""
    )
    await shop.say(
        PURCHASES, "till-01",
        invoice % (b"536365", b"17850", b'["85123A",6,"2.55"]'),
        invoice % (b"C536366", b"17850", b'["85123A",-1,"2.55"]'),
        invoice % (b"536367", b"", b'["71053",-6,"-3.39"],["M",1,"x"]'),
        ce_type=UCI,
    )  # fmt: skip
    async with intake(shop.settings):
        await shop.heard()
    found = [(f["type"], f["id"], f["partner"], f["lines"][0]["total_minor"]) for f in await shop.facts()]
    assert found == [
        ("purchase", "uci:536365", "shops-eire", 1530),
        ("return", "uci:C536366", "shops-eire", 255),
    ]
    assert await shop.rows("select receipt, lines from receipt where member is null") == [("uci:536367", 2)]
    assert await shop.rows("select count(*) from parked") == [(0,)]


async def test_redemptions_and_enrolments(shop: Shop) -> None:
    request = {"type": "redemption_requested", "id": "q1", "occurred_at": AT, "identifier": shown("1"), "points": 500}
    added = {"type": "identifier_added", "id": "a1", "occurred_at": AT, "identifier": shown("1"), "added": shown("2")}
    async with intake(shop.settings):
        await shop.enrol("web", {"type": "enrolled", "id": "e1", "occurred_at": AT, "identifier": shown("1")})
        await shop.heard()
        await shop.enrol("web", added, added | {"id": "a2", "added": shown("1"), "identifier": shown("3")})
        await shop.heard()
        await shop.redeem("till-1", request | {"identifier": shown("2")}, request, request | {"points": 600})
        await shop.heard()
    found = {(f["type"], f["id"]): f for f in await shop.facts()}
    assert set(found) == {("enrolled", "e1"), ("identifier_added", "a1"), ("redemption_requested", "q1")}
    assert len({fact["member"] for fact in found.values()}) == 1
    assert found["redemption_requested", "q1"]["points"] == 500
    assert "2" not in found["identifier_added", "a1"]["scheme"]
    assert sorted(await shop.rows("select topic, reason from parked")) == [
        ("enrolments.v1", "nobody is known by the identifier"),
        (
            "redemptions.v1",
            "the redemption_requested was said before with other content; only a purchase can be corrected",
        ),
    ]


async def test_the_order_of_a_source_is_the_order_of_the_journal(shop: Shop) -> None:
    sent: dict[str, list[str]] = {f"card-{n}": [] for n in range(9)}
    for number in range(600):
        card = f"card-{number % 9}"
        sent[card].append(f"r{number}")
    async with intake(shop.settings):
        for card, receipts in sent.items():
            await shop.buy(f"till-{card}", *(purchase(receipt, card) for receipt in receipts))
        await shop.heard()
    members = await shop.members()
    of_member: dict[str, list[str]] = {}
    for fact in await shop.facts():
        of_member.setdefault(fact["member"], []).append(fact["id"])
    assert of_member == {members[card]: receipts for card, receipts in sent.items()}


class Story:
    """What some tills say, wave by wave, and the plain expectation: who owns what, which facts there must be."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._number = 0
        self.facts: dict[tuple[str, int], tuple[str, int]] = {}  # (receipt, revision) -> card, pence
        self.guests: set[str] = set()
        self.parked: dict[str, int] = {}  # source -> how many
        self._elsewhere: list[dict[str, Any] | bytes] = []

    async def tell(self, shop: Shop, cards: int = 30) -> None:
        """One wave: sales, second uploads, corrections, guests, claims, returns, receipts of others, nonsense."""
        for source in range(6):
            said, self._elsewhere = self._elsewhere, []
            for _ in range(40):
                said += self._visit(f"till-{source}", f"{source}:{self._dice.randrange(cards)}")
            await shop.buy(f"till-{source}", *said)
        last, self._elsewhere = self._elsewhere, []
        await shop.buy("till-0", *last)

    def _visit(self, source: str, card: str) -> list[dict[str, Any] | bytes]:
        self._number += 1
        receipt, pence = f"r{self._number}", self._dice.randrange(1, 9_999)
        sale = purchase(receipt, card, pence)
        kind = self._dice.randrange(18)
        if kind == 0:
            self.guests.add(receipt)
            return [purchase(receipt, None, pence)]
        if kind == 1:
            self.parked[source] = self.parked.get(source, 0) + 1
            return [b"nonsense"]
        self.facts[receipt, 0] = card, pence
        if kind in (13, 14):
            first = f"first-{receipt}"
            self.facts[first, 0] = card, pence
            claimed, guests = claim(f"claim-{receipt}", card, receipt), purchase(receipt, None, pence)
            said = [guests, claimed] if kind == 13 else [claimed, guests]
            return [purchase(first, card, pence), *said, claimed]
        if kind >= 15:  # whosever card is shown, before the receipt, between, after, or at the next till
            back = returned(f"x-{receipt}", receipt, self._dice.choice((None, card, "another")), pence)
            self.facts[back["id"], 0] = card, pence
            told = [purchase(receipt, None, pence), sale]
            if kind == 15:
                self._elsewhere.append(back)
            else:
                told.insert(self._dice.randrange(3), back)
            return told
        if kind == 2:
            return [purchase(receipt, None, pence), sale]
        if kind == 3:
            return [sale, sale]
        if kind == 4:
            self.facts[receipt, 1] = card, pence + 1
            self.facts[receipt, 2] = card, pence
            return [sale, sale, purchase(receipt, card, pence + 1), sale]
        if kind == 5:
            self.facts[receipt, 1] = card, pence + 1
            return [sale, sale, purchase(receipt, card, pence + 1)]
        if kind == 6:
            self.parked[source] = self.parked.get(source, 0) + 1
            return [sale, purchase(receipt, card + "-other", pence)]
        return [sale]

    async def check(self, shop: Shop) -> None:
        members = await shop.members()
        found = {
            (f["id"], f.get("revision", 0)): (f["member"], f["lines"][0]["total_minor"]) for f in await shop.facts()
        }
        assert found == {key: (members[card], pence) for key, (card, pence) in self.facts.items()}
        assert set(members) == {card for card, _ in self.facts.values()}
        assert len(set(members.values())) == len(members)
        assert {
            receipt for (receipt,) in await shop.rows("select receipt from receipt where member is null")
        } == self.guests
        parked = dict(await shop.rows("select convert_from(key, 'UTF8'), count(*) from parked group by 1"))
        assert parked == self.parked


async def test_killed_between_every_two_steps(shop: Shop) -> None:
    """SIGKILL at each failpoint in turn, with new records each time; then the story must be told in full, once."""
    story = Story(seed=1)
    for place in ("before-commit", "after-commit", "after-produce", "after-mark", "before-produce", "before-mark"):
        await story.tell(shop)
        process = await start_intake(shop.settings, failpoint=f"{place}:1")
        assert await ended(process) == -signal.SIGKILL, place
    async with intake(shop.settings):
        await shop.heard()
    await story.check(shop)


async def test_a_polite_stop_finishes_and_says_so(shop: Shop) -> None:
    story = Story(seed=2)
    await story.tell(shop)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await start_intake(shop.settings, http_port=port)
    await shop.heard()
    for path in ("/livez", "/readyz", "/metrics"):
        await until(http_ok("127.0.0.1", port, path), f"{path} says yes")
    process.terminate()
    assert await ended(process) == 0
    await story.check(shop)
    facts = len(await shop.journal())
    assert await shop.rows("select sum(next_offset) from journal_end") == [(facts,)]


async def test_a_directory_of_yesterday_draws_no_new_ids(shop: Shop, postgres: Any) -> None:
    """Two waves; the database is copied after the first and put in place after the second; then a third."""
    story = Story(seed=3)
    await story.tell(shop, cards=10)
    async with intake(shop.settings):
        await shop.heard()
    older = await _copied(shop, "older")
    await story.tell(shop, cards=60)
    async with intake(shop.settings):
        await shop.heard()
    await story.check(shop)
    lost = await shop.members()
    journal = await shop.journal()
    try:
        async with shop_of(older) as restored:
            restored.sent = shop.sent
            async with intake(older) as (_, registry):
                await restored.heard()
                await story.check(restored)
                assert await restored.members() == lost
                new = len({(w.fact["id"], w.fact.get("revision", 0)) for w in journal})
                assert len(await restored.facts()) == new
                assert b"tallystick_intake_receipts_restored_total 0.0" not in registry.text()
                await story.tell(restored, cards=60)
                await restored.heard()
            await story.check(restored)
            kept = await restored.members()
            assert kept | lost == kept
    finally:
        await postgres.drop_database(_name(older))


async def test_an_empty_directory_is_filled_from_the_journal(shop: Shop, postgres: Any) -> None:
    story = Story(seed=4)
    empty = await _copied(shop, "empty")
    await story.tell(shop)
    async with intake(shop.settings):
        await shop.heard()
    lost = await shop.members()
    try:
        async with shop_of(empty) as restored:
            restored.sent = shop.sent
            async with intake(empty):
                await restored.heard()
            await story.check(restored)
            assert await restored.members() == lost
    finally:
        await postgres.drop_database(_name(empty))


def _name(settings: Settings) -> str:
    return settings.database_url.get_secret_value().partition("?")[0].rpartition("/")[2]


async def _copied(shop: Shop, suffix: str) -> Settings:
    """A copy of the house's database as it stands, under another name; intake does not run."""
    url = shop.settings.database_url.get_secret_value()
    name = _name(shop.settings)
    copy = url.replace(f"/{name}", f"/{name}_{suffix}")
    await shop.pool.expire_connections()
    connection = await asyncpg.connect(url.replace(f"/{name}", "/postgres"))
    try:
        await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await connection.execute(f"create database {name}_{suffix} template {name}")
    finally:
        await connection.close()
    return shop.settings.model_copy(update={"database_url": SecretStr(copy)})


async def test_who_is_forgotten_stays_so_and_comes_back_as_somebody_new(shop: Shop, postgres: Any) -> None:
    """Card and phone lead to nobody, the card then to a new member. A directory filled from the journal knows no more
    of the one who was forgotten."""
    empty = await _copied(shop, "forgetful")
    added = {"type": "identifier_added", "id": "a1", "occurred_at": AT, "identifier": shown("1")}
    erased = {"type": "erased", "id": "e1", "occurred_at": AT, "reason": "asked for", "identifier": shown("1")}
    async with intake(shop.settings):
        await shop.buy("till-1", purchase("r1", "1"), purchase("r2", "2"))
        await shop.heard()
        await shop.enrol("desk", added | {"added": {"scheme": "phone", "value": "0171"}})
        await shop.heard()
        first = await shop.members()
        await shop.enrol("desk", erased)
        await shop.heard()
        assert await shop.rows("select reason from parked") == []
        assert await shop.rows("select value, member from identity") == [("2", first["2"])]
        assert [fact["member"] for fact in await shop.facts() if fact["type"] == "erased"] == [first["1"]]
    try:
        async with shop_of(empty) as restored:
            restored.sent = shop.sent
            async with intake(empty):
                await restored.heard()
            assert await restored.rows("select value, member from identity") == [("2", first["2"])]
            async with intake(empty):
                await restored.buy("till-1", purchase("r3", "1"))
                await restored.heard()
            members = await restored.members()
            assert sorted(members) == ["1", "2"]
            assert members["1"] not in first.values()
    finally:
        await postgres.drop_database(_name(empty))


async def test_a_fact_that_names_a_record_which_did_not_make_it_misleads_nobody(shop: Shop) -> None:
    """Somebody writes to the journal; then the directory is lost. What the facts claim is held against the records."""
    await shop.buy("till-1", purchase("r1", "1"), purchase("r2", "2"))
    ((topic, partition),) = shop.sent
    source = {"topic": topic, "partition": partition, "offset": 1}
    forged: list[dict[str, Any]] = [
        purchase("forged", member="mem_x", source=source),  # the record is r2's
        purchase("r1", member="mem_x", source=source),
        purchase("nowhere", member="mem_x", source=source | {"partition": 10**9}),
        {"type": "tick", "id": "t", "occurred_at": AT, "source": source},
    ]
    for fact in forged:
        await shop.write_fact(b"mem_x", fact)
    async with intake(shop.settings):
        await shop.heard()
    members, facts = await shop.members(), await shop.facts_of_intake()
    assert facts == {("r1", members["1"]), ("r2", members["2"])}
    for table in ("identity", "receipt", "intake_position", "journal_end"):
        await shop.pool.execute(f"truncate {table}")
    async with intake(shop.settings):
        await shop.heard()
    assert await shop.members() == members
    assert await shop.facts_of_intake() == facts


async def test_two_workers_race_for_the_same_cards_and_receipts(shop: Shop) -> None:
    """Every receipt is said by three tills, each card at all of them; one worker comes late, one goes early."""
    rounds = [range(first, first + 300) for first in (0, 300, 600, 900)]

    def card(receipt: int) -> str:
        return f"card-{receipt % 17}"

    async def say(receipts: range) -> None:
        for till in range(6):
            said = [r for r in receipts if r % 6 in (till, (till + 1) % 6, (till + 2) % 6)]
            await shop.buy(f"till-{till}", *(purchase(f"r{r}", card(r)) for r in said))

    async with intake(shop.settings, "a") as (first, first_counts):
        await say(rounds[0])
        async with intake(shop.settings, "b") as (second, second_counts):
            await say(rounds[1])
            await shop.heard()
            await until(lambda: _ready(first, second), "both workers are ready")
            await say(rounds[2])
            await shop.heard()
        await say(rounds[3])
        await shop.heard()
    assert all(_counted(counts) for counts in (first_counts, second_counts))
    facts = await shop.facts()
    members = await shop.members()
    assert len(members) == len(set(members.values())) == 17
    assert {fact["id"]: fact["member"] for fact in facts} == {f"r{n}": members[card(n)] for r in rounds for n in r}
    assert len(facts) == 1200


async def test_a_return_and_its_receipt_in_two_workers_at_once(shop: Shop) -> None:
    """Half of the receipts are guests' until their number is claimed at a third till; each return names one of them."""
    async with intake(shop.settings, "a") as (first, _):
        await shop.buy("till-0", *(purchase(f"first-{card}", f"card-{card}") for card in range(7)))
        await shop.heard()
        async with intake(shop.settings, "b") as (second, _):
            await until(lambda: _ready(first, second), "both workers are ready")
            for start in range(0, 2_000, 100):
                bought = range(start, start + 100)
                await asyncio.gather(
                    shop.buy("till-1", *(purchase(f"r{n}", f"card-{n % 7}" if n % 2 else None) for n in bought)),
                    shop.buy("till-2", *(returned(f"x{n}", f"r{n}") for n in bought)),
                    shop.buy("till-3", *(claim(f"c{n}", f"card-{n % 7}", f"r{n}") for n in bought if n % 2 == 0)),
                )
            await shop.heard()
    members = await shop.members()
    found = {fact["id"]: fact["member"] for fact in await shop.facts() if not fact["id"].startswith("first")}
    assert found == {f"{what}{n}": members[f"card-{n % 7}"] for n in range(2_000) for what in "rx"}
    assert await shop.rows("select count(*) from parked") == [(0,)]


def _counted(registry: Registry) -> float:
    """How many records an intake came to an end with."""
    lines = [line for line in registry.text().splitlines() if line.startswith(b"tallystick_intake_records_total{")]
    return sum(float(line.rpartition(b" ")[2]) for line in lines)


async def test_a_lost_connection_is_an_outage_and_no_loss(shop: Shop) -> None:
    """The claim of a batch waits for a lock and loses its connection there: nobody knows whether it was written."""
    story = Story(seed=5)
    waiting = "datname = current_database() and wait_event_type = 'Lock'"

    async def cut_off() -> bool:
        return bool(await shop.rows(f"select pg_terminate_backend(pid) from pg_stat_activity where {waiting}"))

    async with intake(shop.settings) as (health, registry):
        await story.tell(shop)
        await shop.heard()
        for _ in range(2):
            async with shop.pool.acquire() as connection, connection.transaction():
                await connection.execute("lock table receipt in exclusive mode")
                await story.tell(shop)
                await until(cut_off, "a claim has waited and was cut off")
                await until(lambda: _not_ready(health), "the outage shows")
            await shop.heard()
        await until(lambda: _ready(health), "intake is ready again")
        assert b"tallystick_intake_restarts_total 0.0" not in registry.text()
    await story.check(shop)


async def test_whoever_has_lost_a_partition_can_write_nothing(shop: Shop) -> None:
    """The last to take the epoch wins; the one before finds out at its next write, and nothing of it stays."""
    tp = TopicPartition(PURCHASES.name, 0)
    pool = await open_pool(shop.settings)
    try:
        await migrate(pool, SQL, "intake")
        directory = Directory(pool)
        before, after = [(await directory.claim_positions({tp: "id"}))[tp] for _ in range(2)]
        assert after.epoch == before.epoch + 1
        row = NewRevision("r1", Revision(0, "purchase", "mem_a", b"A", (PURCHASES.name, 0, 0)))
        with pytest.raises(Fenced):
            await directory.write({tp: (before.epoch, 1)}, {("card", "1"): "mem_a"}, [row], [])
        with pytest.raises(Fenced):
            await directory.save({tp: (before.epoch, 1)}, {0: 7})
        assert await directory.members([("card", "1")]) == {}
        assert await directory.revisions(["r1"]) == {}
        assert await directory.journal_ends() == {}
        assert await directory.write({tp: (after.epoch, 1)}, {("card", "1"): "mem_b"}, [row], [])
        await directory.save({tp: (after.epoch, 1)}, {0: 7})
        assert (await directory.claim_positions({tp: "id"}))[tp][2:4] == (1, 1)
    finally:
        await pool.close()


async def test_a_claim_that_comes_second_writes_nothing_of_its_batch(shop: Shop) -> None:
    tp = TopicPartition(PURCHASES.name, 0)
    pool = await open_pool(shop.settings)
    try:
        await migrate(pool, SQL, "intake")
        directory = Directory(pool)
        held = {tp: ((await directory.claim_positions({tp: "id"}))[tp].epoch, 1)}
        taken, free = (
            NewRevision(receipt, Revision(0, "purchase", "mem_a", b"A", (PURCHASES.name, 0, 0)))
            for receipt in ("taken", "free")
        )
        assert await directory.write(held, {("card", "1"): "mem_a"}, [taken], [])
        assert not await directory.write(held, {("card", "1"): "mem_b", ("card", "2"): "mem_b"}, [free], [])
        assert not await directory.write(held, {("card", "3"): "mem_c"}, [taken, free], [])
        assert await directory.revisions(["free"]) == {}
        guests = NewRevision("g1", Revision(0, "purchase", None, b"A", (PURCHASES.name, 0, 1), b"{}"))
        assert await directory.write(held, {}, [guests], [])
        assert not await directory.write(held, {}, [guests], [])  # nobody has read what stands there
        ((read,),) = (await directory.revisions(["g1"])).values()
        later = [NewRevision("g1", read._replace(member=member)) for member in (None, "mem_a", "mem_b")]
        assert [await directory.write(held, {}, [row], []) for row in later[:2]] == [True, False]
        ((read,),) = (await directory.revisions(["g1"])).values()
        later = [NewRevision("g1", read._replace(member=member)) for member in ("mem_a", "mem_b")]
        assert [await directory.write(held, {}, [row], []) for row in later] == [True, False]
        assert await directory.members([("card", n) for n in "123"]) == {("card", "1"): "mem_a"}
    finally:
        await pool.close()


async def _ready(*all_of_them: Health) -> bool:
    return all(health.ready for health in all_of_them)


async def _not_ready(health: Health) -> bool:
    return not health.ready


async def test_a_hole_stops_its_partition_and_no_other(shop: Shop) -> None:
    await shop.buy("till-0", *(purchase(f"r{n}", "1") for n in range(5)))
    ((topic, partition),) = shop.sent
    admin = AIOKafkaAdminClient(bootstrap_servers=shop.settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        full = TopicPartition(shop.settings.topic_prefix + topic, partition)
        await admin.delete_records({full: RecordsToDelete(3)})
    finally:
        await admin.close()
    shop.sent.clear()
    async with intake(shop.settings) as (health, _):
        await shop.enrol("web", {"type": "enrolled", "id": "e1", "occurred_at": AT, "identifier": shown("1")})
        await shop.heard()

        async def said_so() -> bool:
            return f"intake: ready\npartitions: not ready ({topic}/{partition} stops" in health.report()

        await until(said_so, "the hole shows, and only it")
    assert [fact["id"] for fact in await shop.facts()] == ["e1"]


async def test_a_topic_made_anew_is_refused(shop: Shop) -> None:
    await shop.buy("till-1", purchase("r1", "1"))
    async with intake(shop.settings):
        await shop.heard()
    await shop.pool.execute("update intake_position set topic_id = 'another'")
    process = await start_intake(shop.settings)
    assert await ended(process) == 1


async def test_a_clock_that_runs_ahead_is_parked_unless_the_data_are_the_clock(shop: Shop) -> None:
    await shop.buy("till-1", purchase("r1", "1", occurred_at="2999-01-01T00:00:00Z"), purchase("r2", "1"))
    async with intake(shop.settings):
        await shop.heard()
    assert [fact["id"] for fact in await shop.facts()] == ["r2"]
    await shop.buy("till-1", purchase("r3", "1", occurred_at="2999-01-01T00:00:00Z"))
    async with intake(shop.settings.model_copy(update={"clock": "facts"})):
        await shop.heard()
    assert [fact["id"] for fact in await shop.facts()] == ["r2", "r3"]


async def test_a_handler_that_breaks_stops_its_partition_alone_and_goes_on_after_a_fix(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dialect with a bug, then the one without: the record at which it broke is read as if nothing had been."""

    def broken(*said: Any) -> Any:
        if said[3] is not None and b'"poison"' in said[3]:
            raise RuntimeError("this dialect cannot")
        return hear(*said)

    tills = [f"till-{n}" for n in range(8)]
    partition = partition_of(b"till-0", shop.settings.partitions)
    hear = worker_module.hear
    monkeypatch.setattr(worker_module, "hear", broken)
    for till in tills:
        await shop.buy(till, *(purchase(f"a-{till}-{n}", till) for n in range(20)))
    await shop.buy("till-0", purchase("poison", "till-0"))
    offset = shop.sent[PURCHASES.name, partition] - 1
    for till in tills:
        await shop.buy(till, *(purchase(f"b-{till}-{n}", till) for n in range(20)))
    sent = dict(shop.sent)
    async with intake(shop.settings) as (health, registry):
        shop.sent[PURCHASES.name, partition] = offset
        await shop.heard()  # up to the record, and on the other partitions everything

        async def said_so() -> bool:
            why = f"partitions: not ready ({PURCHASES.name}/{partition} stops: offset {offset} cannot be handled"
            return why in health.report() and b"tallystick_intake_stopped_partitions 1.0" in registry.text()

        await until(said_so, "it shows")
        await shop.enrol("web", {"type": "enrolled", "id": "e1", "occurred_at": AT, "identifier": shown("1")})
        await shop.heard()
        assert b"tallystick_intake_restarts_total 0.0" in registry.text()
    before = {fact["id"] for fact in await shop.facts()}
    assert "e1" in before
    assert "poison" not in before
    monkeypatch.setattr(worker_module, "hear", hear)
    shop.sent |= sent
    async with intake(shop.settings) as (health, registry):
        await shop.heard()
        await until(lambda: _ready(health), "intake is ready")
        assert b"tallystick_intake_stopped_partitions 0.0" in registry.text()
    after = {fact["id"] for fact in await shop.facts()}
    assert after == {f"{wave}-{till}-{n}" for wave in "ab" for till in tills for n in range(20)} | {"poison", "e1"}
    assert await shop.rows("select count(*) from parked") == [(0,)]


@pytest.mark.parametrize("records", [worker_module.BATCH_RECORDS, 1])
@pytest.mark.parametrize("step", ["walk", "encode_fact"])
async def test_a_bug_in_any_step_stops_its_partition_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str, records: int
) -> None:
    """Before the claim and after it: what was claimed for the record at which it broke is its own after the fix.

    In batches of one record, each full: what comes behind the record has been read when it breaks.
    """

    def broken(*said: Any) -> Any:
        if "poison" in str(said):
            raise RecursionError
        return right(*said)

    right = getattr(worker_module, step)
    monkeypatch.setattr(worker_module, step, broken)
    monkeypatch.setattr(worker_module, "BATCH_RECORDS", records)
    monkeypatch.setattr(worker_module, "FULL_RECORDS", records)
    await shop.buy(
        "till-1", *(purchase(f"r{n}", "1") for n in range(5)), purchase("poison", "2"), purchase("last", "2")
    )
    await shop.enrol("web", {"type": "enrolled", "id": "e1", "occurred_at": AT, "identifier": shown("1")})
    sent, place = dict(shop.sent), next(place for place in shop.sent if place[0] == PURCHASES.name)
    shop.sent[place] = 5
    async with intake(shop.settings) as (health, _):
        await shop.heard()
        await until(lambda: _not_ready(health), "it shows")
    assert {fact["id"] for fact in await shop.facts()} == {"r0", "r1", "r2", "r3", "r4", "e1"}
    monkeypatch.setattr(worker_module, step, right)
    shop.sent |= sent
    async with intake(shop.settings):
        await shop.heard()
    assert [fact["id"] for fact in await shop.facts() if fact["id"] in ("poison", "last")] == ["poison", "last"]
    assert len(await shop.members()) == 2
