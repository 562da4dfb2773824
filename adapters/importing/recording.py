"""The record of an import: the same file, kind and mapping are the same import, until reverted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import psycopg

from adapters.importing.mapping import Mapping
from adapters.importing.report import OUTCOMES, Report
from adapters.importing.reverting import lock_of
from adapters.remarks import Remarkable
from aggregates.base import derived
from aggregates.errors import NotFound
from aggregates.importing import Import
from commands.base import Command
from commands.importing import BeginImport, FinishImport
from commands.requests import Caller, IdempotencyKeyReused, Request

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

NAMESPACE = UUID("6f0d5c1e-6a53-5c02-9c5e-3a1f0f7a4b11")
_SHARE = "SELECT pg_try_advisory_lock_shared(%s, %s)"
_UPTO = """
    SELECT CASE WHEN EXISTS (
        SELECT FROM backstory.events
        WHERE correlation_id = %(id)s AND origin = 'import' AND stream_id <> %(id)s
    ) THEN backstory.drawn() ELSE 0 END
"""
LOOK_SECONDS = 1.0
"""How often a running import looks whether it is to be reverted."""


class BeingReverted(Remarkable):
    """The import is being reverted: nothing more is entered by it."""

    def __init__(self, id: UUID) -> None:
        super().__init__("revert.being", id=str(id))


class Recorded:
    """One run of an import that has a record."""

    def __init__(
        self, backstory: "Backstory", id: UUID, caller: Caller, upto: int, *, is_resumed: bool
    ) -> None:
        """``upto``: the last position when it began; 0 where no earlier run entered anything.
        ``is_resumed``: whether earlier ones did not come to their ends."""
        self._application, self.id, self._caller = backstory.application, id, caller
        self.upto, self.is_resumed = upto, is_resumed

    def watched(self, progress: Callable[[Report], None]) -> Callable[[Report], None]:
        """Progress that ends the run where its revert was asked for. Raises BeingReverted."""

        def look(report: Report) -> None:
            run = self._application.repository.get(Import, self.id, max_age=LOOK_SECONDS)
            if run.is_reverting or run.is_reverted:
                raise BeingReverted(self.id)
            progress(report)

        return look

    def finish(self, report: Report) -> None:
        counts = {f"rows_{name}": report.in_all[name] for name in OUTCOMES}
        self._ask(FinishImport(rows_read=report.read, **counts))

    def _ask(self, command: Command[Import]) -> None:
        self._application.dispatch(Request(command, self.id), self._caller)


def described(path: Path, kind: str, mapping: Mapping, name: str | None = None) -> BeginImport:
    """What identifies an import, of a file that is read from its beginning to its end; ``name``:
    what it is called, if not like its path."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    rules = sha256(mapping.model_dump_json().encode()).hexdigest()
    called = "".join(c if c.isprintable() else "?" for c in name or path.name).strip()[:200]
    return BeginImport(file_name=called or "?", digest=digest, imported=kind, mapping_digest=rules)


def begun(backstory: "Backstory", what: BeginImport, caller: Caller) -> UUID:
    """The id of the import, begun unless it was begun before. Raises BeingReverted."""
    said = f"{what.imported}/{what.digest}/{what.mapping_digest}"
    id, repository = uuid5(NAMESPACE, said), backstory.application.repository
    while True:
        try:
            run = repository.get(Import, id, max_age=0)
        except NotFound:
            request = Request(what, id, idempotency_key=f"import/{id}")
            with suppress(IdempotencyKeyReused):  # Begun meanwhile, of a file of another name.
                backstory.application.dispatch(request, caller)
            return id
        if run.is_reverting:
            raise BeingReverted(id)
        if not run.is_reverted:
            return id
        id = derived(id, "again")


@contextmanager
def running(url: str, id: UUID) -> Iterator[None]:
    """While this is held, nobody reverts the import. Raises BeingReverted."""
    with psycopg.connect(url, autocommit=True) as connection:
        _share(connection, id)
        yield


def _share(connection: psycopg.Connection, id: UUID) -> None:
    if connection.execute(_SHARE, lock_of(id)).fetchone() != (True,):
        raise BeingReverted(id)


@contextmanager
def recorded(backstory: "Backstory", id: UUID, caller: Caller) -> Iterator[Recorded]:
    """The record of an import that was begun, for as long as it runs. Raises BeingReverted."""
    with psycopg.connect(backstory.url, autocommit=True) as connection:
        _share(connection, id)
        run = backstory.application.repository.get(Import, id, max_age=0)
        if run.is_reverting or run.is_reverted:
            raise BeingReverted(id)
        [(upto,)] = connection.execute(_UPTO, {"id": id})
        is_resumed = upto > 0 and not run.is_finished
        yield Recorded(backstory, id, caller, upto, is_resumed=is_resumed)
