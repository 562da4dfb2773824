"""Opening Backstory for one command, also while ``backstory serve`` owns the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.bootstrap import DATABASE_FOLDER, Backstory
from adapters.embedded.neighbour import url_of_running
from adapters.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option(
        help="Folder of everything embedded.", envvar="BACKSTORY_DATA", show_default=False
    ),
]


def settings(data: Path | None, **given: Any) -> Settings:
    """From the environment, except for what was given on the command line."""
    chosen = {name: value for name, value in {"data": data, **given}.items() if value is not None}
    return Settings(**chosen)


@contextmanager
def opened(data: Path | None) -> Iterator[Backstory]:
    """Backstory, on the database of a running process where one has the data folder."""
    wanted = settings(data)
    if wanted.database_url is None:
        running = url_of_running(wanted.data.absolute() / DATABASE_FOLDER)
        wanted = wanted.model_copy(update={"database_url": running})
    with Backstory(wanted) as backstory:
        yield backstory
