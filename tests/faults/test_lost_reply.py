"""A lost reply: the unit is stored exactly once, and whoever submitted it gets its true receipt."""

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psycopg
import pytest

from adapters.embedded.server import EmbeddedPostgres
from adapters.postgres.log.schema import install
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.log.units import Unit
from adapters.postgres.log.writer import Writer
from commands.ports import (
    Append,
    Committed,
    Known,
    Outcome,
    OutcomeUnknown,
    Overloaded,
    StoredReceipt,
    Taken,
)
from tests.adapters.log_units import position, receipts, stream_of, unit
from tests.faults.cutting_proxy import CuttingProxy, Way

KEY = b"k" * 16


@pytest.fixture
def proxy(database_url: str) -> Iterator[CuttingProxy]:
    with CuttingProxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def writer(proxy: CuttingProxy) -> Iterator[Writer]:
    """One lane, connected and warm."""
    writer = Writer(proxy.url, lanes=1)
    for _ in range(6):
        submitted(writer, unit()).result(5)
    yield writer
    writer.close()


def submitted(writer: Writer, given: Append) -> "Future[Outcome]":
    return writer.submit(Unit(given))


def stored_copies(url: str, given: Append) -> tuple[int, int]:
    """Events of its stream, and commands with its ids."""
    ids = [command.command_id for command in given.commands]
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM backstory.events WHERE stream_id = %s),"
            " (SELECT count(*) FROM backstory.commands WHERE command_id = ANY (%s))",
            (stream_of(given), ids),
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def stored_receipt(url: str, given: Append) -> StoredReceipt:
    with PostgresLog(url) as log:
        command_id = given.commands[0].command_id
        return log.receipts([command_id])[command_id]


def boundaries(writer: Writer, proxy: CuttingProxy, way: Way, step: int) -> list[int]:
    """After how many bytes to cut, over one warm append and a little past it."""
    proxy.count()
    submitted(writer, unit(events=2, reserve=((KEY, stream_of(unit())),))).result(5)
    total = proxy.count()[way]
    edges = {0, 1, *range(total - 40, total + 2)}
    return sorted(n for n in edges | set(range(0, total, step)) if n >= 0)


@pytest.mark.parametrize(
    ("way", "step"), [(Way.TO_SERVER, 29), (Way.TO_CLIENT, 1)], ids=lambda value: str(value)
)
def test_a_connection_cut_at_any_byte_stores_one_copy_and_answers_its_receipt(
    writer: Writer, proxy: CuttingProxy, database_url: str, way: Way, step: int
) -> None:
    cut_at = boundaries(writer, proxy, way, step)
    for count in cut_at:
        cuts = proxy.cuts
        proxy.cut_after(way, count)
        stream = unit()
        given = unit(stream_of(stream), events=2, reserve=((os.urandom(16), stream_of(stream)),))

        outcome = submitted(writer, given).result(15)

        if proxy.cuts == cuts:  # cut the next one then: it lies past the end of this append
            submitted(writer, unit()).result(15)
        assert stored_copies(database_url, given) == (2, 1), f"cut after {count} bytes"
        assert isinstance(outcome, Committed), f"cut after {count} bytes: {outcome}"
    assert proxy.cuts >= len(cut_at) - 2
    assert receipts(outcome) == (stored_receipt(database_url, given),)


def test_what_was_stored_before_stays_known_whatever_is_lost(
    writer: Writer, proxy: CuttingProxy, database_url: str
) -> None:
    given = unit(events=2)
    first = submitted(writer, given).result(5)
    for way in Way:
        for count in range(0, 400, 23):
            proxy.cut_after(way, count)
            outcome = submitted(writer, given).result(15)
            assert outcome == Known(receipts(first))
    assert stored_copies(database_url, given) == (2, 1)


def test_a_batch_whose_reply_is_lost_keeps_each_units_own_outcome(
    proxy: CuttingProxy, database_url: str
) -> None:
    holder, known = unit(reserve=((KEY, unit().commands[0].stream_id),)), unit()
    writer = Writer(proxy.url, lanes=1)
    first = [submitted(writer, given).result(5) for given in (holder, known)]
    good = [unit(events=2) for _ in range(10)]
    blocked = [*good[:5], known, unit(reserve=((KEY, stream_of(known)),)), *good[5:]]
    proxy.cut_after(Way.TO_CLIENT, 30)

    outcomes = [future.result(15) for future in [submitted(writer, one) for one in blocked]]

    writer.close()
    assert outcomes[5] == Known(receipts(first[1]))
    assert outcomes[6] == Taken(KEY, holder.reserve[0][1])
    for given, outcome in zip(good, [*outcomes[:5], *outcomes[7:]], strict=True):
        assert receipts(outcome) == (stored_receipt(database_url, given),)
        assert stored_copies(database_url, given) == (2, 1)


def test_an_original_that_still_runs_is_waited_for(
    writer: Writer, proxy: CuttingProxy, database_url: str
) -> None:
    given = unit(reserve=((KEY, stream_of(unit())),))
    with psycopg.connect(database_url) as blocker:
        blocker.execute("INSERT INTO backstory.reservations VALUES (%s, %s)", given.reserve[0])
        future = submitted(writer, given)
        wait_until_blocked(database_url, 1)
        proxy.drop_clients()
        wait_until_blocked(database_url, 2)
        blocker.rollback()

    assert receipts(future.result(15)) == (stored_receipt(database_url, given),)
    assert stored_copies(database_url, given) == (1, 1)


