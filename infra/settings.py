"""The settings of every process, and the only place that reads the environment.

Owns the names of the variables, their defaults, the checks and the sentences of a wrong one. Does not own
where a local server listens: infra/stack decides that and hands it to its children as variables.
"""

from __future__ import annotations

import getpass
import os
import re
import tempfile
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TALLYSTICK_"
PLAIN_NAMES = ("kafka_bootstrap_servers", "database_url")  # known by these names everywhere, so without our prefix
SHELL_NAMES = frozenset({"TALLYSTICK_VENV"})  # read by ./run, not here


class SettingsError(Exception):
    """A setting is missing or wrong. The message has one line for each, naming the variable and what to write."""


def _state_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/tallystick")  # PostgreSQL drops root, and `nobody` cannot walk into /root
    return _user_dir("XDG_STATE_HOME", ".local/state")


def _cache_dir() -> Path:
    return _user_dir("XDG_CACHE_HOME", ".cache")


def _user_dir(variable: str, below_home: str) -> Path:
    """The user's folder of the XDG rules; for a user without a home, one of their own under the temporary folder."""
    if base := os.environ.get(variable):
        return Path(base) / "tallystick"
    home = Path(os.environ.get("HOME", ""))
    if home.is_absolute() and home.is_dir() and os.access(home, os.W_OK):
        return home / below_home / "tallystick"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no entry in the user database
        user = str(os.geteuid())
    return Path(tempfile.gettempdir()) / f"tallystick-{user}" / below_home


