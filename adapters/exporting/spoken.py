"""What an export says in a language: labels over columns, names in place of codes and ids."""

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

from adapters.exporting.columns import ExportColumn, open_fields
from adapters.meanings import meanings
from adapters.names import Names, NamesThen
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.records import Records
from adapters.texts import Texts
from aggregates.base import Aggregate
from aggregates.errors import kebab
from aggregates.values import Code, Ref
from projections.base import Projection


class Spoken:
    """Says the columns and values of one table in one language. Used in one thread."""

    def __init__(
        self,
        projection: Projection[Any],
        language: str,
        texts: Texts,
        reader: RowReader,
        records: Records,
        scope: Scope,
    ) -> None:
        self._kind, self._language = projection.kind, language
        self._book = texts.of(language)
        self._meanings = meanings(self._kind)
        self._open = frozenset(open_fields(projection.row))
        """Fields whose parts are called as their keys: they are the organisation's own."""
        fields = projection.row.fields.items()
        self._claims = {n for n, of in fields if of is bool or bool in get_args(of)}
        self._kinds = {kebab(kind): kind for kind in Aggregate.registry}
        self._asking = (reader, records, scope)

    def header(self, columns: Sequence[ExportColumn]) -> list[str]:
        """A label over each column; alike ones are told apart by the columns' names."""
        labels = [self._label(column) for column in columns]
        return [
            label if labels.count(label) == 1 else f"{label} ({column.name})"
            for label, column in zip(labels, columns, strict=True)
        ]

    def said(self, columns: Sequence[ExportColumn], rows: list[list[Any]]) -> list[list[Any]]:
        """The rows, their codes and ids by name."""
        named = [i for i, column in enumerate(columns) if self._has_names(column)]
        if not named:
            return rows
        names = Names(*self._asking)  # Of this batch only: those of a whole list may be many.
        today, fields = names.today(), [column.field for column in columns]

        def speak() -> list[list[Any]]:
            return [[self._named(fields[i], row[i], today) for i in named] for row in rows]

        for row, spoken in zip(rows, names.said(speak), strict=True):
            for i, value in zip(named, spoken, strict=True):
                row[i] = value
        return rows

    def _label(self, column: ExportColumn) -> str:
        if not column.part:
            return self._book.label(self._kind, column.field)
        whole = self._book.label(self._kind, column.field)
        if column.field in self._open:
            return self._book.writing.pair(whole, column.part)
        own = self._book.label(self._kind, column.name)
        if own != column.name:
            return own
        part = self._book.label(self._kind, column.part)
        return self._book.writing.pair(whole, part)

    def _has_names(self, column: ExportColumn) -> bool:
        if column.part:
            return column.field in self._open
        named = self._book.aggregate(self._kind).get("values", {}).keys() | self._meanings.keys()
        return column.field in named | self._claims | {"incomplete", "about_kind"}

    def _named(self, field: str, value: Any, names: NamesThen) -> Any:
        if isinstance(value, list):
            return [self._named(field, v, names) for v in value]
        if isinstance(value, bool):
            return self._book.writing.value(value)
        if field in self._open or value is None:
            return value
        if field == "incomplete":
            return self._book.label(self._kind, value)
        if field == "about_kind":
            return (
                capital(self._book.label(self._kinds[value], None))
                if value in self._kinds
                else value
            )
        meaning = self._meanings.get(field)
        found: str | None = None
        if isinstance(meaning, Code) and isinstance(value, str):
            found = names.code(meaning.dictionary, value, self._language)
        elif isinstance(meaning, Ref) and isinstance(value, UUID):
            known = [names.record(kind, value) for kind in meaning.kinds]  # each is to be asked
            found = self._book.person(next(filter(None, known), None))
        return found or capital(self._book.value(self._kind, field, value)) or value


def capital(text: str | None) -> str | None:
    """The text as it stands for itself, not in a sentence."""
    return text and text[:1].upper() + text[1:]
