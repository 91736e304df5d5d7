"""The programme file's reference names every key that a programme may have, and its example uses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.programme.mechanics import MECHANICS
from services.programme.model import RULE_KEYS, ProgrammeText
from services.programme.reading import read
from services.workbench.catalog import FOLDER

ROOT = FOLDER.parents[1]
REFERENCE = (ROOT / "docs" / "programme.md").read_text()
EXAMPLES = sorted((ROOT / "services" / "programme" / "examples").glob("*.yaml"))
EVERYTHING = (ROOT / "services" / "programme" / "examples" / "everything.yaml").read_text()


def keys(schema: Any) -> Iterator[str]:
    """The names of every property of a schema, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from keys(value)


def wanted() -> set[str]:
    found = {*keys(ProgrammeText.model_json_schema()), *RULE_KEYS, *MECHANICS} - {"mechanic", "config"}
    for mechanic in MECHANICS.values():
        found |= {*keys(mechanic.Config.model_json_schema())}
    return found


@pytest.mark.parametrize("key", sorted(wanted()))
def test_a_key_stands_in_the_reference_and_in_the_example(key: str) -> None:
    assert f"`{key}`" in REFERENCE, f"docs/programme.md: say what `{key}` does"
    assert f"{key}:" in EVERYTHING or key in ("months", "carry"), f"examples/everything.yaml: use {key}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_programme(example: Path) -> None:
    read(example.read_text(), example.name)
