"""What `explain` tells is true of every point: over all cases, histories of one member, and of several who meet.

Goal: for each lot, what was given less what became of it is what the book has; what an entry says of rules adds up to
the entry, and over a fact to what the book wrote under its entries; whatever occurs has words; a merge is told on both
pages. Expected sums come from the house's own entries and lots, never from what is told.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pytest
import yaml

from events.decode import decode_fact
from events.entries import Account, Entry
from events.facts import MemberFact
from events.refusals import Refusal
from events.values import millis
from services.book.turn import lot_id
from services.workbench.explain import words
from services.workbench.explain.command import known_of
from services.workbench.explain.story import story
from services.workbench.simulate import Simulation
from tests.conformance.pack import CASES, Fact, read
from tests.drivers import everything
from tests.drivers.facts import fact
from tests.drivers.histories import shuffled
from tests.property.test_between import POLICIES, Late, arrival
from tests.property.test_between import story as facts_between

Told = dict[str, Any]
AWARD = re.compile(r"(\S+)@(\d+):([+-]\d+)")
CODES = re.compile(r"written_off|_must_|_requested|msg:|fwd:")


def told(house: Simulation, name: str) -> Told:
    found: Told = json.loads(json.dumps(story(house.members[name], *known_of(house, name, None))))
    return found


def faults(house: Simulation, shares: set[str]) -> Iterator[str]:
    """Whatever is told otherwise than it is. shares: the rules of the programme that count goods."""
    pages = {name: told(house, name) for name in house.members}
    for name, page in pages.items():
        for currency, account in (("", page), *page["currencies"].items()):
            entries = [
                entry for row in page["history"] for entry in row["entries"] if entry.get("currency", "") == currency
            ]
            member = house.members[name].purses[currency] if currency else house.members[name]
            issued = sum(e["points"] * ((e["debit"] == "issued") - (e["credit"] == "issued")) for e in entries)
            if issued != member.issued:
                yield f"{name} {currency}: {issued} points are told as earned, not {member.issued}"
            there = {lot_id(lot[:4]): lot[4] for lot in house.lots(name, currency or None)}
            if there != {lot["lot"]: lot["points"] for lot in account["lots"] if lot["points"]}:
                yield f"{name} {currency}: other lots than {there}"
            yield from (f"{name}: owed because of {one}" for one in account["owed"] if CODES.search(one["what"]))
            for lot in account["lots"]:
                yield from (f"{name} {currency} {lot['lot']}: {what}" for what in of_lot(lot, shares))
        for row in page["history"]:
            yield from (f"{name} {row['what']}: {what}" for what in of_row(row))
    yield from of_merges(house, pages)


def of_lot(lot: Told, shares: set[str]) -> Iterator[str]:
    """Every point of a lot has its origin and its end."""
    given = sum(part["points"] for part in lot["given"])
    became = sum(part["points"] for part in lot["became"] if part["from"] == "lot")
    if given - became != lot["points"]:
        yield f"given {given}, {became} of it became something, and {lot['points']} are left"
    for part in [*lot["given"], *lot["became"]]:
        if part.get("fact", "").startswith("msg:") and not (part["sender"] and part["cause"]):
            yield f"nobody is named who gave {part}"
        if not {"fact", "version"} & {*part} and part.get("rules"):
            yield f"nothing is named that did {part}"
        for rule in part.get("rules", ()):
            lines = sum(line["points"] for line in rule.get("lines", ()))
            if rule["rule"] in shares and "cause" not in part and lines != rule["points"]:
                yield f"the lines of {rule} do not add up to it"
    for part in lot["given"]:
        if part["from"] != "issued":
            continue
        if sum(rule["points"] for rule in part.get("rules", ())) != part["points"]:
            yield f"the rules of {part} do not add up to it"
        yield from (f"{rule} has no version" for rule in part.get("rules", ()) if "version" not in rule)


def of_row(row: Told) -> Iterator[str]:
    """Of a fact: each entry's rules, their sums over the fact, and words for everything."""
    want: Counter[tuple[str, str, int]] = Counter()
    have: Counter[tuple[str, str, int]] = Counter()
    by_why: Counter[tuple[str, str]] = Counter()
    for entry in row["entries"]:
        rules = entry.get("rules", ())
        if rules and abs(sum(rule["points"] for rule in rules)) != entry["points"]:
            yield f"the rules of {entry} do not add up to it"
        if AWARD.search(entry["why"]):
            by_why[entry.get("currency", ""), entry["why"]] += entry["points"]
            for rule in rules:
                have[entry.get("currency", ""), rule["rule"], rule["revision"]] += rule["points"]
    for (currency, why), points in by_why.items():
        awards = [(rule, int(revision), int(part)) for rule, revision, part in AWARD.findall(why)]
        times, rest = divmod(points, abs(sum(part for *_, part in awards)))  # two lots may have the same award
        if rest:
            yield f"the book's own entries of {why!r} come to {points}"
        for rule, revision, part in awards:
            want[currency, rule, revision] += part * times
    if want != have:
        yield f"by rule {dict(have)} are told, not {dict(want)}"
    for entry in row.get("posted", ()):
        said = re.search(r" \((\S+ [+-][\d,.]+(?:, \S+ [+-][\d,.]+)*)\)$", entry["says"])
        if bool(AWARD.search(entry["why"])) and said is None:
            yield f"no rule is said of {entry}"
        if said and abs(sum(number(part.rpartition(" ")[2]) for part in said[1].split(", "))) != entry["points"]:
            yield f"the rules that are said of {entry} do not add up to it"
    for text in (row["what"], row.get("without_effect", ""), *(entry["says"] for entry in row["entries"])):
        if CODES.search(text):
            yield f"no clerk says {text!r}"


