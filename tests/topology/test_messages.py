"""Messages through the journal: whatever goes wrong on their way, each member has what `simulate` says, once."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from events.facts import Fact
from infra.kafka.client import partition_of
from services.workbench.simulate import Simulation
from tests.core.test_messages import PROGRAMME
from tests.drivers.facts import told
from tests.drivers.ledger_play import PARTITIONS, Play, shuffled_marks
from tests.drivers.ledger_topics import Crash, Redeliver, Reorder
from tests.topology.test_ledger import FAILPOINTS, assert_bytes_of_repeats_are_equal, assert_topics_are_the_tables


def published(text: str) -> list[tuple[int, bytes]]:
    value = {"type": "programme_published", "id": "programme:1", "occurred_at": "2010-01-01T00:00:00Z", "text": text,
             "sha256": sha256(text.encode()).hexdigest()}  # fmt: skip
    return [(partition, json.dumps(value).encode()) for partition in range(PARTITIONS)]


def friends() -> list[Fact]:
    """Each of eight brought the next; all buy enough, some bring goods back, one date is corrected, one return is
    late."""
    facts = []
    for n in range(8):
        name = f"m{n}"
        facts.append(told(f"2026-03-01 enrol e{n} by m{n + 1}", name))
        facts.append(told(f"2026-03-05 buy A{n} 30.00", name))
        facts.append(told(f"2026-03-10T1{n}:00 buy B{n} 2{n}.00", name))
        if n % 3 == 0:
            facts.append(told(f"2026-03-12 back r{n} of A{n} 15.00", name))
        if n % 3 == 1:
            facts.append(told(f"2026-03-06 back r{n} of A{n} 15.00", name))
    facts.append(told("2026-03-15 fix B5 r1 25.00", "m5"))
    return facts


def simulated(facts: list[Fact], programme: str = PROGRAMME) -> dict[str, Any]:
    simulation = Simulation([programme], ["test.yaml"])
    for one in facts:
        simulation.add(one)
    return {name: m.live - m.debt for name, m in sorted(simulation.members.items())}


def test_the_friends_live_on_several_partitions() -> None:
    assert {partition_of(f"m{n}".encode(), PARTITIONS) for n in range(9)} == set(range(PARTITIONS))


@pytest.mark.parametrize("most", [1, 10_000])
@pytest.mark.parametrize("at", FAILPOINTS)
async def test_a_crash_anywhere_loses_no_message_and_doubles_none(at: str, most: int) -> None:
    facts = friends()
    script = shuffled_marks(facts, [Crash(at), Redeliver(6), Crash(at), Reorder()], seed=FAILPOINTS.index(at))
    play = await Play(most=most).run([*published(PROGRAMME), *script, Redeliver(40)])
    assert play.balances() == simulated(facts)
    assert_topics_are_the_tables(play)
    assert_bytes_of_repeats_are_equal(play)


async def test_what_was_written_again_after_a_crash_is_a_repeat() -> None:
    """The topics were written and nobody remembered: the new process writes every message again, and none counts."""
    facts = friends()
    play = await Play().run([*published(PROGRAMME), *facts, Crash("before-mark"), Crash("before-mark")])
    sent = [value for (topic, _), log in play.topics.records.items() if topic == "journal.v1" for _, value, _ in log]
    messages = [value for value in sent if b'"type":"message"' in value]
    assert len(messages) > len(set(messages)) == len(play.store.message) > 8
    assert play.balances() == simulated(facts)


SHARING = """
programme: sharing
version: sharing-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
transfers: {fee_percent: 3}
rules: [{id: base, share: {points: 1, per_minor: 100, valid_months: 12}}]
"""


def sharing() -> list[Fact]:
    """Eight share two pools, give to each other, spend without asking; two leave, two discounts are cancelled, one is
    forgotten. Nothing is asked that could be declined in one order and not in another."""
    facts = []
    for n in range(8):
        name, pool = f"m{n}", f"home{n % 2}"
        facts.append(told(f"2026-01-01 join j{n} {name}", pool))
        facts.append(told(f"2026-01-0{n + 1}T13:00 buy A{n} 100.00", name))
        facts.append(told(f"2026-02-01 contribute c{n} 5{n} to {pool}", name))
        facts.append(told(f"2026-02-02 transfer t{n} 34 to m{(n + 3) % 8}", name))
    for n in range(2):
        facts.append(told(f"2026-03-01 taken k{n} 150", f"home{n}"))
        facts.append(told(f"2026-03-02 leave l{n} m{n + 2}", f"home{n}"))
        facts.append(told(f"2026-03-03 void v{n} of k{n} 120", f"home{n}"))
        facts.append(told(f"2026-02-20 taken x{n} 5", f"home{n}"))
    facts.append(told("2026-03-04 erase e1", "m5"))
    return facts


@pytest.mark.parametrize("at", FAILPOINTS)
async def test_points_between_accounts_add_up_whatever_crashes(at: str) -> None:
    facts = sharing()
    script = shuffled_marks(facts, [Crash(at), Redeliver(6), Crash(at)], seed=FAILPOINTS.index(at))
    play = await Play(most=7).run([*published(SHARING), *script, Redeliver(40)])
    wanted = simulated(facts, SHARING)
    assert play.balances() == wanted
    assert sum(wanted.values()) < 800
    accounts = dict.fromkeys(("transferred", "issued", "fee"), 0)
    for row in play.store.entry.values():
        for account, sign in ((row["credit"], 1), (row["debit"], -1)):
            accounts[account] = accounts.get(account, 0) + sign * row["points"]
    assert (accounts["transferred"], accounts["issued"], accounts["fee"]) == (0, -800, 8)
    assert sum(accounts.values()) == 0
    assert_topics_are_the_tables(play)
    assert_bytes_of_repeats_are_equal(play)


ONE_PERSON = """
programme: merging
version: merging-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
tier: {levels: [{name: silver, from_minor: 100000}]}
rules: [{id: base, share: {points: 1, per_minor: 100, valid_months: 12}}]
"""


def merging(partitions: int = PARTITIONS) -> list[Fact]:
    """Six pairs of cards, each of one person, on one partition or on two. Both cards go on, goods come back, and two
    pairs are taken apart again. Where they live apart, one receipt is on both."""
    facts = []
    for n in range(6):
        one, other = f"m{n}", f"c{n}"
        for day in range(1, 10):
            facts.append(told(f"2026-01-{day:02d} buy A{n}-{day} {day}0.00", one))
            facts.append(told(f"2026-01-{day:02d}T13:00 buy B{n}-{day} {day}.00", other))
        facts.append(told(f"2026-01-11 taken k{n} 15", other))
        if partition_of(one.encode(), partitions) != partition_of(other.encode(), partitions):
            facts.append(told(f"2026-01-12 buy S{n} 50.00", one))
            facts.append(told(f"2026-01-12 buy S{n} 50.00", other))
        facts.append(told(f"2026-02-01 merge x{n} into {one}", other))
        facts.append(told(f"2026-01-05T15:00 buy C{n} 3.00", other))
        facts.append(told(f"2026-02-02 back r{n} of B{n}-5 5.00", other))
    for n in range(2):
        facts.append(told(f"2026-03-01 unmerge y{n}", f"c{n}"))
        facts.append(told(f"2026-03-02 buy D{n} 2.00", f"c{n}"))
    return facts


@pytest.mark.parametrize("at", FAILPOINTS)
async def test_accounts_of_one_person_are_one_whatever_crashes(at: str) -> None:
    facts = merging()
    script = shuffled_marks(facts, [Crash(at), Redeliver(6), Crash(at)], seed=FAILPOINTS.index(at))
    play = await Play(most=7).run([*published(ONE_PERSON), *script, Redeliver(60)])
    wanted = simulated(facts, ONE_PERSON)
    assert play.balances() == wanted
    assert wanted["m5"] in (450 + 45 - 15 + 3 - 5, 450 + 45 - 15 + 3 - 5 + 50)
    assert wanted["c5"] == 0
    assert wanted["c0"] == 45 - 15 + 3 - 5 + 2
    assert play.store.parked == {}
    assert_topics_are_the_tables(play)
    assert_bytes_of_repeats_are_equal(play)


async def test_who_waits_for_the_answer_of_a_gone_card_is_told_by_the_account_that_stays() -> None:
    facts = [*merging(), told("2026-04-01 redeem q1 100", "c5"), told("2026-04-02 redeem q2 10000", "c5")]
    play = await Play().run([*published(ONE_PERSON), *facts])
    answers = [(one.fact, one.member, one.status, one.refusal) for one in play.answers() if one.fact in ("q1", "q2")]
    assert sorted(answers) == [
        ("q1", "c5", "forwarded", ""),
        ("q1", "m5", "done", ""),
        ("q2", "c5", "forwarded", ""),
        ("q2", "m5", "declined", "balance_must_cover_the_points"),
    ]
