"""Facts as a bookkeeper would say them in a test, and a small world to fold them in.

`told("2027-01-05 buy p1 100.00")` is a fact; `World` folds such lines and shows a member as one line of text.
Does not own any expectation: tests state those from worked cases.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from events.decode import decode_fact
from events.facts import Fact
from services.book.member import Member
from services.book.step import Result, rerate
from services.workbench.simulate import Simulation

MEMBER = "ann"


def minor(amount: str) -> int:
    """Pence of '12.34'."""
    pounds, _, pence = amount.partition(".")
    return int(pounds or 0) * 100 + int(pence.ljust(2, "0") or 0)


def fact(**said: Any) -> Fact:
    """A fact from its JSON values; member and currency have a default."""
    value = {"member": MEMBER, **said}
    if value["type"] in ("purchase", "correction", "return"):
        value.setdefault("currency", "GBP")
    if value["type"] in ("tick", "programme_published"):
        del value["member"]
    return decode_fact(json.dumps(value).encode())


def at(text: str) -> str:
    """'2027-01-05' or '2027-01-05T12:30' as an instant in UTC."""
    day, _, time = text.partition("T")
    time = time or "12:00"
    return f"{day}T{time}Z" if time.count(":") == 2 else f"{day}T{time}:00Z"


def lines(words: list[str]) -> list[dict[str, Any]]:
    """'2*tea/wine=11.00~1.83' per word: units, item, its categories, its total and the tax in it.

    A bare amount is the item `goods`; units and tax may be left out.
    """
    found = []
    for word in words:
        name, _, amount = word.rpartition("=")
        units, _, name = name.rpartition("*")
        total, _, tax = amount.partition("~")
        item, *categories = (name or "goods").split("/")
        line = {"item": item, "total_minor": minor(total), "tax_minor": minor(tax), "categories": categories}
        found.append(line | ({"quantity": int(units)} if units else {}))
    return found


def _placed(rest: list[str]) -> dict[str, Any]:
    """What the words at a line's end say of the place; they are taken from it."""
    said: dict[str, Any] = {}
    while rest and (place := rest[-1].partition(":"))[0] in ("store", "channel", "partner", "code", "unit"):
        rest.pop()
        said |= {"codes": [place[2], *said.get("codes", ())]} if place[0] == "code" else {place[0]: place[2]}
    return said


def told(line: str, member: str = MEMBER) -> Fact:
    """One line of a bookkeeper's story: instant, verb, id, and what the verb needs.

    buy ID LINE...          back ID of PURCHASE LINE...       back ID LINE...       fix ID rREVISION LINE...
    redeem ID POINTS        taken ID POINTS                   hold ID POINTS until INSTANT
    capture ID of HOLD POINTS      void ID of REDEMPTION [POINTS]
    deed ID WHAT [COUNT]           found ID of PURCHASE [UNITS*]ITEM=AMOUNT
    transfer ID POINTS to MEMBER   contribute ID POINTS to POOL   join ID MEMBER   leave ID MEMBER   erase ID
    merge ID into MEMBER           unmerge ID
    use ID WHAT [COUNT]            adjust ID POINTS [until INSTANT]               enrol ID [by MEMBER]
    set ID STATUS[=VALUE] [until INSTANT]          end ID STATUS
    A line may end in words like store:s1 channel:web partner:fuel code:SPRING unit:promo
    """
    when, verb, name, *rest = line.split()
    base: dict[str, Any] = {"id": name, "occurred_at": at(when), "member": member}
    base |= _placed(rest)
    match verb:
        case "buy":
            return fact(**base, type="purchase", lines=lines(rest))
        case "fix":
            return fact(**base, type="correction", revision=int(rest[0][1:]), lines=lines(rest[1:]))
        case "back" if rest[0] == "of":
            rows = [{"quantity": 0} | row for row in lines(rest[2:])]
            return fact(**base, type="return", purchase=rest[1], lines=rows)
        case "back":
            return fact(**base, type="return", lines=lines(rest))
        case "redeem":
            return fact(**base, type="redemption_requested", points=int(rest[0]))
        case "taken":
            return fact(**base, type="redemption_taken", points=int(rest[0]))
        case "hold":
            return fact(**base, type="redemption_requested", points=int(rest[0]), hold_until=at(rest[2]))
        case "capture":
            return fact(**base, type="redemption_captured", redemption=rest[1], points=int(rest[2]))
        case "void":
            part = {"points": int(rest[2])} if rest[2:] else {}
            return fact(**base, type="redemption_voided", redemption=rest[1], **part)
        case "use" | "deed":
            kind = "used" if verb == "use" else verb
            return fact(**base, type=kind, what=rest[0], count=int(rest[1]) if rest[1:] else 1)
        case "found":
            (seen,) = lines(rest[2:])
            found = {"item": seen["item"], "quantity": seen.get("quantity", 1), "found_minor": seen["total_minor"]}
            return fact(**base, type="price_found", purchase=rest[1], evidence="a leaflet", **found)
        case "adjust":
            ends = {"expires_at": at(rest[2])} if rest[1:] else {}
            return fact(**base, type="adjusted", points=int(rest[0]), reason="goodwill", actor="clerk", **ends)
        case "set":
            status, _, value = rest[0].partition("=")
            ends = {"until": at(rest[2])} if rest[1:] else {}
            return fact(**base, type="status_set", status=status, value=value or None, **ends)
        case "end":
            return fact(**base, type="status_ended", status=rest[0])
        case "transfer":
            return fact(**base, type="transfer_requested", points=int(rest[0]), to=rest[2])
        case "contribute":
            return fact(**base, type="contribution_requested", points=int(rest[0]), pool=rest[2])
        case "join":
            return fact(**base, type="pool_joined", who=rest[0])
        case "leave":
            return fact(**base, type="pool_left", who=rest[0])
        case "merge":
            return fact(**base, type="merged", into=rest[1])
        case "unmerge":
            return fact(**base, type="unmerged")
        case "erase":
            return fact(**base, type="erased", reason="asked for by the person")
        case "enrol":
            return fact(**base, type="enrolled", **({"referrer": rest[1]} if rest else {}))
    raise ValueError(f"no such verb: {line}")


