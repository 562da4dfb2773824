"""What an operator does with parked streams: try them again, or take the failing event out."""

from uuid import UUID

import psycopg

from adapters.postgres.views import tracking
from adapters.postgres.views.decoding import is_passing
from adapters.postgres.views.parked import park, parked_at, skip_event, unpark
from adapters.postgres.views.projector import Projector
from adapters.postgres.views.tables import View


def retry(
    connection: psycopg.Connection, projector: Projector, view: View, stream_id: UUID
) -> bool:
    """Fold a parked stream anew, from its first event up to where the view is.

    True: it is parked no longer. False: it failed again, perhaps later, or was not parked. The
    lock on the tracking row keeps the runner out of the view for that moment.
    """
    with connection.transaction():
        track = tracking.find(connection, [view.key], lock=True).get(view.key)
        position = parked_at(connection, view, stream_id)
        if track is None or position is None:
            return False
        try:
            with connection.transaction():
                folded = projector.refolded(connection, view, track.position, [stream_id])
                projector.write(connection, view, folded, dict.fromkeys(folded, stream_id))
        except Exception as error:
            if is_passing(error):
                raise
            park(connection, view, stream_id, position, error)
            return False
        if any(one.poison is not None for one in folded.values()):
            return False
        unpark(connection, view, [stream_id])
    return True


def skip(connection: psycopg.Connection, projector: Projector, view: View, stream_id: UUID) -> bool:
    """Leave the failing event out of the view for ever, rebuilds included; then as ``retry``."""
    with connection.transaction():
        skip_event(connection, view, stream_id)
        return retry(connection, projector, view, stream_id)
