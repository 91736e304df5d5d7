"""The catalog: JSON Schemas of everything that may stand on a topic, and AsyncAPI, generated from the models.

Committed in events/catalog and compared in CI, so that a change of the language is seen as one. Published schemas are
closed (unknown fields are not part of the language), though our readers are tolerant.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from events.entries import EntriesRecord, OutcomeRecord
from events.facts import FACTS
from events.model import Model
from events.rewards import Reward
from events.said import SAID
from events.topics import TOPICS, Topic, rewards_topic
from services.programme.mechanics import MECHANICS
from services.programme.model import RULE_KEYS, ProgrammeText

FOLDER = Path(__file__).parents[2] / "events" / "catalog"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _closed(schema: Any) -> Any:
    """Every object of a schema without room for unknown fields."""
    if isinstance(schema, dict):
        closed = {key: _closed(value) for key, value in schema.items()}
        if schema.get("type") == "object" and "properties" in schema:
            closed["additionalProperties"] = False
        return closed
    return [_closed(item) for item in schema] if isinstance(schema, list) else schema


def _of_model(model: type[Model]) -> dict[str, Any]:
    schema = model.model_json_schema()
    if "type" in schema.get("properties", {}):
        schema["required"] = sorted({*schema.get("required", ()), "type"})
    return {"$schema": DRAFT, **_closed(schema)}


def _of_struct(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {"$schema": DRAFT, **_closed(msgspec.json.schema(struct))}


def _programme() -> dict[str, Any]:
    """The programme file, for editors: each rule has an id, perhaps more, and one mechanic's key."""
    schema = _of_model(ProgrammeText)
    rule = schema["$defs"]["RuleText"]
    names = {key: rule["properties"][key] for key in RULE_KEYS}
    forms = []
    for name, mechanic in sorted(MECHANICS.items()):
        config = _closed(mechanic.Config.model_json_schema())
        schema["$defs"] |= config.pop("$defs", {})
        forms.append(
            {"type": "object", "properties": names | {name: config}, "required": ["id", name],
             "additionalProperties": False}
        )  # fmt: skip
    schema["$defs"]["RuleText"] = {"description": rule["description"], "oneOf": forms}
    return schema


def _asyncapi() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    facts = [model.__name__ for model in FACTS]

    def channel(topic: Topic) -> dict[str, Any]:
        models = facts if topic.models == ("Fact",) else topic.models
        return {
            "address": topic.name,
            "description": f"{topic.says}; key: {topic.key}; written by {topic.written_by}, read by {topic.read_by}",
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in models},
            "bindings": {
                "kafka": {
                    "topicConfiguration": {"retention.ms": topic.retention_ms, "max.message.bytes": topic.max_bytes}
                }
            },
        }

    for topic in (*TOPICS, rewards_topic("{partner}")):
        channels[topic.name.removesuffix(".v1").replace(".{partner}", "")] = channel(topic)
    channels["rewards"]["parameters"] = {"partner": {"description": "the partner's name in the programme"}}
    names = [m.__name__ for m in (*FACTS, *SAID)] + ["EntriesRecord", "OutcomeRecord", "Reward"]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tallystick", "version": "1"},
        "defaultContentType": "application/json",
        "channels": channels,
        "components": {"messages": {name: {"payload": {"$ref": f"./{name}.json"}} for name in names}},
    }


def catalog() -> dict[str, str]:
    """File name -> text, as it belongs in events/catalog."""
    schemas: dict[str, Any] = {f"{model.__name__}.json": _of_model(model) for model in (*FACTS, *SAID)}
    schemas |= {f"{struct.__name__}.json": _of_struct(struct) for struct in (EntriesRecord, OutcomeRecord, Reward)}
    schemas["programme.json"] = _programme()
    schemas["asyncapi.json"] = _asyncapi()
    return {name: json.dumps(schema, indent=1, sort_keys=True) + "\n" for name, schema in schemas.items()}


def differences() -> list[str]:
    """Files of events/catalog that are not what the models say; empty when all are."""
    wanted = catalog()
    there = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def run_catalog(*, check: bool) -> int:
    """Write the catalog, or only compare it (exit code 1 and the names of what differs)."""
    changed = differences()
    if not check:
        FOLDER.mkdir(exist_ok=True)
        wanted = catalog()
        for path in FOLDER.glob("*.json"):
            if path.name not in wanted:
                path.unlink()
        for name, text in wanted.items():
            (FOLDER / name).write_text(text)
    for name in changed:
        print(f"events/catalog/{name}: {'differs; run ./run catalog' if check else 'written'}")
    return 1 if check and changed else 0
