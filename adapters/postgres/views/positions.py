"""Positions: how far the views are, for reads that wait until theirs has come far enough."""

from collections.abc import Mapping
from threading import Condition
from time import monotonic

from adapters.postgres.log.reading import Reader

POLL_SECONDS = 0.01
_READ = "SELECT projection, position FROM backstory.tracking"


class Positions:
    """Asks the database, at most once per `POLL_SECONDS` for all who wait together.

    While the projections run in this process, they tell their positions and nobody asks.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._changed = Condition()
        self._known: dict[str, int] = {}
        self._is_told = self._is_asking = False

    def of(self, table: str) -> int:
        """How far the view is now; 0 before it exists."""
        rows = self._reader.rows(_READ + " WHERE projection = %s", (table,))
        return int(rows[0][1]) if rows else 0

    def tell(self, positions: Mapping[str, int]) -> None:
        """Called by who moves the views, after each commit."""
        with self._changed:
            self._known = dict(positions)
            self._is_told = True
            self._changed.notify_all()

    def stop_telling(self) -> None:
        """Somebody else may move the views from now on, or the server may have lost a moment."""
        with self._changed:
            self._is_told, self._known = False, {}
            self._changed.notify_all()

    def wait_until(self, table: str, position: int, timeout: float) -> bool:
        """Whether the view has read up to the position within so many seconds."""
        deadline = monotonic() + timeout
        while True:
            with self._changed:
                if self._known.get(table, 0) >= position:
                    return True
                left = deadline - monotonic()
                if left <= 0:
                    break
                is_my_turn = not (self._is_told or self._is_asking)
                self._is_asking = self._is_asking or is_my_turn
                if not is_my_turn:
                    self._changed.wait(min(left, 0.25))
            if is_my_turn:
                self._ask(min(left, POLL_SECONDS))
        # Whoever tells may be behind what it has committed; the database is not.
        return self.of(table) >= position

    def _ask(self, pause: float) -> None:
        try:
            found = {str(name): int(at) for name, at in self._reader.rows(_READ)}
        except BaseException:
            with self._changed:
                self._is_asking = False
                self._changed.notify_all()
            raise
        with self._changed:
            if not self._is_told:
                self._known = found
            self._changed.notify_all()
            self._changed.wait(pause)
            self._is_asking = False
            self._changed.notify_all()