def number(text: str) -> int:
    """Smallest units of a number with decimals."""
    return int(re.sub("[,.]", "", text))


def of_merges(house: Simulation, pages: dict[str, Told]) -> Iterator[str]:
    """An account that went says where to, and by which fact; each merge and its undoing is on both pages."""
    said = {(one.member, one.id): one for one, _ in house.booked if one.type in ("merged", "unmerged")}
    for name, page in pages.items():
        merges = house.members[name].merges
        into = merges.into if merges is not None else ""
        if (page["merged_into"] or {}).get("member", "") != into:
            yield f"{name}: merged into {page['merged_into']}, not {into}"
        if into and said[name, page["merged_into"]["fact"]].into != into:
            yield f"{name}: merged by {page['merged_into']['fact']}"
    outcomes = {
        (one.member, one.id): results[0].outcome.status for one, results in house.booked if one.type == "merged"
    }
    for (name, by), status in outcomes.items():
        rows = [row for row in pages[name]["history"] if row.get("fact") == by]
        if status == "done" and not (
            len(rows) == 1 and said[name, by].into in rows[0]["what"] and by in rows[0]["what"]
        ):
            yield f"{name}: the merge {by} is told as {rows}"
        for other, _ in house.booked:
            if other.type == "forwarded" and other.way == "to" and (other.sender, other.merge) == (name, by):
                mine = [row for row in pages[other.member]["history"] if row.get("fact") == by]
                if house.members[other.member].merges.into == "" and not any(name in row["what"] for row in mine):
                    yield f"{other.member}: the merge {by} is told as {mine}"


def counting_goods(programmes: Sequence[str]) -> set[str]:
    """The rules of a programme that are a share of what was paid."""
    found = set()
    for text in programmes:
        found |= {rule["id"] for rule in yaml.safe_load(text)["rules"] if "share" in rule}
    return found


def house_of(programmes: Sequence[str], facts: Sequence[Fact]) -> Simulation:
    house = Simulation(list(programmes), [f"programme {n}" for n in range(len(programmes))])
    for said in facts:
        house.add(decode_fact(json.dumps(said).encode()))
    return house


