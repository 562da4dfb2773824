"""Numbers people see: drawn from series, several callers' in one go."""

from threading import Condition

import psycopg

_DRAW = "SELECT backstory.next_numbers(%s, %s)"


class Numbers:
    """Draws consecutive numbers. Whoever asks while a draw is under way shares the next one.

    The draw commits without waiting for the disk. A number that is used is durable all the same:
    the append that uses it is flushed later, and the write-ahead log has one order. After a crash
    only numbers that nothing durable holds can be drawn again.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None
        self._changed = Condition()
        self._is_drawing = False
        self._wanted: dict[str, list[_Share]] = {}

    def draw(self, series: str, count: int) -> range:
        """``count`` consecutive numbers of a series, from 1 on; gaps are possible."""
        if count < 1:
            raise ValueError(f"cannot draw {count} numbers")
        share = _Share(count)
        with self._changed:
            self._wanted.setdefault(series, []).append(share)
            while self._is_drawing and not share.is_settled:
                self._changed.wait()
            if share.is_settled:
                return share.result()
            self._is_drawing = True
            shares = self._wanted.pop(series)
        try:
            self._settle(series, shares)
        finally:
            with self._changed:
                self._is_drawing = False
                self._changed.notify_all()
        return share.result()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _settle(self, series: str, shares: "list[_Share]") -> None:
        try:
            first = self._first(series, sum(share.count for share in shares))
        except Exception as error:
            for share in shares:
                share.error = error
            return
        for share in shares:
            share.numbers = range(first, first + share.count)
            first += share.count

    def _first(self, series: str, count: int) -> int:
        try:
            return self._ask(series, count)
        except psycopg.OperationalError:
            self.close()
            return self._ask(series, count)  # numbers of a lost reply are gaps

    def _ask(self, series: str, count: int) -> int:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=3, application_name="backstory numbers"
            )
            self._connection.execute("SET synchronous_commit = off")
            self._connection.execute("SET statement_timeout = '5s'")
        row = self._connection.execute(_DRAW, (series, count), prepare=True).fetchone()
        assert row is not None
        first: int = row[0]
        return first


class _Share:
    """What one caller asked for and what became of it."""

    __slots__ = ("count", "error", "numbers")

    def __init__(self, count: int) -> None:
        self.count = count
        self.numbers: range | None = None
        self.error: Exception | None = None

    @property
    def is_settled(self) -> bool:
        return self.numbers is not None or self.error is not None

    def result(self) -> range:
        if self.error is not None:
            raise self.error
        assert self.numbers is not None
        return self.numbers
