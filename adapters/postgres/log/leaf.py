"""The leaf hash of an event: what the log's Merkle tree is built over (RFC 6962, section 2.1).

``sha256(0x00 || recorded_at || occurred_at || digest)``: both times as signed 64-bit big-endian
microseconds since 1970-01-01 UTC, and ``digest`` the sha256 of every other immutable column except
the position, in the order below, each as length (4 bytes, big-endian) and value, or 0xFFFFFFFF for
null: uuids as 16 bytes, texts in UTF-8, ``version`` as 4 and ``schema_version`` as 2 bytes
big-endian.

The digest is made before the append; the database completes the leaf, since it sets
``recorded_at``.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct

from adapters.postgres.log import encoding as e
from commands.ports import StoredEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIMES = Struct("!qq")


def digest(columns: tuple[bytes, ...]) -> bytes:
    """Of the encoded columns: stream_id, version, kind, topic, schema_version, payload, command_id,
    actor, on_behalf_of, origin, reason, correlation_id, causation_id, customer_id."""
    return sha256(b"".join(columns)).digest()


def leaf_of(event: StoredEvent) -> bytes:
    """The leaf hash of what is stored; equals ``event.leaf`` unless something was changed."""
    times = _TIMES.pack(_microseconds(event.recorded_at), _microseconds(event.occurred_at))
    return sha256(b"\x00" + times + digest(_columns(event))).digest()


def _columns(event: StoredEvent) -> tuple[bytes, ...]:
    return (
        e.uuid(event.stream_id),
        e.int4(event.version),
        e.text(event.kind),
        e.text(event.topic),
        e.int2(event.schema_version),
        e.binary(event.payload),
        e.uuid(event.command_id),
        e.uuid(event.actor),
        e.uuid(event.on_behalf_of),
        e.text(event.origin),
        e.binary(event.reason),
        e.uuid(event.correlation_id),
        e.text(event.causation_id),
        e.uuid(event.customer_id),
    )


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
