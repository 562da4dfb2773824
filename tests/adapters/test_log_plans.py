"""What appending costs must not depend on how much the log holds already."""

from uuid import uuid4

import psycopg

from adapters.postgres.log.store import PostgresLog
from commands.ports import Append, CommandRow, Committed, EventRow

STREAMS, BATCHES = 8, 60
_READ = """
    SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
        + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relid = t.relid)
    FROM pg_stat_user_tables t WHERE schemaname = 'backstory' AND relname = 'events'
"""


def unit(stream, version):
    actor, command = uuid4(), uuid4()
    row = CommandRow(command, "tests/append", 200, stream, version, actor, "api", command)
    event = EventRow(0, stream, version, "Test", "Test.Happened", 1, b"{}")
    return Append((row,), (event,))


def test_an_append_reads_what_it_needs_and_not_the_log(database_url):
    """Plans are made while the table is empty and kept for as long as the connection lives."""
    streams = [uuid4() for _ in range(STREAMS)]
    with PostgresLog(database_url) as log:
        for version in range(1, BATCHES + 1):
            outcomes = log.append([unit(stream, version) for stream in streams])
            assert all(isinstance(outcome, Committed) for outcome in outcomes)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        [(read,)] = connection.execute(_READ).fetchall()
    appended = STREAMS * BATCHES
    assert read < 10 * appended, f"{read} rows read for {appended} appended"
