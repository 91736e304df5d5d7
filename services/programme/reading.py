"""From a text to a sound programme, checked whole: every fault with its line and what to write instead.

Owns the order of the checks and how a fault finds its line. Does not own what may stand in a file
(services/programme/model.py), nor what fits together (services/programme/consistency.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from services.programme.consistency import between_parts
from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeText, config_of
from services.programme.written import FAULTS_MAX, ProgrammeError, Written, causes, in_words, written


def read(text: str, name: str = "programme") -> ProgrammeText:
    """The programme that `text` says. Raises ProgrammeError with every fault; `name` stands for the file in them."""
    return _validated(written(text, name))


def _validated(file: Written) -> ProgrammeText:
    faults: list[str] = []
    programme: ProgrammeText | None = None
    try:
        programme = ProgrammeText.model_validate(file.value)
    except ValidationError as error:
        faults += [file.at(_path(e), in_words(e, _keys())) for e in causes(error)]
    rules = file.value.get("rules") if isinstance(file.value, dict) else None
    for index, rule in enumerate(rules if isinstance(rules, tuple) else ()):
        for key in (k for k in rule if k in MECHANICS) if isinstance(rule, dict) else ():
            faults += _config_faults(key, rule[key], ("rules", index, key), file)
    if programme is not None and not faults:
        faults += [file.at(path, why) for path, why in between_parts(programme)]
    if faults or programme is None:
        faults.sort(key=lambda fault: int(fault.removeprefix(file.name + ":").split(":")[0]))
        more = len(faults) - FAULTS_MAX
        raise ProgrammeError((*faults[:FAULTS_MAX], *([f"{file.name}:1: and {more} more"] if more > 0 else [])))
    return programme


def _path(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where in the file; pydantic names a key that is wrong by "[key]" behind it."""
    return tuple(step for step in error["loc"] if step != "[key]")


@cache
def _keys() -> frozenset[str]:
    """Every key that a file may have, for who has misspelt one."""
    schemas = [
        ProgrammeText.model_json_schema(),
        *(mechanic.Config.model_json_schema() for mechanic in MECHANICS.values()),
    ]
    return frozenset({*_properties(schemas), *MECHANICS})


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        schema = list(schema.values())
    if isinstance(schema, list):
        for value in schema:
            yield from _properties(value)


def fault_at(text: str, path: tuple[int | str, ...], why: str, name: str) -> str:
    """A fault of a part of a text that is sound by itself."""
    return written(text, name).at(path, why)


def _config_faults(mechanic: str, config: Any, path: tuple[int | str, ...], file: Written) -> Iterator[str]:
    """The faults of one rule's config, each with its own line."""
    try:
        config_of(mechanic, config)
    except ValidationError as error:
        for e in causes(error):
            yield file.at((*path, *_path(e)), in_words(e, _keys()))
