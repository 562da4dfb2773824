"""What time asks of customers that have an owner: to be kept in touch with."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aggregates.customer import Customer
from aggregates.interaction import Interactive
from aggregates.user import User
from aggregates.values import BusinessInstant
from commands.base import Changes, Known
from commands.policies import Answer, Ask, At, Cancel, whenever
from commands.requests import IMPORT

PATIENCE = timedelta(days=7)
"""How long a customer may be without an interaction; and how long the owner has from then on."""
BEGINS = (
    *(Customer.Registered, Customer.Assigned, Customer.Restored, Customer.Unmerged),
    Customer.Reverted,
)
"""Events from which the owner's time runs anew."""
ENDS = Customer.Archived, Customer.Merged


class MarkFollowUpOverdue(Changes[Customer]):
    """Note that the owner of a customer has not been in touch for too long."""

    POLICY_ONLY = True
    since: BusinessInstant

    def handle(self, customer: Customer, /) -> None:
        customer.mark_follow_up_overdue(self.since)


class EscalateFollowUp(Changes[Customer]):
    """Note that the superior of a customer's owner is to know of it."""

    POLICY_ONLY = True
    since: BusinessInstant

    def gather(self, customer: Customer, known: Known, /) -> UUID | None:
        """The nearest superior who still works here."""
        return next(superiors(customer.owner_id, known), None)

    def handle(self, customer: Customer, /) -> None:
        customer.escalate_follow_up(self.since, self.gathered)


class ResumeFollowUp(Changes[Customer]):
    """Note that there was an interaction with a customer again."""

    POLICY_ONLY = True

    def handle(self, customer: Customer, /) -> None:
        customer.resume_follow_up()


def superiors(user_id: UUID | None, known: Known) -> Iterator[UUID]:
    """A user's superior, that one's, and so on, those who were locked out left aside."""
    seen: set[UUID] = set()
    while user_id is not None and user_id not in seen:
        seen.add(user_id)
        user_id = known.get(User, user_id).superior_id
        if user_id is not None and known.get(User, user_id).is_active:
            yield user_id


@whenever(*BEGINS, *ENDS, Interactive.InteractionRecorded, Customer.FollowUpOverdue)
def watch_follow_up(event: Any) -> Iterable[Answer]:
    """Ask seven days after an owner was named, and after each interaction with the customer or on
    its opportunities and tickets; and again seven days after it was found overdue."""
    customer_id: UUID | None = event.envelope.customer_id
    if customer_id is None:
        return
    overdue, escalation = str(customer_id), f"{customer_id}/escalation"
    if isinstance(event, ENDS):
        yield Cancel(overdue)
        yield Cancel(escalation)
    elif isinstance(event, Customer.FollowUpOverdue):
        since = event.follow_up_overdue_since
        at = event.envelope.occurred_at + PATIENCE
        yield At(at, Ask(EscalateFollowUp(since=since), customer_id, at), escalation)
    elif not _names_an_owner(event):
        return
    elif isinstance(event, BEGINS):
        yield _watched(_noticed_at(event), customer_id)
        yield Cancel(escalation)
    elif event.envelope.occurred_at + PATIENCE > event.envelope.recorded_at:
        yield _watched(event.envelope.occurred_at, customer_id)
        yield Cancel(escalation)
        yield At(None, Ask(ResumeFollowUp(), customer_id), f"{customer_id}/resumption")


def _names_an_owner(event: Any) -> bool:
    if isinstance(event, Customer.Reverted):
        return "owner_id" in event.model_fields_set
    return not isinstance(event, Customer.Registered) or event.owner_id is not None


def _watched(begin: datetime, customer_id: UUID) -> At:
    at = begin + PATIENCE
    ask = Ask(MarkFollowUpOverdue(since=at), customer_id, at)
    return At(at, ask, str(customer_id), only_later=True)


def _noticed_at(event: Any) -> datetime:
    """Owners of customers that are brought in by an import have their time from then on."""
    envelope = event.envelope
    noticed: datetime = envelope.recorded_at if envelope.origin == IMPORT else envelope.occurred_at
    return noticed
