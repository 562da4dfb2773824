"""The record of an import: the same file, kind and mapping are the same import, until reverted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from uuid import UUID, uuid5

import psycopg

from adapters.bootstrap import Backstory
from adapters.importing.mapping import Mapping
from adapters.importing.report import OUTCOMES, Report
from adapters.importing.reverting import lock_of
from aggregates.base import derived
from aggregates.errors import NotFound
from aggregates.importing import Import
from commands.base import Command
from commands.importing import BeginImport, FinishImport
from commands.requests import Caller, Request

NAMESPACE = UUID("6f0d5c1e-6a53-5c02-9c5e-3a1f0f7a4b11")
_SHARE = "SELECT pg_try_advisory_lock_shared(%s, %s)"
_LEAVE = "SELECT pg_advisory_unlock_shared(%s, %s)"
LOOK_SECONDS = 1.0
"""How often a running import looks whether it is to be reverted."""


class BeingReverted(Exception):
    """The import is being reverted: nothing more is entered by it."""

    def __init__(self, id: UUID) -> None:
        super().__init__(f"import {id} is being reverted; run it again once that is done")


class Recorded:
    """One run of an import that has a record."""

    def __init__(self, backstory: Backstory, id: UUID, caller: Caller) -> None:
        self._application, self.id, self._caller = backstory.application, id, caller

    def watched(self, progress: Callable[[Report], None]) -> Callable[[Report], None]:
        """Progress that ends the run where its revert was asked for. Raises BeingReverted."""

        def look(report: Report) -> None:
            run = self._application.repository.get(Import, self.id, max_age=LOOK_SECONDS)
            if run.is_reverting or run.is_reverted:
                raise BeingReverted(self.id)
            progress(report)

        return look

    def finish(self, report: Report) -> None:
        counts = {f"rows_{name}": report.outcomes[name] for name in OUTCOMES}
        self._ask(FinishImport(rows_read=report.read, **counts))

    def _ask(self, command: Command[Import]) -> None:
        self._application.dispatch(Request(command, self.id), self._caller)


def described(path: Path, kind: str, mapping: Mapping) -> BeginImport:
    """What identifies an import, of a file that is read from its beginning to its end."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    rules = sha256(mapping.model_dump_json().encode()).hexdigest()
    name = "".join(c if c.isprintable() else "?" for c in path.name).strip()[:200] or "?"
    return BeginImport(file_name=name, digest=digest, imported=kind, mapping_digest=rules)


@contextmanager
def recorded(backstory: Backstory, what: BeginImport, caller: Caller) -> Iterator[Recorded]:
    """The import's record, begun or gone on with, for as long as it runs. Raises BeingReverted."""
    said = f"{what.imported}/{what.digest}/{what.mapping_digest}"
    id, repository = uuid5(NAMESPACE, said), backstory.application.repository
    with psycopg.connect(backstory.url, autocommit=True) as connection:
        while True:
            if connection.execute(_SHARE, lock_of(id)).fetchone() != (True,):
                raise BeingReverted(id)
            try:
                run = repository.get(Import, id, max_age=0)
            except NotFound:
                request = Request(what, id, idempotency_key=f"import/{id}")
                backstory.application.dispatch(request, caller)
                break
            if run.is_reverting:
                raise BeingReverted(id)
            if not run.is_reverted:
                break
            connection.execute(_LEAVE, lock_of(id))
            id = derived(id, "again")
        yield Recorded(backstory, id, caller)
