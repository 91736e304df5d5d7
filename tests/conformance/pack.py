"""The conformance pack: cases as files (programme and facts in, balances out), and a runner for any system.

    python -m tests.conformance.pack                                 against `./run simulate`
    python -m tests.conformance.pack --adapter 'my-adapter {programmes} {facts} {until}' [FILE ...]

An adapter is a command. `{programmes}` stands for the programme files, each after `--programme`; `{facts}` for a file
with one JSON fact a line in the order of their arrival; `{until}` for the instant at which to look. It prints one JSON
object: `members`, a list of objects with the keys of a case's `then` and lots as `slot` (or `of`), `points`,
`expires_at` and, in a pool, `owner`; `outcomes`, a list with `fact`, `status` and `refusal`; and `accounts`, what
stands in each account of the house. A member's `entries` and the house's `rewards` are asked for by few cases. Owns
the reading and the comparison of cases; expected values stand in the cases alone.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
OURS = "./run simulate {programmes} --facts {facts} --until {until} --json"
MOST_ORDERS = 24

Fact = dict[str, Any]
Report = Mapping[str, Any]
Adapter = Callable[[Sequence[str], Sequence[Fact], str], Report]
"""(programmes, facts, until) to what stands then."""


class Step(NamedTuple):
    """Some more facts, and what must stand after them."""

    facts: list[Fact]
    until: str
    wanted: dict[str, Any]


class Case(NamedTuple):
    """One file. `any_order`: the end is the same for every order of arrival."""

    name: str
    programmes: list[str]
    steps: list[Step]
    any_order: bool


def read(file: Path) -> Case:
    """A case. An instant that is not said is that of the newest fact so far."""
    said = yaml.safe_load(file.read_text())
    steps, told = [], list[Fact]()
    for step in said["steps"]:
        told += step.get("facts", [])
        until = step.get("until") or max(fact["occurred_at"] for fact in told)
        steps.append(Step(step.get("facts", []), until, step))
    return Case(file.stem, said["programmes"], steps, said.get("orders") == "any")


def check(case: Case, run: Adapter, orders: int = MOST_ORDERS) -> Iterator[str]:
    """Every difference, as a sentence."""
    told: list[Fact] = []
    for number, step in enumerate(case.steps, 1):
        told += step.facts
        for what in differences(step.wanted, run(case.programmes, told, step.until)):
            yield f"{case.name}, step {number}: {what}"
    if not case.any_order:
        return
    last = case.steps[-1]
    for count, order in enumerate(permutations(told)):
        if count == orders:
            break
        ids = " ".join(str(fact["id"]) for fact in order)
        for what in differences(the_end(last.wanted), run(case.programmes, order, last.until)):
            yield f"{case.name}, in the order {ids}: {what}"


def the_end(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a step wants without the way there: what was declined, posted and told goes by the order of arrival."""
    then = {name: {key: v for key, v in said.items() if key != "entries"} for name, said in wanted["then"].items()}
    return {key: v for key, v in wanted.items() if key not in ("declined", "rewards")} | {"then": then}


def differences(wanted: Mapping[str, Any], report: Report) -> Iterator[str]:
    """What stands otherwise than a step wants it."""
    members = {member["member"]: member for member in report["members"]}
    for name, expected in wanted["then"].items():
        member = members.get(name, {})
        found = {**member, **member.get("totals", {})}
        for key, value in expected.items():
            have = found.get(key)
            if key == "lots":
                have = [_lot(lot, value) for lot in have or []]
            elif key == "entries":
                have = [_entry(entry) for entry in have or []]
            if have != value:
                yield f"{name}.{key} is {have}, not {value}"
    for account, value in wanted.get("house", {}).items():
        if (have := report.get("accounts", {}).get(account, 0)) != value:
            yield f"of the house, {account} is {have}, not {value}"
    if "parked" in wanted and (have := sorted(one["fact"] for one in report.get("parked", []))) != wanted["parked"]:
        yield f"parked is {have}, not {wanted['parked']}"
    for key in ("waiting", "set_aside"):
        if key in wanted:
            have = sorted(str(one["return"] if key == "waiting" else one) for m in members.values() for one in m[key])
            if have != wanted[key]:
                yield f"{key} is {have}, not {wanted[key]}"
    if "rewards" in wanted:
        keys = ("partner", "fact", "kind", "points")
        have = sorted(({key: one[key] for key in keys} for one in report.get("rewards", [])), key=_in_order)
        if have != sorted(wanted["rewards"], key=_in_order):
            yield f"rewards are {have}, not {wanted['rewards']}"
    if "declined" in wanted:
        have = {one["fact"]: one["refusal"] for one in report["outcomes"] if one["status"] == "declined"}
        if have != wanted["declined"]:
            yield f"declined is {have}, not {wanted['declined']}"


def _lot(lot: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A lot in the words of a case; its end where the case says one of that purchase."""
    of = lot.get("of") or _purchase(lot["slot"])
    found = {"of": of, "points": lot["points"]}
    if any("ends" in one for one in wanted if one["of"] == of):
        found["ends"] = lot["expires_at"]
    if "owner" in lot:
        found["owner"] = lot["owner"]
    return found


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry in the words of a case."""
    found = {key: entry[key] for key in ("fact", "debit", "credit", "points")}
    if of := entry.get("of") or (_purchase(entry["lot"].split(".", 3)[3]) if entry["lot"] else ""):
        found["of"] = of
    return found


def _purchase(slot: str) -> str:
    return slot.removeprefix("p:")


def _in_order(reward: Mapping[str, Any]) -> str:
    return json.dumps(reward, sort_keys=True)


def adapter_of(command: str) -> Adapter:
    """A command as an adapter."""

    def run(programmes: Sequence[str], facts: Sequence[Fact], until: str) -> Report:
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for number, text in enumerate(programmes):
                names.append(str(Path(folder) / f"programme-{number}.yaml"))
                Path(names[-1]).write_text(text)
            told = Path(folder) / "facts.jsonl"
            told.write_text("".join(json.dumps(fact) + "\n" for fact in facts))
            words: list[str] = []
            for word in shlex.split(command):
                if word == "{programmes}":
                    words += [part for name in names for part in ("--programme", name)]
                else:
                    words.append(word.replace("{facts}", str(told)).replace("{until}", until))
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"the adapter failed: {done.stderr.strip()[-1000:]}")
            report: Report = json.loads(done.stdout.strip().splitlines()[-1])
            return report

    return run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.pack", description="Run the conformance pack.")
    parser.add_argument("--adapter", default=OURS, help="a command with {programmes} {facts} {until}")
    parser.add_argument("--orders", type=int, default=MOST_ORDERS, help="how many, where the end is the same for any")
    parser.add_argument("files", nargs="*", type=Path, default=sorted(CASES.glob("*.yaml")))
    asked = parser.parse_args()
    run, failed = adapter_of(asked.adapter), 0
    for file in asked.files:
        found = list(check(read(file), run, asked.orders))
        failed += bool(found)
        print(f"{'FAILED' if found else 'ok':<7} {file.stem}", *found, sep="\n        ", flush=True)
    print(f"{len(asked.files) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
