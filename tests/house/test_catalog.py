"""The published schemas are what the models say, and good and bad records get from them the verdict the models give."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from events.decode import Unreadable, decode_fact, decode_said
from events.facts import FACTS
from events.said import SAID
from services.workbench.catalog import FOLDER, differences
from tests.property.test_decoders import GOOD_FACTS, GOOD_SAID


def test_the_catalog_is_what_the_models_say() -> None:
    changed = differences()
    assert not changed, f"events/catalog: {', '.join(changed)} differ; run `./run catalog` and commit what it writes"


def schema_of(kind: str, models: tuple[Any, ...]) -> dict[str, Any]:
    name = next(m.__name__ for m in models if m.model_fields["type"].default == kind)
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return schema


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {key: field for key, field in value.items() if field is not None}


@pytest.mark.parametrize(
    ("value", "models"), [(v, FACTS) for v in GOOD_FACTS] + [(v, SAID) for v in GOOD_SAID], ids=lambda v: str(v)[:20]
)
def test_schemas_take_the_good_and_refuse_the_bad(value: dict[str, Any], models: tuple[Any, ...]) -> None:
    decode = decode_fact if models is FACTS else decode_said
    schema = schema_of(value["type"], models)
    jsonschema.validate(value, schema)
    required = [name for name in schema["required"] if name != "type"]
    for name in required:
        less = {key: field for key, field in value.items() if key != name}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(less, schema)
        with pytest.raises(Unreadable):
            decode(json.dumps(less).encode())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value | {"unheard": 1}, schema)  # closed as published, passed over when read
    decode(json.dumps(value | {"unheard": 1}).encode())


def test_the_programme_schema_takes_the_examples() -> None:
    import yaml

    from services.programme.written import Loader

    schema = json.loads((FOLDER / "programme.json").read_text())
    examples = FOLDER.parents[1] / "services" / "programme" / "examples"
    for file in sorted(examples.glob("*.yaml")):
        jsonschema.validate(yaml.load(file.read_text(), Loader=Loader), schema)  # noqa: S506  a SafeLoader
