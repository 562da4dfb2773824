"""Steps: some of a record's events, each with the row before and after it.

Not the whole record is folded: the view has the row after every event that it knows, so a few
events are read and folded, whatever the length of the record's life. Where the view has no such
row, all of the record is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from adapters.postgres.log.store import PostgresLog
from adapters.postgres.reads import lives
from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.lives import Asked, Place
from adapters.postgres.reads.reader import RowReader
from adapters.records import Records, Step
from projections.base import Projection, Row

Projections = Mapping[UUID, Projection[Row]]
"""Record → the projection of its kind."""


@dataclass(slots=True)
class _Run:
    """Events that follow each other in one life."""

    id: UUID
    lead: list[int]
    """Positions of those before the first that is to be told."""
    rest: list[int]
    is_from_birth: bool
    """Whether nothing comes before them."""
    base: int | None = None
    """The event after which the row is taken from the view."""

    def begin_behind(self, held: Set[int]) -> bool:
        """Leave out of the lead what a row of the view stands for. False: there is no row."""
        known = [n for n, position in enumerate(self.lead) if position in held]
        if known:
            self.base, self.lead = self.lead[known[-1]], self.lead[known[-1] + 1 :]
        return bool(known) or self.is_from_birth


class Steps:
    """Reads steps. Thread-safe; calls block."""

    def __init__(self, log: PostgresLog, records: Records, reader: RowReader) -> None:
        self._log, self._records, self._reader = log, records, reader

    def at(self, of: Projections, told: Sequence[int], moment: Moment) -> Mapping[int, Step]:
        """Position → step, at least of these events of these records. Raises RecordUnreadable."""
        with self._reader.still() as reader:
            places = lives.around(reader, of, told, moment)
            runs = [run for id, near in places.items() for run in _runs(id, near, set(told))]
            held = _held(reader, of, runs, moment)
            begun = [run for run in runs if run.begin_behind(held)]
            rows = _rows(reader, of, begun, moment)
        others = {run.id: of[run.id] for run in runs if run not in begun}
        found = dict(self._folded(of, begun, rows))
        return {**self._records.steps_of(others, moment), **found} if others else found

    def _folded(
        self, of: Projections, runs: Sequence[_Run], rows: Mapping[int, Row | None]
    ) -> Iterator[tuple[int, Step]]:
        stored = self._log.each([p for run in runs for p in (*run.lead, *run.rest)])
        for run in runs:
            events = [stored[p] for p in (*run.lead, *run.rest)]
            base = None if run.base is None else rows[run.base]
            for step in self._records.folded(of[run.id], run.id, events, base):
                yield step[0].envelope.position, step


def _held(reader: RowReader, of: Projections, runs: Iterable[_Run], moment: Moment) -> set[int]:
    """After which of the events of the leads there is a row; a short life needs none."""
    asked = ((run.id, p) for run in runs if not run.is_from_birth for p in run.lead)
    grouped = _by_projection(of, asked)
    return {p for one, few in grouped for p in lives.held(reader, one, few, moment)}


def _rows(
    reader: RowReader, of: Projections, runs: Iterable[_Run], moment: Moment
) -> Mapping[int, Row | None]:
    asked = ((run.id, run.base) for run in runs if run.base is not None)
    grouped = _by_projection(of, asked)
    found = (lives.rows(reader, one, few, moment) for one, few in grouped)
    return {position: row for rows in found for position, row in rows.items()}


def _runs(id: UUID, places: Iterable[Place], told: Set[int]) -> Iterator[_Run]:
    """One for each stretch of a life without a gap."""
    for _, stretch in groupby(enumerate(places), lambda one: one[1].number - one[0]):
        numbers, positions = zip(*(place for _, place in stretch), strict=True)
        first = next(n for n, position in enumerate(positions) if position in told)
        yield _Run(id, [*positions[:first]], [*positions[first:]], numbers[0] == 1)


def _by_projection(
    of: Projections, asked: Iterable[Asked]
) -> Iterator[tuple[Projection[Row], list[Asked]]]:
    grouped: dict[Projection[Row], list[Asked]] = defaultdict(list)
    for one in asked:
        grouped[of[one[0]]].append(one)
    yield from grouped.items()
