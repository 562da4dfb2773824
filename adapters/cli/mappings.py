"""``backstory mapping``: what an import would make of a file, as a mapping to be looked through."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.failures import Failure
from adapters.cli.files import Delimiter, Encoding, Sheet, choices
from adapters.cli.opening import Data, opened, settings
from adapters.cli.speaking import Language, say, told
from adapters.importing import choosing
from adapters.importing.choosing import Hints, WrongHint
from adapters.importing.coding import Entries, declared, entries
from adapters.importing.showing import lines, text
from adapters.importing.sources import Choices
from adapters.importing.suggesting import Suggestion
from adapters.remarks import Remark, of_system


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
    language: Language = None,
    data: Data = None,
) -> None:
    """Suggest which column fills which field, from the headings and the first rows.

    Headings may be Chinese or English. What is not certain is named as to be decided: look through
    the mapping before you import with it. Nothing is stored.
    """
    said = choices(encoding, delimiter, sheet)
    suggestion = suggested(kind, file, data, said, custom=custom, currency=currency, system=system)
    say(lines(suggestion))
    if out is None:
        say(["", Remark("command.out")])
        return
    write(suggestion, out)
    say(["", Remark("command.written", arguments=kind, path=str(file), out=str(out))])


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
        raise Failure(error.remark) from None


def _entries(data: Path | None) -> Entries:
    """The dictionaries as they are, or where nothing was ever recorded, as they begin."""
    try:
        with opened(data, existing=True) as backstory:
            return entries(backstory)
    except Failure:
        return declared()


def write(suggestion: Suggestion, out: Path) -> None:
    """Write the mapping, with what is open at its head. Raises Failure where a file is there."""
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text(suggestion, told))
    except FileExistsError:
        raise Failure(Remark("file.there", path=str(out))) from None
    except OSError as error:
        raise Failure(Remark("file.unwritable", path=str(out), said=of_system(error))) from error
