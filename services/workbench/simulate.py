"""`simulate`: a programme and a file of facts in, balances, lots and entries out. Pure, with no server.

The same step as the ledger's, fed from a file in the order of its lines. Owns the report. What a
fact does is services/book; duplicates by (id, revision) are dropped, and what says something else under a known id is
set aside, as in the ledger.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from events.decode import decode_fact, encode_fact, same_content
from events.entries import Entry, encode_outcome
from events.facts import Fact, MemberFact, Message, ProgrammePublished
from events.facts.forwarded import ID as FORWARDED
from events.facts.messages import ID as MESSAGE
from events.values import instant, millis
from services.book.member import LiveLot, Member, new
from services.book.owners import bare, owner_of
from services.book.pages import lots_of
from services.book.purses import Rows, purse_of
from services.book.rewards import pseudonym
from services.book.step import Missing, Result, rerate, step, tick
from services.book.turn import Cold, ColdKey, pack
from services.programme.calendar import NEVER
from services.programme.compile import begins_ms, compile_programme
from services.programme.mechanic import POINTS
from services.programme.plan import Plan
from services.programme.rate import Worth
from services.programme.words import decimal
from services.programme.written import ProgrammeError
from services.workbench.facts_file import FileFault, read_facts

UNTIL = "until:"
"""Ids of what is no fact of the file: time passing to the instant that was asked for."""


class Booked(NamedTuple):
    """A fact and what it did."""

    fact: Fact
    results: tuple[Result, ...]


class Parked(NamedTuple):
    """A fact that counts for nothing, and why."""

    fact: Fact
    reason: str


class Simulation:
    """A whole house in memory: members, their cold rows, and every fact's results in the order they came."""

    def __init__(self, texts: list[str], names: list[str]) -> None:
        self._texts, self._names = list(texts), list(names)
        self.plan: Plan = compile_programme(texts, names)
        self.members: dict[str, Member] = {}
        self.booked: list[Booked] = []
        self.parked: list[Parked] = []
        self.duplicates = 0
        self.advanced_ms = -NEVER
        """To where time was let pass for every member."""
        self._seen: dict[tuple[str | None, str, int], Fact] = {}
        self._cold: dict[str, dict[ColdKey, bytes | None]] = {}

    def add(self, fact: Fact) -> None:
        """Fold one fact; a second delivery of the same (id, revision) changes nothing."""
        first = self._seen.setdefault((getattr(fact, "member", None), fact.id, fact.revision), fact)
        if first is not fact:
            if same_content(first, fact):
                self.duplicates += 1
            else:
                self._park(fact, "known with other content")
        elif fact.type == "tick":
            self._booked(fact, tuple(self._tick(millis(fact.occurred_at))))
        elif fact.type == "programme_published":
            self._publish(fact)
        else:
            self._booked(fact, (self._step(fact),))

    def advance(self, at_ms: int) -> None:
        """Let everything happen that is due by an instant, to every member: what the day's ticks do in the ledger."""
        self.advanced_ms = max(at_ms, self.advanced_ms)
        for result in self._tick(at_ms):
            self.booked.append(Booked(_until(at_ms), (result,)))

    def lots(self, name: str, currency: str | None = None) -> list[LiveLot]:
        """Every lot of a member, in spending order: of the regular points, or of another currency."""
        member, rows = self.members[name], self.cold_of(name)
        if currency is None:
            return lots_of(member, member.pages, rows)
        purse = purse_of(member, currency)
        return lots_of(purse, purse.pages, Rows(rows, currency))

    def cold_of(self, name: str) -> Cold:
        """Every cold row of a member, and the rows of its facts."""
        return self._cold.get(name, {})

    def _publish(self, fact: ProgrammePublished) -> None:
        if sha256(fact.text.encode()).hexdigest() != fact.sha256:
            self._park(fact, "sha256 is not that of the text")
            return
        texts, names = [*self._texts, fact.text], [*self._names, fact.id]
        try:
            self.plan = compile_programme(texts, names)
        except ProgrammeError as error:
            self._park(fact, f"the programme has faults: {'; '.join(error.faults)}")
            return
        self._texts, self._names = texts, names
        from_ms = begins_ms(fact.text)
        self._booked(fact, tuple(self._fold_all(lambda member, cold: rerate(member, from_ms, self.plan, cold))))

    def _park(self, fact: Fact, reason: str) -> None:
        self.parked.append(Parked(fact, reason))

    def _booked(self, fact: Fact, results: tuple[Result, ...]) -> None:
        """A fact is done; then come the messages that it caused, in one order, as the ledger's relay writes them."""
        self.booked.append(Booked(fact, results))
        for result in results:
            for message in result.messages:
                self.deliver(message)

    def deliver(self, message: Message) -> None:
        """A message reaches its receiver."""
        self.add(message)

    def _step(self, fact: MemberFact) -> Result:
        member = self.members.setdefault(fact.member, new(fact.member))
        at_ms, seq = millis(fact.occurred_at), len(self.booked)
        result = self._fold(member, lambda cold, ahead: step(member, fact, at_ms, seq, self.plan, cold, seq, ahead))
        assert result is not None
        rows = self._cold[fact.member]
        booked = rows["step", str(seq)] = pack(encode_fact(fact), encode_outcome(result.outcome), seq)
        if fact.revision == 0:
            rows["fact", fact.id] = booked
        return result

    def _tick(self, at_ms: int) -> Iterator[Result]:
        return self._fold_all(lambda member, cold: tick(member, at_ms, self.plan, cold))

    def _fold_all(self, fold: Callable[[Member, Cold], Result | None]) -> Iterator[Result]:
        for name in sorted(self.members):
            member = self.members[name]
            result = self._fold(member, lambda cold, _, member=member: fold(member, cold))  # type: ignore[misc]
            if result is not None:
                yield result

    def _fold(self, member: Member, fold: Callable[[Cold, Worth | None], Result | None]) -> Result | None:
        """Fold a member with the cold rows that it asks for, and no others, as in the ledger."""
        rows = self._cold.setdefault(member.id, {})
        cold: dict[ColdKey, bytes | None] = {}
        ahead: Worth | None = None
        while True:
            try:
                result = fold(cold, ahead)
            except Missing as missing:
                cold |= {key: rows.get(key) for key in missing.keys}
                ahead = missing.ahead
                continue
            if result is not None:
                rows.update(result.cold)
            return result


