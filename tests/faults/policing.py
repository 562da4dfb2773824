"""A process that runs policies until it is killed: ``python -m tests.faults.policing URL``.

Beside the policies of tasks it has one that makes a record of every task that became overdue.
"""

import sys
import time
from collections.abc import Iterable
from datetime import timedelta

from adapters.policies.runner import PolicyRunner
from aggregates.task import Task
from commands.policies import POLICIES, Answer, Ask, Policy
from commands.task import PlanTask
from tests.write_side import write_side_on

FOLLOW_UP = "跟进逾期任务"


def follow_up(event: Task.BecameOverdue) -> Iterable[Answer]:
    due_at = event.envelope.recorded_at + timedelta(days=3_650)
    yield Ask(PlanTask(subject=FOLLOW_UP, due_at=due_at))


def policies() -> dict[str, Policy]:
    own = Policy(follow_up, (Task.BecameOverdue,))
    return {**{n: p for n, p in POLICIES.items() if n.endswith(("task", "overdue"))}, own.name: own}


def main() -> None:
    with (
        write_side_on(sys.argv[1]) as side,
        PolicyRunner(
            sys.argv[1], side.log, side.mapper, side.application, policies=policies(), batch=20
        ) as runner,
    ):
        print("running", flush=True)
        while runner.failure is None:
            time.sleep(0.1)
        raise runner.failure


if __name__ == "__main__":
    main()
