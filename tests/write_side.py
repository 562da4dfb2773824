"""A process's write side on a real store, without HTTP: what dispatch is tested with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from adapters import registry
from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.postgres.log.store import PostgresLog
from adapters.seeds import LOCAL, seed
from aggregates.base import Aggregate
from aggregates.events import Event
from commands.application import Application
from commands.base import Command, Meta
from commands.customer import RegisterCustomer
from commands.opportunity import OpenOpportunity
from commands.ports import StoredEvent
from commands.requests import Caller, Receipt, Request

KEYRING = Keyring(b"0123456789abcdef0123456789abcdef")
SHANGHAI = ZoneInfo("Asia/Shanghai")
CALLER = Caller(LOCAL)
_counter = count(1)


class WriteSide:
    """One process: its store, its codec and its application."""

    def __init__(self, log: PostgresLog, now: Callable[[], datetime]) -> None:
        self.log = log
        self.mapper = Mapper(log, KEYRING)
        self.application = Application(log, self.mapper, KEYRING, SHANGHAI, now)

    def do(
        self,
        command: Command[Any],
        id: UUID | None = None,
        *,
        caller: Caller = CALLER,
        reason: str | None = None,
        occurred_at: datetime | None = None,
        **request: Any,
    ) -> Receipt:
        """Dispatch one command."""
        meta = Meta(reason=reason, occurred_at=occurred_at)
        return self.application.dispatch(Request(command, id, meta, **request), caller)

    def events(self, id: UUID) -> list[Event]:
        """The stream's events, typed and opened."""
        return self.mapper.read_all(self.log.stream(id))

    def topics(self, id: UUID) -> list[str]:
        return [event.topic for event in self.log.stream(id)]

    def settled(self, upto: int) -> list[StoredEvent]:
        """Everything in the log, once its head has reached a position."""
        assert self.log.wait_for_head(upto - 1, 10) is not None
        return self.log.log()

    def replayed(self, kind: type[Aggregate], id: UUID) -> Aggregate:
        return kind.replay(id, self.events(id))


@contextmanager
def write_side_on(
    url: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[WriteSide]:
    """A write side on a database with the schema; the default dictionaries are entered."""
    registry.load()
    with PostgresLog(url) as log:
        write_side = WriteSide(log, now)
        seed(write_side.application, log)
        try:
            yield write_side
        finally:
            write_side.application.close()


def registration(**changes: Any) -> RegisterCustomer:
    """A command that registers a customer of a new name."""
    body: dict[str, Any] = {
        "name": f"上海晨光电子 {next(_counter)} 号有限公司",
        "industry": "manufacturing",
        "source": "exhibition",
        "primary_contact": {"name": "王芳", "phone": "13812345678"},
    }
    return RegisterCustomer.model_validate({**body, **changes})


def opening(customer_id: UUID, **changes: Any) -> OpenOpportunity:
    """A command that opens an opportunity of a customer."""
    amount = {"amount": "12000", "currency": "CNY"}
    body = {"title": "展厅照明", "customer_id": customer_id, "amount": amount}
    return OpenOpportunity.model_validate({**body, **changes})
