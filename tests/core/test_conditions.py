"""When a rule applies: each key of a condition at its edges, counted by hand; and what comes late or comes back."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from services.programme.compile import compile_programme
from services.programme.predicates import arm_of
from services.programme.written import ProgrammeError
from tests.drivers.facts import World, told

HEAD = """programme: p
version: p-1
effective_from: 2025-01-01T00:00:00Z
currency: GBP
zone: Europe/London
partners: [fuel]
stores:
  north-1: {region: north}
  north-2: {region: north, zone: Pacific/Auckland}
  south-1: {region: south}
tier: {levels: [{name: silver, from_minor: 10000}]}
arms: {trial: {new: 30, old: 70}}
conditions:
  weekend: {weekdays: [sat, sun]}
  evening: {hours: ["17:00-20:00"]}
"""


def rule(when: str) -> str:
    return HEAD + f"rules:\n  - id: base\n    {when}\n    share: {{points: 1, per_minor: 100}}\n"


def points(when: str, *story: str) -> int:
    world = World(rule(when))
    for line in story:
        world.tell(line)
    return world.member().available


@pytest.mark.parametrize(
    ("when", "line", "holds"),
    [
        ("when: {stores: [north-1]}", "buy p1 7.00 store:north-1", True),
        ("when: {stores: [north-1]}", "buy p1 7.00 store:south-1", False),
        ("when: {stores: [north-1]}", "buy p1 7.00", False),
        ("when: {regions: [north]}", "buy p1 7.00 store:north-2", True),
        ("when: {regions: [north]}", "buy p1 7.00 store:south-1", False),
        ("when: {regions: [north]}", "buy p1 7.00 store:elsewhere", False),
        ("when: {channels: [web, app]}", "buy p1 7.00 channel:app", True),
        ("when: {channels: [web, app]}", "buy p1 7.00 channel:till", False),
        ("when: {partners: [fuel]}", "buy p1 7.00 partner:fuel", True),
        ("when: {partners: [fuel]}", "buy p1 7.00", False),
        ("unless: {partners: [fuel]}", "buy p1 7.00", True),
        ("unless: {partners: [fuel]}", "buy p1 7.00 partner:fuel", False),
        ("when: {codes: [SPRING, SUMMER]}", "buy p1 7.00 code:SUMMER", True),
        ("when: {codes: [SPRING, SUMMER]}", "buy p1 7.00 code:AUTUMN code:SPRING", True),
        ("when: {codes: [SPRING, SUMMER]}", "buy p1 7.00 code:AUTUMN", False),
        ("when: {basket: {from_minor: 700}}", "buy p1 7.00", True),
        ("when: {basket: {from_minor: 701}}", "buy p1 7.00", False),
        ("when: {basket: {from_minor: 500, exclude: [gift]}}", "buy p1 cup/gift=2.01 tea=4.99", False),
        ("when: {basket: {from_minor: 500, base: net}}", "buy p1 tea=7.00~2.00", True),
        ("when: {basket: {below_minor: 701}}", "buy p1 7.00", True),
        ("when: {basket: {below_minor: 700}}", "buy p1 7.00", False),
        ("when: {tiers: [standard]}", "buy p1 7.00", True),
        ("when: {tiers: [silver]}", "buy p1 7.00", False),
        ("when: {conditions: [weekend, evening]}", "buy p1 7.00", False),
        ("unless: {conditions: [weekend]}", "buy p1 7.00", True),
        ("when: {stores: [north-1], channels: [web]}", "buy p1 7.00 store:north-1", False),
        ("when: {stores: [north-1], channels: [web]}", "buy p1 7.00 store:north-1 channel:web", True),
        ("unless: {stores: [north-1], channels: [web]}", "buy p1 7.00 store:north-1", False),
    ],
)
def test_a_receipt_counts_where_its_condition_holds(when: str, line: str, holds: bool) -> None:
    assert points(when, f"2026-03-10 {line}") == (7 if holds else 0)


@pytest.mark.parametrize(
    ("when", "at", "store", "holds"),
    [
        # 2026-03-13 is a Friday. Auckland is 13 hours ahead of UTC then, London level with it.
        ("weekdays: [fri]", "2026-03-13T23:59:59", "south-1", True),
        ("weekdays: [sat]", "2026-03-14T00:00:00", "south-1", True),
        ("weekdays: [sat]", "2026-03-13T11:00:00", "north-2", True),
        ("weekdays: [fri]", "2026-03-13T10:59:59", "north-2", True),
        ("weekdays: [sun, mon]", "2026-03-13T12:00", "south-1", False),
        ("hours: ['17:00-20:00']", "2026-03-13T16:59:59", "south-1", False),
        ("hours: ['17:00-20:00']", "2026-03-13T17:00:00", "south-1", True),
        ("hours: ['17:00-20:00']", "2026-03-13T19:59:59", "south-1", True),
        ("hours: ['17:00-20:00']", "2026-03-13T20:00:00", "south-1", False),
        ("hours: ['17:00-20:00']", "2026-07-13T16:00:00", "south-1", True),  # London's summer: 17:00
        ("hours: ['17:00-20:00']", "2026-03-13T04:00:00", "north-2", True),  # 17:00 in Auckland
        ("hours: ['22:00-02:00']", "2026-03-13T23:30", "south-1", True),
        ("hours: ['22:00-02:00']", "2026-03-13T01:59", "south-1", True),
        ("hours: ['22:00-02:00']", "2026-03-13T02:00", "south-1", False),
        ("hours: ['22:00-24:00', '08:00-09:00']", "2026-03-13T08:30", "south-1", True),
        ("dates: [2026-03-13]", "2026-03-13T23:59", "south-1", True),
        ("dates: [2026-03-13]", "2026-03-14T00:00", "south-1", False),
        ("dates: [2026-03-13..2026-03-20]", "2026-03-20T23:59", "south-1", True),
        ("dates: [2026-03-13..2026-03-20]", "2026-03-21T00:00", "south-1", False),
        ("dates: [2026-07-01]", "2026-06-30T23:30", "south-1", True),  # already July in London
        ("dates: [2026-07-01]", "2026-06-30T22:30", "north-2", False),  # the programme's zone, not the store's
    ],
)
def test_times_are_the_stores_and_dates_the_programmes(when: str, at: str, store: str, holds: bool) -> None:
    assert points("when: {" + when + "}", f"{at} buy p1 7.00 store:{store}") == (7 if holds else 0)
    assert points("unless: {" + when + "}", f"{at} buy p1 7.00 store:{store}") == (0 if holds else 7)


STATUSES = [
    ("groups: [students]", ("2026-02-01 set a students",), 1),
    ("groups: [students]", ("2026-02-01 set a students until 2026-03-10",), 0),
    ("groups: [students]", ("2026-02-01 set a students until 2026-03-10T12:01",), 1),
    ("groups: [students]", ("2026-02-01 set a students", "2026-03-01 end b students"), 0),
    ("groups: [students]", ("2026-02-01 set a students", "2026-03-01 end b students", "2026-03-09 set c students"), 1),
    ("groups: [students]", ("2026-02-01 set a owners",), 0),
    ("groups: [students, owners]", ("2026-02-01 set a owners",), 1),
    ("segments: [loyal]", ("2026-02-01 set a segment=loyal",), 1),
    ("segments: [loyal]", ("2026-02-01 set a segment=loyal", "2026-03-01 set b segment=lost"), 0),
    ("segments: [loyal, new]", ("2026-02-01 set a segment=new",), 1),
    ("status: {life-stage: [family]}", ("2026-02-01 set a life-stage=family",), 1),
    ("status: {life-stage: [family]}", ("2026-02-01 set a life-stage=single",), 0),
    ("tenure_months: 12", ("2025-03-10 enrol a",), 1),
    ("tenure_months: 12", ("2025-03-11T00:00 enrol a",), 0),
    ("tenure_months: 1", ("2026-01-31 enrol a",), 1),
    ("tenure_months: 0", (), 0),
    ("birthday: {}", ("2026-02-01 set a birthday=03-10",), 1),
    ("birthday: {}", ("2026-02-01 set a birthday=1990-03-10",), 1),
    ("birthday: {}", ("2026-02-01 set a birthday=03-11",), 0),
    ("birthday: {days_before: 1}", ("2026-02-01 set a birthday=03-11",), 1),
    ("birthday: {days_before: 7}", ("2026-02-01 set a birthday=03-09",), 0),
    ("birthday: {days_after: 9}", ("2026-02-01 set a birthday=02-29",), 1),
    ("birthday: {days_after: 8}", ("2026-02-01 set a birthday=02-29",), 0),
    ("birthday: {days_after: 80}", ("2026-02-01 set a birthday=12-25",), 1),
    ("birthday: {days_after: 9}", ("2026-02-01 set a birthday=March",), 0),
]


@pytest.mark.parametrize(("when", "story", "holds"), STATUSES)
def test_what_holds_of_a_member_at_the_purchases_instant(when: str, story: tuple[str, ...], holds: int) -> None:
    bought, later = "2026-03-10 buy p1 7.00", "2026-03-12 set z students"
    facts = (*story, bought, later)
    for order in (facts, facts[::-1], (*facts[1:], facts[0])):
        assert points("when: {" + when + "}", *order) == 7 * holds, order


def test_a_status_that_comes_late_rates_again_what_it_concerns() -> None:
    world = World(rule("when: {groups: [students]}"))
    world.tell_all("""
        2026-03-01 buy p1 10.00
        2026-03-05 buy p2 20.00
        2026-03-09 buy p3 40.00
    """)
    assert world.member().available == 0
    world.tell("2026-03-04 set a students")
    assert world.member().available == 60
    world.tell("2026-03-08 end b students")
    assert world.member().available == 20


def test_a_return_is_judged_by_what_held_when_its_goods_were_bought() -> None:
    world = World(rule("when: {groups: [students]}"))
    world.tell_all("""
        2026-03-01 set a students
        2026-03-05 buy p1 20.00
        2026-03-06 end b students
        2026-03-07 buy p2 30.00
        2026-03-08 set c students
        2026-03-09 back r1 of p1 goods=5.00
        2026-03-09 back r2 of p2 goods=5.00
        2026-03-10 back r3 of p1 goods=5.00
    """)
    assert world.lots() == {"p1": 10}


def test_a_basket_that_falls_below_its_minimum_gives_everything_back() -> None:
    world = World(rule("when: {basket: {from_minor: 5000}}"))
    world.tell_all("2026-03-05 buy p1 tea=60.00\n2026-03-06 back r1 of p1 tea=9.00")
    assert world.lots() == {"p1": 51}
    world.tell("2026-03-07 back r2 of p1 tea=2.00")
    assert world.lots() == {}


def test_the_code_and_channel_of_a_purchase_stay_with_it() -> None:
    world = World(rule("when: {codes: [SPRING], channels: [web]}"))
    world.tell_all("""
        2026-03-05 buy p1 60.00 code:SPRING channel:web
        2026-03-06 back r1 of p1 goods=9.00 channel:till
        2026-03-07 back r2 of p1 goods=1.00 channel:till
    """)
    assert world.lots() == {"p1": 50}


def test_a_rule_that_keeps_cells_counts_only_what_its_condition_lets_through() -> None:
    world = World(HEAD + "rules:\n  - id: card\n    when: {weekdays: [tue]}\n    stamps: {every: 2, unit: cup}\n")
    world.tell_all("""
        2026-03-10 buy p1 3*tea=9.00
        2026-03-11 buy p2 3*tea=9.00
        2026-03-17 buy p3 1*tea=3.00
        2026-03-18 use u1 cup
    """)
    assert world.member().units == {"cup": 1}
    world.tell("2026-03-19 back r1 of p1 2*tea=6.00")
    assert world.member().units == {}


def test_a_gift_of_welcome_may_have_a_condition_too() -> None:
    text = HEAD + "rules:\n  - id: hi\n    when: {stores: [north-1]}\n    welcome: {points: 50}\n"
    for store, expected in (("north-1", 50), ("south-1", 0)):
        world = World(text)
        world.tell(f"2026-03-10 enrol e1 store:{store}")
        assert world.member().available == expected


def test_of_a_group_of_which_the_best_counts_only_those_compete_that_apply() -> None:
    text = (
        HEAD
        + """groups: {offers: best}
