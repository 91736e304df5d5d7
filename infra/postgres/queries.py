"""SQL by name: a query lives in a .sql file under a line `-- name: fence`, with a sentence that says what it does.

Owns the reading of such files. Does not own migrations: files named NNN-what.sql are infra/postgres/migrate.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$")
_MIGRATION = re.compile(r"^\d+-.*\.sql$")


class QueryFault(ValueError):
    """A .sql file is not written as we write them; the message names file and line."""


class Queries:
    """The queries of a folder, as attributes: `queries.fence` is SQL text. A name that is not there: AttributeError."""

    def __init__(self, folder: Path, texts: dict[str, str]) -> None:
        self._folder = folder
        self._texts = texts

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(f"no query `{name}` in {self._folder}: there are {', '.join(self._texts)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)


def load(folder: Path) -> Queries:
    """Every query of the folder's .sql files that are not migrations. Raises QueryFault."""
    texts: dict[str, str] = {}
    for file in sorted(folder.glob("*.sql")):
        if _MIGRATION.match(file.name):
            continue
        for name, line, text in _queries(file):
            if name in texts:
                raise QueryFault(f"{file}:{line}: there is another query `{name}`; give this one another name")
            texts[name] = text
    return Queries(folder, texts)


def _queries(file: Path) -> list[tuple[str, int, str]]:
    """(name, line of the name, SQL) of each query of one file."""
    found: list[tuple[str, int, list[str]]] = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if match := _NAME.match(line):
            found.append((match[1], number, []))
        elif line.startswith("-- name:"):
            raise QueryFault(f"{file}:{number}: write `-- name: lower_case_name`")
        elif found:
            found[-1][2].append(line)
        elif line.strip() and not line.startswith("--"):
            raise QueryFault(f"{file}:{number}: SQL before the first `-- name:` line")
    return [(name, number, _body(file, name, number, lines)) for name, number, lines in found]


def _body(file: Path, name: str, number: int, lines: list[str]) -> str:
    if not lines or not lines[0].startswith("-- "):
        raise QueryFault(f"{file}:{number}: say in a comment line under the name what `{name}` does")
    text = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
    if not text:
        raise QueryFault(f"{file}:{number}: `{name}` has no SQL")
    return text
