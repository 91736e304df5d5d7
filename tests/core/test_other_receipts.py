"""Points that go from one receipt to another, over versions that count otherwise: each lot as its own version says.
Counted by hand.

G gives 100 for the first purchase, B a point for a penny. P1 is bought in March, under the first version; P2 and P3 in
April, under the second. What comes back, comes back in May.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from events.values import millis
from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from services.workbench.simulate import Simulation
from tests.drivers.facts import MEMBER, fact

Rule = dict[str, Any]
HEAD = {"programme": "p", "currency": "GBP", "zone": "Europe/London"}
APRIL, JUNE = "2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z"
G: Rule = {"id": "g", "gift": {"points": 100}}
MORE: Rule = {"id": "g", "revision": 1, "carry": "migrate", "gift": {"points": 150}}
B: Rule = {"id": "base", "share": {"points": 1, "per_minor": 1}}
YEAR: Rule = {"id": "y", "cap": {"points": 150, "per": "year"}}
MEMBERS: Rule = {"id": "e", "cap": {"points": 100, "per": "member"}}
LEVELS = {"tier": {"levels": [{"name": "gold", "from_minor": 1000}]}, "returns": {"policy": "strict"}}
TWICE: Rule = {"id": "base", "share": {"points": 1, "per_minor": 1, "tier_percent": [100, 200]}}


def month(points: int, revision: int = 0, **more: Any) -> Rule:
    return {"id": "m", "revision": revision, "cap": {"points": points, "per": "month", **more}}


def cup(per_points: int, revision: int = 0, **more: Any) -> Rule:
    return {"id": "cup", "revision": revision, "voucher": {"per_points": per_points, "unit": "cup"}, **more}


def visits(points: int, every: int = 1, **more: Any) -> Rule:
    return {"id": "v", "visits": {"every": every, "points": points}, **more}


def texts(*versions: list[Rule], begins: tuple[str, ...] = (APRIL, JUNE), **more: Any) -> list[str]:
    starts = ("2026-01-01T00:00:00Z", *begins)
    return [
        json.dumps(HEAD | {"version": f"p-{n}", "effective_from": starts[n], "rules": rules} | more)
        for n, rules in enumerate(versions)
    ]


def buy(purchase: str, day: str, minor: int, store: str = "a") -> dict[str, Any]:
    lines = [{"item": "tea", "total_minor": minor}]
    return {"type": "purchase", "id": purchase, "occurred_at": f"2026-{day}T10:00:00Z", "store": store, "lines": lines}


def back(purchase: str, day: str, minor: int) -> dict[str, Any]:
    lines = [{"item": "tea", "quantity": 0, "total_minor": minor}]
    at = f"2026-{day}T10:00:00Z"
    return {"type": "return", "id": f"r{purchase}", "occurred_at": at, "purchase": purchase, "lines": lines}


P1, P2, P3 = buy("P1", "03-10", 40), buy("P2", "04-10", 40), buy("P3", "04-12", 100)
R1, R2 = back("P1", "05-01", 40), back("P2", "05-02", 40)


class Case(NamedTuple):
    programmes: list[str]
    facts: list[dict[str, Any]]
    points: dict[str, int]
    cups: int = 0


ADDED = texts([G, B], [G, B, month(60)])
WIDER = texts([G, B, month(60, of=["base"])], [G, B, month(60, 1)])
FROZEN = texts([G, B, month(60), YEAR], [G, B, month(80, 1), YEAR])
RAISED = texts([G, B, month(120), YEAR], [MORE, B, month(130, 1), YEAR])
CUPS_OF_RAISED = texts([G, B, month(120), cup(170)], [MORE, B, month(130, 1), cup(170)])
NARROWER = texts([B, MEMBERS], [B, MEMBERS, month(60)])
THIRD = texts([G, B, YEAR], [G, B, month(60), YEAR], [MORE, B, month(60), YEAR])
STRICT = texts(
    [TWICE],
    [TWICE, {"id": "y", "cap": {"points": 2500, "per": "year"}}, month(2000)],
    **LEVELS,
)
OF_GOLD = texts(
    [G, TWICE, {"id": "c", "when": {"tiers": ["gold"]}, "cap": {"points": 1500, "per": "member"}},
     {"id": "y", "cap": {"points": 3000, "per": "year"}}],
    **LEVELS,
)  # fmt: skip
BOUGHT = [buy("A", "03-10", 1000), buy("B", "04-10", 900), buy("C", "05-10", 1500)]
MIDMONTH = texts(
    [visits(50, 3), B, month(60)], [visits(50, 3), B, month(60, 1, of=["v", "base"])], begins=("2026-03-12T00:00:00Z",)
)
IN_B = texts([G, B, cup(100, when={"stores": ["b"]})])
OTHER_CUPS = texts([G, B, cup(100)], [G, B, cup(120, 1)])

CASES = {
    "a cap that the next version adds counts its own receipts": Case(ADDED, [P1, P2, R1], {"P2": 60}),
    "and has room again when they are gone": Case(ADDED, [P1, P2, P3, R1, R2], {"P3": 60}),
    "a cap counts the gift where its own version says so": Case(WIDER, [P1, P2, R1], {"P2": 60}),
    "and only so much": Case(WIDER, [P1, P2, P3, R1, R2], {"P3": 60}),
    "a cap of the year counts what the month's next revision left": Case(FROZEN, [P1, P2, P3, R1], {"P2": 80}),
    "of each receipt": Case(FROZEN, [P1, P2, P3, R1, R2], {"P3": 80}),
    "a gift that is raised is cut by the cap of its own month": Case(RAISED, [P1], {"P1": 120}),
    "and leaves nothing behind": Case(RAISED, [P1, R1, buy("Q", "05-10", 100)], {"Q": 130}),
    "no cup is made of what a cap has cut": Case(CUPS_OF_RAISED, [P1], {"P1": 120}),
    "a cap below one for ever": Case(NARROWER, [buy("A", "03-10", 80), buy("B", "04-10", 80), back("A", "05-01", 80)],
                                     {"B": 60}),
    "caps in the order of the receipt's version": Case(THIRD, [P2, buy("Q", "06-10", 200)], {"P2": 60, "Q": 60}),
    "a strict return moves receipts of a version with caps": Case(STRICT, [*BOUGHT, back("A", "05-20", 1000)],
                                                                  {"B": 900, "C": 1500}),
    "a cap for gold, before": Case(OF_GOLD, BOUGHT, {"A": 1100, "B": 1500}),
    "a cap for gold, after": Case(OF_GOLD, [*BOUGHT, back("A", "05-20", 1000)], {"B": 1000, "C": 1500}),
    "what a month gives is cut by its own version's cap": Case(
        texts([visits(50), month(60)], [visits(100, revision=1, carry="migrate"), month(60, 1, of=["v"])]),
        [P1], {"v:2026-03:1": 60}),
    "a month's round that begins under one version and ends under another": Case(
        MIDMONTH, [buy("A", "03-10", 10), buy("B", "03-11", 10), buy("C", "03-13", 10), back("A", "03-14", 10),
                   buy("D", "03-15", 60)], {"B": 10, "C": 10, "D": 50, "v:2026-03:1": 50}),
    "a voucher for one shop's receipts": Case(IN_B, [P1, buy("P2", "04-10", 40, "b"), R1], {"P2": 40}, 1),
    "and nothing left of them": Case(IN_B, [P1, buy("P2", "04-10", 40, "b"), R1, R2], {}),
    "a voucher of each version, all back": Case(OTHER_CUPS, [P1, P2, R1, R2], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("turned", [False, True])
def test_each_lot_counts_as_its_own_version_says(name: str, turned: bool) -> None:
    """In the order of time, and the other way round."""
    case = CASES[name]
    simulation = Simulation(case.programmes, [f"p-{n}.yaml" for n in range(len(case.programmes))])
    for said in reversed(case.facts) if turned else case.facts:
        simulation.add(fact(**said))
        simulation.members[MEMBER].check()
    simulation.advance(millis("2026-07-01T00:00:00Z"))
    member = simulation.members[MEMBER]
    assert {lot[3].removeprefix("p:"): lot[4] for lot in simulation.lots(MEMBER)} == case.points
    assert (member.debt, member.units) == (0, {"cup": case.cups} if case.cups else {})


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        (
            texts(
                [B, month(50)], [B, {"id": "m", "revision": 1, "carry": "migrate", "cap": {"points": 50, "per": "day"}}]
            ),
            "cells of m are each of a month, and cannot become those of a day; write carry: freeze",
        ),
        (
            texts([B, month(50), YEAR], [B, YEAR, month(50)]),
            "y stands below it in p-0.yaml; keep their order, or give it an id of its own",
        ),
        (texts([visits(5), {"id": "d", "daily_cap": {"points": 9}}]), "v gives its points for a month, and no day has"),
    ],
)
def test_what_could_not_be_counted_is_refused(versions: list[str], says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme(versions, [f"p-{n}.yaml" for n in range(len(versions))])
    assert says in str(refused.value)
