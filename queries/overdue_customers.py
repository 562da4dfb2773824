"""Customers that nobody has been in touch with for a while."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from queries.base import Answer, Query


class OverdueCustomer(Answer):
    """A customer that has an owner, and no interaction for too long."""

    customer_id: UUID
    number: str | None
    name: str
    owner_id: UUID
    owner: str | None
    superior_id: UUID | None
    superior: str | None
    last_interaction_at: datetime | None
    """None: there was none since the customer was entered."""
    days: int
    """Whole days since the last interaction, or since the customer was entered."""
    follow_up_overdue_since: datetime | None
    """Since when the owner is flagged."""
    follow_up_escalated_to: UUID | None
    """The superior who was told."""


class OverdueCustomers(Query[list[OverdueCustomer]]):
    """Owned customers without an interaction, on them, their opportunities or tickets, for days."""

    days: int = Field(default=7, ge=1, le=36_500)
    """For at least so many."""
    owner_id: UUID | None = None
    """Only customers of this owner."""
    superior_id: UUID | None = None
    """Only customers of owners whose superior this is."""

    sql = """
        WITH RECURSIVE family AS (
            SELECT c.id AS root, c.id FROM {customers} c WHERE c.owner_id IS NOT NULL
            UNION ALL
            SELECT f.root, m.id FROM family f JOIN {any.customers} m ON m.merged_into = f.id
        ), spoken AS (
            SELECT f.root, max(i.created_at) AS at
            FROM family f JOIN {interactions} i ON i.customer_id = f.id
            WHERE i.created_at <= :moment
            GROUP BY f.root
        ), silent AS (
            SELECT c.*, s.at AS last_interaction_at,
                extract(epoch FROM :moment - coalesce(s.at, c.created_at)) / 86400 AS since
            FROM {customers} c LEFT JOIN spoken s ON s.root = c.id
            WHERE c.owner_id IS NOT NULL
        )
        SELECT c.id AS customer_id, c.number, c.name, c.owner_id, o.name AS owner,
            o.superior_id, u.name AS superior, c.last_interaction_at,
            floor(c.since)::integer AS days, c.follow_up_overdue_since, c.follow_up_escalated_to
        FROM silent c
        LEFT JOIN {users} o ON o.id = c.owner_id
        LEFT JOIN {users} u ON u.id = o.superior_id
        WHERE c.since >= :days
            AND (:owner_id IS NULL OR c.owner_id = :owner_id)
            AND (:superior_id IS NULL OR o.superior_id = :superior_id)
        ORDER BY c.since DESC, c.id
    """
