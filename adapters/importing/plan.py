"""The plan of an import: a mapping bound to a kind and a file, which turns rows into requests."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from adapters.importing.detecting import Notations
from adapters.importing.drafts import RECORD, Draft, named
from adapters.importing.fillers import (
    Binding,
    Fields,
    Filler,
    dangling,
    filled,
    refers_to_parts,
    resolved,
)
from adapters.importing.mapping import BadMapping, Mapping, Rule
from adapters.importing.references import Finds
from adapters.importing.sources import Line
from adapters.importing.steps import Asked, BoundStep, Condition, Further, moment
from adapters.importing.targets import Target, target, written
from adapters.importing.templates import Columns
from adapters.remarks import Field, Remark
from adapters.validation import invalid
from aggregates.base import Aggregate
from aggregates.errors import FieldError, Invalid
from aggregates.events import Created
from aggregates.values import Ref
from commands.base import COMMANDS, Command, Meta
from commands.requests import Request, relaxed

M = TypeVar("M", bound=BaseModel)
OCCURRED_AT = "occurred_at"
NO_KIND = "mapping.no-kind"
"""What is said of a kind of rows that cannot be imported."""
Kinds = dict[str, str]
"""Names of records that parts of a row make → the kind of each."""


class Plan:
    """Turns rows into drafts, and drafts into requests. Raises BadMapping."""

    is_in_order = False
    """Whether the rows of a record are its history."""

    def __init__(
        self,
        mapping: Mapping,
        header: list[str],
        zone: ZoneInfo,
        finding: Notations | None = None,
        parts: Kinds | None = None,
    ) -> None:
        """``parts``: records of the same row that are made before, and the kind of each."""
        self.command = creating(mapping.kind)
        self.kind = self.command.AGGREGATE
        self.columns = mapping.columns
        self._external = mapping.external
        system = None if mapping.external is None else mapping.external.system
        binding = Binding(Columns(header, mapping.exported), zone, system, finding, parts)
        self.binding = binding
        self._fillers = binding.fillers(self.command, self._rules(mapping))
        self._condition = Condition(mapping, binding.columns)
        self._record = None if mapping.record is None else _record(binding, mapping, self.kind)
        self._occurred_at = moment(binding, mapping.occurred_at)
        self._identity = None if mapping.identity is None else _identity(binding, mapping.identity)
        self.steps = tuple(BoundStep(step, self.kind.PLURAL, binding) for step in mapping.then)
        self._may_lack = may_lack(self.command)
        self._whole = {n: needs for n in self._may_lack if (needs := needed(self.command, n))}

    def is_for(self, line: Line) -> bool:
        """Whether the mapping's conditions hold of the row."""
        return self._condition.holds(line.cells)

    def draft(self, line: Line) -> Draft:
        """What the row says. Raises Invalid naming the cells that cannot be read."""
        if self._record is not None:
            return self._telling(line, self._record)
        cells = line.cells
        fields = filled(self._fillers, cells)
        if self._external is not None and "id" not in fields["external"]:
            del fields["external"]
        lacking = tuple(self._without_halves(fields))
        occurred_at = None if self._occurred_at is None else self._occurred_at.value(cells)
        incomplete = [name for name in self._may_lack if name not in fields]
        if self._occurred_at is not None and occurred_at is None:
            incomplete.append(OCCURRED_AT)
        key = self._key(line, fields)
        then = self._then(cells)
        return Draft(line, fields, occurred_at, tuple(incomplete), key, then, suspicious=lacking)

    def _without_halves(self, fields: Fields) -> Iterator[Remark]:
        """Leave out parts, such as a first contact, of which not all is known that one needs, and
        say so."""
        for name, needed in self._whole.items():
            lacks = [part for part in needed if part not in fields.get(name, needed)]
            if lacks:
                del fields[name]
                parts = tuple(Field(self.kind.KIND, f"{name}.{part}") for part in lacks)
                yield Remark("rows.left-out", part=Field(self.kind.KIND, name), lacks=parts)

    def _telling(self, line: Line, record: Filler) -> Draft:
        """A row that tells more of a record that is there."""
        of, then = record.value(line.cells), self._then(line.cells)
        if of is None:
            raise Invalid(FieldError(RECORD, "missing"))
        if not then:
            raise Invalid(FieldError(RECORD, "no-step"))
        occurred_at = None if self._occurred_at is None else self._occurred_at.value(line.cells)
        return Draft(line, {}, occurred_at, (), f"{self._key(line, {})}/more", then, of)

    def _then(self, cells: list[str]) -> tuple[Further, ...]:
        drafted = (step.draft(cells) for step in self.steps)
        return tuple(further for further in drafted if further is not None)

    @property
    def is_lenient(self) -> bool:
        """Whether rows may go without something that they refer to."""
        return self.binding.is_lenient

    def lane(self, line: Line) -> str | None:
        """The record that a row which cannot be taken is of, as far as that can be read."""
        return None

    def key(self, line: Line) -> str:
        """The key of the record, also where other cells of the row cannot be read. Raises
        Invalid."""
        external = (filler for filler in self._fillers if filler.path[0] == "external")
        return self._key(line, filled(external, line.cells))

    def record(self, draft: Draft, found: Finds) -> UUID:
        """The record that a row tells more of. Raises Invalid where it is not there."""
        id = named(RECORD, draft.record, found)
        if id is None:  # The part that makes it is not for this row.
            raise Invalid(FieldError(RECORD, "missing"))
        return id

    def request(self, draft: Draft, found: Finds) -> Request:
        """The request that enters the record. Raises Invalid."""
        fields = resolved(draft.fields, found)
        pointing = [n for n in self._may_lack if n in draft.fields and n not in fields]
        incomplete = (*draft.incomplete, *pointing)
        command = self.command
        if missing := frozenset(incomplete) - {OCCURRED_AT}:
            command = relaxed(command, missing)
        meta = Meta(occurred_at=draft.occurred_at, incomplete=incomplete)
        made = validated(command, fields)
        return Request(made, meta=meta, idempotency_key=draft.key)

    def further(self, draft: Draft, found: Finds) -> list[Asked]:
        """The requests that follow, for a record whose id is not known yet. Raises Invalid.

        Their keys hold what they say: the same step said otherwise is another request. A step that
        lacks what it is about, for that is not there, is left out.
        """
        return [
            self._asked(draft, number, further, fields)
            for number, further in enumerate(draft.then, start=1)
            if not further.lacks(fields := resolved(further.fields, found))
        ]

    def _asked(self, draft: Draft, number: int, further: Further, fields: Fields) -> Asked:
        made = validated(further.command, fields)
        occurred_at = further.occurred_at
        if draft.record is not None:
            occurred_at = occurred_at or draft.occurred_at
        said = f"{occurred_at} {made.model_dump_json(exclude_unset=True)}"
        if further.reason is not None:
            said += f" {further.reason}"
        key = f"{draft.key}/{number}/{made.VERB}/{digest(said)}"
        meta = validated(Meta, {"occurred_at": occurred_at, "reason": further.reason})
        request = Request(made, meta=meta, idempotency_key=key)
        return Asked(request, further.if_differs, refers_to_parts(further.fields))

    def dangling(self, draft: Draft, found: Finds) -> Iterator[FieldError]:
        """What the row refers to that is not there, and goes without."""
        if not self.is_lenient:
            return
        for fields in draft.named():
            yield from dangling(fields, found)

    def _rules(self, mapping: Mapping) -> dict[str, Rule]:
        if mapping.external is None:
            return mapping.fields or {}
        target(self.command, "external.id")  # Not every kind has one.
        system = Rule(constant=mapping.external.system)
        return {
            **(mapping.fields or {}),
            "external.system": system,
            "external.id": mapping.external.id,
        }

    def _key(self, line: Line, fields: Fields) -> str:
        identity = None if self._identity is None else self._identity.value(line.cells)
        external = fields.get("external", {})
        if identity is not None:
            called = f"as/{identity}"
        elif "id" in external:
            called = f"external/{external.get('system')}/{external['id']}"
        else:
            called = f"line/{line.number}/{digest(written(line.cells))}"
        return f"import/{self.kind.PLURAL}/{called}"


