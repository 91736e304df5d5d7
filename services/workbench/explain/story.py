"""A retold book as plain values: what happened, where each lot came from and what became of it, what is owed. Pure.

Every point of every lot is told with its fact, rule, programme version and receipt lines. A rule looks at the whole
basket, so its points are shared out to the lines that it counts: in the order of the receipt, each line has what the
lines up to it are worth, rounded down, less what those before it have. The shares add up to the points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events.entries import Entry
from events.values import instant
from services.book.member import Member
from services.book.pages import lots_of
from services.book.purses import Rows
from services.book.retold import Deed, Retold
from services.book.turn import Cold, lot_id, lot_of
from services.programme.calendar import NEVER
from services.programme.plan import Plan, Version
from services.workbench.explain.words import awards, entry_words, fact_words

Story = dict[str, Any]
Posted = Mapping[int, Sequence[Entry]]
"""The entries of facts as they stand in the ledger's tables, by seq."""


def story(retold: Retold, plan: Plan, posted: Posted) -> Story:
    """Everything, for `--json`: amounts in the smallest unit of points, instants in UTC."""
    member = retold.member
    version = plan.at(member.now_ms)
    levels = version.levels if version is not None else ("standard",)
    lots = {currency: _Lots() for currency in ("", *member.purses)}
    history = [_told(deed, plan, posted, lots) for deed in retold.deeds]
    return {
        "member": member.id,
        "at": instant(member.now_ms) if -NEVER < member.now_ms < NEVER else None,
        "tier": levels[min(member.tier, len(levels) - 1)],
        "qualifying_minor": member.qualifying_minor,
        "units": dict(sorted(member.units.items())),
        **_account(member, lots[""], retold.cold),
        "currencies": {
            name: _account(purse, lots[name], Rows(retold.cold, name)) for name, purse in sorted(member.purses.items())
        },
        "history": history,
    }


def decimals_of(version: Version | None, currency: str) -> int:
    """How many decimals a person reads in a currency; "": the regular points."""
    if version is None:
        return 0
    return version.currencies.get(currency, 0) if currency else version.points_decimals


def _account(member: Member, lots: _Lots, cold: Cold) -> Story:
    """What there is of one currency."""
    left = {lot_id(lot[:4]): lot[4] for lot in lots_of(member, member.pages, cold)}
    return {
        "available": member.available,
        "pending": member.pending,
        "held": member.held,
        "debt": member.debt,
        "owed": [{"cause": cause, "points": owed[1]} for cause, owed in sorted(member.debts.items()) if owed[1]],
        "lots": lots.told(left, member.now_ms),
    }


def _told(deed: Deed, plan: Plan, posted: Posted, lots: Mapping[str, _Lots]) -> Story:
    """One thing that happened."""
    fact, version = deed.fact, plan.at(deed.at_ms)
    if deed.rated is not None and deed.rated.version is not None:
        version = deed.rated.version
    zone = version.zone if version is not None else plan.zone
    told: Story = {"at": instant(deed.at_ms), "what": fact_words(fact)}
    if fact is not None:
        told |= {"fact": fact.id, "type": fact.type}
        told |= {name: value for name in ("store", "partner", "purchase") if (value := getattr(fact, name, None))}
        if deed.rated is not None and deed.rated.version is not None:
            told |= {"version": deed.rated.version.name}
        if deed.refusal is not None:
            told |= {"without_effect": deed.refusal.text}
        if deed.waits:
            told |= {"without_effect": "its purchase has not come"}
    told["level"] = deed.level
    told["entries"] = []
    for currency, entries in (("", deed.entries), *deed.elsewhere):
        of = {"currency": currency} if currency else {}
        decimals = decimals_of(version, currency)
        told["entries"] += [of | lots[currency].entry(deed, entry, version, decimals, zone) for entry in entries]
    if fact is not None and deed.seq in posted:
        told["posted"] = [_entry(entry, decimals_of(version, ""), zone) for entry in posted[deed.seq]]
    return told


def _entry(entry: Entry, decimals: int, zone: str) -> Story:
    return {
        "debit": entry.debit,
        "credit": entry.credit,
        "points": entry.points,
        "lot": entry.lot or None,
        "why": entry.why,
        "balance_after": entry.balance_after,
        "says": entry_words(entry, decimals, zone),
    }


class _Lots:
    """Every lot that there ever was: what was put into it, and what became of that."""

    def __init__(self) -> None:
        self._given: dict[str, list[Story]] = {}
        self._became: dict[str, list[Story]] = {}

    def entry(self, deed: Deed, entry: Entry, version: Version | None, decimals: int, zone: str) -> Story:
        """An entry told; its lot remembers it."""
        moved: Story = {"at": instant(deed.at_ms), "points": entry.points}
        if deed.fact is not None:
            moved["fact"] = deed.fact.id
        told = _entry(entry, decimals, zone)
        if rules := _rules(deed, entry, version):
            told["rules"] = moved["rules"] = rules
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


def _rules(deed: Deed, entry: Entry, version: Version | None) -> list[Story]:
    """The rules that an entry names, with their points, why they are given, and the receipt lines that they counted."""
    found = []
    for rule, revision, given in awards(entry.why):
        told: Story = {"rule": rule, "revision": revision, "points": given}
        mechanic = version.mechanics.get(f"{rule}@{revision}") if version is not None else None
        if version is not None:
            told["version"] = version.name
        if version is not None and mechanic is not None:
            told["why"] = mechanic.why
            told["lines"] = _lines(deed.fact, mechanic.measure, version, given)
        found.append(told)
    return found


def _state(left: int, expires_ms: int, active_ms: int, now_ms: int) -> str:
    if not left:
        return "ended" if expires_ms <= now_ms else "used up"
    return "pending" if active_ms > now_ms else "available"


def _lines(fact: Any, measure: int | None, version: Version, given: int) -> list[Story]:
    """The lines of a receipt that a rule counted, each with its share of the points."""
    if measure is None:
        return []
    counted = [
        (line, money) for line in getattr(fact, "lines", ()) if (money := version.meter.measure((line,))[measure]) > 0
    ]
    whole, so_far, shared, told = sum(money for _, money in counted), 0, 0, []
    for line, money in counted:
        so_far += money
        share = abs(given) * so_far // whole - shared
        shared += share
        told.append({"item": line.item, "total_minor": line.total_minor, "counted": money,
                     "points": share if given >= 0 else -share})  # fmt: skip
    return told
