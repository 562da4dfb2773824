"""Opening Backstory for one command, also while ``backstory serve`` owns the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from adapters.bootstrap import DATABASE_FOLDER, Backstory
from adapters.cli.failures import UNAVAILABLE, Failure
from adapters.embedded.neighbour import has_cluster, url_of_running
from adapters.remarks import Remark
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
def opened(data: Path | None, *, existing: bool = False) -> Iterator[Backstory]:
    """Backstory, on the database of a running process where one has the data folder.

    ``existing``: begin no record where there is none. Raises Failure.
    """
    wanted = settings(data)
    if existing:
        _require_data(wanted)
    if wanted.database_url is None:
        running = url_of_running(wanted.data.absolute() / DATABASE_FOLDER)
        wanted = wanted.model_copy(update={"database_url": running})
    with Backstory(wanted) as backstory:
        yield backstory


def where(data: Path | None) -> Remark:
    """Where a command that stores something stores it, as one says it before."""
    wanted = settings(data)
    if wanted.database_url is not None:
        return Remark("where.database")
    folder = wanted.data.absolute()
    is_there = has_cluster(folder / DATABASE_FOLDER)
    return Remark("where.folder" if is_there else "where.new", path=str(folder))


def _require_data(wanted: Settings) -> None:
    url, folder = wanted.database_url, wanted.data.absolute()
    if has_cluster(folder / DATABASE_FOLDER) if url is None else _has_schema(url):
        return
    where = str(folder) if url is None else Remark("where.no-tables")
    raise Failure(Remark("command.no-data", where=where), UNAVAILABLE)


def _has_schema(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('backstory.meta') IS NOT NULL").fetchone()
    return found == (True,)
