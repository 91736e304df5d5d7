"""From a text to a sound programme, checked whole: every fault with its line and what to write instead.

Owns the order of the checks and how a fault finds its line. Does not own what may stand in a file
(services/programme/model.py), nor what fits together (services/programme/consistency.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from services.programme.consistency import between_parts
from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeText, config_of
from services.programme.written import FAULTS_MAX, ProgrammeError, Written, causes, in_words, written


def read(text: str, name: str = "programme") -> ProgrammeText:
    """The programme that `text` says. Raises ProgrammeError with every fault; `name` stands for the file in them."""
    return _validated(written(text, name))


def _validated(file: Written) -> ProgrammeText:
    faults = list(file.faults)
    programme: ProgrammeText | None = None
    try:
        programme = ProgrammeText.model_validate(file.value)
    except ValidationError as error:
        faults += [file.at(_path(e), in_words(e, _keys(ProgrammeText, _path(e)[:-1]))) for e in causes(error)]
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
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand in a part of a model, for who has misspelt one or looks for it in the wrong place."""
    parts = [_schema(model)]
    for step in path:
        parts = [inner for part in _meant(parts, model) for inner in _inside(part, step)]
    return sorted({key for part in _meant(parts, model) for key in part.get("properties", {})})


def _inside(part: dict[str, Any], step: int | str) -> Iterator[dict[str, Any]]:
    """What a schema says of one of its keys or items; a key that is a name, such as a store's, is any of its keys."""
    named = part.get("properties", {}).get(step)
    found = [part.get("items")] if isinstance(step, int) else [named, *part.get("patternProperties", {}).values()]
    yield from (one for one in found if isinstance(one, dict))


def _meant(parts: list[dict[str, Any]], model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """Schemas without references and choices: what these stand for."""
    for part in parts:
        if "$ref" in part:
            yield from _meant([_schema(model)["$defs"][part["$ref"].rpartition("/")[2]]], model)
        elif "anyOf" in part:
            yield from _meant(part["anyOf"], model)
        else:
            yield part


def fault_at(text: str, path: tuple[int | str, ...], why: str, name: str) -> str:
    """A fault of a part of a text that is sound by itself."""
    return written(text, name).at(path, why)


def _config_faults(mechanic: str, config: Any, path: tuple[int | str, ...], file: Written) -> Iterator[str]:
    """The faults of one rule's config, each with its own line."""
    try:
        config_of(mechanic, config)
    except ValidationError as error:
        for e in causes(error):
            yield file.at((*path, *_path(e)), in_words(e, _keys(MECHANICS[mechanic].Config, _path(e)[:-1])))
