"""Events as CloudEvents 1.0 in JSON, personal fields opened."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from adapters.http import answers
from adapters.postgres.views.decoding import EventReader, decode
from adapters.postgres.views.versions import Undecodable
from aggregates.base import Aggregate
from aggregates.events import Envelope, Event
from commands.ports import StoredEvent

VERSION = "1.0"
_TEXT = {"type": "string", "minLength": 1}
_OPTIONAL = {"type": "string"}
_INSTANT = {"type": "string", "format": "date-time"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent in JSON; `position` is its place in the log.",
    "required": ["specversion", "id", "source", "type", "subject", "time", "position"],
    "properties": {
        "specversion": {"const": VERSION},
        "id": _TEXT | {"description": "Stream id and version."},
        "source": _TEXT | {"format": "uri-reference"},
        "type": _TEXT | {"examples": ["Opportunity.Won"]},
        "subject": _TEXT | {"description": "Id of the record."},
        "time": _INSTANT | {"description": "When it happened."},
        "datacontenttype": {"const": "application/json"},
        "data": {
            "type": "object",
            "description": "The event's fields; as they are stored, personal ones sealed, where"
            " this release cannot read the event.",
        },
        "data_base64": _TEXT | {"description": "In place of `data` that is no JSON object."},
        "position": {"type": "integer", "minimum": 1},
        "version": {"type": "integer", "minimum": 1},
        "schemaversion": {"type": "integer", "minimum": 1},
        "recordedat": _INSTANT | {"description": "When Backstory learned of it."},
        "actor": _TEXT,
        "origin": _TEXT,
        "commandid": _TEXT,
        "correlationid": _TEXT,
        "causationid": _OPTIONAL,
        "onbehalfof": _OPTIONAL,
        "customerid": _OPTIONAL,
        "reason": _OPTIONAL,
    },
}


def cloud_events(reader: EventReader, stored: Sequence[StoredEvent]) -> Iterator[dict[str, Any]]:
    """Stored events, each one delivered: what cannot be read goes out as it is stored."""
    for one, item in zip(stored, decode(reader, stored), strict=True):
        yield _as_stored(one) if isinstance(item, Undecodable) else cloud_event(item)


def cloud_event(event: Event) -> dict[str, Any]:
    """The event, typed."""
    envelope = event.envelope
    attributes = _attributes(envelope, event.TOPIC, event.SCHEMA_VERSION, envelope.reason)
    data = {name: answers.value(getattr(event, name)) for name in _said(event)}
    return {**attributes, "datacontenttype": "application/json", "data": data}


def _as_stored(event: StoredEvent) -> dict[str, Any]:
    attributes = _attributes(event, event.topic, event.schema_version, None)
    try:
        data = orjson.loads(event.payload)
    except orjson.JSONDecodeError:
        data = None
    if isinstance(data, dict):
        return {**attributes, "datacontenttype": "application/json", "data": data}
    return {**attributes, "data_base64": b64encode(event.payload).decode()}


def _attributes(
    of: Envelope | StoredEvent, topic: str, schema_version: int, reason: str | None
) -> dict[str, Any]:
    """Context attributes; those without a value are left out, as the specification says."""
    aggregate = Aggregate.registry.get(topic.partition(".")[0])
    attributes = {
        "specversion": VERSION,
        "id": of.event_id,
        "source": "/v1/events" if aggregate is None else f"/v1/{aggregate.PLURAL}",
        "type": topic,
        "subject": str(of.stream_id),
        "time": answers.value(of.occurred_at),
        "position": of.position,
        "version": of.version,
        "schemaversion": schema_version,
        "recordedat": answers.value(of.recorded_at),
        "actor": str(of.actor),
        "origin": of.origin,
        "commandid": str(of.command_id),
        "correlationid": str(of.correlation_id),
        "causationid": of.causation_id,
        "onbehalfof": _text(of.on_behalf_of),
        "customerid": _text(of.customer_id),
        "reason": reason,
    }
    return {name: v for name, v in attributes.items() if v is not None}


def _said(event: Event) -> list[str]:
    return [name for name in type(event).model_fields if name in event.model_fields_set]


def _text(id: Any) -> str | None:
    return None if id is None else str(id)
