"""The entry point: every command, and what the user is told when one fails."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from adapters.cli import demo, do, imports, mappings, policies, serve, users, views
from adapters.cli.failures import failed
from adapters.cli.speaking import choose

app = typer.Typer(
    name="backstory",
    help="A CRM whose record is its event log.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"backstory {version('backstory')}")
        raise typer.Exit


@app.callback()
def _options(
    wanted: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None: ...


for part in (serve, mappings, imports, demo, do, views, policies, users):
    part.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process with its exit code."""
    choose(None)
    try:
        app(args=None if arguments is None else list(arguments))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        failure = failed(error)
        if failure is None:
            raise
        print(f"backstory: {failure}", file=sys.stderr)
        sys.exit(failure.code)