def _until(at_ms: int) -> Fact:
    return decode_fact(
        b'{"type":"tick","id":"%b%d","occurred_at":"%b"}' % (UNTIL.encode(), at_ms, instant(at_ms).encode())
    )


def report(simulation: Simulation) -> dict[str, Any]:
    """Everything, as plain values: members by id, outcomes and rewards in the order of the facts."""
    entries: dict[str, list[dict[str, Any]]] = {name: [] for name in simulation.members}
    outcomes, rewards = [], []
    for fact, results in simulation.booked:
        for result in results:
            outcome, posting = result.outcome, result.posting
            for one in (posting, *result.elsewhere):
                entries.setdefault(one.member, []).extend([_entry(fact, entry) for entry in one.entries])
            rewards += [
                {"fact": due.fact, "partner": due.partner, "member": pseudonym(due.partner, posting.member),
                 "kind": due.kind, "points": due.points}
                for due in result.rewards
            ]  # fmt: skip
            if fact.type == "forwarded" and len(fact.facts) == 1:
                fact = decode_fact(fact.facts[0].fact.encode())  # noqa: PLW2901  what somebody waits for
            if fact.type not in ("tick", "programme_published", "message", "forwarded"):
                outcomes.append(
                    {"fact": fact.id, "revision": fact.revision, "type": fact.type, "member": posting.member,
                     "status": outcome.status, "refusal": outcome.refusal or None,
                     "programme": outcome.programme or None, "available": posting.available,
                     "pending": posting.pending, "held": posting.held, "debt": posting.debt, "tier": posting.tier}
                )  # fmt: skip
    accounts = Counter[str]()
    for entry in (entry for mine in entries.values() for entry in mine):
        accounts[entry["debit"]] -= entry["points"]
        accounts[entry["credit"]] += entry["points"]
    return {
        "facts": sum(not booked.fact.id.startswith((UNTIL, MESSAGE, FORWARDED)) for booked in simulation.booked),
        "duplicates": simulation.duplicates,
        "parked": [
            {"fact": fact.id, "revision": fact.revision, "type": fact.type, "reason": reason}
            for fact, reason in simulation.parked
        ],
        "members": [_member(simulation, m, entries) for _, m in sorted(simulation.members.items())],
        "accounts": dict(sorted(accounts.items())),
        "outcomes": outcomes,
        "rewards": rewards,
        "messages": [_message(fact) for fact, _ in simulation.booked if fact.type == "message"],
    }


