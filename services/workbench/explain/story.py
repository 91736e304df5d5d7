"""A retold book as plain values: what happened, where each lot came from and what became of it, what is owed. Pure.

Every point of every lot is told with its fact, rule, programme version and receipt lines. A rule looks at the whole
basket, so its points are shared out to the lines that it counts: in the order of the receipt, each line has what the
lines up to it are worth, rounded down, less what those before it have. The shares add up to the points. Of an account
that took others in, or went to another, that is told, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from events.entries import Entry
from events.values import instant, millis
from services.book.member import Member, Merges
from services.book.pages import lots_of
from services.book.purses import Rows
from services.book.retold import Deed, Retold
from services.book.turn import Cold, lot_id, lot_of
from services.programme.calendar import NEVER
from services.programme.plan import Plan, Version
from services.workbench.explain import rules
from services.workbench.explain.merges import Event, Record, events
from services.workbench.explain.rules import Share
from services.workbench.explain.words import entry_words, fact_words, refusal_words, time_words

Story = dict[str, Any]
Posted = Mapping[int, Sequence[Entry]]
"""The entries of facts as they stand in the ledger's tables, by seq."""


def story(stored: Member, retold: Retold, plan: Plan, posted: Posted, records: Sequence[Record]) -> Story:
    """Everything, for `--json`: amounts in the smallest unit of points, instants in UTC. `stored`: the member as the
    book has it; `records`: the account's own of merges."""
    member = retold.member
    lots = {currency: _Lots() for currency in ("", *member.purses)}
    history, level = [], 0
    for deed in retold.deeds:
        history.append(_told(deed, member.id, plan, posted, lots))
        if deed.level != level:
            level = deed.level
            history[-1]["tier"] = _tier(level, plan, deed.at_ms)
    return {
        "member": member.id,
        "at": instant(member.now_ms) if -NEVER < member.now_ms < NEVER else None,
        **_merges(stored),
        "tier": _tier(member.tier, plan, member.now_ms),
        "qualifying_minor": member.qualifying_minor,
        "units": dict(sorted(member.units.items())),
        **_account(member, lots[""], retold, retold.cold, plan),
        "currencies": {
            name: _account(purse, lots[name], retold, Rows(retold.cold, name), plan)
            for name, purse in sorted(member.purses.items())
        },
        "history": _with_merges(history, events(member.id, records), plan, posted),
    }


def _tier(level: int, plan: Plan, at_ms: int) -> str:
    """The name of a level at an instant."""
    version = plan.at(at_ms)
    return "standard" if version is None else version.levels[min(level, len(version.levels) - 1)]


def _merges(stored: Member) -> Story:
    """Where the account went, and whose came to it."""
    merges = stored.merges or Merges()
    return {
        "merged_into": {"member": merges.into, "fact": merges.merge} if merges.into else None,
        "merged_from": [{"member": owner, "fact": by} for owner, (_, by) in sorted(merges.taken.items())],
    }


def _with_merges(history: list[Story], found: Iterable[Event], plan: Plan, posted: Posted) -> list[Story]:
    """The history with the merges among it, each after all else of its instant."""
    rows = [(millis(row["at"]), row) for row in history]
    for event in found:
        row: Story = {"at": instant(event.at_ms), "what": event.what, "fact": event.fact, "type": event.type}
        row |= {"others": list(event.others), "entries": []}
        rows.append((event.at_ms, row | _posted(None, event.seq, event.at_ms, plan, posted)))
    return [row for _, row in sorted(rows, key=lambda row: row[0])]


def decimals_of(version: Version | None, currency: str) -> int:
    """How many decimals a person reads in a currency; "": the regular points."""
    if version is None:
        return 0
    return version.currencies.get(currency, 0) if currency else version.points_decimals


def _account(member: Member, lots: _Lots, retold: Retold, cold: Cold, plan: Plan) -> Story:
    """What there is of one currency."""
    left = {lot_id(lot[:4]): lot[4] for lot in lots_of(member, member.pages, cold)}
    return {
        "available": member.available,
        "pending": member.pending,
        "held": member.held,
        "debt": member.debt,
        "owed": [
            {"cause": cause, "what": _cause(cause, retold, plan), "points": owed[1]}
            for cause, owed in sorted(member.debts.items())
            if owed[1]
        ],
        "lots": lots.told(left, member.now_ms),
    }


def _cause(cause: str, retold: Retold, plan: Plan) -> str:
    """What made a debt: a fact, or a version that began; of a rule that draws, with its slot behind it."""
    facts = [deed.fact for deed in retold.deeds if deed.fact is not None]
    if by := [fact for fact in facts if cause == fact.id or cause.startswith(f"{fact.id}-")]:
        return fact_words(max(by, key=lambda fact: len(fact.id)), plan.zone)
    return next((time_words(v.name) for v in plan.versions if cause.startswith(f"version:{v.name}-")), cause)


