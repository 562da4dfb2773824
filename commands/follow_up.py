"""What time asks of customers that have an owner: to be kept in touch with."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aggregates.base import Aggregate, having
from aggregates.customer import Customer
from aggregates.events import Event
from aggregates.interaction import Interactive
from aggregates.values import BusinessInstant
from commands.base import COMMANDS, Changes, Known
from commands.known import family, superiors, survivor
from commands.policies import Answer, Ask, At, Cancel, whenever
from commands.requests import IMPORT

PATIENCE = timedelta(days=7)
"""How long a customer may be without an interaction; and how long the owner has from then on."""
BEGINS = (
    *(Customer.Registered, Customer.Assigned, Customer.Restored, Customer.Unmerged),
    *(Customer.Reverted, Customer.Reinstated),
)
"""Events from which the owner's time runs anew."""
ENDS = Customer.Archived, Customer.Merged, Customer.Withdrawn
TOLD = Customer.FollowUpResumed, Customer.FollowUpRescheduled
"""Events that say until when the owner has time."""
FEWER = Interactive.InteractionRetracted, Customer.Separated
"""Events after which fewer interactions count than before."""


class MarkFollowUpOverdue(Changes[Customer]):
    """Note that the owner of a customer has not been in touch for too long."""

    POLICY_ONLY = True
    since: BusinessInstant

    def gather(self, customer: Customer, known: Known, /) -> datetime | None:
        return due_at(customer, known)

    def handle(self, customer: Customer, /) -> None:
        if self.gathered is not None:
            customer.review_follow_up(self.gathered, self.since)


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
    moment: BusinessInstant

    def gather(self, customer: Customer, known: Known, /) -> tuple[Customer, datetime | None]:
        """Who goes on for the customer, and until when its owner has time, if that matters."""
        going_on = _going_on(customer.id, customer, known)
        is_flagged = going_on.follow_up_overdue_since is not None
        return going_on, due_at(going_on, known) if is_flagged else None

    def handle(self, customer: Customer, /) -> list[Aggregate]:
        going_on, until = self.gathered
        if until is not None:
            going_on.resume_follow_up(until, self.moment)
        return [] if going_on is customer else [going_on]


class ReviewFollowUp(Changes[Interactive]):
    """Note by when a customer's owner is to be in touch, now that fewer interactions count."""

    POLICY_ONLY = True
    moment: BusinessInstant
    interaction_id: UUID | None = None
    """The one that does not count any more; its customer is meant, of whatever record it was."""

    def gather(self, record: Interactive, known: Known, /) -> tuple[Customer, datetime] | None:
        """Who is to be looked at, and until when its owner has time; None: that is as before."""
        customer_id, spoken_at = _meant(record, self.interaction_id, known)
        if customer_id is None:
            return None
        going_on = _going_on(customer_id, record, known)
        until = due_at(going_on, known)
        if until is None or (spoken_at is not None and spoken_at + PATIENCE <= until):
            return None
        return going_on, until

    def handle(self, record: Interactive, /) -> list[Aggregate]:
        if self.gathered is None:
            return []
        going_on, until = self.gathered
        going_on.review_follow_up(until, self.moment)
        return [] if going_on is record else [going_on]


def due_at(customer: Customer, known: Known) -> datetime | None:
    """Until when the owner has time: seven days from the last interaction with the customer or
    with one merged into it, and from the owner's beginning; None: there never was an owner."""
    begins = [_noticed_at(e) for e in known.events(customer.id) if _begins_time(e)]
    if not begins:
        return None
    topics = [_topic(kind) for kind in having(Interactive)]
    spoken = known.newest(family(known, customer), topics)
    last = next((e.envelope.occurred_at for e in spoken if _counts(e, known)), begins[0])
    return max(*begins, last) + PATIENCE


def _counts(recorded: Any, known: Known) -> bool:
    """Whether the interaction was not retracted."""
    record: Any = known.get(kind_of(recorded), recorded.envelope.stream_id)
    return recorded.interaction_id in record.interactions


def kind_of(event: Event) -> type[Aggregate]:
    """The kind of record to which it happened."""
    return Aggregate.registry[event.TOPIC.partition(".")[0]]


def _topic(kind: type[Any]) -> str:
    topic: str = kind.InteractionRecorded.TOPIC
    return topic


def _going_on(customer_id: UUID, record: Aggregate, known: Known) -> Customer:
    """Who goes on for a customer: the record itself where that is it."""
    id = survivor(known, Customer, customer_id)
    if isinstance(record, Customer) and record.id == id:
        return record
    return known.get(Customer, id)


def _meant(
    record: Interactive, interaction_id: UUID | None, known: Known
) -> tuple[UUID | None, datetime | None]:
    """Whose customer's owner is meant; of an interaction, also when it was."""
    if interaction_id is None:
        return record.id, None
    recorded = (
        e for e in known.events(record.id) if isinstance(e, Interactive.InteractionRecorded)
    )
    meant = next((e.envelope for e in recorded if e.interaction_id == interaction_id), None)
    return (None, None) if meant is None else (meant.customer_id, meant.occurred_at)


@whenever(*BEGINS, *ENDS, Interactive.InteractionRecorded, Customer.FollowUpOverdue, *TOLD)
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
    elif isinstance(event, TOLD):
        if event.until is not None:
            yield _asked(event.until, customer_id)
        yield Cancel(escalation)
    elif isinstance(event, BEGINS):
        if _begins_time(event):
            yield _asked(_noticed_at(event) + PATIENCE, customer_id, only_later=True)
            yield Cancel(escalation)
    elif event.envelope.occurred_at + PATIENCE > event.envelope.recorded_at:
        yield _asked(event.envelope.occurred_at + PATIENCE, customer_id, only_later=True)
        yield Cancel(escalation)
        yield _resumed(event, customer_id)


@whenever(*FEWER, Customer.Absorbed)
def review_follow_up(event: Any) -> Iterable[Answer]:
    """Look again where interactions count no more, or more of them do: a family has one owner."""
    envelope = event.envelope
    if isinstance(event, Customer.Absorbed):
        yield _resumed(event, envelope.stream_id)
        return
    interaction_id = getattr(event, "interaction_id", None)
    said = {"moment": envelope.recorded_at, "interaction_id": interaction_id}
    review = COMMANDS[f"{kind_of(event).PLURAL}/review-follow-up"].model_validate(said)
    about = interaction_id or envelope.stream_id
    yield At(None, Ask(review, envelope.stream_id), f"{about}/review")


def _begins_time(event: Any) -> bool:
    """Whether an owner's time runs anew from it."""
    if isinstance(event, Customer.Reverted):
        return "owner_id" in event.model_fields_set
    if isinstance(event, Customer.Registered):
        return event.owner_id is not None
    return isinstance(event, BEGINS)


def _asked(at: datetime, customer_id: UUID, *, only_later: bool = False) -> At:
    ask = Ask(MarkFollowUpOverdue(since=at), customer_id, at)
    return At(at, ask, str(customer_id), only_later=only_later)


def _resumed(event: Event, customer_id: UUID) -> At:
    command = ResumeFollowUp(moment=event.envelope.recorded_at)
    return At(None, Ask(command, customer_id), f"{customer_id}/resumption")


def _noticed_at(event: Any) -> datetime:
    """Owners of customers that are brought in by an import have their time from then on."""
    envelope = event.envelope
    noticed: datetime = envelope.recorded_at if envelope.origin == IMPORT else envelope.occurred_at
    return noticed
