"""A member's whole book told from the beginning: the facts that count, folded once each, in the order of time.

What the ledger's book came to by corrections, this comes to by one straight walk; so it is what `explain` reads, and
what a stored state can be compared with. Decisions stay as they were taken. Pure; changes nothing that is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from events.decode import decode_fact
from events.entries import Entry, Outcome
from events.facts import MemberFact
from events.refusals import Refusal
from services.book import transfers
from services.book.baskets import keep, standing
from services.book.due import due_ms
from services.book.forward import Rated, advance, finish, play
from services.book.history import chunk_keys, order_of, record, since
from services.book.member import Broken, Member, new
from services.book.needs import needs, tick_needs
from services.book.ontime import Missing
from services.book.turn import Cold, ColdKey, Turn, unpack
from services.programme.plan import Plan


class Deed(NamedTuple):
    """One thing that happened: a fact, or (`fact` None) what time alone did at an instant."""

    at_ms: int
    fact: MemberFact | None
    refusal: Refusal | None = None
    """Of a return that brings back more than there is."""
    waits: bool = False
    """A return whose purchase has not come."""
    outcome: Outcome | None = None
    """What was decided when it came."""
    seq: int = 0
    rated: Rated | None = None
    entries: tuple[Entry, ...] = ()
    elsewhere: tuple[tuple[str, tuple[Entry, ...]], ...] = ()
    """(currency, entries) of the member's other currencies."""
    level: int = 0
    """Of the member, afterwards."""


class Retold(NamedTuple):
    """The member as it stood at the end, and everything that led there, in the order of time."""

    member: Member
    deeds: tuple[Deed, ...]
    cold: Cold
    """Its cold rows, as this walk wrote them."""


def retell(member: Member, plan: Plan, cold: Cold, until_ms: int | None = None) -> Retold:
    """Fold the facts of `member` with occurred_at <= until_ms again, and let time pass to it.

    until_ms: None: all of them, to where the member's book has come. `member` is only read. Raises Missing for rows of
    `chunk` and `step` that `cold` does not have, and Broken.
    """
    end_ms = member.now_ms if until_ms is None else until_ms
    base = new(member.id)
    rows: dict[ColdKey, bytes | None] = {}
    deeds: list[Deed] = []
    for fact, outcome, at_ms, seq in _facts(member, cold):
        if at_ms > end_ms:
            break
        if fact.type in transfers.REQUESTS:
            rows[transfers.SENT, fact.id] = transfers.row(outcome.lots)
        deeds += _time(base, at_ms, plan, rows)
        _look(base, fact, at_ms, plan, rows)
        played = play(base, fact, at_ms, plan, rows, decided=True)
        turn, rated, refusal, waits = played.turn, played.rated, played.refusal, played.waits
        if fact.type == "purchase" and refusal is None and ("purchase", fact.id) not in turn.written:
            keep(turn, standing(fact, at_ms, rated.tier))
        base.newest = order_of(fact, at_ms)
        record(turn, (at_ms, seq, rated.told, turn.sent), plan)
        rows |= turn.written
        rows["step", str(seq)] = cold["step", str(seq)]
        entries, elsewhere = _entries(turn)
        deeds.append(Deed(at_ms, fact, refusal, waits, outcome, seq, rated, entries, elsewhere, base.tier))
    deeds += _time(base, end_ms, plan, rows)
    return Retold(base, tuple(deeds), rows)


def _facts(member: Member, cold: Cold) -> list[tuple[MemberFact, Outcome, int, int]]:
    """(fact, outcome, at_ms, seq) of every fact that counts, in the order of time. Raises Missing."""
    keys = chunk_keys(member, 0)
    if absent := tuple(key for key in keys if key not in cold):
        raise Missing(absent)
    steps, _ = since(member, 0, cold)
    if absent := tuple(("step", str(seq)) for _, seq, *_ in steps if ("step", str(seq)) not in cold):
        raise Missing(absent)
    found: list[tuple[MemberFact, Outcome, int, int]] = []
    for at_ms, seq, *_ in steps:
        row = cold["step", str(seq)]
        if row is None:
            raise Broken(f"the fact of seq {seq} is not in the tables")
        body, outcome = unpack(row)
        found.append((decode_fact(body), outcome, at_ms, seq))  # type: ignore[arg-type]
    return sorted(found, key=lambda one: order_of(one[0], one[2]))


def _look(base: Member, fact: MemberFact, at_ms: int, plan: Plan, rows: dict[ColdKey, bytes | None]) -> None:
    """What the fact needs and this walk has not written, is not there."""
    while absent := needs(base, fact, at_ms, plan, rows):
        rows |= dict.fromkeys(absent)


def _time(base: Member, to_ms: int, plan: Plan, rows: dict[ColdKey, bytes | None]) -> Iterator[Deed]:
    """Let time pass up to and with an instant, and tell of each moment at which it did something."""
    while (due := due_ms(base, plan)) is not None and due <= to_ms:
        yield from _advanced(base, max(due, base.now_ms), plan, rows)
        if due_ms(base, plan) == due:
            break  # what is due there shows only when the next fact comes
    if base.now_ms < to_ms:
        yield from _advanced(base, to_ms, plan, rows)


def _advanced(base: Member, at_ms: int, plan: Plan, rows: dict[ColdKey, bytes | None]) -> Iterator[Deed]:
    level = base.tier
    while absent := tick_needs(base, at_ms, plan, rows):
        rows |= dict.fromkeys(absent)
    turn = Turn(base, "tick", rows)
    advance(turn, at_ms, plan)
    finish(turn, plan)
    rows |= turn.written
    entries, elsewhere = _entries(turn)
    if entries or elsewhere or base.tier != level:
        yield Deed(at_ms, None, entries=entries, elsewhere=elsewhere, level=base.tier)


def _entries(turn: Turn) -> tuple[tuple[Entry, ...], tuple[tuple[str, tuple[Entry, ...]], ...]]:
    """Of the regular points, and of each other currency that moved."""
    others = ((currency, tuple(purse.entries)) for currency, purse in sorted(turn.purses.items()) if purse.entries)
    return tuple(turn.entries), tuple(others)
