"""Rows that speak of several records, of who did it, and of what looks wrong and is kept."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from adapters.importing.detecting import Notations
from adapters.importing.drafts import ON_BEHALF_OF, Draft, Part
from adapters.importing.fillers import Binding, Filler, with_made
from adapters.importing.mapping import BadMapping, Mapping, Rule, Suspicion
from adapters.importing.plan import Kinds, Plan, digest
from adapters.importing.references import MADE, Reference, external, reserved
from adapters.importing.sources import Line
from adapters.importing.steps import Condition, moment
from adapters.importing.targets import Target, written
from adapters.importing.templates import Cells
from aggregates.errors import FieldError, Invalid
from aggregates.values import Ref


class WholePlan(Plan):
    """The plan of whole rows. Raises BadMapping."""

    def __init__(
        self,
        mapping: Mapping,
        header: list[str],
        zone: ZoneInfo,
        finding: Notations | None = None,
    ) -> None:
        self.parts = _plans(mapping, header, zone, finding)
        super().__init__(mapping, header, zone, finding, _kinds(self.parts))
        self.is_in_order = mapping.in_order
        self._on_behalf_of = _user(self.binding, mapping.on_behalf_of)
        self._suspicions = [BoundSuspicion(one, self.binding) for one in mapping.suspicious]

    @property
    def is_lenient(self) -> bool:
        return any(plan.binding.is_lenient for plan in (self, *self.parts.values()))

    def draft(self, line: Line) -> Draft:
        """What the row says, of every record. Raises Invalid naming the cells that cannot be
        read."""
        parts = self._parts_of(line)
        own = super().draft(line)
        user = self._on_behalf_of
        return own._replace(
            parts=parts,
            on_behalf_of=None if user is None else user.value(line.cells),
            lane=_lane(own, parts),
            suspicious=(
                *own.suspicious,
                *(one.says for one in self._suspicions if one.holds(line.cells)),
            ),
        )

    def lane(self, line: Line) -> str | None:
        if self._record is None:
            return None
        try:
            of = self._record.value(line.cells)
            if isinstance(of, Reference) and of.scope == MADE:
                return self.parts[of.value].key(line)
        except Invalid:
            return None
        return None if of is None else _lane_of(of, ())

    def _parts_of(self, line: Line) -> tuple[Part, ...]:
        parts: list[Part] = []
        for name, plan in self.parts.items():
            if plan.is_for(line):
                try:
                    draft = plan.draft(line)
                except Invalid as error:
                    raise within(name, error) from error
                parts.append(_part(name, plan, draft, parts))
        return tuple(parts)


class BoundSuspicion:
    """What is to be said of some rows, bound to a file's columns."""

    def __init__(self, given: Suspicion, binding: Binding) -> None:
        self.says = given.says
        self._condition = Condition(given, binding.columns)
        self._earlier, self._than = moment(binding, given.earlier), moment(binding, given.than)

    def holds(self, cells: Cells) -> bool:
        """Whether it is true of the row. Raises Invalid where a moment cannot be read."""
        if not self._condition.holds(list(cells)):
            return False
        if self._earlier is None or self._than is None:
            return True
        earlier, than = self._earlier.value(cells), self._than.value(cells)
        return earlier is not None and than is not None and bool(earlier < than)


def within(name: str, error: Invalid) -> Invalid:
    """What is wrong with a part of a row."""
    return Invalid(*(FieldError(f"{name}.{e.field}", e.message, **e.values) for e in error.errors))


def _plans(
    mapping: Mapping, header: list[str], zone: ZoneInfo, finding: Notations | None
) -> dict[str, Plan]:
    """The plans of a row's other records, each knowing those before it."""
    plans: dict[str, Plan] = {}
    for also in mapping.also:
        if also.called in plans:
            raise BadMapping("mapping.two-parts", part=also.called)
        try:
            own, known = also.alone(mapping.exported), _kinds(plans)
            plans[also.called] = Plan(own, header, zone, finding, known)
        except BadMapping as error:
            raise BadMapping("mapping.also", part=also.called, said=error.remark) from error
    return plans


def _kinds(plans: dict[str, Plan]) -> Kinds:
    return {name: plan.kind.KIND for name, plan in plans.items()}


def _user(binding: Binding, rule: Rule | None) -> Filler | None:
    user = Target((ON_BEHALF_OF,), Annotated[UUID, Ref("User")])
    return None if rule is None else binding.filler(user, rule)


def _part(name: str, plan: Plan, draft: Draft, before: list[Part]) -> Part:
    """The record is known by its external id, its identity, its reserved name, or what is said."""
    named = draft.fields.get("external", {})
    if "id" in named:
        return Part(name, plan, draft, external(plan.kind.KIND, **named))
    found_by = reserved(plan.kind.KIND, draft.fields)
    if draft.is_named:
        return Part(name, plan, draft, found_by)
    keys = {part.name: part.draft.key for part in before}
    said = written(with_made(draft.fields, keys)) if found_by is None else found_by.value
    key = f"import/{plan.kind.PLURAL}/said/{digest(said)}"
    return Part(name, plan, draft._replace(key=key), found_by)


def _lane(draft: Draft, parts: Iterable[Part]) -> str | None:
    if draft.record is not None:
        return _lane_of(draft.record, parts)
    return draft.key if draft.is_named else None


def _lane_of(record: Reference | str, parts: Iterable[Part]) -> str:
    if isinstance(record, str):
        return record
    if record.scope == MADE:
        return next((p.draft.key for p in parts if p.name == record.value), "")
    return f"{record.scope}/{record.value}"
