"""Bad programme files, one kind a row: each is refused with its line and a remedy, and the programme in force stays.

The lines are counted by hand from what HEAD has. Nothing here waits: what a file costs is bounded by its length.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from tests.drivers.facts import World, fact

HEAD = "programme: p\nversion: p-2\neffective_from: 2026-06-01T00:00:00Z\ncurrency: GBP\n"
RULE = "rules:\n  - id: base\n    share: {points: 1, per_minor: 100}\n"
GOOD = (HEAD + RULE).replace("p-2", "p-1").replace("2026-06", "2026-01")


def rules(config: str) -> str:
    return HEAD + f"rules:\n  - {config}\n"


def when(condition: str) -> str:
    return HEAD + f"rules:\n  - id: a\n    when: {condition}\n    share: {{points: 1, per_minor: 1}}\n"


TIER = "tier: {levels: [{name: silver, from_minor: 100}, {name: gold, from_minor: 200}]}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b]\n"

BAD: dict[str, tuple[str, int, str]] = {
    # what is no YAML, or more of it than a programme is
    "empty": ("", 1, "begin with `programme"),
    "only a comment": ("# soon\n", 1, "begin with `programme"),
    "a list": ("- a\n- b\n", 1, "write keys with their values"),
    "a word": ("programme\n", 1, "write keys with their values"),
    "a tab": (HEAD + "rules:\n\t- id: a\n", 6, "indent with spaces"),
    "a tab in the middle": (
        HEAD + "tier:\n  levels:\n\t  - {name: a, from_minor: 1}\n" + RULE,
        7,
        "indent with spaces",
    ),
    "open quotes": (HEAD + 'zone: "Europe/London\n' + RULE, 5, "close the quotes"),
    "an open bracket": (HEAD + "partners: [a, b\n" + RULE, 6, "close what"),
    "a missing colon": (HEAD + "zone Europe/London\n" + RULE, 6, "write `key: value`"),
    "two values on a line": (HEAD + "zone: a: b\n" + RULE, 5, "one `key: value`"),
    "crooked indents": (HEAD + "returns:\n    policy: strict\n  shortfall: debt\n" + RULE, 7, "indent"),
    "two documents": (HEAD + RULE + "---\n" + HEAD, 8, "a file of its own"),
    "a control character": (HEAD + "zone: U\x07TC\n" + RULE, 5, "plain text"),
    "an at sign": (HEAD + "partners: [@acme]\n" + RULE, 5, "in quotes"),
    "a bomb of aliases": (BOMB + HEAD + RULE, 1, "write the value out"),
    "a merge": (HEAD + "<<: {zone: UTC}\n" + RULE, 5, "there is no such key"),
    "a tag": (HEAD + "zone: !!binary abcd\n" + RULE, 5, "is not allowed"),
    "a python object": (HEAD + "zone: !!python/object/apply:os.system [ls]\n" + RULE, 5, "is not allowed"),
    "deep nesting": (HEAD + "a: " + "[" * 40 + "]" * 40 + "\n", 5, "nested deeper"),
    "nesting without end": (HEAD + "a: " + "{b: " * 200_000, 5, "nested deeper"),
    "ten megabytes": ("#" * 10_000_000, 1, "longer than"),
    "a list as a key": (HEAD + "? [a, b]\n: c\n" + RULE, 5, "a key must be a name"),
    "a key that stands twice": (HEAD + RULE + "currency: EUR\n", 8, "keep one"),
    "a key twice in a rule": (rules("{id: a, share: {points: 1, points: 2, per_minor: 1}}"), 6, "keep one"),
    # values of the wrong kind
    "an unknown key": (HEAD + RULE + "colour: red\n", 8, "there is no such key"),
    "a misspelt key": (HEAD + "curency: GBP\n" + RULE, 5, "did you mean currency?"),
    "a misspelt key of a rule": (rules("{id: a, share: {points: 1, per_minr: 1}}"), 6, "did you mean per_minor?"),
    "no rules": (HEAD, 1, "rules: it is missing"),
    "no version": (HEAD.replace("version: p-2\n", "") + RULE, 1, "version: it is missing"),
    "a version like a number": (HEAD.replace("p-2", "1.10") + RULE, 2, "put it in quotes"),
    "a date as a number": (HEAD.replace("2026-06-01T00:00:00Z", "20260601") + RULE, 3, "put it in quotes"),
    "a date alone": (HEAD.replace("T00:00:00Z", "") + RULE, 3, "such as 2026-03-10T09:30:00Z"),
    "a date that is none": (HEAD.replace("2026-06-01", "2026-06-31") + RULE, 3, "day"),
    "a local time": (HEAD.replace("00Z", "00+01:00") + RULE, 3, "in UTC"),
    "a currency in words": (HEAD.replace("GBP", "pounds") + RULE, 4, "three capitals"),
    "a zone that is none": (HEAD + "zone: Europe/Lundon\n" + RULE, 5, "for example Europe/London"),
    "decimals lost": (rules("{id: a, share: {points: 1.5, per_minor: 100}}"), 6, "write one, without a point"),
    "not a number": (rules("{id: a, share: {points: .nan, per_minor: 100}}"), 6, "no whole number"),
    "infinity": (rules("{id: a, share: {points: .inf, per_minor: 100}}"), 6, "no whole number"),
    "an octal number": (rules("{id: a, share: {points: 010, per_minor: 100}}"), 6, "no whole number"),
    "a number in quotes": (rules("{id: a, share: {points: '1', per_minor: 100}}"), 6, "without a point, quotes"),
    "a number beyond all": (rules("{id: a, share: {points: 99999999999999999999, per_minor: 1}}"), 6, "points"),
    "true for a number": (rules("{id: a, share: {points: true, per_minor: 100}}"), 6, "no whole number"),
    "nothing for a number": (rules("{id: a, share: {points: , per_minor: 100}}"), 6, "either points, or steps"),
    "less than nothing": (rules("{id: a, share: {points: -1, per_minor: 100}}"), 6, "write more than 0"),
    "a text for a list": (HEAD + "partners: acme\n" + RULE, 5, "write a list"),
    "a number for a name": (HEAD + "partners: [7]\n" + RULE, 5, "put it in quotes"),
    "a name with a blank": (HEAD + "partners: [a b]\n" + RULE, 5, "letters, digits"),
    # rules that cannot be
    "two mechanics": (
        rules("{id: a, share: {points: 1, per_minor: 1}, stamps: {every: 2, unit: b}}"),
        6,
        "exactly one of",
    ),
    "no mechanic": (rules("{id: a}"), 6, "exactly one of"),
    "a rule without an id": (rules("{share: {points: 1, per_minor: 1}}"), 6, "id: it is missing"),
    "a rule that stands twice": (HEAD + RULE + RULE.removeprefix("rules:\n"), 6, "needs a name of its own"),
    "a share without bounds": (rules("{id: a, share: {points: 1001, per_minor: 1}}"), 6, "lower points"),
    "steps that overlap": (
        rules("{id: a, share: {per_minor: 1, steps: [{from_minor: 5, points: 1}, {from_minor: 5, points: 2}]}}"),
        6,
        "each its own amount",
    ),
    "steps out of order": (
        rules("{id: a, ladder: {per_minor: 1, steps: [{from_minor: 5, points: 1}, {from_minor: 0, points: 2}]}}"),
        6,
        "ascend",
    ),
    "nothing counts": (
        rules("{id: a, share: {points: 1, per_minor: 1, only: [b], exclude: [b]}}"),
        6,
        "no line counts",
    ),
    "a group that is not there": (
        rules("{id: a, group: b, share: {points: 1, per_minor: 1}}"),
        6,
        "add it under groups",
    ),
    "two rules that give one thing": (
        HEAD + "rules:\n  - {id: a, stamps: {every: 2, unit: c}}\n  - {id: b, welcome: {unit: c}}\n",
        7,
        "name another one",
    ),
    "a thing that is the points themselves": (
        rules("{id: a, share: {points: 1, per_minor: 1}}") + "  - {id: b, voucher: {per_points: 5, unit: pts}}\n",
        7,
        "a name of its own",
    ),
    "a cap on what comes later": (
        HEAD
        + "rules:\n  - {id: c, cap: {points: 1, per: day, of: [a]}}\n  - {id: a, share: {points: 1, per_minor: 1}}\n",
        6,
        "write it higher",
    ),
    "a cap on nothing": (
        rules("{id: c, cap: {points: 1, per: day}}") + "  - {id: a, share: {points: 1, per_minor: 1}}\n",
        6,
        "below those that do",
    ),
    "a voucher for points of another currency": (
        HEAD
        + "currencies: {miles: {}}\nrules:\n  - {id: a, share: {points: 1, per_minor: 1}}\n"
        + "  - {id: v, gives: miles, voucher: {per_points: 5, unit: flight}}\n",
        8,
        "no rule before it gives what a voucher counts",
    ),
    "more visits than a month has days": (rules("{id: a, visits: {every: 32, points: 5}}"), 6, "write 31 or less"),
    "a key of another mechanic": (
        rules("{id: a, ladder: {per_minor: 100, valid_months: 2, steps: [{from_minor: 0, points: 1}]}}"),
        6,
        "here may stand base, exclude, items, only, per_minor, steps",
    ),
    "a percentage for points": (
        rules("{id: a, share: {percent: 5, per_minor: 100}}"),
        6,
        "here may stand base, exclude, items, marginal, only, pending_days, per_minor, per_units, points, rounding",
    ),
    "a key of a part in another": (
        HEAD + "stores: {s1: {zone: UTC, country: GB}}\n" + RULE,
        5,
        "here may stand region, zone",
    ),
    "a misspelt key of what counts as spend": (
        HEAD + "price: [{id: a, by_spend: {spend: {exlude: [b]}, steps: [{from_minor: 1, percent: 5}]}}]\n" + RULE,
        5,
        "did you mean exclude?",
    ),
    "a key of a step": (
        rules("{id: a, share: {per_minor: 1, steps: [{from: 0, points: 1}]}}"),
        6,
        "did you mean from_minor?",
    ),
    "a comma in a number": (rules("{id: a, share: {points: 1,5, per_minor: 100}}"), 6, "5 is no key; a whole number"),
    "thousands": (
        rules("{id: a, gift: {points: 5, from_minor: 1,000}}"),
        6,
        "000 is no key; a whole number has no comma",
    ),
    "a number for a store": (HEAD + "stores: {7: {region: north}}\n" + RULE, 5, "7 is no text; put it in quotes"),
    "what others call it": (rules("{id: a, share: {points: 1, per_minor: 1, category: [b]}}"), 6, "did you mean only?"),
    "what others call a rule's key": (
        rules("{id: a, if: {weekdays: [mon]}, share: {points: 1, per_minor: 1}}"),
        6,
        "not if (did you mean when?)",
    ),
    "a mechanic in capitals": (rules("{id: a, Share: {points: 1, per_minor: 1}}"), 6, "(did you mean share?)"),
    "a day of 24 hours": (HEAD.replace("00:00:00Z", "24:00:00Z") + RULE, 3, "write an instant that there is, such as"),
    "a weekday in full, in an expression": (when("{cel: \"weekday == 'Monday'\"}"), 7, "write 'mon'"),
    "faults beside a key that stands twice": (
        HEAD + "zone: Nowhere\ncurrency: EUR\n" + RULE,
        5,
        "is not an IANA time zone",
    ),
    "two ends for points": (
        rules("{id: a, share: {points: 1, per_minor: 1, valid_days: 9, valid_months: 1}}"),
        6,
        "write either valid_months or valid_days",
    ),
    "retired, and there": (HEAD + RULE + "retired: [base]\n", 8, "base is among the rules"),
    "a word without end": (HEAD + f"zone: {'x' * 100_000}\n" + RULE, 5, "is not an IANA time zone"),
    "a currency that is not there": (rules("{id: a, gives: b, share: {points: 1, per_minor: 1}}"), 6, "add it there"),
    "percentages for no level": (
        HEAD + TIER + "rules: [{id: a, share: {points: 1, per_minor: 1, tier_percent: [1, 2, 3, 4]}}]\n",
        6,
        "4 percentages for 3 levels",
    ),
    "carry without a revision": (rules("{id: a, carry: migrate, stamps: {every: 2, unit: b}}"), 6, "leave carry out"),
    # levels, shares, stores
    "levels that overlap": (HEAD + TIER.replace("200", "100") + RULE, 5, "levels must ascend"),
    "a level that stands twice": (HEAD + TIER.replace("gold", "silver") + RULE, 5, "stands twice"),
    "a level that is never reached": (
        HEAD + TIER.replace("{levels", "{only: [a], exclude: [a], levels") + RULE,
        5,
        "no line",
    ),
    "a gap between window and term": (HEAD + TIER.replace("{levels", "{hold: {}, levels") + RULE, 5, "months or years"),
    "a share of 101 %": (HEAD + "arms: {t: {a: 50, b: 51}}\n" + RULE, 5, "the shares come to 101 %"),
    "a fee of 101 %": (HEAD + "transfers: {fee_percent: 101}\n" + RULE, 5, "write 100 or less"),
    "shares with a gap": (HEAD + "arms: {t: {a: 50, b: 49}}\n" + RULE, 5, "with an arm for the rest"),
    "a store without anything": (HEAD + "stores: {s1: {}}\n" + RULE, 5, "its zone, its region or both"),
    # conditions
    "a cycle of conditions": (
        HEAD + "conditions: {a: {conditions: [b]}, b: {conditions: [a]}}\n" + RULE,
        5,
        "in a circle",
    ),
    "a condition of nothing": (when("{}"), 7, "always holds"),
    "a level that there is not": (when("{tiers: [gold]}"), 7, "there is no gold"),
    "a day that is none": (when("{dates: [2026-02-29]}"), 7, "write 2026-12-25"),
    "a period that ends first": (when("{dates: [2026-03-02..2026-03-01]}"), 7, "put the earlier day first"),
    "a date without quotes or dashes": (when("{dates: [20260301]}"), 7, "put it in quotes"),
    "hours that are none": (when("{hours: ['9 to 5']}"), 7, "write for example 17:00-20:00"),
    "a weekday in full": (when("{weekdays: [monday]}"), 7, "'mon', 'tue'"),
    "when and unless alike": (
        when("{stores: [s1]}").replace("share:", "unless: {stores: [s1, s2]}\n    share:"),
        8,
        "never counts",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_its_line_and_a_remedy(kind: str) -> None:
    text, line, says = BAD[kind]
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([text], ["shop.yaml"])
    faults = refused.value.faults
    assert all(re.match(r"shop\.yaml:[1-9][0-9]*: .", fault) for fault in faults), faults
    assert any(fault.startswith(f"shop.yaml:{line}: ") and says in fault for fault in faults), faults
    assert max(map(len, faults)) < 1_000


def test_there_are_sixty_kinds() -> None:
    assert len(BAD) >= 60


@pytest.fixture(scope="module")
def world() -> World:
    return World(GOOD)


@pytest.mark.parametrize("kind", [kind for kind, (text, _, _) in BAD.items() if 0 < len(text) <= 1_000_000])
def test_a_bad_file_that_is_published_all_the_same_is_set_aside_and_the_one_in_force_stays(
    kind: str, world: World
) -> None:
    text = BAD[kind][0]
    number = len(world.simulation.parked)
    published = {"id": f"programme:{number}", "type": "programme_published", "occurred_at": "2026-06-01T00:00:00Z"}
    world.simulation.add(fact(**published, text=text, sha256=sha256(text.encode()).hexdigest()))
    assert len(world.simulation.parked) == number + 1
    assert "the programme has faults: " in world.simulation.parked[-1].reason
    assert [version.name for version in world.simulation.plan.versions] == ["p-1"]
    before = world.member().available if world.simulation.members else 0
    world.tell(f"2026-06-{number % 28 + 1:02d} buy p{number} 7.00")
    assert world.member().available == before + 7


def test_all_faults_are_said_at_once_and_no_more_than_a_person_reads() -> None:
    text = HEAD + "rules:\n" + "".join(f"  - {{id: r{n}, share: {{points: 0, per_minor: 0}}}}\n" for n in range(300))
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([text], ["shop.yaml"])
    assert len(refused.value.faults) == 101
    assert refused.value.faults[-1] == "shop.yaml:1: and 500 more"


def test_a_large_programme_is_read() -> None:
    text = HEAD + "rules:\n" + "".join(f"  - {{id: r{n}, share: {{points: 1, per_minor: 100}}}}\n" for n in range(500))
    (version,) = compile_programme([text]).versions
    assert len(version.rules["basket"]) == 500


def test_examples_are_not_among_them() -> None:
    for example in sorted((Path(__file__).parents[2] / "services" / "programme" / "examples").glob("*.yaml")):
        compile_programme([example.read_text("utf-8")], [example.name])


def test_what_only_follows_from_another_fault_is_not_said() -> None:
    """The list of levels is not too short because one of them is wrong."""
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([HEAD + "tier: {levels: [{name: gold, from_minor: -1}]}\n" + RULE], ["shop.yaml"])
    assert refused.value.faults == ("shop.yaml:5: tier.levels.0.from_minor: write more than 0",)


MILES = "currencies: {miles: {decimals: 1}}\n"


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        (GOOD, HEAD.replace("programme: p", "programme: q") + RULE, 1, "programme: p-1 is of p; write p"),
        (GOOD, HEAD + "points_decimals: 2\n" + RULE, 5, "points_decimals: what members have would become another"),
        (GOOD.replace(RULE, MILES + RULE), HEAD + MILES.replace("1", "3") + RULE, 5, "write 1, as it was"),
        (GOOD, HEAD.replace("p-2", "p-1") + RULE, 2, "version: p-1 is published twice, first by one.yaml"),
        (GOOD, HEAD.replace("06-01", "01-01") + RULE, 3, "effective_from: 2026-01-01T00:00:00Z is published twice"),
    ],
)
def test_a_version_that_cannot_follow_another_is_refused_with_its_line(
    before: str, after: str, line: int, says: str
) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([before, after], ["one.yaml", "two.yaml"])
    (fault,) = refused.value.faults
    assert fault.startswith(f"two.yaml:{line}: ")
    assert says in fault
