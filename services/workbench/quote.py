"""`quote`: what a basket costs a member at an instant, what it would give, and what the member may have. No server.

The member is as the facts up to then leave them, by the same fold as `simulate`. Owns the basket's reading and the
report; the prices are services/programme/pricing, the rights services/programme/entitlements.py, and the points
services/workbench/preview.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from events.decode import decode_fact
from events.facts.purchases import Purchase
from events.values import millis
from services.book.member import Member, new
from services.programme.mechanic import Context
from services.programme.pricing.price import cells_of, price
from services.programme.pricing.spent import KEY
from services.programme.words import decimal, money
from services.workbench.facts_file import FileFault
from services.workbench.preview import preview
from services.workbench.simulate import Simulation, of_files, simulate

GUEST = "guest"
"""Stands for the member where the basket names none."""


def quote(simulation: Simulation, asked: Purchase, at: str) -> dict[str, Any]:
    """Prices, points and entitlements as plain values. `simulation` stands at the instant `at`. Raises ValueError where
    no version is in force, or the basket is in another currency."""
    at_ms = millis(at)
    version = simulation.plan.at(at_ms)
    if version is None:
        raise ValueError(f"no version of the programme is in force at {at}")
    if asked.currency != version.currency:
        raise ValueError(f"the basket is in {asked.currency}, the programme in {version.currency}")
    member = simulation.members.get(asked.member) or new(asked.member)
    codes = asked.codes
    context = Context(member.id, member.statuses, asked.store or "", asked.channel or "", codes)
    basket = version.basket(asked.id, at_ms, asked.lines, member.tier, asked.partner, asked.store, context)
    entitlements = {one.id: one for one in version.entitlements}
    spent = {rule.id: _spent(member, rule.id) for rule in version.prices.rules}
    priced = price(version.prices, entitlements, basket, member.units, spent)
    guest = asked.member == GUEST
    nothing: dict[str, Any] = {"points": 0, "gives": []}  # nobody is there to have it
    return {
        "at": at,
        "programme": version.name,
        "member": None if guest else asked.member,
        "tier": version.levels[min(member.tier, len(version.levels) - 1)],
        "currency": version.currency,
        "before_minor": sum(line.before_minor for line in priced.lines),
        "after_minor": sum(line.after_minor for line in priced.lines),
        "lines": [
            {"item": line.item, "quantity": line.quantity, "before_minor": to_pay.before_minor,
             "after_minor": to_pay.after_minor,
             "taken": [{"rule": rule, "minor": minor} for rule, minor in to_pay.taken]}
            for line, to_pay in zip(asked.lines, priced.lines, strict=True)
        ],
        "rules": [{"rule": rule, "minor": minor, "why": why} for rule, minor, why in priced.rules],
        **(nothing if guest else preview(version, asked, basket, priced, member)),
        "entitlements": [
            {"entitlement": one.id, "what": one.what, "granted": granted, "why": why}
            for one in version.entitlements
            for granted, why in [one.answer(basket, member.units)]
        ],
    }  # fmt: skip


def _gift(row: dict[str, Any]) -> str:
    """What a rule would give, in a line."""
    ends = f", until {row['until']}" if row["until"] else ""
    to = f" to {row['to']}" if row["to"] else ""
    return f"{row['rule']}: {decimal(row['amount'], row['decimals'])} {row['unit']}{to}{ends}: {row['why']}"


def _spent(member: Member, rule: str) -> int:
    return cast("int", member.cells.get(cells_of(rule), {}).get(KEY, 0))


def read_basket(file: Path, at: str) -> Purchase:
    """The basket that a file asks about: a purchase fact, of which type, id, instant and member may be left out. Its
    lines say what they cost everybody. Raises FileFault and OSError."""
    try:
        said = json.loads(file.read_bytes())
        if not isinstance(said, dict):
            raise ValueError("write one JSON object, with currency and lines")
        value = {"id": "quote", "member": GUEST, **said, "type": said.get("type", "purchase"), "occurred_at": at}
        fact = decode_fact(json.dumps(value).encode())
    except (ValueError, RecursionError) as error:
        raise FileFault(f"{file.name}: {error}") from None
    if fact.type != "purchase":
        raise FileFault(f"{file.name}: a {fact.type} has no price; write a purchase, or leave its type out")
    return fact


def run_quote(programmes: list[Path], facts: Path, basket: Path, at: str, *, as_json: bool) -> int:
    """The command. Exit code 2 and one sentence a fault when a file or the instant is wrong."""

    def asked() -> int:
        _instant(at)
        wanted = read_basket(basket, at)
        said = quote(simulate(programmes, facts, at), wanted, at)
        print(json.dumps(said)) if as_json else _print(said)
        return 0

    return of_files(asked)


def _instant(at: str) -> None:
    try:
        millis(at)
    except ValueError as error:
        raise ValueError(f"--at {at}: {error}") from None


def _print(said: dict[str, Any]) -> None:
    def cost(minor: int) -> str:
        return money(minor, said["currency"])

    print(f"{said['member'] or 'a guest'} at {said['at']}, level {said['tier']}, by {said['programme']}")
    for line in said["lines"]:
        taken = " ".join(f"{one['rule']}:-{cost(one['minor'])}" for one in line["taken"])
        before, after = cost(line["before_minor"]), cost(line["after_minor"])
        print(f"  {line['quantity']:>4} {line['item']:<20} {before:>16} {after:>16}  {taken}".rstrip())
    print(f"  {'to pay':<25} {cost(said['before_minor']):>16} {cost(said['after_minor']):>16}")
    for rule in said["rules"]:
        print(f"{rule['rule']}: {'-' + cost(rule['minor']) if rule['minor'] else 'nothing'}: {rule['why']}")
    for row in said["gives"]:
        print(_gift(row))
    for one in said["entitlements"]:
        print(f"{one['what']}: {'yes' if one['granted'] else 'no'}: {one['why']}")