@pytest.mark.parametrize("file", sorted(CASES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_case(file: Any) -> None:
    """After every step."""
    case = read(file)
    house = house_of(case.programmes, ())
    for step in case.steps:
        for said in step.facts:
            house.add(decode_fact(json.dumps(said).encode()))
        house.advance(millis(step.until))
        assert list(faults(house, counting_goods(case.programmes))) == []


def test_histories_of_one_member() -> None:
    for seed in (*range(12), 1004, 1039):
        text = everything.programme(seed)
        facts = shuffled(everything.history(seed, 50, decisions=True), seed)
        house = Simulation([text], ["test.yaml"])
        for said in facts:
            house.add(fact(**said))
        assert list(faults(house, counting_goods([text]))) == [], f"seed {seed}"


@pytest.mark.parametrize("policy", POLICIES)
def test_histories_of_members_who_meet(policy: str) -> None:
    for seed in range(12):
        house = Late(seed, policy)
        for said in arrival(facts_between(seed, 34), seed):
            house.add(fact(**said))
            house.tell_some(all_of_them=False)
        while house.waiting:
            house.tell_some(all_of_them=True)
        assert list(faults(house, {"base", "drops"})) == [], f"seed {seed}"


def test_a_merge_and_its_undoing_are_on_both_pages() -> None:
    """Names and facts are those of the case."""
    case = read(CASES / "merge-and-unmerge.yaml")
    house = house_of(case.programmes, [said for step in case.steps[:3] for said in step.facts])
    assert told(house, "M2")["merged_into"] == {"member": "M1", "fact": "X"}
    assert told(house, "M1")["merged_from"] == [{"member": "M2", "fact": "X"}]
    theirs = [(row["fact"], row.get("member")) for row in told(house, "M1")["history"] if row["type"] == "purchase"]
    assert theirs == [("A", None), ("G", None), ("B", "M2"), ("H", "M2"), ("S9", None), ("C", "M2")]
    house = house_of(case.programmes, [said for step in case.steps for said in step.facts])
    for name, other in (("M1", "M2"), ("M2", "M1")):
        page = told(house, name)
        events = [(row["type"], row["fact"], row["others"], row["at"]) for row in page["history"] if "others" in row]
        assert events == [
            ("merged", "X", [other], "2026-02-01T10:00:00Z"),
            ("unmerged", "Y", [other], "2026-03-01T10:00:00Z"),
        ]
        assert (page["merged_into"], page["merged_from"]) == (None, [])


def test_a_strict_return_names_the_receipts_that_it_moves() -> None:
    """P2's 500.00 come back; P3's 200.00 were gold by them alone: 300 points become 200. A second version
    begins with the day of P3."""
    case = read(CASES / "qualification-reversed-by-a-return-strict.yaml")
    (text,) = case.programmes
    later = text.replace("version: v1", "version: v2").replace(
        "effective_from: 2020-01-01", "effective_from: 2026-03-13"
    )
    house = house_of([text, later], [said for step in case.steps for said in step.facts])
    (back,) = [row for row in told(house, "ann")["history"] if row.get("fact") == "b1"]
    found = [
        (e["points"], r["points"], r["version"], r.get("receipt"), [(i["item"], i["points"]) for i in r["lines"]])
        for e in back["entries"]
        for r in e["rules"]
    ]
    assert found == [(500, -500, "v1", None, [("b", -500)]), (100, -100, "v2", "P3", [("c", -100)])]


def test_an_award_is_shared_out_to_its_entries() -> None:
    """100 of base come back: 70 of A's own lot, 30 of B's (the case's own numbers); the voucher's 50 are 20 and 30."""
    case = read(CASES / "cells-migrate-at-the-versions-own-instant.yaml")
    house = house_of(case.programmes, [said for step in case.steps for said in step.facts])
    page = told(house, "ann")
    rows = {row.get("fact", row["at"]): row for row in page["history"]}
    assert [(e["points"], [(r["rule"], r["points"]) for r in e["rules"]]) for e in rows["b1"]["entries"]][-2:] == [
        (70, [("base", -70)]),
        (30, [("base", -30)]),
    ]
    assert [(e["points"], e["rules"][0]["points"]) for e in rows["B"]["entries"]] == [(30, 30), (20, -20), (30, -30)]
    assert (rows["2026-06-01T00:00:00Z"]["version"], rows["2026-06-01T00:00:00Z"]["what"]) == (
        "v2",
        "version v2 of the programme began",
    )


def test_there_are_words_for_everything() -> None:
    for debit in get_args(Account):
        for credit in get_args(Account):
            said = words.entry_words(Entry(debit, credit, 5, "late purchase", 5, "never.0.0.p:A"), [], 0, "UTC")
            assert re.match(r"5 (of the reserved ones|points) \w", said), (debit, credit)
            assert "_" not in said + words.became_words(debit, credit) + words.given_words(debit), (debit, credit)
    types = {str(model.model_fields["type"].default) for model in get_args(MemberFact)}
    assert types == {*words._FACTS, "message", "merged", "unmerged", "forwarded"}
    for refusal in Refusal:
        assert "_" not in words.refusal_words(refusal)
