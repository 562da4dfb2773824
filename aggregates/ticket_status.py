"""Where a ticket may stand, where it may go from there, and why something is not done now."""

from typing import Literal

from aggregates.errors import Rejected

Status = Literal["pending", "in_progress", "waiting", "completed", "closed"]
OPEN: tuple[Status, ...] = ("pending", "in_progress", "waiting")
IN_HAND: tuple[Status, ...] = ("in_progress", "waiting")
FINISHED: tuple[Status, ...] = ("completed", "closed")
LEADS: dict[Status, tuple[Status, ...]] = {
    "pending": ("in_progress",),
    "in_progress": ("waiting", "completed"),
    "waiting": ("in_progress", "completed"),
    "completed": ("closed", "in_progress"),
    "closed": ("in_progress",),
}
"""From each status, where a ticket may go."""


class TicketNotPending(Rejected):
    """The ticket has been taken up before."""


class TicketNotInProgress(Rejected):
    """The ticket is not being worked on."""


class TicketNotWaiting(Rejected):
    """The ticket is not waiting."""


class TicketNotInHand(Rejected):
    """The ticket is neither being worked on nor waiting."""


class TicketNotCompleted(Rejected):
    """The ticket is not completed."""


class TicketNotFinished(Rejected):
    """The ticket is neither completed nor closed."""


class TicketFinished(Rejected):
    """The ticket is completed or closed."""


class TicketClosed(Rejected):
    """The ticket is closed."""
