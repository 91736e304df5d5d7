"""Programme files from disk: their text, and every fault of each, in the words of the file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from services.programme.compile import compile_programme
from services.programme.model import ProgrammeText
from services.programme.plan import Plan
from services.programme.reading import read
from services.programme.written import FILE_CHARACTERS_MAX, ProgrammeError


class File(NamedTuple):
    """A sound file: what it says, and what it comes to by itself."""

    name: str
    text: str
    programme: ProgrammeText
    plan: Plan


def text_of(file: Path) -> str:
    """What stands in a file. Raises OSError, and ProgrammeError where it is no text or too long to be looked at."""
    with file.open("rb") as there:
        raw = there.read(4 * FILE_CHARACTERS_MAX + 1)
    if len(raw) > 4 * FILE_CHARACTERS_MAX:
        raise ProgrammeError((f"{file.name}:1: longer than {FILE_CHARACTERS_MAX} characters; this is no programme",))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        why = f"not UTF-8 at byte {column} of the line; save the file as UTF-8"
        raise ProgrammeError((f"{file.name}:{line}: {why}",)) from None


def opened(file: Path) -> File:
    """A sound file. Raises OSError and ProgrammeError."""
    text = text_of(file)
    plan = compile_programme([text], [file.name])
    return File(file.name, text, read(text, file.name), plan)
