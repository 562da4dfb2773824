"""Units made ready for the append function: checked, encoded, with the keys they touch."""

from collections.abc import Sequence, Set
from itertools import count
from secrets import randbits
from uuid import UUID

from adapters.postgres.log import encoding as e
from adapters.postgres.log.leaf import digest
from commands.ports import Append, CommandRow, EventRow

_command_row = e.row_of(e.UUID_, e.TEXT, e.INT2, e.UUID_, e.INT4, e.BYTEA, e.INT8)
_event_row = e.row_of(
    *(e.UUID_, e.INT4, e.TEXT, e.TEXT, e.INT2, e.BYTEA, e.UUID_, e.UUID_, e.UUID_),
    *(e.TEXT, e.BYTEA, e.UUID_, e.TEXT, e.UUID_, e.TIMESTAMPTZ, e.BOOL, e.BYTEA),
)
_key_row = e.row_of(e.BYTEA, e.UUID_)
_subject_row = e.row_of(e.UUID_, e.BYTEA)
ROW_TYPES = ("new_command", "new_event", *["new_key"] * 4, "new_subject")
"""Of the append function's parameters, one group of rows each; see schema.sql."""
_COLUMNS = (8, 18, 3, 3, 3, 3, 3)

_submissions = count(randbits(62))

Rows = tuple[bytes, ...]
"""Encoded rows, without their first column: which unit they belong to."""


class Unit:
    """One unit, encoded. ``ValueError`` where it could not be stored as it is."""

    __slots__ = ("append", "keys", "places", "size", "submission", "tables")

    def __init__(self, append: Append) -> None:
        _check(append)
        self.append = append
        self.submission = next(_submissions)
        self.tables = self._encoded()
        self.keys = _keys(append)
        self.size = sum([len(row) for rows in self.tables for row in rows])
        self.places = _places(append)
        """Which of the unit's events is at the version of each receipt; None: none is."""

    def _encoded(self) -> tuple[Rows, ...]:
        unit = self.append
        return (
            tuple([_command(row, self.submission) for row in unit.commands]),
            tuple(_events(unit)),
            _pairs(unit.reserve),
            _pairs(unit.release),
            _pairs(unit.mark),
            _pairs(unit.unmark),
            tuple([_subject_row(e.uuid(of), e.binary(key)) for of, key in unit.subject_keys]),
        )


def parameters(units: Sequence[Unit], row_types: Sequence[int]) -> list[e.Packed | bool]:
    """The append function's arguments for these units; ``row_types`` are the numbers that this
    database gave to ROW_TYPES."""
    made: list[e.Packed | bool] = [
        e.rows(type_number, _COLUMNS[table], [unit.tables[table] for unit in units])
        for table, type_number in enumerate(row_types)
    ]
    made.append(any(None in unit.places for unit in units))
    return made


def _pairs(pairs: Sequence[tuple[bytes, UUID]]) -> Rows:
    if not pairs:
        return ()
    return tuple([_key_row(e.binary(key), e.uuid(owner)) for key, owner in pairs])


def _command(row: CommandRow, submission: int) -> bytes:
    return _command_row(
        e.uuid(row.command_id),
        e.name(row.name),
        e.int2(row.status),
        e.uuid(row.stream_id),
        e.int4(row.version),
        e.binary(row.fingerprint),
        e.int8(submission),
    )


def _events(unit: Append) -> list[bytes]:
    envelopes = [_envelope(command) for command in unit.commands]
    seen: set[int] = set()
    rows = []
    for event in unit.events:
        follows = event.version > 1 and event.stream_id.int not in seen
        seen.add(event.stream_id.int)
        rows.append(_event(event, envelopes[event.command], follows))
    return rows


Envelope = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]


def _envelope(command: CommandRow) -> Envelope:
    return (
        e.uuid(command.command_id),
        e.uuid(command.actor),
        e.uuid(command.on_behalf_of),
        e.name(command.origin),
        e.binary(command.reason),
        e.uuid(command.correlation_id),
        e.text(command.causation_id),
    )


def _event(row: EventRow, envelope: Envelope, follows: bool) -> bytes:
    columns = (
        e.uuid(row.stream_id),
        e.int4(row.version),
        e.name(row.kind),
        e.name(row.topic),
        e.int2(row.schema_version),
        e.binary(row.payload),
        *envelope,
        e.uuid(row.customer_id),
    )
    return _event_row(
        *columns,
        e.instant(row.occurred_at),
        e.TRUE if follows else e.FALSE,
        e.binary(digest(columns)),
    )


Key = int | bytes | tuple[bytes, int]
"""An id, a reservation, or a mark of a stream; ids as integers, which are hashed much faster."""


def _keys(unit: Append) -> Set[Key]:
    """Whatever another unit must not touch at the same time, if it is to be taken in turn."""
    # In loops, for most hold one or none: comprehensions would take longer to begin.
    keys: set[Key] = set()
    for command in unit.commands:
        keys.add(command.command_id.int)
    for event in unit.events:
        keys.add(event.stream_id.int)
    for key, _ in unit.reserve + unit.release:
        keys.add(key)
    for key, stream in unit.mark + unit.unmark:
        keys.add((key, stream.int))
    for subject, _ in unit.subject_keys:
        keys.add(subject.int)
    return keys


def _places(unit: Append) -> list[int | None]:
    if len(unit.commands) == 1:  # Nearly every unit.
        [command] = unit.commands
        for place, event in enumerate(unit.events):
            if command.version == event.version and command.stream_id == event.stream_id:
                return [place]
        return [None]
    events = {(row.stream_id, row.version): place for place, row in enumerate(unit.events)}
    return [events.get((row.stream_id, row.version)) for row in unit.commands]


def _check(unit: Append) -> None:
    if not unit.commands:
        raise ValueError("a unit needs a command")
    commands = len(unit.commands)
    if commands > 1 and len({command.command_id.int for command in unit.commands}) < commands:
        raise ValueError("a command id stands twice in one unit")
    versions: dict[int, int] = {}
    for event in unit.events:
        if not 0 <= event.command < commands:
            raise ValueError(f"no command {event.command} in the unit")
        stream = event.stream_id.int
        expected = versions.get(stream, event.version)
        if event.version != expected or event.version < 0:
            raise ValueError(f"version {event.version} of {event.stream_id}: not {expected}")
        versions[stream] = event.version + 1
    if len(unit.reserve) < 2:
        return
    reserved = dict(unit.reserve)
    if any(reserved[key] != holder for key, holder in unit.reserve):
        raise ValueError("a key is reserved for two holders in one unit")
