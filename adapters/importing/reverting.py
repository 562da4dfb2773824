"""Reverting an import: what it created is withdrawn, what it changed is what it was before.

What others have had a hand in since stays as it is, and so does what it refers to and what was
created with it. Every step may be made again, so a revert that was killed goes on when it is
started again, and one that left something is tried again when it is asked for again.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic, sleep
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from adapters.conveyor import Conveyor, Done
from adapters.importing.streams import Made, Streams
from aggregates.base import Aggregate
from aggregates.errors import DomainError, kebab
from aggregates.importing import MOST_KEPT, Import, Keeper, Kept, Why
from aggregates.withdraw import ChangedSince, NotRevertible, Withdrawable
from commands.base import COMMANDS, Meta
from commands.importing import FinishRevert
from commands.ports import OutcomeUnknown, Overloaded
from commands.requests import IMPORT, Caller, Request
from projections.base import Projection

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

_log = logging.getLogger(__name__)
LOCKS = 16980
"""First key of the advisory locks by which nobody reverts an import that runs: (16980, of its id).
Whoever runs it shares the lock; whoever reverts it has it alone."""
_ALONE = "SELECT pg_try_advisory_lock(%s, %s)"
_WANTED = "SELECT id FROM views.imports WHERE status = 'reverting' ORDER BY position"
POLL_SECONDS = 1.0
FAILED_SECONDS = 5.0
"""Before anything is tried again after a defect of ours."""
NOTHING: Mapping[str, Any] = MappingProxyType({})
VIEW_SECONDS = 600.0
"""How long the views may take to come up to the end of the import."""


class ViewsBehind(Exception):
    """The views do not come up to the log, so it is not known what refers to what."""


def lock_of(id: UUID) -> tuple[int, int]:
    """The keys of the advisory lock of an import."""
    return LOCKS, int.from_bytes(id.bytes[-4:], signed=True)


@dataclass(frozen=True, slots=True)
class Reverted:
    """What came of a revert."""

    withdrawn: int
    taken_back: int
    kept: int
    kept_records: tuple[Kept, ...]


class Revert:
    """One revert, of an import that was asked to be reverted and runs no more."""

    def __init__(self, backstory: "Backstory", id: UUID, caller: Caller) -> None:
        self._backstory, self._id = backstory, id
        self._caller = caller
        self._conveyor = Conveyor(backstory.application)
        self._kept: dict[UUID, Kept] = {}
        self._count = 0

    def run(self) -> None:
        """Take back what can be, and say so. Raises ViewsBehind, OutcomeUnknown, Overloaded."""
        with psycopg.connect(self._backstory.url, autocommit=True) as connection:
            seen = -1
            while True:  # Whoever was killed while importing may have been about to store more.
                streams = Streams(connection, self._id)
                if streams.count == seen:
                    break
                seen = streams.count
                self._await_views(streams.position)
                self._kept, self._count = {}, 0
                try:
                    self._take_back(streams)
                except BaseException:
                    self._conveyor.settle()  # Whoever does the rest must see what is done.
                    raise
            withdrawn, taken_back = streams.done()
        finish = FinishRevert(
            withdrawn=withdrawn,
            taken_back=taken_back,
            kept=self._count,
            kept_records=tuple(self._kept.values()),
        )
        self._backstory.application.dispatch(Request(finish, self._id), self._caller)

    def _await_views(self, position: int) -> None:
        deadline = monotonic() + VIEW_SECONDS
        for table in Projection.registry:
            if not self._backstory.wait_until(table, position, max(deadline - monotonic(), 0)):
                raise ViewsBehind(f"{table} is not up to date; start backstory serve")

    def _take_back(self, streams: Streams) -> None:
        self._leave(streams)
        for page in streams.newest_first():
            self._leave_named(streams, page)  # Somebody may have named it meanwhile.
            for made in page:
                if made.id not in streams.kept_ids:
                    self._undo(streams, made)
            self._conveyor.finish()

    def _leave(self, streams: Streams) -> None:
        """Mark all that stays before anything goes: what one keeps may be far from it."""
        streams.keep_what_others_changed()
        changed = list(streams.kept())
        for made in changed:
            self._keep(made, "changed-since")
        self._leave_together(streams, changed)
        seen = -1
        while seen != self._count:
            seen = self._count
            for page in streams.newest_first():
                self._leave_named(streams, page)

    def _leave_named(self, streams: Streams, page: Sequence[Made]) -> None:
        named = streams.keep_what_is_named([made for made in page if made.is_new])
        for made in named:
            self._keep(made, "in-use")
        self._leave_together(streams, named)

    def _leave_together(self, streams: Streams, kept: Sequence[Made]) -> None:
        for made in streams.keep_together(kept):
            self._keep(made, "together")

    def _undo(self, streams: Streams, made: Made) -> None:
        kind = Aggregate.registry[made.kind]
        if not issubclass(kind, Withdrawable):
            self._keep_too(streams, made, "not-revertible")
            return
        verb = "withdraw" if made.is_new else "take-back"
        said = {"seen_version": made.version} if made.is_new else {"import_id": self._id}
        command = COMMANDS[f"{kind.PLURAL}/{verb}"].model_validate(said)
        meta = Meta(occurred_at=made.began_at if made.is_new else None)

        def done(result: Done | DomainError) -> None:
            if isinstance(result, DomainError):
                self._keep_too(streams, made, _why(result), result.details)

        self._conveyor.put(Request(command, made.id, meta), self._caller, done)

    def _keep_too(
        self, streams: Streams, made: Made, why: Why, details: Mapping[str, Any] = NOTHING
    ) -> None:
        streams.keep([made])
        self._keep(made, why, details)

    def _keep(self, made: Made, why: Why, details: Mapping[str, Any] = NOTHING) -> None:
        """``details`` of a refusal: the ``fields`` that were changed since, and ``by`` whom."""
        self._count += 1
        if len(self._kept) < MOST_KEPT:
            by = details.get("by")
            if made.by_kind is not None and made.by_id is not None:
                by = Keeper(kind=kebab(made.by_kind), id=made.by_id)
            fields = tuple(details.get("fields", ()))
            kept = Kept(kind=kebab(made.kind), id=made.id, why=why, fields=fields, by=by)
            self._kept[made.id] = kept


def _why(refusal: DomainError) -> Why:
    match refusal:
        case ChangedSince():
            return "changed-since"
        case NotRevertible():
            return "not-revertible"
    return "refused"


def revert(backstory: "Backstory", id: UUID, seconds: float = VIEW_SECONDS) -> Reverted | None:
    """Revert an import of which that was asked; None where somebody else has it within seconds."""
    deadline = monotonic() + seconds
    with psycopg.connect(backstory.url, autocommit=True) as connection:
        while connection.execute(_ALONE, lock_of(id)).fetchone() != (True,):
            if monotonic() >= deadline:
                return None
            sleep(0.2)
        if backstory.application.repository.get(Import, id, max_age=0).is_reverting:
            Revert(backstory, id, _asker(backstory, id)).run()
    return outcome(backstory, id)


def _asker(backstory: "Backstory", id: UUID) -> Caller:
    """Who asked for it last."""
    events = backstory.mapper.read_all(backstory.log.stream(id))
    begun = [e.envelope for e in events if isinstance(e, Import.RevertBegun)][-1]
    return Caller(begun.actor, IMPORT, begun.on_behalf_of, correlation_id=id)


def outcome(backstory: "Backstory", id: UUID) -> Reverted | None:
    """What came of the revert of an import, if it was reverted."""
    events = backstory.mapper.read_all(backstory.log.stream(id))
    found = [event for event in events if isinstance(event, Import.Reverted)]
    if not found:
        return None
    end = found[-1]
    return Reverted(end.withdrawn, end.taken_back, end.kept, end.kept_records)


class Reverter:
    """Reverts imports that are asked to be, one after the other, while the block runs."""

    def __init__(self, backstory: "Backstory") -> None:
        self._backstory = backstory
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="backstory-reverts", daemon=True)

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                wanted = self._wanted()
            except psycopg.Error as error:
                _log.warning("reverts wait: %s", error)
                continue
            for id in wanted:
                self._try(id)

    def _try(self, id: UUID) -> None:
        try:
            revert(self._backstory, id, seconds=0)
        except (psycopg.Error, OutcomeUnknown, Overloaded, ViewsBehind) as error:
            _log.warning("the revert of import %s waits: %s", id, error)
        except Exception:  # A defect in one must not keep the others waiting for ever.
            _log.exception("the revert of import %s failed", id)
            self._stopping.wait(FAILED_SECONDS)

    def _wanted(self) -> Sequence[UUID]:
        with psycopg.connect(self._backstory.url, autocommit=True) as connection:
            found = connection.execute("SELECT to_regclass('views.imports')").fetchone()
            if found == (None,):
                return ()
            return [id for (id,) in connection.execute(_WANTED)]

    def __enter__(self) -> "Reverter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
