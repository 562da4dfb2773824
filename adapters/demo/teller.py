"""Makes the commands of many stories at once: each story's in their order, the earliest first.

Nothing that a story does depends on another one, so while one waits for its last command to be
stored the others go on, and all share group commits.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush
from itertools import count
from uuid import UUID

from adapters.conveyor import Conveyor, Done
from adapters.demo.diary import Step
from aggregates.base import derived
from aggregates.errors import DomainError
from commands.application import Application
from commands.customer import RegisterCustomer
from commands.ports import EventLog
from commands.requests import Request

TOGETHER = 512
"""Stories that are in memory, and told side by side."""
IN_FLIGHT = 192
"""Commands on their way at once. Few, beside the stories, so that what waits can be told in order
of time."""
BLOCK = 500
"""Commands looked up at once."""
REFERENCE_SECONDS = 60.0
"""How old what is known of a record may be that a command names: only the telling changes them."""
_AT_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Telling:
    """How far a demo has come."""

    commands: int = 0
    """Those told so far."""
    new: int = 0
    """Those of them that were not there before."""
    events: int = 0
    """Those that were recorded now."""
    customers: int = 0
    """Those whose whole stories were told."""


class _Story:
    """What is left of one story, and the records that nobody names after it."""

    def __init__(self, steps: list[Step], left: list[Step]) -> None:
        self._left = iter(left)
        self.ids = {id for step in steps for id in _named_by(step.request)}

    def next(self) -> Step | None:
        return next(self._left, None)


def _named_by(request: Request) -> Iterator[UUID]:
    if request.id is not None:
        yield request.id
        if isinstance(request.command, RegisterCustomer):
            yield derived(request.id, "primary-contact")


class Teller:
    """Makes those commands that were not made before. For one thread."""

    def __init__(
        self,
        application: Application,
        log: EventLog,
        telling: Telling,
        progress: Callable[[Telling], None],
    ) -> None:
        self._application, self._log = application, log
        self._conveyor = Conveyor(application, IN_FLIGHT)
        self._telling, self._progress = telling, progress
        self._untold: Iterator[_Story] = iter(())
        self._turns: list[tuple[datetime, int, Step, _Story]] = []
        self._order = count()

    def tell(self, stories: Iterable[Iterable[Step]], *, of_customers: bool = False) -> None:
        """Raises DomainError where a command is refused, and what ``progress`` raises."""
        self._of_customers = of_customers
        self._untold = self._looked_up(stories)
        try:
            for _ in range(TOGETHER):
                self._join()
            for _ in range(IN_FLIGHT):
                self._go_on()
            self._conveyor.finish()
            self._progress(self._telling)
        except BaseException:
            self._conveyor.settle()
            raise

    def _join(self) -> None:
        """Another story takes part."""
        story = next(self._untold, None)
        if story is not None:
            self._wait(story)

    def _wait(self, story: _Story) -> None:
        """A story's next command waits for its turn."""
        step = story.next()
        if step is not None:
            heappush(self._turns, (step.at or _AT_LAST, next(self._order), step, story))
            return
        self._application.forget(story.ids)
        self._telling.customers += self._of_customers
        self._join()

    def _go_on(self) -> None:
        if self._turns:
            _, _, step, story = heappop(self._turns)
            self._conveyor.put(step.request, step.caller, partial(self._told, story))

    def _told(self, story: _Story, result: Done | DomainError) -> None:
        if isinstance(result, DomainError):
            raise result
        self._telling.commands += 1
        self._telling.new += result.is_change
        self._telling.events += result.events
        self._progress(self._telling)
        self._wait(story)
        self._go_on()

    def _looked_up(self, stories: Iterable[Iterable[Step]]) -> Iterator[_Story]:
        """The stories without the commands that were made before; many are looked up at once."""
        drawn = iter(stories)
        while together := _of_some_commands(drawn):
            ids = [step.request.command_id(step.caller) for steps in together for step in steps]
            known = self._log.receipts([id for id in ids if id is not None])
            self._telling.commands += len(known)
            for steps in together:
                left = [s for s in steps if s.request.command_id(s.caller) not in known]
                yield _Story(steps, left)


def _of_some_commands(left: Iterator[Iterable[Step]]) -> list[list[Step]]:
    """The next stories that have BLOCK commands together, or are the last."""
    found: list[list[Step]] = []
    commands = 0
    while commands < BLOCK and (steps := next(left, None)) is not None:
        found.append(list(steps))
        commands += len(found[-1])
    return found
