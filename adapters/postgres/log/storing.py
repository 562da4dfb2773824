"""Seeing a batch through: again where its reply was lost, apart where one unit blocks it."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, sleep

import psycopg

from adapters.postgres.log.lane import Blocked, Lane, Lost, RolledBack
from adapters.postgres.log.waiting import Pending
from commands.ports import Answer, OutcomeUnknown, Overloaded

_log = logging.getLogger(__name__)


@dataclass
class _Group:
    """Units that are tried in one transaction."""

    members: Sequence[Pending]
    may_be_stored: bool = False
    pause: float = 0.005


class Storing:
    """Tries a batch until every unit of it has an answer, at most ``patience`` seconds.

    A batch whose reply is lost is submitted again, the same command ids with it: the guard on
    command ids makes that exact whether the first was committed, is still running, or never
    arrived.
    """

    def __init__(self, lane: Lane, batch: Sequence[Pending], patience: float) -> None:
        self._lane = lane
        self._batch = batch
        self._give_up_at = batch[0].since + patience
        self._groups = deque([_Group(batch)])
        self._answers: dict[int, Answer] = {}

    def answers(self) -> list[Answer]:
        """One for each unit, in their order: its outcome, or what to raise."""
        while self._groups:
            self._try(self._groups.popleft())
        return [self._answers[id(pending)] for pending in self._batch]

    def _try(self, group: _Group) -> None:
        try:
            self._settle(group, self._lane.store([pending.unit for pending in group.members]))
        except Lost as error:
            group.may_be_stored = True
            self._again(group, error, first=True)
        except Blocked as error:
            self._apart(group, error)
        except RolledBack as error:
            self._again(group, error, first=True)
        except psycopg.Error as error:
            self._apart(group, error)
        except Exception as error:  # a defect of ours must not leave anybody waiting
            _log.exception("a batch could not be stored")
            self._settle(group, [error for _ in group.members])

    def _settle(self, group: _Group, answers: Sequence[Answer]) -> None:
        for pending, answer in zip(group.members, answers, strict=True):
            self._answers[id(pending)] = answer

    def _apart(self, group: _Group, error: Exception) -> None:
        """One of the units waits too long or can never be stored: the others shall not."""
        if len(group.members) > 1:
            self._groups.extend(_Group([one], group.may_be_stored) for one in group.members)
        elif isinstance(error, Blocked):
            self._again(group, error, first=False)
        else:
            self._settle(group, [error])

    def _again(self, group: _Group, reason: Exception, *, first: bool) -> None:
        if monotonic() + group.pause > self._give_up_at:
            self._settle(group, [_given_up(reason, group.may_be_stored) for _ in group.members])
            return
        _log.warning("appending again: %s", reason)
        sleep(group.pause)
        group.pause = min(group.pause * 2, 0.5)
        if first:
            self._groups.appendleft(group)
        else:
            self._groups.append(group)


def _given_up(reason: Exception, may_be_stored: bool) -> Exception:
    if may_be_stored:
        return OutcomeUnknown(f"the database does not answer: {reason}")
    return Overloaded(f"nothing was stored: {reason}")