def _told(deed: Deed, member: str, plan: Plan, posted: Posted, lots: Mapping[str, _Lots]) -> Story:
    """One thing that happened."""
    fact, version = deed.fact, _version(deed, plan)
    zone = version.zone if version is not None else plan.zone
    told: Story = {"at": instant(deed.at_ms)} | _what(deed, member, plan, zone)
    told["level"] = deed.level
    told["entries"] = []
    for currency, entries in (("", deed.entries), *deed.elsewhere):
        of = {"currency": currency} if currency else {}
        decimals = decimals_of(version, currency)
        for entry, shares in zip(entries, rules.shares(fact, entries, currency, deed.rated), strict=True):
            told["entries"].append(of | lots[currency].entry(deed, entry, shares, plan, decimals, zone))
    return told if fact is None else told | _posted(fact, deed.seq, deed.at_ms, plan, posted)


def _version(deed: Deed, plan: Plan) -> Version | None:
    """That of a purchase that the fact is about; else the one in force."""
    return deed.rated.version if deed.rated is not None and deed.rated.version is not None else plan.at(deed.at_ms)


def _what(deed: Deed, member: str, plan: Plan, zone: str) -> Story:
    """What happened, and whether it counts."""
    fact = deed.fact
    if fact is None:
        began = _begun(deed, plan)
        return {"what": time_words(began)} | ({"version": began} if began is not None else {})
    told: Story = {"what": fact_words(fact, zone), "fact": fact.id, "type": fact.type}
    names = ("store", "partner", "purchase", "sender", "cause")
    told |= {name: value for name in names if (value := getattr(fact, name, None))}
    if fact.member != member:
        told |= {"member": fact.member, "what": f"{told['what']}, of {fact.member}"}
    if deed.rated is not None and deed.rated.version is not None:
        told |= {"version": deed.rated.version.name}
    if deed.refusal is not None:
        told |= {"without_effect": refusal_words(deed.refusal), "refusal": deed.refusal.text}
    if deed.waits:
        told |= {"without_effect": "its purchase has not come"}
    return told


def _begun(deed: Deed, plan: Plan) -> str | None:
    """The version that begins, where time alone moved points by a rule, or levels are counted anew: it took over what
    earlier ones had counted."""
    moved = (entry for entries in (deed.entries, *(other for _, other in deed.elsewhere)) for entry in entries)
    began = deed.at_ms in plan.levels_ms or any(rules.awards(entry.why) for entry in moved)
    return plan.of(deed.at_ms).name if deed.fact is None and began else None


def _posted(fact: Any, seq: int, at_ms: int, plan: Plan, posted: Posted) -> Story:
    """The entries of a fact as they stand in the ledger's tables."""
    version, entries = plan.at(at_ms), posted.get(seq)
    if entries is None:
        return {}
    decimals, zone = decimals_of(version, ""), plan.zone if version is None else version.zone
    shared = zip(entries, rules.shares(fact, entries), strict=True)
    return {"posted": [_entry(entry, shares, decimals, zone) for entry, shares in shared]}


def _entry(entry: Entry, shares: Sequence[Share], decimals: int, zone: str) -> Story:
    return {
        "debit": entry.debit,
        "credit": entry.credit,
        "points": entry.points,
        "lot": entry.lot or None,
        "why": entry.why,
        "balance_after": entry.balance_after,
        "says": entry_words(entry, shares, decimals, zone),
    }


class _Lots:
    """Every lot that there ever was: what was put into it, and what became of that."""

    def __init__(self) -> None:
        self._given: dict[str, list[Story]] = {}
        self._became: dict[str, list[Story]] = {}

    def entry(self, deed: Deed, entry: Entry, shares: Sequence[Share], plan: Plan, decimals: int, zone: str) -> Story:
        """An entry told; its lot remembers it."""
        fact, version = deed.fact, _version(deed, plan)
        moved: Story = {"at": instant(deed.at_ms), "points": entry.points}
        if fact is not None:
            moved["fact"] = fact.id
            moved |= {name: getattr(fact, name) for name in ("sender", "cause") if fact.type == "message"}
        elif shares and (began := _begun(deed, plan)) is not None:
            moved["version"] = began
        told = _entry(entry, shares, decimals, zone)
        if shares:
            told["rules"] = moved["rules"] = [rules.told(share, deed, version, plan) for share in shares]
        if entry.lot and entry.credit == "lot":
            self._given.setdefault(entry.lot, []).append(moved | {"from": entry.debit})
        elif entry.lot:
            self._became.setdefault(entry.lot, []).append(moved | {"to": entry.credit, "from": entry.debit})
        return told

    def told(self, left: Mapping[str, int], now_ms: int) -> list[Story]:
        """Each lot, in spending order; `left`: what remains of those that live."""
        found = []
        for lot in sorted({*self._given, *left}, key=lot_of):
            expires, earned, active, slot = lot_of(lot)
            found.append(
                {
                    "lot": lot,
                    "slot": slot,
                    "earned_at": instant(earned),
                    "active_at": instant(active),
                    "expires_at": None if expires >= NEVER else instant(expires),
                    "points": left.get(lot, 0),
                    "state": _state(left.get(lot, 0), expires, active, now_ms),
                    "given": self._given.get(lot, []),
                    "became": self._became.get(lot, []),
                }
            )
        return found


def _state(left: int, expires_ms: int, active_ms: int, now_ms: int) -> str:
    if not left:
        return "ended" if expires_ms <= now_ms else "used up"
    return "pending" if active_ms > now_ms else "available"