def _instant(at_ms: int) -> str | None:
    return None if at_ms >= NEVER else instant(at_ms)


def _member(simulation: Simulation, member: Member, entries: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    version = simulation.plan.at(max(member.now_ms, simulation.advanced_ms))
    levels = version.levels if version is not None else ("standard",)
    return {
        "member": member.id,
        **_sums(member),
        "tier": levels[min(member.tier, len(levels) - 1)],
        "tier_level": member.tier,
        "qualifying_minor": member.qualifying_minor,
        **_points(member, simulation.lots(member.id)),
        "currencies": {
            currency: _sums(purse) | _points(purse, simulation.lots(member.id, currency))
            | {"entries": entries.get(purse.id, [])}
            for currency, purse in sorted(member.purses.items())
        },
        "units": dict(sorted(member.units.items())),
        "waiting": [
            {"return": back, "purchase": purchase}
            for purchase, backs in sorted(member.waiting.items())
            for back, _ in backs
        ],
        "shared_by": list(member.beyond.circle or ()),
        "erased": member.beyond.erased,
        "merged_into": member.merges.into or None if member.merges is not None else None,
        "set_aside": sorted(member.aside),
        "entries": entries[member.id],
    }  # fmt: skip


def _sums(account: Member) -> dict[str, int]:
    return {
        "available": account.available,
        "pending": account.pending,
        "held": account.held,
        "debt": account.debt,
    }


def _points(account: Member, lots: list[LiveLot]) -> dict[str, Any]:
    """Of the regular points, or of one other currency."""
    return {
        "totals": {
            "earned": account.issued,
            "spent": account.spent,
            "expired": account.expired,
            "reversed": account.reversed,
            "written_off": account.written_off,
            "transferred": account.beyond.transferred,
            "fee": account.beyond.fee,
            "forfeited": account.beyond.forfeited,
        },
        "lots": [
            {"slot": bare(lot[:4])[3], "points": lot[4], "expires_at": _instant(lot[0]), "earned_at": instant(lot[1]),
             "active_at": instant(lot[2])} | ({"owner": owner} if (owner := owner_of(lot[3])) else {})
            for lot in lots
        ],
        "holds": [
            {"redemption": name, "points": sum(p for _, p in drawn), "until": instant(until)}
            for name, (until, drawn) in sorted(account.holds.items())
        ],
    }  # fmt: skip


def _message(message: Message) -> dict[str, Any]:
    return {
        "message": message.id,
        "revision": message.revision,
        "occurred_at": message.occurred_at,
        "sender": message.sender,
        "member": message.member,
        "cause": message.cause,
        "rule": message.rule,
        "lots": [{"lot": share.lot, "points": share.points, "unit": share.unit or POINTS} for share in message.lots],
    }


def _entry(fact: Fact, entry: Entry) -> dict[str, Any]:
    return {
        "fact": fact.id,
        "occurred_at": fact.occurred_at,
        "debit": entry.debit,
        "credit": entry.credit,
        "points": entry.points,
        "lot": entry.lot or None,
        "why": entry.why,
        "balance_after": entry.balance_after,
    }


def simulate(programmes: Iterable[Path], facts: Path, until: str | None) -> Simulation:
    """Fold a facts file under programme files. Raises OSError, ProgrammeError, FileFault, ValueError for `until`."""
    files = list(programmes)
    simulation = Simulation([_text(file) for file in files], [file.name for file in files])
    end_ms = None if until is None else _until_ms(until)
    for fact in read_facts(facts):
        if end_ms is None or millis(fact.occurred_at) <= end_ms:
            simulation.add(fact)
    if end_ms is not None:
        simulation.advance(end_ms)
    return simulation


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FileFault(f"{file.name}: not UTF-8: {error.reason} at byte {error.start}") from None


def _until_ms(until: str) -> int:
    try:
        return millis(until)
    except ValueError as error:
        raise ValueError(f"--until {until}: {error}") from None


def of_files(work: Callable[[], int]) -> int:
    """The exit code of a command that reads files; 2 and one sentence a fault when one of them is missing or wrong."""
    try:
        return work()
    except BrokenPipeError:  # who reads has had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
    except ValueError as error:  # ProgrammeError and FileFault are its kinds
        print(f"error: {error}", file=sys.stderr)
    return 2


def run_simulate(programmes: list[Path], facts: Path, until: str | None, *, as_json: bool) -> int:
    """The command."""

    def work() -> int:
        simulation = simulate(programmes, facts, until)
        whole = report(simulation)
        if as_json:
            print(json.dumps(whole))
        else:
            _print(whole, simulation.plan)
        return 0

    return of_files(work)


def _print(whole: dict[str, Any], plan: Plan) -> None:
    """For a person: points with their decimals, and what did not count."""
    version = plan.versions[-1] if plan.versions else None
    print(f"{whole['facts']} facts, {whole['duplicates']} duplicates")
    for parked in whole["parked"]:
        print(f"set aside: {parked['type']} {parked['fact']}: {parked['reason']}")
    declined: dict[tuple[str, str], list[str]] = {}
    for one in whole["outcomes"]:
        if one["status"] == "declined":
            declined.setdefault((one["type"], one["refusal"]), []).append(one["fact"])
    for (kind, refusal), facts in declined.items():
        print(f"declined: {kind} {_first_of(facts)}: {refusal}")
    early = [
        one["fact"]
        for one in whole["outcomes"]
        if one["type"] == "purchase" and one["status"] == "done" and not one["programme"]
    ]
    if early:
        print(f"before any version: purchase {_first_of(early)}")
    for m in whole["members"]:
        decimals = version.points_decimals if version is not None else 0
        print(f"{m['member']}: {_sums_in_words(m, decimals)}, tier {m['tier']}")
        _print_lots(m["lots"], decimals)
        for currency, purse in m["currencies"].items():
            decimals = version.currencies.get(currency, 0) if version is not None else 0
            print(f"  {currency}: {_sums_in_words(purse, decimals)}")
            _print_lots(purse["lots"], decimals)
        for unit, count in m["units"].items():
            print(f"  {count:>8}  {unit}")
        for one in m["waiting"]:
            print(f"  waiting: return {one['return']}, for its purchase {one['purchase']}")


def _first_of(facts: list[str]) -> str:
    return facts[0] + (f" and {len(facts) - 1} more" if facts[1:] else "")


def _sums_in_words(account: dict[str, Any], decimals: int) -> str:
    return ", ".join(f"{name} {_number(account[name], decimals)}" for name in ("available", "pending", "held", "debt"))


def _print_lots(lots: list[dict[str, Any]], decimals: int) -> None:
    for lot in lots:
        print(f"  {_number(lot['points'], decimals):>8}  until {lot['expires_at'] or 'for ever'}  {lot['slot']}")


def _number(points: int, decimals: int) -> str:
    return decimal(points, decimals).replace(",", "")
