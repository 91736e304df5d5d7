"""`explain MEMBER`: the facts from a running house, or from files, told again and printed.

Owns where the facts come from, the page in text, and the comparison with the stored state: a book that its facts do
not lead to is said, with exit code 1. Does not own the telling (story.py) nor the words (words.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from events.decode import decode_fact
from events.entries import Entry, decode_outcome
from events.values import millis
from infra.kafka.client import partition_of
from infra.postgres.pool import Pool
from infra.settings import Settings
from services.book.member import Broken, Member, decode
from services.book.ontime import Missing
from services.book.retold import Retold, retell
from services.book.step import BETWEEN
from services.book.turn import ColdKey
from services.ledger.cold import from_tables
from services.ledger.store import PostgresStore
from services.programme.compile import compile_programme
from services.programme.mechanic import POINTS
from services.programme.plan import Plan, Version
from services.programme.words import amount
from services.workbench.explain.merges import Record
from services.workbench.explain.story import Posted, Story, decimals_of, story
from services.workbench.explain.words import became_words, date, day, given_words, sent_words, signed
from services.workbench.facts_file import FileFault
from services.workbench.inside import Refused, in_house
from services.workbench.simulate import Simulation, of_files, simulate

SUMS = ("available", "pending", "held", "debt", "tier", "qualifying_minor")
"""What a stored state and a retold one must have in common."""


def run_explain(member: str, at: str | None, programmes: list[Path], facts: Path | None, *, as_json: bool) -> int:
    """The command. 0; 1: the stored book is not what its facts lead to; 2: something asked for is missing or wrong."""
    try:
        at_ms = None if at is None else millis(at)
    except ValueError as error:
        print(f"error: --at {at}: {error}", file=sys.stderr)
        return 2
    if bool(programmes) != (facts is not None):
        print("error: --programme and --facts go together; without both, the running house is asked", file=sys.stderr)
        return 2
    if facts is None:
        return in_house(lambda house, pool: _of_house(house, pool, member, at_ms, as_json=as_json))
    return of_files(lambda: _of_files(simulate(programmes, facts, None), member, at_ms, as_json=as_json))


def _of_files(simulation: Simulation, name: str, at_ms: int | None, *, as_json: bool) -> int:
    if name not in simulation.members:
        raise FileFault(f"no fact is about {name}")
    return _show(simulation.members[name], *known_of(simulation, name, at_ms), at_ms, as_json=as_json)


def known_of(simulation: Simulation, name: str, at_ms: int | None) -> tuple[Retold, Plan, Posted, list[Record]]:
    """What is told of a member of a simulation."""
    retold = retell(simulation.members[name], simulation.plan, simulation.cold_of(name), at_ms)
    posted = {
        seq: [entry for result in results if result.posting.member == name for entry in result.posting.entries]
        for seq, (_, results) in enumerate(simulation.booked)
    }
    records = [
        Record(seq, fact, results[0].outcome)
        for seq, (fact, results) in enumerate(simulation.booked)
        if fact.type in BETWEEN and fact.member == name  # type: ignore[union-attr]  # these have one
    ]
    return retold, simulation.plan, posted, records


async def _of_house(house: Settings, pool: Pool, name: str, at_ms: int | None, *, as_json: bool) -> int:
    """From the tables of a running house; nothing there is changed."""
    store = PostgresStore(pool)
    try:
        name = await _member_id(pool, name)
        partition = partition_of(name.encode(), house.partitions)
        rows = await store.members([(partition, name)])
        if not rows:
            raise Refused(f"the ledger has no fact about {name}")
        member = decode(name, rows[0][2])
        bodies = (await store.programmes([partition])).get(partition, [])
        plan = compile_programme([decode_fact(body).text for body in bodies])  # type: ignore[union-attr]
        retold = await _retold(store, partition, member, plan, at_ms)
        records = [
            Record(seq, decode_fact(body), decode_outcome(outcome))
            for seq, body, outcome in (await store.facts_between(partition, name) if member.merges is not None else ())
        ]
        seqs = [deed.seq for deed in retold.deeds if deed.fact is not None] + [record.seq for record in records]
        posted: dict[int, list[Entry]] = {
            seq: [entry for whose, entry in entries if whose == name]
            for (_, seq), entries in (await store.entries_at([(partition, seq) for seq in seqs])).items()
        }
    except Broken as broken:
        raise Refused(f"the book of {name} cannot be told: {broken}") from None
    finally:
        await store.close()
    return _show(member, retold, plan, posted, records, at_ms, as_json=as_json)


async def _retold(store: PostgresStore, partition: int, member: Member, plan: Plan, at_ms: int | None) -> Retold:
    cold: dict[ColdKey, bytes | None] = {}
    while True:
        try:
            return retell(member, plan, cold, at_ms)
        except Missing as missing:
            cold |= dict.fromkeys(missing.keys)
            asked = [(partition, member.id, key) for key in missing.keys]
            cold |= {key: value for _, _, key, value in await from_tables(store, asked)}


async def _member_id(pool: Pool, said: str) -> str:
    """The member that an identifier, written scheme:value, leads to. Raises Refused."""
    scheme, colon, value = said.partition(":")
    if not colon:
        return said
    if await pool.fetchval("select to_regclass('identity') is null"):
        raise Refused("this house has no directory of identifiers; give the member's id")
    found: str | None = await pool.fetchval(
        "select member from identity where scheme = $1 and value = $2", scheme, value
    )
    if found is None:
        raise Refused(f"no member has this {scheme}")
    return found


def _show(
    member: Member,
    retold: Retold,
    plan: Plan,
    posted: Posted,
    records: Sequence[Record],
    at_ms: int | None,
    *,
    as_json: bool,
) -> int:
    wrong = [] if at_ms is not None else _differences(member, retold.member)
    known = [record for record in records if at_ms is None or millis(record.fact.occurred_at) <= at_ms]
    told = story(member, retold, plan, posted, known)
    if as_json:
        print(json.dumps(told | {"differs": wrong}))
    else:
        _page(told, plan, plan.at(retold.member.now_ms))
    for sentence in wrong:
        print(f"error: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


def _differences(stored: Member, retold: Member) -> list[str]:
    return [
        f"{name} is {getattr(stored, name)} in the book, and {getattr(retold, name)} by its facts"
        for name in SUMS
        if getattr(stored, name) != getattr(retold, name)
    ]


# ---------------------------------------------------------------- the page in text


def _page(told: Story, plan: Plan, version: Version | None) -> None:
    zone = plan.zone
    when = date(millis(told["at"]), zone) if told["at"] else "now"
    print(f"{told['member']}, {when} ({zone})")
    accounts = {"": told, **told["currencies"]}
    for currency, account in accounts.items():
        said = [amount(account[key], POINTS, decimals_of(version, currency)) for key in SUMS[:4]]
        of = f"{currency}: " if currency else ""
        level = "" if currency else f"; level {told['tier']}"
        print("  {}{} to spend, {} to come, {} reserved, {} owed{}".format(of, *said, level))
    for unit, count in told["units"].items():
        print(f"  {count} {unit}")
    for currency, account in accounts.items():
        for owed in account["owed"]:
            print(f"  {amount(owed['points'], POINTS, decimals_of(version, currency))} owed: {owed['what']}")
    if gone := told["merged_into"]:
        print(f"  the same person as {gone['member']} ({gone['fact']}): the points are there")
    for came in told["merged_from"]:
        print(f"  {came['member']} is the same person ({came['fact']}): those points are here")
    for title, there_are in (("Points that there are", True), ("Points that there were", False)):
        lots = [
            (lot, decimals_of(version, currency), currency)
            for currency, account in accounts.items()
            for lot in account["lots"]
            if bool(lot["points"]) is there_are
        ]
        if lots or there_are:
            print(f"\n{title}")
        for lot, decimals, currency in lots:
            _print_lot(lot, decimals, zone, currency)
        if there_are and not lots:
            print("  none")
    print("\nWhat happened")
    for row in told["history"]:
        _print_deed(row, zone)


def _print_lot(lot: Story, decimals: int, zone: str, currency: str) -> None:
    ends = "for ever" if lot["expires_at"] is None else day(millis(lot["expires_at"]), zone)
    begins = "" if lot["state"] != "pending" else f", from {date(millis(lot['active_at']), zone)}"
    of = f" ({currency})" if currency else ""
    left = amount(lot["points"], POINTS, decimals) if lot["points"] else "nothing left"
    print(f"  {left}{of} of {lot['slot']}, good {ends}{begins}")
    parts = [(part, given_words(part["from"])) for part in lot["given"]]
    parts += [(part, f" {became_words(part['from'], part['to'])}") for part in lot["became"]]
    for part, how in sorted(parts, key=lambda one: millis(one[0]["at"])):
        _print_part(part, how, decimals, zone)


def _print_part(part: Story, how: str, decimals: int, zone: str) -> None:
    """What was given to a lot or became of it: when, how, by which fact, by which rules."""
    by = ""
    if "cause" in part:
        by = " by " + sent_words(part["sender"], part["cause"])
    elif "fact" in part or "version" in part:
        by = f" by {part.get('fact') or part['version']}"
    print(f"    {date(millis(part['at']), zone)}  {amount(part['points'], POINTS, decimals)}{how}{by}")
    for rule in part.get("rules", ()):
        _print_rule(rule, decimals)


def _print_rule(rule: Story, decimals: int) -> None:
    of = f" of {rule['version']}" if "version" in rule else ""
    receipt = f" for receipt {rule['receipt']}" if "receipt" in rule else ""
    why = f", {rule['why']}" if "why" in rule else ""
    print(f"      {signed(rule['points'], decimals)} by {rule['rule']}{of}{receipt}{why}")
    for line in rule.get("lines", ()):
        given = signed(line["points"], decimals)
        print(f"        {given} for {line['item']}, {line['counted']} of {line['total_minor']} counted")


def _print_deed(row: Story, zone: str) -> None:
    print(f"  {date(millis(row['at']), zone)}  {row['what']}")
    if "without_effect" in row:
        print(f"    without effect: {row['without_effect']}")
    for entry in row["entries"]:
        print(f"    {entry['currency'] + ': ' if 'currency' in entry else ''}{entry['says']}")
    if "tier" in row:
        print(f"    level {row['tier']} from now on")
    posted = [entry["says"] for entry in row.get("posted", ()) if entry["credit"] != "expired"]
    if "posted" in row and posted != [
        entry["says"] for entry in row["entries"] if entry["credit"] != "expired" and "currency" not in entry
    ]:
        print("    as the book stood when it came, it posted")
        for says in posted:
            print(f"      {says}")
