"""`programme check | show | diff | publish`: files in, words or JSON out. 0; 1: faults were found; 2: no such file.

Does not own what is said (sheet.py, changes.py), nor how a programme is written to the journal (publish.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from events.decode import decode_fact
from events.values import millis
from infra.clock import now_ms
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool
from infra.settings import Settings
from services.ledger.store import SQL, PostgresStore
from services.programme.compile import compile_programme
from services.programme.model import ProgrammeText
from services.programme.promises import broken, never_promised
from services.programme.reading import fault_at, read
from services.programme.written import ProgrammeError
from services.workbench.inside import Refused, in_house
from services.workbench.programme.changes import changes
from services.workbench.programme.files import File, opened
from services.workbench.programme.publish import publish
from services.workbench.programme.sheet import sheet


def run_check(files: list[Path], *, as_json: bool) -> int:
    """Every fault of the files; those of one programme are taken as its versions."""
    faults: list[str] = []
    versions: dict[str, list[File]] = {}
    for file in files:
        try:
            one = opened(file)
        except OSError as error:
            return _no_file(error)
        except ProgrammeError as error:
            faults += error.faults
        else:
            versions.setdefault(one.programme.programme, []).append(one)
    for together in versions.values():
        try:
            compile_programme([one.text for one in together], [one.name for one in together])
        except ProgrammeError as error:
            faults += error.faults
        together.sort(key=lambda one: millis(one.programme.effective_from))
        for index, one in enumerate(together[1:], 1):  # what was before the first is not at hand
            faults += _never_promised([file.programme for file in together[:index]], one)
    if as_json:
        print(json.dumps({"sound": not faults, "faults": [_parts(fault, files) for fault in faults]}))
    for fault in faults if not as_json else ():
        print(fault)
    if not faults and not as_json:
        print(f"{', '.join(file.name for file in files)}: sound")
    return 1 if faults else 0


def _parts(fault: str, files: list[Path]) -> dict[str, Any]:
    for file in files:
        line, colon, says = fault.removeprefix(f"{file.name}:").partition(": ")
        if colon and line.isdecimal():
            return {"file": str(file), "line": int(line), "says": says}
    return {"file": None, "line": None, "says": fault}


def run_show(file: Path, *, as_json: bool) -> int:
    """The plain sheet."""

    def work(programme: File) -> int:
        parts = sheet(programme.programme, programme.plan.versions[0])
        if as_json:
            print(json.dumps([{"heading": heading, "sentences": sentences} for heading, sentences in parts]))
            return 0
        for heading, sentences in parts:
            print(heading)
            for sentence in sentences:
                print(f"  {sentence}")
        return 0

    return _with([file], lambda programmes: work(programmes[0]))


def run_diff(old: Path, new: Path, *, as_json: bool) -> int:
    """What changes, for whom, and what is taken back."""

    def work(programmes: list[File]) -> int:
        found, taken = changes(*programmes)
        if as_json:
            print(json.dumps({"changes": [one._asdict() for one in found], "takes_back": taken}))
            return 0
        for one in found:
            print(f"{one.what}: for {one.whom}")
            print(f"  before: {one.before or '-'}")
            print(f"  after:  {one.after or '-'}")
            if one.begun:
                print(f"  {one.begun}")
        for why in taken:
            print(f"takes back a promise: {why}")
        if not found:
            print("nothing changes")
        return 0

    return _with([old, new], work)


def run_publish(file: Path, past: bool, *, as_json: bool) -> int:
    """Into the running house: checked beside what is published there, and refused where it takes back a promise."""

    def work(programmes: list[File]) -> int:
        return in_house(lambda house, pool: _publish(house, pool, programmes[0], past, as_json=as_json))

    return _with([file], work)


async def _publish(house: Settings, pool: Pool, file: File, past: bool, *, as_json: bool) -> int:
    await migrate(pool, SQL, "ledger")  # a house in which no ledger ran yet has published nothing
    store = PostgresStore(pool)
    try:
        bodies = (await store.programmes([0])).get(0, [])
    finally:
        await store.close()
    published: list[str] = [decode_fact(body).text for body in bodies]  # type: ignore[union-attr]
    try:
        new = accepted(file, published, now_ms(), past=past)
    except ProgrammeError as error:
        raise Refused("\n  ".join(("this version is not published:", *error.faults))) from None
    if new:
        await publish(house, file.text, file.name)
    said = {"version": file.programme.version, "effective_from": file.programme.effective_from, "new": new}
    if as_json:
        print(json.dumps(said))
    elif new:
        print(f"{file.programme.version} is published, in force from {file.programme.effective_from}")
    else:
        print(f"{file.programme.version} was published already; nothing is changed")
    return 0


def accepted(file: File, published: list[str], at_ms: int, *, past: bool) -> bool:
    """Whether it is to be published; False: it was. Raises ProgrammeError where it may not be.

    `published`: the texts so far. past: a version may begin before `at_ms`, and rates again what happened since.
    """
    if file.text in published:
        return False
    compile_programme(
        [*published, file.text], [*(f"published version {n}" for n in range(1, len(published) + 1)), file.name]
    )
    mine, earlier = millis(file.programme.effective_from), [read(text) for text in published]
    before, after = _in_force(earlier, mine), _follows(earlier, mine)
    faults = _never_promised([one for one in earlier if millis(one.effective_from) < mine], file)
    if before is not None:
        faults += [fault_at(file.text, *one, file.name) for one in broken(before, file.programme)]
    if after is not None:
        why = f"{after.version}, which is published to follow it, takes back what this one promises: "
        taken = [why + one for _, one in broken(file.programme, after)]
        faults += [fault_at(file.text, ("effective_from",), one, file.name) for one in taken]
    if before is not None and mine < at_ms and not past:
        why = (
            "it begins in the past, and what members were given since then would be counted again; "
            "let it begin later, or publish it with --past"
        )
        faults.append(fault_at(file.text, ("effective_from",), why, file.name))
    if faults:
        raise ProgrammeError(tuple(faults))
    return True


def _never_promised(earlier: list[ProgrammeText], file: File) -> list[str]:
    return [fault_at(file.text, *one, file.name) for one in never_promised(earlier, file.programme)]


def _in_force(programmes: list[ProgrammeText], at_ms: int) -> ProgrammeText | None:
    """The one that a version of this beginning follows."""
    earlier = [one for one in programmes if millis(one.effective_from) < at_ms]
    return max(earlier, key=lambda one: millis(one.effective_from), default=None)


def _follows(programmes: list[ProgrammeText], at_ms: int) -> ProgrammeText | None:
    """The one that follows a version of this beginning."""
    later = [one for one in programmes if millis(one.effective_from) > at_ms]
    return min(later, key=lambda one: millis(one.effective_from), default=None)


def _with(files: list[Path], work: Callable[[list[File]], int]) -> int:
    found: list[File] = []
    faults: list[str] = []
    for file in files:
        try:
            found.append(opened(file))
        except OSError as error:
            return _no_file(error)
        except ProgrammeError as error:
            faults += error.faults
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else work(found)


def _no_file(error: OSError) -> int:
    print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
    return 2
