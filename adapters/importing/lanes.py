"""Lanes: rows of one record are carried out one after the other, in the order of the file."""

from collections import deque
from typing import Protocol

MOST_WAITING = 5_000
"""Rows that may wait for others of their record before no further ones are read."""


class Waits(Protocol):
    """A row, as far as it waits for its turn."""

    @property
    def lane(self) -> str | None:
        """None: it waits for nobody."""
        ...

    def start(self) -> None: ...


class Lanes:
    """Whose turn it is. For one thread."""

    def __init__(self) -> None:
        self.waiting = 0
        """Rows that are there and have not begun."""
        self._lanes: dict[str, deque[Waits]] = {}
        self._ready: deque[Waits] = deque()
        self._is_moving = False
        self._stopped: dict[str, int] = {}

    def put(self, row: Waits) -> None:
        """Start the row in its turn."""
        if row.lane is None:
            row.start()
        elif row.lane in self._lanes:
            self._lanes[row.lane].append(row)
            self.waiting += 1
        else:
            self._lanes[row.lane] = deque()
            self._ready.append(row)
            self._move()

    def leave(self, lane: str | None) -> None:
        """A row is done with: the next of its lane begins."""
        if lane is None:
            return
        if self._lanes[lane]:
            self._ready.append(self._lanes[lane].popleft())
            self.waiting -= 1
            self._move()
        else:
            del self._lanes[lane]

    def stop(self, lane: str, line: int) -> None:
        """Remember that a row on this line was refused."""
        self._stopped[lane] = min(line, self._stopped.get(lane, line))

    def stopped_at(self, lane: str | None) -> int | None:
        """The first line of the lane that was refused, if any was."""
        return None if lane is None else self._stopped.get(lane)

    def _move(self) -> None:
        """Rows that are done at once begin the next: in a loop, for there may be many."""
        if self._is_moving:
            return
        self._is_moving = True
        try:
            while self._ready:
                self._ready.popleft().start()
        finally:
            self._is_moving = False
