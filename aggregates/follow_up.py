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

UserId = Annotated[UUID, Ref("User")]


class FollowedUp(Trait):
    """Has an owner who is to keep in touch. When to ask whether that was done, policies know."""

    KEPT = frozenset({"follow_up_overdue_since", "follow_up_escalated_to"})

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

        def apply(self, aggregate: "FollowedUp") -> None:
            aggregate.forget_follow_up()

    def mutate(self, event: Event) -> None:
        super().mutate(event)
        if begins_anew(event):
            self.forget_follow_up()

    def mark_follow_up_overdue(self, since: datetime) -> None:
        """Flag it to the owner; nothing where it has none, is out of use, or is flagged already."""
        if self.is_followed_up and self.follow_up_overdue_since is None:
            assert self.owner_id is not None
            flag = self.FollowUpOverdue(follow_up_overdue_since=since, flagged_to=self.owner_id)
            self.record(flag)

    def escalate_follow_up(self, since: datetime, superior_id: UUID | None) -> None:
        """Flag it to the superior; nothing where there is none, or what was overdue is not now."""
        is_due = self.is_followed_up and self.follow_up_overdue_since == since
        if superior_id is not None and is_due and self.follow_up_escalated_to is None:
            self.record(self.FollowUpEscalated(follow_up_escalated_to=superior_id))

    def resume_follow_up(self) -> None:
        """Take the flags off; nothing where there are none."""
        if self.follow_up_overdue_since is not None:
            self.record(self.FollowUpResumed())

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
    return isinstance(event, (Archivable.Restored, Mergeable.Unmerged))
