"""Events as CloudEvents 1.0 in JSON, personal fields opened."""

from typing import Any

from adapters.http import answers
from aggregates.base import Aggregate
from aggregates.events import Event

VERSION = "1.0"
_TEXT = {"type": "string", "minLength": 1}
_OPTIONAL = {"type": "string"}
_INSTANT = {"type": "string", "format": "date-time"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent in JSON; `position` is its place in the log.",
    "required": ["specversion", "id", "source", "type", "subject", "time", "data", "position"],
    "properties": {
        "specversion": {"const": VERSION},
        "id": _TEXT | {"description": "Stream id and version."},
        "source": _TEXT | {"format": "uri-reference"},
        "type": _TEXT | {"examples": ["Opportunity.Won"]},
        "subject": _TEXT | {"description": "Id of the record."},
        "time": _INSTANT | {"description": "When it happened."},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
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


def cloud_event(event: Event) -> dict[str, Any]:
    """The event; context attributes without a value are left out, as the specification says."""
    envelope = event.envelope
    kind = event.TOPIC.partition(".")[0]
    attributes = {
        "specversion": VERSION,
        "id": envelope.event_id,
        "source": f"/v1/{Aggregate.registry[kind].PLURAL}",
        "type": event.TOPIC,
        "subject": str(envelope.stream_id),
        "time": answers.value(envelope.occurred_at),
        "datacontenttype": "application/json",
        "position": envelope.position,
        "version": envelope.version,
        "schemaversion": event.SCHEMA_VERSION,
        "recordedat": answers.value(envelope.recorded_at),
        "actor": str(envelope.actor),
        "origin": envelope.origin,
        "commandid": str(envelope.command_id),
        "correlationid": str(envelope.correlation_id),
        "causationid": envelope.causation_id,
        "onbehalfof": _text(envelope.on_behalf_of),
        "customerid": _text(envelope.customer_id),
        "reason": envelope.reason,
    }
    data = {name: answers.value(getattr(event, name)) for name in _said(event)}
    return {name: v for name, v in attributes.items() if v is not None} | {"data": data}


def _said(event: Event) -> list[str]:
    return [name for name in type(event).model_fields if name in event.model_fields_set]


def _text(id: Any) -> str | None:
    return None if id is None else str(id)
