"""Migrations: each room brings its tables up to date when its process starts.

A room's files are `NNN-what.sql`, applied in order, once, all in one transaction under one lock, so that processes
may start together. A file that was applied is never edited: that refuses.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from infra.postgres.pool import Pool

LOCK = 0x7461_6C6C_7973  # "tallys": one lock for all rooms of a database
WAIT_SECONDS = 600

_NAME = re.compile(r"^(\d{3})-[a-z0-9-]+\.sql$")


class MigrationRefused(Exception):
    """The database and the files of a room do not fit together; the message says which file, and what to do."""


async def migrate(pool: Pool, folder: Path, room: str) -> None:
    """Apply what is missing of the room's migrations. Raises MigrationRefused; then nothing was changed."""
    files = _files(folder)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"select pg_advisory_xact_lock({LOCK})", timeout=WAIT_SECONDS)
        await connection.execute(
            "create table if not exists tallystick_migration ("
            ' room text collate "C", number int, name text not null, sha256 text not null,'
            " applied_at timestamptz not null default now(), primary key (room, number))"
        )
        rows = await connection.fetch(
            "select number, name, sha256 from tallystick_migration where room = $1 order by number", room
        )
        done = {row["number"]: (row["name"], row["sha256"]) for row in rows}
        _compare(room, files, done)
        for number, file in files.items():
            if number not in done:
                await connection.execute(file.read_text(), timeout=WAIT_SECONDS)
                await connection.execute(
                    "insert into tallystick_migration (room, number, name, sha256) values ($1, $2, $3, $4)",
                    *(room, number, file.name, _sha256(file)),
                )


def _files(folder: Path) -> dict[int, Path]:
    """The folder's migrations by number, ascending."""
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("[0-9]*.sql")):
        match = _NAME.match(file.name)
        if match is None:
            raise MigrationRefused(f"{file}: a migration is named like 001-what-it-does.sql")
        number = int(match[1])
        if number in found:
            raise MigrationRefused(f"{file}: {found[number].name} has the same number; take the next one")
        found[number] = file
    return found


def _compare(room: str, files: dict[int, Path], done: dict[int, tuple[str, str]]) -> None:
    for number, (name, sha256) in done.items():
        file = files.get(number)
        if file is None:
            raise MigrationRefused(
                f"this database is newer than this program: it has migration {name} of {room}; start the newer program"
            )
        if _sha256(file) != sha256:
            raise MigrationRefused(f"{file} was edited after it was applied here; undo the edit and add a new file")
    late = [number for number in files if number not in done and done and number < max(done)]
    if late:
        raise MigrationRefused(f"{files[late[0]]} comes before migrations that are applied; give it the next number")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
