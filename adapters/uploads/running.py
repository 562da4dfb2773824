"""Running one upload: its file is put together again, imported, and what came of it kept."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
import psycopg
from psycopg_pool import PoolTimeout

from adapters.importing import jobs
from adapters.importing.jobs import Job, PreparedJob, importer, prepare
from adapters.importing.mapping import BadMapping
from adapters.importing.recording import BeingReverted
from adapters.importing.report import Report
from adapters.importing.sources import UnreadableFile
from adapters.remarks import Remark, Saying
from adapters.uploads import telling
from adapters.uploads.asked import Asked
from adapters.uploads.folders import folder
from adapters.uploads.sealing import Sealing
from adapters.uploads.store import State, Store, Stored
from aggregates.importing import Import
from commands.ports import OutcomeUnknown, Overloaded

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

_log = logging.getLogger(__name__)
TELL_SECONDS = 1.0
MOST_ATTEMPTS = 20
"""An upload that kills whoever imports it is not tried for ever."""
AWAY = (psycopg.Error, PoolTimeout, OutcomeUnknown, Overloaded, OSError)
"""What passes: the upload is gone on with later."""


class Stopping(Exception):
    """The process is about to end; another one goes on."""


class Run:
    """One upload, from its file to what came of it."""

    def __init__(
        self,
        backstory: "Backstory",
        store: Store,
        sealing: Sealing,
        row: Stored,
        stopping: Event,
    ) -> None:
        self._backstory, self._store, self._sealing = backstory, store, sealing
        self._row, self._stopping = row, stopping
        self._told: dict[str, object] = {}
        self._told_at = float("-inf")
        self._last: Callable[[], dict[str, object]] = dict
        """How far it was when it was last looked at."""

    def run(self) -> None:
        """Import it, and say what came of it. Raises Stopping, and what the store raises."""
        if self._row.attempts > MOST_ATTEMPTS:
            self._end("failed", problem=Remark("upload.cut-off", times=MOST_ATTEMPTS))
            return
        try:
            with folder() as place:
                self._import(place)
        except (BadMapping, UnreadableFile) as error:
            said = error.remark.replacing(str(place / "file"), Remark("file.it"))
            self._end("failed", problem=said)
        except BeingReverted:
            self._told |= self._last() | {"rows_per_second": None, "seconds_left": None}
            self._end("stopped")
        except (*AWAY, Stopping):
            raise
        except Exception:
            _log.exception("import %s failed", self._row.id)
            self._told |= self._last()
            self._end("failed", problem=Remark("upload.unexpected"))

    def fail(self, problem: Saying) -> None:
        """Say that it came to nothing, and why."""
        self._end("failed", problem=problem)

    def _import(self, place: Path) -> None:
        prepared = prepare(self._job(place / "file"), self._backstory.timezone)
        self._told = telling.begun(prepared.detected)
        self._tell()
        self._require_standing()
        report, refused = jobs.run(self._backstory, prepared, self._watched(prepared))
        if report.refusals and refused is None:
            refused = jobs.refusals(self._backstory, prepared, report)
        self._told = telling.told(report, prepared.detected, 1.0, self._backstory.texts)
        self._end("finished", refused=refused)

    def _job(self, path: Path) -> Job:
        row, of = self._row, self._backstory
        asked = Asked.model_validate_json(self._sealing.open(row.subject, row.id, row.asked))
        content = of.contents.chunks.find(row.content_id)
        if content is None:
            raise UnreadableFile("upload.gone")
        with path.open("wb") as file:
            for data in of.contents.read(content):
                file.write(data)
        return Job(
            asked.kind,
            path,
            asked.mapping,
            asked.on_duplicate,
            row.is_rehearsal,
            importer(row.actor),
            asked.choices,
            asked.file_name,
            None if row.is_rehearsal else row.id,
            language=asked.language,
            workers=None,
            is_apart=True,
        )

    def _require_standing(self) -> None:
        """Raise BeingReverted where the import was taken back before it ran."""
        if not self._row.is_rehearsal:
            run = self._backstory.application.repository.get(Import, self._row.id, max_age=0)
            if run.is_reverting or run.is_reverted:
                raise BeingReverted(self._row.id)

    def _watched(self, prepared: PreparedJob) -> Callable[[Report], None]:
        def look(report: Report) -> None:
            if self._stopping.is_set():
                raise Stopping
            self._last = partial(self._so_far, report, prepared)
            if monotonic() - self._told_at >= TELL_SECONDS:
                self._told = self._last()
                self._tell()

        return look

    def _so_far(self, report: Report, prepared: PreparedJob) -> dict[str, object]:
        share, texts = prepared.file.share, self._backstory.texts
        return telling.told(report, prepared.detected, share, texts)

    def _tell(self) -> None:
        self._told_at = monotonic()
        self._store.tell(self._row.id, self._sealed())

    def _end(
        self, state: State, *, problem: Saying | None = None, refused: Path | None = None
    ) -> None:
        if problem is not None:
            self._told["problem"] = telling.in_all(problem, self._backstory.texts)
        refused_id = None if refused is None else self._kept(refused)
        self._store.end(self._row.id, state, self._sealed(), refused_id)
        chunks = self._backstory.contents.chunks
        if refused_id is not None:
            chunks.settle([refused_id])
        chunks.remove(self._row.content_id)

    def _kept(self, refused: Path) -> UUID:
        upload = self._backstory.contents.begin(self._row.subject)
        with refused.open("rb") as file:
            while data := file.read(1 << 19):
                upload.add(data)
        return upload.finish().id

    def _sealed(self) -> bytes:
        row = self._row
        return self._sealing.seal(row.subject, row.id, orjson.dumps(self._told, default=str))