class World:
    """One programme, one member (unless a line is told of another), checked after every fact."""

    def __init__(self, *programmes: str) -> None:
        self.simulation = Simulation(list(programmes), [f"test-{n}.yaml" for n in range(len(programmes))])

    def tell(self, line: str, member: str = MEMBER) -> Result:
        """Fold one line; every account of the member must add up afterwards."""
        before = len(self.simulation.booked)
        self.simulation.add(told(line, member))
        self.simulation.members[member].check()
        return self.simulation.booked[min(before, len(self.simulation.booked) - 1)].results[0]

    def refusal(self, line: str, member: str = MEMBER) -> str:
        """The same; why it was declined, "" when it was not."""
        return self.tell(line, member).outcome.refusal

    def accounts(self) -> dict[str, int]:
        """Every account over the whole house, from the entries alone; a message on its way is in `transferred`."""
        found = Counter[str]()
        for booked in self.simulation.booked:
            for entry in (entry for result in booked.results for entry in result.posting.entries):
                found[entry.debit] -= entry.points
                found[entry.credit] += entry.points
        return {account: points for account, points in sorted(found.items()) if points}

    def tell_all(self, story: str) -> None:
        for line in story.strip().splitlines():
            self.tell(line.strip())

    def counts_again(self, name: str = MEMBER) -> bool:
        """Whether the member is what all its facts, folded again from the first, come to; and tells nobody anything."""
        member, plan = self.member(name), self.simulation.plan
        again = self.simulation._fold(member, lambda cold, _: rerate(member, 0, plan, cold))
        return again is None or (again.posting.entries, again.messages, again.elsewhere) == ((), (), ())

    def until(self, when: str) -> None:
        """Let time pass to an instant."""
        from events.values import millis

        self.simulation.advance(millis(at(when)))
        for member in self.simulation.members.values():
            member.check()

    def member(self, name: str = MEMBER) -> Member:
        return self.simulation.members[name]

    def lots(self, name: str = MEMBER) -> dict[str, int]:
        """Slot (less its "p:") -> points that remain."""
        return {lot[3].removeprefix("p:"): lot[4] for lot in self.member(name).lots}

    def stands(self, name: str = MEMBER) -> str:
        """A member in one line."""
        m = self.member(name)
        return f"available {m.available} pending {m.pending} held {m.held} debt {m.debt}"