rules:
  - {id: big, group: offers, when: {codes: [BIG]}, share: {points: 10, per_minor: 100}}
  - {id: small, group: offers, share: {points: 1, per_minor: 100}}
"""
    )
    world = World(text)
    world.tell_all("2026-03-10 buy p1 5.00\n2026-03-10 buy p2 5.00 code:BIG")
    assert world.lots() == {"p1": 5, "p2": 50}


def test_an_arm_is_a_hash_of_the_member_and_the_trial_and_its_share_comes_out() -> None:
    """The independent count: the hash taken here again, and 30 % of 20,000 members within four standard deviations."""
    shares = (("new", 30), ("old", 70))
    arms = [arm_of(f"mem_{n}", "trial", shares) for n in range(20_000)]
    for n in (0, 1, 19_999):
        part = int(blake2b(f"trial:mem_{n}".encode(), digest_size=8).hexdigest(), 16) % 100
        assert arms[n] == ("new" if part < 30 else "old")
    assert abs(arms.count("new") - 6_000) < 4 * (20_000 * 0.3 * 0.7) ** 0.5
    world = World(rule("when: {arms: {trial: [new]}}"))
    for n in range(20):
        world.simulation.add(told(f"2026-03-10 buy p{n} 7.00", f"mem_{n}"))
    got = [world.member(f"mem_{n}").available for n in range(20)]
    assert got == [7 if arm == "new" else 0 for arm in arms[:20]]
    assert len(set(got)) == 2


@pytest.mark.parametrize(
    ("when", "line", "says"),
    [
        ("when: {}", 18, "a condition without a key always holds"),
        ("when: {stores: []}", 18, "write at least 1; it has 0"),
        ("when: {weekday: [mon]}", 18, "rules.0.when.weekday: there is no such key"),
        ("when: {weekdays: [monday]}", 18, "'mon', 'tue'"),
        ("when: {hours: ['9-17']}", 18, "write for example 17:00-20:00"),
        ("when: {hours: ['17:00-25:00']}", 18, "write for example"),
        ("when: {hours: ['17:00-17:00']}", 18, "no part of a day"),
        ("when: {dates: [2026-02-30]}", 18, "is no period"),
        ("when: {dates: [2026-03-02..2026-03-01]}", 18, "put the earlier day first"),
        ("when: {dates: [20260301]}", 18, "is no text"),
        ("when: {tiers: [gold]}", 18, "there is no gold under tier; write one of silver, standard"),
        ("when: {regions: [east]}", 18, "write one of north, south"),
        ("when: {partners: [acme]}", 18, "there is no acme under partners; write one of fuel"),
        ("when: {arms: {trial: [newest]}}", 18, "trial has no arm newest; write one of new, old"),
        ("when: {arms: {test: [new]}}", 18, "there is no test under arms; write one of trial"),
        ("when: {conditions: [rush]}", 18, "there is no rush under conditions; write one of evening, weekend"),
        ("unless: {tiers: [gold]}", 18, "rules.0.unless.tiers.0"),
        ("when: {basket: {}}", 18, "from_minor, below_minor or both"),
        ("when: {basket: {from_minor: 5, below_minor: 5}}", 18, "make below_minor the larger"),
        ("when: {birthday: {days_before: 200}}", 18, "write 180 or less"),
        ("when: evening", 18, "write keys with their values"),
    ],
)
def test_a_condition_that_is_none_is_refused_with_its_line(when: str, line: int, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([rule(when)], ["shop.yaml"])
    assert any(f.startswith(f"shop.yaml:{line}: ") and says in f for f in refused.value.faults), refused.value.faults


HI = "rules: [{id: hi, when: {conditions: [b]}, welcome: {points: 5}}]"


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("arms: {trial: {new: 30, old: 71}}", "the shares come to 101 %"),
        ("arms: {trial: {all: 100}}", "write at least 2; it has 1"),
        ("conditions: {a: {conditions: [b]}, b: {conditions: [c]}, c: {conditions: [b]}}", "b -> c -> b goes in a"),
        ("conditions: {a: {conditions: [a]}}", "a -> a goes in a circle"),
        (
            "conditions: {a: {tiers: [gold]}}",
            "conditions.a.tiers.0: there is no gold under tier; write one of standard",
        ),
        ("rules:\n  - {id: cap, when: {basket: {from_minor: 5}}, daily_cap: {points: 5}}", "a daily_cap counts points"),
        ("rules:\n  - {id: hi, when: {basket: {from_minor: 5}}, welcome: {points: 5}}", "a welcome reads no basket"),
        ("conditions: {b: {basket: {from_minor: 5}}}\n" + HI, "a welcome reads no basket"),
    ],
)
def test_what_conditions_rest_on_is_checked(said: str, says: str) -> None:
    text = "programme: p\nversion: p-1\neffective_from: 2025-01-01T00:00:00Z\ncurrency: GBP\n" + said + "\n"
    if "rules:" not in said:
        text += "rules: []\n"
    with pytest.raises(ProgrammeError, match=r"shop\.yaml:[5-7]: ") as refused:
        compile_programme([text], ["shop.yaml"])
    assert says in str(refused.value)


def test_a_trial_is_not_shared_out_anew() -> None:
    first = rule("when: {arms: {trial: [new]}}")
    second = first.replace("p-1", "p-2").replace("2025-", "2026-")
    compile_programme([first, second])
    for other in ("{new: 40, old: 60}", "{old: 70, new: 30}"):
        with pytest.raises(ProgrammeError, match=r"b\.yaml:12: arms\.trial: .* give it another name"):
            compile_programme([first, second.replace("{new: 30, old: 70}", other)], ["a.yaml", "b.yaml"])


def test_a_version_without_conditions_makes_no_context() -> None:
    (version,) = compile_programme([HEAD + "rules:\n  - {id: base, share: {points: 1, per_minor: 100}}\n"]).versions
    assert version.basket("p1", 0, (), 0, None, None).context is None


@pytest.mark.parametrize(
    ("when", "asks"),
    [
        ("when: {tiers: [silver], dates: [2026-03-10], basket: {from_minor: 1}}", False),
        ("unless: {partners: [fuel], conditions: [weekend]}", False),
        ("unless: {conditions: [weekend, evening]}", True),
        ("when: {stores: [north-1]}", True),
        ("when: {groups: [student]}", True),
        ("unless: {codes: [SPRING]}", True),
    ],
)
def test_a_context_is_made_where_a_condition_asks_whose_or_where(when: str, asks: bool) -> None:
    (version,) = compile_programme([rule(when)]).versions
    assert version.contextual is asks
