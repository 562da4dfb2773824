"""Suggesting: the mapping that a file's headings and values speak for, and what they leave open.

A suggestion is careful: what two columns or two fields could be is left out and named, and what is
only alike is never taken for certain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from adapters.importing.assigning import ID, SYSTEM, Assigning, Column, columns_of
from adapters.importing.closing import closing
from adapters.importing.evidence import Asking, listed, shown
from adapters.importing.headings import Headings
from adapters.importing.mapping import (
    BadMapping,
    External,
    Mapping,
    Step,
    is_reported,
    reported_columns,
)
from adapters.importing.plan import creating, may_lack
from adapters.importing.sources import FOUND_OUT, Choices, Source
from adapters.importing.standing import standing
from adapters.importing.steps import MOMENT
from adapters.importing.targets import target
from adapters.importing.totals import without_totals
from adapters.remarks import Field, Remark
from adapters.texts import Texts

MOST_ROWS = 2_000
MOST_CELLS = 500_000
"""Of the sample: a file with very many columns gives fewer rows."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A mapping, where it comes from, and what is open."""

    mapping: Mapping
    columns: tuple[Column, ...]
    missing: tuple[str, ...]
    """Required fields that no column fills: records will be listed as incomplete."""
    impossible: tuple[str, ...]
    """Fields that no column fills and without which no record can be entered."""
    steps: tuple[Step, ...] = ()
    """Further commands that it needs, once a person has said what is missing in them."""

    @property
    def to_decide(self) -> list[Remark]:
        """What a person has to say; where it is nothing, every column is certain."""
        open = [_of_column(c, c.to_decide) for c in self.columns if c.to_decide]
        needed = (Remark("decide.unfilled", fields=(self.field(n),)) for n in self.impossible)
        return [*open, *needed, *self._without_field()]

    def field(self, name: str) -> Field:
        """A field that columns may fill."""
        return Field(creating(self.mapping.kind).AGGREGATE.KIND, name)

    def _without_field(self) -> Iterator[Remark]:
        without = [column.cells.name for column in self.columns if column.is_unknown]
        if without:
            yield Remark("decide.no-field", texts=listed(without))


def _of_column(column: Column, said: Remark) -> Remark:
    return Remark("decide.column", column=shown(column.cells.name), said=said)


def is_plain(kind: str, header: Sequence[str]) -> bool:
    """Whether every column is called exactly like a field that it can fill. Raises BadMapping."""
    command = creating(kind)
    for name in header:
        try:
            if name and not is_reported(name) and name != MOMENT.name:
                target(command, name)
        except BadMapping:
            return False
    return True


def sample(file: Source) -> list[list[str]]:
    """The first rows that are whole."""
    rows = max(1, min(MOST_ROWS, MOST_CELLS // max(1, len(file.header))))
    looked_at = islice(without_totals(file, reported_columns(file.header)), rows)
    return [line.cells for line in looked_at if line.problem is None]


def suggest(
    kind: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    asking: Asking,
    texts: Texts,
    choices: Choices = FOUND_OUT,
    with_custom: bool = False,
) -> Suggestion:
    """The mapping of a file of this kind, from its header and some rows of as many cells.

    ``with_custom``: columns for which there is no field fill custom fields. Raises BadMapping.
    """
    command = creating(kind)
    headings = Headings(command, texts)
    columns = columns_of(command.AGGREGATE.KIND, header, rows)
    Assigning(command, headings, columns, asking).assign(with_custom)
    certain, to_name = _steps(kind, columns, asking, texts)
    rules = {c.field: c.verdict.rule for c in columns if c.field and c.verdict.rule}
    occurred_at, external = rules.pop(MOMENT.name, None), None
    if ID in rules and SYSTEM not in rules and asking.system is not None:
        external = External(system=asking.system, id=rules.pop(ID))
    mapping = Mapping(
        kind=kind,
        encoding=choices.encoding,
        delimiter=choices.delimiter,
        sheet=choices.sheet,
        external=external,
        occurred_at=occurred_at,
        fields=rules,
        then=certain,
    )
    filled = {c.field.split(".")[0] for c in columns if c.field}
    unfilled = [n for n, f in command.model_fields.items() if f.is_required() and n not in filled]
    lacking = may_lack(command)
    return Suggestion(
        mapping,
        tuple(columns),
        tuple(name for name in unfilled if name in lacking),
        tuple(name for name in unfilled if name not in lacking),
        tuple(to_name),
    )


def _steps(
    kind: str, columns: Sequence[Column], asking: Asking, texts: Texts
) -> tuple[list[Step], list[Step]]:
    """The further commands that are certain, and those that a person has to complete."""
    match kind:
        case "opportunities":
            return closing(columns, asking)
        case "tickets":
            return standing(columns, asking, texts)
    return [], []
