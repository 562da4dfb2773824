"""Parts: the events of streams sorted by the rows that a projection of a trait folds them into."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from adapters.postgres.views.parked import Streams
from adapters.postgres.views.versions import Item, Undecodable
from projections.base import Projection


def by_part(projection: Projection[Any], items: Iterable[Item]) -> Streams:
    """Part → its events, in the order given; events of no part are left out.

    One that cannot be read might be of any part: it stands for itself under its stream's id, and
    as it is the first of its group it parks the stream.
    """
    found: dict[UUID, list[Item]] = {}
    for item in items:
        if isinstance(item, Undecodable):
            topic, row_id = item.topic, item.stream_id
        else:
            topic, row_id = item.TOPIC, projection.part_of(item)
        if topic in projection.topics:
            found.setdefault(row_id, []).append(item)
    return found
