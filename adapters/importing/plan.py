"""The plan of an import: a mapping bound to a kind and a file, which turns rows into requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from adapters.http.problems import invalid
from adapters.importing.fillers import Binding, Fields, Filler, filled, references, resolved
from adapters.importing.mapping import BadMapping, Mapping, Rule, Step
from adapters.importing.reading import Line
from adapters.importing.references import Reference, References
from adapters.importing.targets import Target, target, written
from adapters.importing.templates import Columns
from aggregates.events import Created
from commands.base import COMMANDS, Command, Meta
from commands.requests import Request, relaxed

M = TypeVar("M", bound=BaseModel)
OCCURRED_AT = "occurred_at"
_MOMENT = Target((OCCURRED_AT,), datetime)


@dataclass(frozen=True, slots=True)
class Further:
    """A further command to the record of a row, its references still to be found."""

    command: type[Command[Any]]
    fields: Fields
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What one row says, its references still to be found."""

    line: Line
    fields: Fields
    occurred_at: datetime | None
    incomplete: tuple[str, ...]
    key: str
    """The same for the same record whenever it is imported."""
    then: tuple[Further, ...]

    def references(self) -> Iterator[Reference]:
        yield from references(self.fields)
        for further in self.then:
            yield from references(further.fields)


class _Step:
    """A step of the mapping, bound."""

    def __init__(self, step: Step, plural: str, binding: Binding) -> None:
        self.command = _command(f"{plural}/{step.command}")
        if self.command.CREATES:
            raise BadMapping(f"then: {step.command} begins a record; a step changes one")
        self._fillers = binding.fillers(self.command, step.fields)
        self._occurred_at = _moment(binding, step.occurred_at)
        self._when = [
            (binding.columns.index(column), {texts} if isinstance(texts, str) else set(texts))
            for column, texts in step.when.items()
        ]

    def draft(self, cells: list[str]) -> Further | None:
        if any(cells[at] not in texts for at, texts in self._when):
            return None
        occurred_at = None if self._occurred_at is None else self._occurred_at.value(cells)
        return Further(self.command, filled(self._fillers, cells), occurred_at)


class Plan:
    """Turns rows into drafts, and drafts into requests. Raises BadMapping."""

    def __init__(self, mapping: Mapping, header: list[str], zone: ZoneInfo) -> None:
        self.command = creating(mapping.kind)
        self.kind = self.command.AGGREGATE
        self._external = mapping.external
        system = None if mapping.external is None else mapping.external.system
        binding = Binding(Columns(header, mapping.exported), zone, system)
        self._fillers = binding.fillers(self.command, self._rules(mapping))
        self._occurred_at = _moment(binding, mapping.occurred_at)
        self._identity = None if mapping.identity is None else _identity(binding, mapping.identity)
        self.steps = tuple(_Step(step, self.kind.PLURAL, binding) for step in mapping.then)
        self._may_lack = _may_lack(self.command)

    def draft(self, line: Line) -> Draft:
        """What the row says. Raises Invalid naming the cells that cannot be read."""
        cells = line.cells
        fields = filled(self._fillers, cells)
        if self._external is not None and "id" not in fields["external"]:
            del fields["external"]
        occurred_at = None if self._occurred_at is None else self._occurred_at.value(cells)
        incomplete = [name for name in self._may_lack if name not in fields]
        if self._occurred_at is not None and occurred_at is None:
            incomplete.append(OCCURRED_AT)
        drafted = (step.draft(cells) for step in self.steps)
        then = tuple(further for further in drafted if further is not None)
        key = self._key(line, fields)
        return Draft(line, fields, occurred_at, tuple(incomplete), key, then)

    def request(self, draft: Draft, found: References) -> Request:
        """The request that enters the record. Raises Invalid."""
        missing = frozenset(draft.incomplete) - {OCCURRED_AT}
        command = relaxed(self.command, missing) if missing else self.command
        meta = Meta(occurred_at=draft.occurred_at, incomplete=draft.incomplete)
        made = validated(command, resolved(draft.fields, found))
        return Request(made, meta=meta, idempotency_key=draft.key)

    def further(self, draft: Draft, found: References) -> list[Request]:
        """The requests that follow, for a record whose id is not known yet. Raises Invalid.

        Their keys hold what they say: the same step said otherwise is another request.
        """
        requests = []
        for number, further in enumerate(draft.then, start=1):
            made = validated(further.command, resolved(further.fields, found))
            said = f"{further.occurred_at} {made.model_dump_json(exclude_unset=True)}"
            key = f"{draft.key}/{number}/{made.VERB}/{_digest(said)}"
            meta = Meta(occurred_at=further.occurred_at)
            requests.append(Request(made, meta=meta, idempotency_key=key))
        return requests

    def _rules(self, mapping: Mapping) -> dict[str, Rule]:
        if mapping.external is None:
            return mapping.fields
        target(self.command, "external.id")  # Not every kind has one.
        system = Rule(constant=mapping.external.system)
        return {
            **mapping.fields,
            "external.system": system,
            "external.id": mapping.external.id,
        }

    def _key(self, line: Line, fields: Fields) -> str:
        identity = None if self._identity is None else self._identity.value(line.cells)
        external = fields.get("external", {})
        if identity is not None:
            named = f"as/{identity}"
        elif "id" in external:
            named = f"external/{external.get('system')}/{external['id']}"
        else:
            named = f"line/{line.number}/{_digest(written(line.cells))}"
        return f"import/{self.kind.PLURAL}/{named}"


def creating(kind: str) -> type[Command[Any]]:
    """The command by which records of a kind are entered. Raises BadMapping."""
    kinds = {c.AGGREGATE.PLURAL: c for c in COMMANDS.values() if c.CREATES and not c.IMPORT_ONLY}
    if kind not in kinds:
        raise BadMapping(f"{kind!r} cannot be imported; these can: {', '.join(sorted(kinds))}")
    return kinds[kind]


def _may_lack(command: type[Command[Any]]) -> tuple[str, ...]:
    """Required fields that an import may have no value for: all but those without which there is
    nothing to record, such as a name."""
    [created] = (e for e in command.AGGREGATE.EVENTS.values() if issubclass(e, Created))
    recorded = created.model_fields
    required = (name for name, field in command.model_fields.items() if field.is_required())
    return tuple(n for n in required if n not in recorded or not recorded[n].is_required())


def validated(model: type[M], fields: Fields) -> M:
    """The command, or its meta, with these fields. Raises Invalid."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise invalid(error) from error


def _command(name: str) -> type[Command[Any]]:
    if name not in COMMANDS:
        raise BadMapping(f"there is no command {name}")
    return COMMANDS[name]


def _moment(binding: Binding, rule: Rule | None) -> Filler | None:
    return None if rule is None else binding.filler(_MOMENT, rule)


def _identity(binding: Binding, rule: Rule) -> Filler:
    return binding.filler(Target(("identity",), str), rule)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