def creating(kind: str) -> type[Command[Any]]:
    """The command by which records of a kind are entered. Raises BadMapping."""
    kinds = {c.AGGREGATE.PLURAL: c for c in COMMANDS.values() if c.CREATES and not c.IMPORT_ONLY}
    if kind not in kinds:
        raise BadMapping(NO_KIND, text=kind, known=tuple(sorted(kinds)))
    return kinds[kind]


def may_lack(command: type[Command[Any]]) -> tuple[str, ...]:
    """Required fields that an import may have no value for: all but those without which there is
    nothing to record, such as a name."""
    [created] = (e for e in command.AGGREGATE.EVENTS.values() if issubclass(e, Created))
    recorded = created.model_fields
    required = (name for name, field in command.model_fields.items() if field.is_required())
    return tuple(n for n in required if n not in recorded or not recorded[n].is_required())


def needed(command: type[Command[Any]], name: str) -> tuple[str, ...]:
    """What a field that has fields of its own cannot be without; none where it has none."""
    annotation = command.model_fields[name].annotation
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return ()
    return tuple(n for n, field in annotation.model_fields.items() if field.is_required())


def validated(model: type[M], fields: Fields) -> M:
    """The command, or its meta, with these fields. Raises Invalid."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise invalid(error) from error


def _record(binding: Binding, mapping: Mapping, kind: type[Aggregate]) -> Filler:
    assert mapping.record is not None
    return binding.filler(Target((RECORD,), Annotated[UUID, Ref(kind.KIND)]), mapping.record)


def _identity(binding: Binding, rule: Rule) -> Filler:
    return binding.filler(Target(("identity",), str), rule)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
