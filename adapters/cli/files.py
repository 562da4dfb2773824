"""Options of commands that are given a file: what it is, where that is found out wrongly."""

from typing import Annotated

import typer

from adapters.importing.sources import Choices

Encoding = Annotated[
    str | None, typer.Option(help="Of a text, where it is found out wrongly: gb18030, …")
]
Delimiter = Annotated[
    str | None, typer.Option(help=r"What separates cells, where it is found out wrongly: \t, ;, …")
]
Sheet = Annotated[str | None, typer.Option(help="Of a workbook; the first, unless named.")]


def choices(encoding: str | None, delimiter: str | None, sheet: str | None) -> Choices:
    """What is said of the file; a tab may be written as backslash and t."""
    return Choices(encoding, "\t" if delimiter == r"\t" else delimiter, sheet)
