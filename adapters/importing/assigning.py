"""Assigning: which column of a file fills which field, so that no field is filled by a guess."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.importing.evidence import Asking, Cells, Verdict, found, shown
from adapters.importing.headings import Headings, Meaning, Why, form, synonyms
from adapters.importing.mapping import reported_columns
from adapters.importing.spotting import Spotter
from adapters.importing.targets import target
from adapters.remarks import Either, Field, Remark, Value
from aggregates.values import Money
from commands.base import Command

SHOWN = 3
ID, SYSTEM = "external.id", "external.system"
_IN_TEMPLATES = re.compile(r"[{}|]")
"""What a name of a column in a template cannot hold."""


@dataclass(slots=True)
class Column:
    """What is suggested for one column."""

    cells: Cells
    number: int
    """The first is 1."""
    kind: str
    """Of the records that the rows are."""
    meanings: list[Meaning] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Verdict(None))
    is_needless: bool = False
    """Whether nobody will miss it: it has no name and no values, an import reported it, or a step
    reads it."""
    step: str | None = None
    """The further command that it is for."""

    @property
    def field(self) -> str | None:
        """The field that it fills; None: it is not imported."""
        return self.meanings[0].field if len(self.meanings) == 1 and self.verdict.rule else None

    @property
    def why(self) -> Why | None:
        return self.meanings[0].why if self.meanings else None

    @property
    def to_decide(self) -> Remark | None:
        """What a person has to say before the column can be imported, or is not; else None."""
        if self.is_needless and self.step is None:
            return None
        if self.verdict.to_decide is not None:
            return self.verdict.to_decide
        if self.field is not None and self.why in ("similar", "values"):
            key = "by-name" if self.why == "similar" else "by-values"
            return Remark(f"decide.{key}", field=Field(self.kind, self.field))
        return None

    @property
    def is_unknown(self) -> bool:
        """Whether nothing says what it is."""
        return not (self.meanings or self.is_needless or self.verdict.to_decide)

    @property
    def samples(self) -> tuple[str, ...]:
        return self.cells.texts[:SHOWN]

    def for_step(self, command: str, verdict: Verdict) -> None:
        """It fills no field of the record, but one of a further command."""
        self.is_needless, self.meanings, self.step, self.verdict = True, [], command, verdict

    def leave_out(self, key: str, **values: Value) -> None:
        self.meanings, self.verdict = [], Verdict(None, Remark(f"decide.{key}", **values))


def columns_of(kind: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """The columns of a file of such records, from its header and rows of as many cells."""
    reported = reported_columns(header)
    columns = []
    for at, name in enumerate(header):
        texts = tuple(dict.fromkeys(row[at] for row in rows if row[at]))
        is_needless = at < reported or not (name.strip() or texts)
        columns.append(Column(Cells(name, texts), at + 1, kind, is_needless=is_needless))
    return columns


class Assigning:
    """Gives the columns of one file their fields."""

    def __init__(
        self,
        command: type[Command[Any]],
        headings: Headings,
        columns: Sequence[Column],
        asking: Asking,
    ) -> None:
        self._command, self._headings, self._asking = command, headings, asking
        self._columns, self._targets = columns, headings.targets

    def assign(self, with_custom: bool) -> None:
        names = Counter(column.cells.name for column in self._columns)
        for column in self._columns:
            if column.is_needless:
                continue
            if not column.cells.name.strip():
                column.leave_out("nameless")
            elif names[column.cells.name] > 1:
                column.leave_out("twice")
            else:
                self._read_heading(column)
        self._give_to_persons()
        self._settle()
        self._currencies()
        for column in self._columns:
            self._read_values(column)
        self._spot()
        self._leave_out_parts()
        if with_custom:
            self._custom()

    def _read_heading(self, column: Column) -> None:
        column.meanings = self._headings.meanings(column.cells.name)
        if len(column.meanings) > 1:
            column.leave_out("may-be", fields=self._either(m.field for m in column.meanings))

    def _field(self, name: str) -> Field:
        return Field(self._command.AGGREGATE.KIND, name)

    def _either(self, names: Iterable[str]) -> Either:
        return Either(map(self._field, names))

    def _by_field(self) -> dict[str, list[Column]]:
        found = defaultdict(list)
        for column in self._columns:
            for meaning in column.meanings:
                found[meaning.field].append(column)
        return found

    def _give_to_persons(self) -> None:
        """Beside the name of a contact, a phone is the contact's, if nothing else is."""
        for whole, parts in self._required_parts():
            by_field = self._by_field()
            missing = [part for part in parts if f"{whole}.{part}" not in by_field]
            if len(missing) == len(parts):
                continue
            for part in missing:
                for column in by_field.get(part, ())[:1]:
                    column.meanings = [Meaning(f"{whole}.{part}", "beside", 3)]

    def _required_parts(self) -> Iterator[tuple[str, list[str]]]:
        for name in self._command.model_fields:
            parts = target(self._command, name).parts
            if parts is not None:
                yield name, [n for n, f in parts.model_fields.items() if f.is_required()]

    def _settle(self) -> None:
        """A field is filled by the column that is called most like it, if there is one such."""
        for name, columns in self._by_field().items():
            best = min(column.meanings[0].rank for column in columns)
            first = [column for column in columns if column.meanings[0].rank == best]
            for column in columns:
                others = [shown(c.cells.name) for c in first if c is not column]
                field = self._field(name)
                if len(first) > 1:
                    column.leave_out("and-others", field=field, others=tuple(others))
                elif others:
                    column.leave_out("filled", field=field, other=others[0])

    def _currencies(self) -> None:
        """Columns that say the currency of the amounts in another."""
        names = [form(name) for name in synonyms()["currencies"]["names"]]
        amounts = [c for c in self._columns if c.meanings and self._is_amount(c)]
        for column in self._columns:
            said = form(column.cells.name)
            of = [c for c in amounts if said in [form(c.cells.name) + n for n in names]]
            of = of or (amounts if said in names and len(amounts) == 1 else [])
            if not column.is_unknown or len(of) != 1 or any(map(_is_in_no_template, (column, *of))):
                continue
            column.is_needless = True
            column.verdict = Verdict(
                None, note=Remark("suggestion.currency-of", column=of[0].cells.name)
            )
            of[0].cells = replace(of[0].cells, currencies=column.cells.name)

    def _is_amount(self, column: Column) -> bool:
        return self._targets[column.meanings[0].field].holds(Money)

    def _read_values(self, column: Column) -> None:
        if not column.meanings:
            return
        name = column.meanings[0].field
        column.verdict = found(self._targets[name], column.cells, self._asking)
        if name == ID and self._asking.system is None and SYSTEM not in self._by_field():
            column.verdict = Verdict(None, Remark("decide.whose-ids", kinds=None))

    def _spot(self) -> None:
        """Values that can be nothing else, under a heading that says nothing."""
        taken = set(self._by_field())
        spotter = Spotter(
            [t for name, t in self._targets.items() if name not in taken], self._asking
        )
        by_fields: dict[tuple[str, ...], list[Column]] = defaultdict(list)
        for column in self._columns:
            fields = spotter.fields(column.cells) if column.is_unknown else ()
            if fields:
                by_fields[fields].append(column)
        for fields, columns in by_fields.items():
            for column in columns:
                if len(fields) == 1 and len(columns) == 1:
                    column.meanings = [Meaning(fields[0], "values", 10)]
                    self._read_values(column)
                else:
                    column.leave_out("values-may-be", fields=self._either(fields))

    def _leave_out_parts(self) -> None:
        """Nobody is entered of whom not even what is required is known."""
        for whole, parts in self._required_parts():
            filled = {c.field: c for c in self._columns if c.field is not None}
            missing = [f"{whole}.{part}" for part in parts if f"{whole}.{part}" not in filled]
            if self._asking.system is not None and whole == SYSTEM.split(".")[0]:
                continue
            for name, column in filled.items():
                if missing and name.startswith(f"{whole}."):
                    lacks = self._field(missing[0])
                    column.leave_out("would-be", field=self._field(name), lacks=lacks)

    def _custom(self) -> None:
        """Columns for which nothing was found keep their values, as custom fields."""
        if "custom" not in self._command.model_fields:
            return
        codes: set[str] = set()
        for column in self._columns:
            if not column.is_unknown:
                continue
            code = _free(column.cells.name, column.number, codes)
            column.meanings = [Meaning(f"custom.{code}", "custom", 11)]
            column.verdict = Verdict(column.cells.rule)


def _is_in_no_template(column: Column) -> bool:
    return _IN_TEMPLATES.search(column.cells.name) is not None


def _free(name: str, number: int, taken: set[str]) -> str:
    """A code for a column: its name in letters, Chinese by its sound."""
    from pypinyin import lazy_pinyin  # Its phrases take a while to load.

    latin = "".join(f" {one} " if one != c else c for c in name for one in lazy_pinyin(c))
    code = re.sub(r"[^a-z0-9]+", "_", latin.lower()).strip("_")[:50].strip("_")
    code = code or f"column_{number}"
    code = f"{code}_{number}" if code in taken else code
    taken.add(code)
    return code