def wait_until_blocked(url: str, count: int) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'backstory writer' AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        until = time.monotonic() + 4
        while connection.execute(query).fetchone() != (count,):
            assert time.monotonic() < until, f"{count} appends should wait for the lock"
            time.sleep(0.01)


def test_an_original_that_arrives_late_stores_nothing_more(
    writer: Writer, proxy: CuttingProxy, database_url: str
) -> None:
    given = unit(events=2)
    proxy.sever_before_server()

    outcome = submitted(writer, given).result(15)
    proxy.deliver()
    time.sleep(0.5)

    assert receipts(outcome) == (stored_receipt(database_url, given),)
    assert stored_copies(database_url, given) == (2, 1)


def test_an_error_at_commit_is_no_success(database_url: str) -> None:
    """The row has been answered by then; what counts is what the server says last."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'not at commit either'; END $$;"
            "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON backstory.events"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    with PostgresLog(database_url) as log, pytest.raises(psycopg.errors.RaiseException):
        log.append([unit()])


def test_a_lock_that_is_held_too_long_is_no_conflict_and_hangs_nobody(database_url: str) -> None:
    given = unit(reserve=((KEY, stream_of(unit())),))
    with PostgresLog(database_url, patience=3) as log, psycopg.connect(database_url) as blocker:
        blocker.execute("INSERT INTO backstory.reservations VALUES (%s, %s)", given.reserve[0])
        log.append([unit()])
        before, future = log.submit(unit()), log.submit(given)
        others = [before, *(log.submit(unit()) for _ in range(50))]  # some in the same batch
        assert all(isinstance(other.result(4), Committed) for other in others)
        with pytest.raises(Overloaded, match="nothing was stored"):
            future.result(15)
        blocker.rollback()
        assert isinstance(log.append([given])[0], Committed)


def test_a_server_process_that_hangs_is_given_up_for_another(
    writer: Writer, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        pids = [
            row[0]
            for row in connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'backstory writer'"
                " AND datname = current_database()"
            )
        ]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        given = unit(events=2)
        future = submitted(writer, given)
        try:
            assert isinstance(future.result(20), Committed)  # on a new connection
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
    time.sleep(0.5)
    assert stored_copies(database_url, given) == (2, 1)


def test_with_no_server_the_answer_says_that_nothing_was_stored() -> None:
    writer = Writer("host=/nonexistent dbname=none", lanes=1, patience=0.3)
    with pytest.raises(Overloaded, match="nothing was stored"):
        submitted(writer, unit()).result(5)
    writer.close()


def test_a_reply_lost_for_good_leaves_the_outcome_unknown(
    proxy: CuttingProxy, database_url: str
) -> None:
    writer = Writer(proxy.url, lanes=1, patience=1)
    submitted(writer, unit()).result(5)
    given = unit()
    proxy.cut_after(Way.TO_CLIENT, 0)
    proxy.refuse()
    with pytest.raises(OutcomeUnknown):
        submitted(writer, given).result(10)
    proxy.refuse(False)
    again = submitted(writer, given).result(10)
    assert isinstance(again, Committed | Known)
    assert stored_copies(database_url, given) == (1, 1)
    writer.close()


@pytest.mark.timeout(180)
def test_a_server_killed_under_load_keeps_every_acknowledged_unit_once(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data", durable=True)
    server.start()
    install(server.url)
    stop = Event()
    acknowledged: list[tuple[Append, Outcome]] = []
    try:
        with PostgresLog(server.url) as log, ThreadPoolExecutor(8) as threads:
            running = [threads.submit(submit_until, log, stop, acknowledged) for _ in range(8)]
            for _ in range(3):
                time.sleep(random.uniform(0.5, 1.5))
                kill(server, tmp_path / "data")
            time.sleep(1)
            stop.set()
            unknown = sum(thread.result(60) for thread in running)
            ids = [given.commands[0].command_id for given, _ in acknowledged]
            found = log.receipts(ids)
            log.wait_for_head(max(position(o) for _, o in acknowledged) - 1, 10)
            events = [event for batch in log.scan() for event in batch]
        print(f"{len(acknowledged)} acknowledged, {unknown} unknown, {len(events)} events")
        assert len(acknowledged) > 500
        for given, outcome in acknowledged:
            assert receipts(outcome) == (found[given.commands[0].command_id],)
        keys = [(event.stream_id, event.version) for event in events]
        assert len(keys) == len(set(keys))
        assert {(stream_of(given), 1) for given, _ in acknowledged} <= set(keys)
    finally:
        server.stop()


def submit_until(log: PostgresLog, stop: Event, done: list[tuple[Append, Outcome]]) -> int:
    unknown = 0
    while not stop.is_set():
        given = unit()
        future: Future[Outcome] = log.submit(given)
        try:
            done.append((given, future.result(30)))
        except (OutcomeUnknown, Overloaded):
            unknown += 1
    return unknown


def kill(server: EmbeddedPostgres, data: Path) -> None:
    """Kill the postmaster and everything it started, then start again."""
    pid = int((data / "cluster" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for victim in (pid, *map(int, children)):
        os.kill(victim, signal.SIGKILL)
    until = time.monotonic() + 10
    while server.is_running() and time.monotonic() < until:
        time.sleep(0.01)
    server.start()
