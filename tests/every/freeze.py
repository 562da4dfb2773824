"""The frozen shape of every stored event: ``python -m tests.every.freeze`` writes it anew.

A stored event is read for ever, so a shape may only grow: by topics, and by fields that may be
missing. Anything else is refused here; it needs a new schema version with an upcast.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from adapters import registry
from adapters.mapper import personal_fields
from aggregates.base import Aggregate
from aggregates.events import Event

FILE = Path(__file__).parents[2] / "docs" / "reference" / "events.json"
Shape = dict[str, Any]
_PLAIN = ("type", "format", "properties", "required")
_STRUCTURE = (*_PLAIN, "items", "additionalProperties", "anyOf", "$ref")


def shapes() -> dict[str, Shape]:
    """Topic → shape, of every event that aggregates declare."""
    registry.load()
    kinds = [a for a in Aggregate.registry.values() if a.__module__.startswith("aggregates.")]
    events = {topic: event for kind in kinds for topic, event in kind.EVENTS.items()}
    return {topic: _shape(event) for topic, event in sorted(events.items())}


def _shape(event: type[Event]) -> Shape:
    fields = {n: f.rebuild_annotation() for n, f in event.model_fields.items()}
    personal = personal_fields(fields)
    return {
        "schema_version": event.SCHEMA_VERSION,
        "fields": {
            name: {
                "type": _structure(TypeAdapter(annotation).json_schema(mode="serialization")),
                "required": event.model_fields[name].is_required(),
                "sealed_for": personal.get(name),
            }
            for name, annotation in sorted(fields.items())
        },
    }


def _structure(schema: Any, definitions: Any = None) -> Any:
    """What a JSON value looks like, without the bounds that only new values must keep."""
    if isinstance(schema, list):
        return [_structure(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = schema.get("$defs", definitions)
    if "$ref" in schema:
        return _structure(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kept = {name: schema[name] for name in _STRUCTURE if name in schema}
    if "properties" in kept:
        parts = kept["properties"].items()
        kept["properties"] = {name: _structure(part, definitions) for name, part in parts}
    return {
        name: part if name in _PLAIN else _structure(part, definitions)
        for name, part in kept.items()
    }


def breaks(frozen: dict[str, Shape], now: dict[str, Shape]) -> Iterator[str]:
    """Why events stored in the frozen shape could not be read in today's."""
    for topic, shape in frozen.items():
        if topic not in now:
            yield f"{topic} is gone: keep its class, or its name as TOPIC"
        elif now[topic]["schema_version"] == shape["schema_version"]:
            yield from _field_breaks(topic, shape["fields"], now[topic]["fields"])
        elif now[topic]["schema_version"] < shape["schema_version"]:
            yield f"{topic} has gone back to schema version {now[topic]['schema_version']}"


def _field_breaks(topic: str, frozen: Shape, now: Shape) -> Iterator[str]:
    for name, field in frozen.items():
        if name not in now:
            yield f"{topic}.{name} is gone"
        elif not _reads(field["type"], now[name]["type"]):
            yield f"{topic}.{name} is of another type"
        elif now[name]["required"] and not field["required"]:
            yield f"{topic}.{name} has become required"
        elif field["sealed_for"] and now[name]["sealed_for"] != field["sealed_for"]:
            yield f"{topic}.{name} would no longer be sealed as it was"
    for name in now.keys() - frozen.keys():
        if now[name]["required"]:
            yield f"{topic}.{name} is new and required"


def _reads(frozen: Any, now: Any) -> bool:
    """Whether a value of the frozen structure is one of today's: objects may have grown by fields
    that may be missing."""
    if isinstance(frozen, list) and isinstance(now, list):
        return len(frozen) == len(now) and all(map(_reads, frozen, now))
    if not (isinstance(frozen, dict) and isinstance(now, dict)):
        return bool(frozen == now)
    was, parts = (one.get("properties", {}) for one in (frozen, now))
    return (
        bool(was) == bool(parts)
        and all(name in parts and _reads(part, parts[name]) for name, part in was.items())
        and set(now.get("required", ())) <= set(frozen.get("required", ()))
        and _reads(_rest(frozen), _rest(now))
    )


def _rest(structure: Shape) -> list[Any]:
    """All but the fields of an object."""
    names = structure.keys() - {"properties", "required"}
    return [[name, structure[name]] for name in sorted(names)]


def written(shapes: dict[str, Shape]) -> str:
    return json.dumps(shapes, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    now = shapes()
    frozen = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    found = list(breaks(frozen, now))
    if found:
        print("Not written. Stored events could not be read any more:", *found, sep="\n  ")
        return 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(written(now), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
