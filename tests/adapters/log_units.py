"""Units of events for tests of the event store."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from commands.ports import Append, CommandRow, Committed, EventRow, Outcome, StoredReceipt

ACTOR = UUID(int=7)
PAYLOAD = '{"name": "北京华为", "note": "…"}'.encode()


def command(stream_id: UUID, version: int = 1, **fields: Any) -> CommandRow:
    values: dict[str, Any] = {
        "command_id": uuid4(),
        "name": "customers/register",
        "status": 201,
        "actor": ACTOR,
        "origin": "api",
        "correlation_id": uuid4(),
    }
    return CommandRow(stream_id=stream_id, version=version, **{**values, **fields})


def event(stream_id: UUID, version: int = 1, command: int = 0, **fields: Any) -> EventRow:
    values: dict[str, Any] = {
        "kind": "customer",
        "topic": "Customer.Registered",
        "schema_version": 1,
        "payload": PAYLOAD,
    }
    return EventRow(command, stream_id, version, **{**values, **fields})


def unit(
    stream_id: UUID | None = None,
    version: int = 1,
    *,
    events: int = 1,
    occurred_at: datetime | None = None,
    customer_id: UUID | None = None,
    command_id: UUID | None = None,
    **fields: Any,
) -> Append:
    """One command with ``events`` events of one stream, the first at ``version``."""
    stream_id = stream_id or uuid4()
    last = version + events - 1
    rows = tuple(
        event(stream_id, number, occurred_at=occurred_at, customer_id=customer_id)
        for number in range(version, last + 1)
    )
    row = command(stream_id, last, command_id=command_id or uuid4())
    return Append((row,), rows, **fields)


def stream_of(unit: Append) -> UUID:
    return unit.commands[0].stream_id


def receipts(outcome: Outcome) -> tuple[StoredReceipt, ...]:
    assert isinstance(outcome, Committed), outcome
    return outcome.receipts


def position(outcome: Outcome) -> int:
    return receipts(outcome)[-1].position
