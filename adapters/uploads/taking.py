"""Taking: a file that came in is looked at, kept, and entered as an import that is to run."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from adapters.importing import choosing
from adapters.importing.choosing import Hints
from adapters.importing.coding import entries
from adapters.importing.jobs import Job, PreparedJob, identified, importer, prepare
from adapters.importing.recording import BeingReverted, begun
from adapters.importing.suggesting import Suggestion
from adapters.uploads.asked import Asked, Wish
from adapters.uploads.sealing import Sealing
from adapters.uploads.store import Store
from aggregates.importing import ImportReverted, ImportRuns
from commands.requests import Caller, IdempotencyKeyReused

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

CHUNK = 1 << 19


@dataclass(frozen=True, slots=True)
class Key:
    """What a caller calls a request."""

    command_id: UUID
    fingerprint: bytes


class Taking:
    """Takes files. Calls block; from any thread."""

    def __init__(self, backstory: "Backstory", store: Store, sealing: Sealing) -> None:
        self._backstory, self._store, self._sealing = backstory, store, sealing

    def suggested(self, kind: str, path: Path, hints: Hints) -> Suggestion:
        """Raises WrongHint, BadMapping or UnreadableFile."""
        of = self._backstory
        return choosing.suggested(kind, path, hints, partial(entries, of), of.timezone)

    def take(self, path: Path, wish: Wish, caller: Caller, key: str | None) -> UUID:
        """The id under which it runs. Raises BadMapping, UnreadableFile, Undecided,
        IdempotencyKeyReused, ImportReverted and ImportRuns; then nothing is kept."""
        named = None if key is None else self._key(path, wish, caller, key)
        known = named and self._repeated(named, is_rehearsal=wish.is_rehearsal)
        return known or self._kept(self._prepared(path, wish, caller), named)

    def _prepared(self, path: Path, wish: Wish, caller: Caller) -> PreparedJob:
        mapping, of = wish.mapping, self._backstory
        if mapping is None:
            found = choosing.chosen(
                wish.kind, path, wish.choices, partial(entries, of), of.timezone
            )
            mapping = None if found is None else found.mapping
        job = Job(
            wish.kind,
            path,
            mapping,
            wish.on_duplicate,
            wish.is_rehearsal,
            importer(caller.actor),
            wish.choices,
            wish.file_name,
            language=wish.language,
        )
        return prepare(job, of.timezone)

    def _key(self, path: Path, wish: Wish, caller: Caller, key: str) -> Key:
        """Of what was sent: what a file speaks for may be something else tomorrow."""
        with path.open("rb") as file:
            sent = file_digest(file, "sha256").digest()
        mapping = "" if wish.mapping is None else wish.mapping.model_dump_json()
        said = (wish.kind, mapping, wish.on_duplicate, str(wish.is_rehearsal), repr(wish.choices))
        fingerprint = self._backstory.keyring.fingerprint(sent, *(part.encode() for part in said))
        return Key(caller.command_id(key), fingerprint)

    def _repeated(self, key: Key, *, is_rehearsal: bool) -> UUID | None:
        """The upload that this very request has made. Raises IdempotencyKeyReused."""
        known = self._store.known(key.command_id)
        if known is None:
            if self._backstory.log.receipts([key.command_id]):
                raise IdempotencyKeyReused
            return None
        fingerprint, id = known
        if fingerprint != key.fingerprint:
            raise IdempotencyKeyReused
        is_forgotten = is_rehearsal and self._store.get(id) is None
        return None if is_forgotten else id

    def _kept(self, prepared: PreparedJob, key: Key | None) -> UUID:
        of, subject = self._backstory, uuid4()
        asked, is_rehearsal = _asked(prepared), prepared.job.is_rehearsal
        upload = of.contents.begin(subject)
        try:
            for data in _chunks(prepared.job.path):
                upload.add(data)
            content = upload.finish()
            id = uuid4() if is_rehearsal else self._begun(prepared)
            sealed = self._sealing.seal(subject, id, asked.model_dump_json().encode())
            said = (id, is_rehearsal, prepared.job.caller.actor, subject, content.id, sealed)
            is_added = self._store.add(
                *said, key=None if key is None else (key.command_id, key.fingerprint)
            )
        except BaseException:
            upload.discard()
            raise
        if is_added:
            of.contents.chunks.settle([content.id])
            of.uploaded.set()
        else:
            upload.discard()
            self._require_same(id, asked)
        return id

    def _begun(self, prepared: PreparedJob) -> UUID:
        try:
            return begun(self._backstory, identified(prepared), prepared.job.caller)
        except BeingReverted:
            raise ImportReverted from None

    def _require_same(self, id: UUID, asked: Asked) -> None:
        """Raise ImportRuns where the one on its way was asked for otherwise."""
        row = self._store.get(id)
        if row is not None:
            other = Asked.model_validate_json(self._sealing.open(row.subject, id, row.asked))
            if other.on_duplicate != asked.on_duplicate:
                raise ImportRuns(on_duplicate=other.on_duplicate)


def _asked(prepared: PreparedJob) -> Asked:
    job = prepared.job
    return Asked(
        file_name=identified(prepared).file_name,
        size=job.path.stat().st_size,
        kind=job.kind,
        mapping=prepared.mapping,
        on_duplicate=job.on_duplicate,
        encoding=job.choices.encoding,
        delimiter=job.choices.delimiter,
        sheet=job.choices.sheet,
        language=job.language,
    )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            yield data
