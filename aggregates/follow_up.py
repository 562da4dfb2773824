"""Following up: whether the owner of a record has kept in touch, and who was told where not."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from aggregates.archive import Archivable
from aggregates.base import Trait
from aggregates.errors import Rejected
from aggregates.events import Event
from aggregates.merge import Mergeable
from aggregates.revert import Revertible
from aggregates.values import BusinessInstant, Ref
from aggregates.withdraw import Withdrawable

UserId = Annotated[UUID, Ref("User")]


class FollowedUp(Trait):
    """Has an owner who is to keep in touch. When to ask whether that was done, policies know."""

    KEPT = frozenset({"follow_up_overdue_since", "follow_up_escalated_to", "until"})

    owner_id: UUID | None
    follow_up_overdue_since: datetime | None = None
    follow_up_escalated_to: UUID | None = None

    class FollowUpOverdue(Event):
        """There was no interaction for too long: the owner's attention is asked for."""

        follow_up_overdue_since: BusinessInstant
        flagged_to: UserId

        def apply(self, aggregate: "FollowedUp") -> None:
            aggregate.follow_up_overdue_since = self.follow_up_overdue_since

    class FollowUpEscalated(Event):
        """There still was none: the attention of the owner's superior is asked for."""

        follow_up_escalated_to: UserId

    class FollowUpResumed(Event):
        """There was an interaction again."""

        until: BusinessInstant | None = None
        """When there is to be the next one at the latest."""

        def apply(self, aggregate: "FollowedUp") -> None:
            aggregate.forget_follow_up()

    class FollowUpRescheduled(Event):
        """What is known of earlier interactions has changed, and with it when the owner is to be
        in touch."""

        until: BusinessInstant
        """At the latest."""

        def apply(self, aggregate: "FollowedUp") -> None:
            """When to ask, policies know."""

    def mutate(self, event: Event) -> None:
        super().mutate(event)
        if begins_anew(event):
            self.forget_follow_up()

    def review_follow_up(self, due_at: datetime, moment: datetime) -> None:
        """Flag it to the owner where it was due by the moment, else say by when it is; nothing
        where there is no owner, it is out of use, or flagged already."""
        if not self.is_followed_up or self.follow_up_overdue_since is not None:
            return
        if due_at > moment:
            self.record(self.FollowUpRescheduled(until=due_at))
            return
        assert self.owner_id is not None
        flag = self.FollowUpOverdue(follow_up_overdue_since=due_at, flagged_to=self.owner_id)
        self.record(flag)

    def escalate_follow_up(self, since: datetime, superior_id: UUID | None) -> None:
        """Flag it to the superior; nothing where there is none, or what was overdue is not now."""
        is_due = self.is_followed_up and self.follow_up_overdue_since == since
        if superior_id is not None and is_due and self.follow_up_escalated_to is None:
            self.record(self.FollowUpEscalated(follow_up_escalated_to=superior_id))

    def resume_follow_up(self, due_at: datetime, moment: datetime) -> None:
        """Take the flags off; nothing where there are none, or where it was due by the moment."""
        if self.follow_up_overdue_since is not None and due_at > moment:
            self.record(self.FollowUpResumed(until=due_at))

    def forget_follow_up(self) -> None:
        """Fold of whatever begins anew."""
        self.follow_up_overdue_since = self.follow_up_escalated_to = None

    @property
    def is_followed_up(self) -> bool:
        """Whether somebody is to keep in touch: not where the record is archived, say."""
        try:
            self.require_usable("follow-up")
        except Rejected:
            return False
        return self.owner_id is not None


def begins_anew(event: Event) -> bool:
    """Whether the owner's time runs anew: in use or for itself again, or another's by a revert."""
    if isinstance(event, Revertible.Reverted):
        return "owner_id" in event.model_fields_set
    back = (Archivable.Restored, Mergeable.Unmerged, Withdrawable.Reinstated)
    return isinstance(event, back)
