"""Units made ready for the append function: checked, encoded, with the keys they touch."""

from collections.abc import Iterable, Sequence
from secrets import randbits
from uuid import UUID

from adapters.postgres import encoding as e
from adapters.postgres.leaf import digest
from commands.ports import Append, CommandRow, EventRow

_COMMANDS = (e.UUID_, e.TEXT, e.INT2, e.UUID_, e.INT4, e.BYTEA, e.INT8)
_EVENTS = (
    *(e.UUID_, e.INT4, e.TEXT, e.TEXT, e.INT2, e.BYTEA, e.UUID_, e.UUID_, e.UUID_),
    *(e.TEXT, e.BYTEA, e.UUID_, e.TEXT, e.UUID_, e.TIMESTAMPTZ, e.BOOL, e.BYTEA),
)
_KEYS = (e.BYTEA, e.UUID_)
_SUBJECTS = (e.UUID_, e.BYTEA)
_TABLES = (_COMMANDS, _EVENTS, _KEYS, _KEYS, _KEYS, _KEYS, _SUBJECTS)
"""Column types of each group of the append function's parameters, after ``x_unit``."""

PARAMETERS = sum(1 + len(types) for types in _TABLES) + 1

Rows = tuple[int, tuple[bytes, ...]]
"""How many rows, and for each column its encoded elements."""

_NO_ROWS: dict[tuple[int, ...], Rows] = {types: (0, (b"",) * len(types)) for types in _TABLES}


class Unit:
    """One unit, encoded. ``ValueError`` where it could not be stored as it is."""

    __slots__ = ("append", "keys", "size", "submission", "tables", "wants_receipts")

    def __init__(self, append: Append) -> None:
        _check(append)
        self.append = append
        self.submission = randbits(63)
        self.tables = self._encoded()
        self.keys = _keys(append)
        self.size = sum(len(column) for _, columns in self.tables for column in columns)
        last = {(event.stream_id, event.version) for event in append.events}
        self.wants_receipts = any((c.stream_id, c.version) not in last for c in append.commands)

    def _encoded(self) -> tuple[Rows, ...]:
        unit = self.append
        return (
            _rows(_COMMANDS, [_command(row, self.submission) for row in unit.commands]),
            _rows(_EVENTS, _events(unit)),
            _rows(_KEYS, [(e.binary(key), e.uuid(holder)) for key, holder in unit.reserve]),
            _rows(_KEYS, [(e.binary(key), e.uuid(holder)) for key, holder in unit.release]),
            _rows(_KEYS, [(e.binary(key), e.uuid(stream)) for key, stream in unit.mark]),
            _rows(_KEYS, [(e.binary(key), e.uuid(stream)) for key, stream in unit.unmark]),
            _rows(_SUBJECTS, [(e.uuid(of), e.binary(key)) for of, key in unit.subject_keys]),
        )


def parameters(units: Sequence[Unit]) -> list[e.Packed | bool]:
    """The append function's arguments for these units."""
    made: list[e.Packed | bool] = []
    for number, types in enumerate(_TABLES):
        made += _columns(types, [unit.tables[number] for unit in units])
    made.append(any(unit.wants_receipts for unit in units))
    return made


def _columns(types: tuple[int, ...], tables: Sequence[Rows]) -> Iterable[e.Packed]:
    total = sum(rows for rows, _ in tables)
    if total == 0:
        return [e.array(number, 0, b"") for number in (e.INT4, *types)]
    ordinals = b"".join([e.int4(unit) * rows for unit, (rows, _) in enumerate(tables)])
    joined = [b"".join(parts) for parts in zip(*[columns for _, columns in tables], strict=True)]
    return [
        e.array(number, total, elements)
        for number, elements in zip((e.INT4, *types), (ordinals, *joined), strict=True)
    ]


def _rows(types: tuple[int, ...], rows: Sequence[tuple[bytes, ...]]) -> Rows:
    if not rows:
        return _NO_ROWS[types]
    if len(rows) == 1:
        return 1, rows[0]
    return len(rows), tuple(b"".join(column) for column in zip(*rows, strict=True))


def _command(row: CommandRow, submission: int) -> tuple[bytes, ...]:
    return (
        e.uuid(row.command_id),
        e.text(row.name),
        e.int2(row.status),
        e.uuid(row.stream_id),
        e.int4(row.version),
        e.binary(row.fingerprint),
        e.int8(submission),
    )


def _events(unit: Append) -> list[tuple[bytes, ...]]:
    envelopes = [_envelope(command) for command in unit.commands]
    seen = set()
    rows = []
    for event in unit.events:
        follows = event.version > 1 and event.stream_id not in seen
        seen.add(event.stream_id)
        rows.append(_event(event, envelopes[event.command], follows))
    return rows


Envelope = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]


def _envelope(command: CommandRow) -> Envelope:
    return (
        e.uuid(command.command_id),
        e.uuid(command.actor),
        e.uuid(command.on_behalf_of),
        e.text(command.origin),
        e.binary(command.reason),
        e.uuid(command.correlation_id),
        e.text(command.causation_id),
    )


def _event(row: EventRow, envelope: Envelope, follows: bool) -> tuple[bytes, ...]:
    columns = (
        e.uuid(row.stream_id),
        e.int4(row.version),
        e.text(row.kind),
        e.text(row.topic),
        e.int2(row.schema_version),
        e.binary(row.payload),
        *envelope,
        e.uuid(row.customer_id),
    )
    return (
        *columns,
        e.instant(row.occurred_at),
        e.TRUE if follows else e.FALSE,
        e.binary(digest(columns)),
    )


def _keys(unit: Append) -> frozenset[bytes]:
    """Whatever another unit must not touch at the same time, if it is to be taken in turn."""
    keys = {command.command_id.bytes for command in unit.commands}
    keys.update([event.stream_id.bytes for event in unit.events])
    for pairs in (unit.reserve, unit.release):
        keys.update([key for key, _ in pairs])
    for pairs in (unit.mark, unit.unmark):
        keys.update([key + stream.bytes for key, stream in pairs])
    keys.update([subject.bytes for subject, _ in unit.subject_keys])
    return frozenset(keys)


def _check(unit: Append) -> None:
    if not unit.commands:
        raise ValueError("a unit needs a command")
    if len({command.command_id for command in unit.commands}) < len(unit.commands):
        raise ValueError("a command id stands twice in one unit")
    versions: dict[UUID, int] = {}
    for event in unit.events:
        if not 0 <= event.command < len(unit.commands):
            raise ValueError(f"no command {event.command} in the unit")
        expected = versions.get(event.stream_id, event.version)
        if event.version != expected or event.version < 0:
            raise ValueError(f"version {event.version} of {event.stream_id}: not {expected}")
        versions[event.stream_id] = event.version + 1
    reserved = dict(unit.reserve)
    if any(reserved[key] != holder for key, holder in unit.reserve):
        raise ValueError("a key is reserved for two holders in one unit")