class _Common(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    topic_prefix: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]*$",
            max_length=100,
            description="put before every topic's name, so that several houses share a broker",
            examples=["test-"],
        ),
    ] = ""
    partitions: Annotated[
        int,
        Field(ge=1, le=10_000, description="partitions of the journal, fixed for its whole life", examples=["12"]),
    ] = 12
    http_host: Annotated[
        str, Field(min_length=1, description="address of /livez, /readyz and /metrics", examples=["127.0.0.1"])
    ] = "127.0.0.1"
    http_port: Annotated[
        int, Field(ge=0, le=65_535, description="port of the same; 0 takes a free one", examples=["9100"])
    ] = 0
    members_cached: Annotated[
        int,
        Field(
            ge=1,
            description="members that a ledger keeps in memory, about 2 kB each; others are read when needed",
            examples=["1000000"],
        ),
    ] = 1_000_000
    clock: Annotated[
        Literal["wall", "facts"],
        Field(description="what 'now' follows: the wall clock, or the data (demo and replay)", examples=["wall"]),
    ] = "wall"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(description="the least severe line that is logged", examples=["INFO"]),
    ] = "INFO"
    replication_factor: Annotated[
        int, Field(ge=1, le=100, description="copies of each topic we create", examples=["3"])
    ] = 3
    min_insync: Annotated[
        int, Field(ge=1, le=100, description="copies that must hold a record before it counts", examples=["2"])
    ] = 2
    allow_weak_topics: Annotated[
        bool, Field(description="start on topics with fewer copies than that", examples=["false"])
    ] = False
    instance: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]+$",
            max_length=100,
            description="name of this process's slot in its Kafka group, kept over a restart",
            examples=["0"],
        ),
    ] = "0"
    failpoint: Annotated[
        str,
        Field(
            pattern=r"^([a-z-]+:[1-9][0-9]*(:stop)?)?$",
            description="for tests: the place, and the how-many-th time there, where the process kills or stops itself",
            examples=["before-commit:3"],
        ),
    ] = ""
    state_dir: Annotated[
        Path,
        Field(
            default_factory=_state_dir,
            description="where a local stack keeps its servers' data, logs and ports",
            examples=["/var/lib/tallystick"],
        ),
    ]
    cache_dir: Annotated[
        Path,
        Field(
            default_factory=_cache_dir,
            description="where Kafka's jars are kept, once for all checkouts of a user",
            examples=["/home/me/.cache/tallystick"],
        ),
    ]

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("state_dir", "cache_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("kafka_bootstrap_servers", check_fields=False)
    @classmethod
    def _brokers(cls, value: str | None) -> str | None:
        for broker in (value or "").split(",") if value is not None else ():
            if not re.fullmatch(r"\s*(\[[0-9A-Fa-f:]+\]|[^\s:\[\]]+):[0-9]{1,5}\s*", broker):
                raise ValueError("not a list of host:port, separated by commas")
        return value

    @field_validator("database_url", check_fields=False)
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
                raise ValueError("not the address of a PostgreSQL database with a database name")
        return value

    @model_validator(mode="after")
    def _copies(self) -> Self:
        if self.min_insync > self.replication_factor:
            raise ValueError(
                f"TALLYSTICK_MIN_INSYNC ({self.min_insync}) is more than "
                f"TALLYSTICK_REPLICATION_FACTOR ({self.replication_factor}), so nothing could be written"
            )
        return self


_BROKERS = Field(
    validation_alias="kafka_bootstrap_servers",  # said so that the prefix is not put before it
    description="Kafka's first addresses",
    examples=["localhost:9092"],
)
_DATABASE = Field(
    validation_alias="database_url",
    description="the PostgreSQL database of this house",
    examples=["postgresql://tallystick:PASSWORD@localhost/tallystick"],
)


class Settings(_Common):
    """What a process of ours needs to run: one house (a database and a topic prefix) on servers that exist."""

    kafka_bootstrap_servers: Annotated[str, _BROKERS]
    database_url: Annotated[SecretStr, _DATABASE]


class StackSettings(_Common):
    """What the workbench needs: a server that is None is started locally by the stack."""

    kafka_bootstrap_servers: Annotated[str | None, _BROKERS] = None
    database_url: Annotated[SecretStr | None, _DATABASE] = None


class _SettingsFromEnvironment(Settings, BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True)


class _StackSettingsFromEnvironment(StackSettings, BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True)


def load() -> Settings:
    """The settings of one process, from the environment. Raises SettingsError."""
    try:
        return Settings(**dict(_SettingsFromEnvironment()))
    except ValidationError as wrong:
        raise SettingsError(_sentences(Settings, wrong)) from None


def load_stack() -> StackSettings:
    """The settings of the workbench, where no server needs to be named. Raises SettingsError."""
    try:
        return StackSettings(**dict(_StackSettingsFromEnvironment()))
    except ValidationError as wrong:
        raise SettingsError(_sentences(StackSettings, wrong)) from None


def variable(field: str) -> str:
    """The environment variable of a field: partitions -> TALLYSTICK_PARTITIONS."""
    return field.upper() if field in PLAIN_NAMES else PREFIX + field.upper()


def variables(settings: _Common) -> dict[str, str]:
    """Settings as the environment variables that make them: what a child process is handed. Secrets in the clear."""
    return {variable(field): _text(value) for field, value in settings if value is not None}


def shown(settings: _Common) -> dict[str, str | None]:
    """Settings as a person may see them, by variable: passwords masked, None for a server that is not named."""
    masked = {
        variable(field): mask(value.get_secret_value()) if isinstance(value, SecretStr) else value
        for field, value in settings
    }
    return {name: None if value is None else _text(value) for name, value in masked.items()}


def mask(url: str) -> str:
    """A database address with its password (in the address or among its options) replaced by stars."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    if ":" in user:
        user = user.partition(":")[0] + ":****"
    query = re.sub(r"((?:^|&)[^=&]*password=)[^&]*", r"\1****", parts.query)
    return urlunsplit(parts._replace(netloc=user + at + place, query=query))


def meanings() -> dict[str, str]:
    """What each variable is for, by variable, in the order of the file."""
    fields = StackSettings.model_fields
    return {variable(field): fields[field].description or "" for field in (*PLAIN_NAMES, *_Common.model_fields)}


def misspelt() -> list[str]:
    """A sentence for each TALLYSTICK_ variable that is set and that nobody reads."""
    known = {variable(field) for field in StackSettings.model_fields} | SHELL_NAMES
    found = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    near = {name: get_close_matches(name, known, n=1) for name in found}
    return [
        f"{name} is set, but nothing reads it" + (f": did you mean {near[name][0]}?" if near[name] else "")
        for name in found
    ]


def child_environment() -> dict[str, str]:
    """A copy of the environment, for a child process."""
    return dict(os.environ)


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentences(kind: type[_Common], wrong: ValidationError) -> str:
    lines = []
    for error in wrong.errors(include_input=False, include_url=False):
        if not error["loc"]:  # a check over several fields names its variables itself
            lines.append(str(error["msg"]).removeprefix("Value error, "))
            continue
        field = str(error["loc"][0])
        about = kind.model_fields[field]
        what = "is not set" if error["type"] == "missing" else f"is wrong: {error['msg'].removeprefix('Value error, ')}"
        example = (about.examples or [""])[0]
        lines.append(f"{variable(field)} {what}. It is {about.description}; write for example {example}")
    return "\n".join(lines)
