"""``backstory mapping``: what an import would make of a file, as a mapping to be looked through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.failures import Failure
from adapters.cli.files import Delimiter, Encoding, Sheet, choices
from adapters.cli.opening import Data, opened, settings
from adapters.importing import choosing
from adapters.importing.assigning import Column
from adapters.importing.choosing import Hints, WrongHint
from adapters.importing.coding import Entries, declared, entries
from adapters.importing.evidence import shown
from adapters.importing.showing import text
from adapters.importing.sources import Choices
from adapters.importing.suggesting import Suggestion

SHOWN_VALUES = 20
WAYS = {
    "name": "called like the field",
    "label": "called like its label",
    "synonym": "another word for it",
    "similar": "almost called so",
    "beside": "beside the name of a person",
    "values": "by its values",
    "card": "what a vCard calls so",
    "custom": "a custom field",
}


def register(app: typer.Typer) -> None:
    app.command("mapping")(suggest_mapping)


def suggest_mapping(
    kind: Annotated[str, typer.Argument(help="What the rows are: customers, opportunities, …")],
    file: Annotated[Path, typer.Argument(help="The file that is to be imported.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write the mapping (TOML); a file that is not.")
    ] = None,
    custom: Annotated[
        bool, typer.Option("--custom", help="Keep columns without a field as custom fields.")
    ] = False,
    currency: Annotated[
        str | None, typer.Option(help="Of amounts that do not say theirs, such as CNY.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="What the system is called that the file's ids are from.")
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    data: Data = None,
) -> None:
    """Suggest which column fills which field, from the headings and the first rows.

    Headings may be Chinese or English. What is not certain is named as to be decided: look through
    the mapping before you import with it. Nothing is stored.
    """
    said = choices(encoding, delimiter, sheet)
    suggestion = suggested(kind, file, data, said, custom=custom, currency=currency, system=system)
    print("\n".join(described(suggestion)))
    if out is None:
        print("\nTo write it to a file that you can edit: --out MAPPING.toml")
        return
    write(suggestion, out)
    print(f"\nwritten: {out}; now: backstory import {kind} {file} --mapping {out} --dry-run")


def suggested(
    kind: str,
    path: Path,
    data: Path | None,
    said: Choices,
    *,
    custom: bool = False,
    currency: str | None = None,
    system: str | None = None,
) -> Suggestion:
    """The suggestion for a file. Raises Failure, BadMapping or UnreadableFile."""
    hints = Hints(said, custom, currency, system)
    try:
        return choosing.suggested(kind, path, hints, lambda: _entries(data), settings(data).zone)
    except WrongHint as error:
        raise Failure(str(error)) from None


def _entries(data: Path | None) -> Entries:
    """The dictionaries as they are, or where nothing was ever recorded, as they begin."""
    try:
        with opened(data, existing=True) as backstory:
            return entries(backstory)
    except Failure:
        return declared()


def described(suggestion: Suggestion) -> Iterator[str]:
    """What is suggested, column by column, and what is open."""
    for column in suggestion.columns:
        yield from _column(column)
    if suggestion.missing:
        yield f"no column fills {', '.join(suggestion.missing)}: records will be incomplete"
    to_decide = suggestion.to_decide
    if to_decide:
        yield ""
        yield "To decide:"
        yield from (f"  {one}" for one in to_decide)


def _column(column: Column) -> Iterator[str]:
    samples = ", ".join(shown(text, 24) for text in column.samples)
    goes = f"→ {column.field} ({WAYS[column.why or 'name']})" if column.field else "is not imported"
    yield f"{shown(column.cells.name) or '(no name)'} {goes}{f': {samples}' if samples else ''}"
    rule = column.verdict.rule
    if rule is not None:
        values = [f"{shown(text)} = {code}" for text, code in rule.values.items()]
        more = [f"and {len(values) - SHOWN_VALUES:,} more"] if values[SHOWN_VALUES:] else []
        yield from (f"    {value}" for value in [*values[:SHOWN_VALUES], *more])
        said = rule.model_dump(exclude_defaults=True, exclude={"column", "values"})
        yield from (f"    {name}: {shown(str(value))}" for name, value in said.items())
    if column.verdict.note:
        yield f"    {shown(column.verdict.note, 200)}"


def write(suggestion: Suggestion, out: Path) -> None:
    """Write the mapping, with what is open at its head. Raises Failure where a file is there."""
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text(suggestion))
    except FileExistsError:
        raise Failure(f"{out} is there already; name another file, or take it away") from None
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}") from error
