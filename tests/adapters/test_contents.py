"""Contents of files: stored once per subject, sealed in their place, read from any byte on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from adapters.attachments import contents as contents_module
from adapters.attachments.collecting import SCOPE, collect
from adapters.attachments.contents import Contents, Damaged, Erased
from adapters.attachments.ports import Content
from adapters.keys import Keyring
from adapters.personal import SubjectKeys
from adapters.postgres.contents.store import PostgresChunks, install
from adapters.postgres.log.store import PostgresLog

SMALL = 64
NOW = timedelta(0)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents_module, "CHUNK", SMALL)


@pytest.fixture(scope="module")
def log(module_database_url: str) -> Iterator[PostgresLog]:
    install(module_database_url)
    with PostgresLog(module_database_url, lanes=1, connections=1) as log:
        yield log


@pytest.fixture(scope="module")
def contents(log: PostgresLog, module_database_url: str) -> Iterator[Contents]:
    with opened(log, module_database_url) as contents:
        yield contents


class opened:
    """Contents as another process has them: with nothing in memory."""

    def __init__(self, log: PostgresLog, url: str) -> None:
        self._pool = ConnectionPool(
            url, min_size=1, max_size=4, kwargs={"autocommit": True}, open=True
        )
        keyring = Keyring(bytes(32))
        subjects = SubjectKeys(log, keyring)
        self._contents = Contents(PostgresChunks(self._pool), subjects, keyring)

    def __enter__(self) -> Contents:
        return self._contents

    def __exit__(self, *_: object) -> None:
        self._pool.close()


def stored(contents: Contents, data: bytes, subject: UUID | None = None, step: int = 50) -> Content:
    upload = contents.begin(subject or uuid4())
    for at in range(0, len(data), step):
        upload.add(data[at : at + step])
    return upload.finish()


def run(url: str, statement: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def chunks(url: str, content: Content) -> int:
    [(count,)] = run(url, "SELECT count(*) FROM backstory.chunks WHERE content_id = %s", content.id)
    assert isinstance(count, int)
    return count


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=5 * SMALL), st.integers(1, 200), st.data())
def test_what_was_stored_is_read_from_any_byte_on(
    contents: Contents, data: bytes, step: int, draw: st.DataObject
) -> None:
    content = stored(contents, data, step=step)
    assert content.size == len(data)
    assert b"".join(contents.read(content)) == data
    begin = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(begin, len(data)))
    assert b"".join(contents.read(content, begin, end)) == data[begin:end]
    assert contents.chunks.find(content.id) == content


def test_the_same_file_of_a_subject_is_stored_once(
    contents: Contents, module_database_url: str
) -> None:
    subject, data = uuid4(), os.urandom(3 * SMALL)
    first = stored(contents, data, subject)
    again = stored(contents, data, subject, step=7)
    assert again == first
    held = run(module_database_url, "SELECT id FROM backstory.contents WHERE subject = %s", subject)
    assert held == [(first.id,)]
    other = stored(contents, data)
    assert other.id != first.id
    assert other.digest != first.digest, "equal files of two subjects are not known to be equal"


def test_two_uploads_of_the_same_file_at_once_are_one_content(contents: Contents) -> None:
    subject, data = uuid4(), os.urandom(2 * SMALL)
    contents.begin(subject).discard()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: stored(contents, data, subject), range(12)))
    assert len({content.id for content in found}) == 1
    assert b"".join(contents.read(found[0])) == data


def test_nothing_lies_in_the_clear(contents: Contents, module_database_url: str) -> None:
    data = "客户名片：王芳 13812345678".encode() * 9
    content = stored(contents, data)
    lying = run(
        module_database_url, "SELECT sealed FROM backstory.chunks WHERE content_id = %s", content.id
    )
    assert all(data[:16] not in bytes(sealed) for (sealed,) in lying)  # type: ignore[call-overload]


TAMPERINGS = {
    "a changed byte": "UPDATE backstory.chunks SET sealed = set_byte(sealed, 20,"
    " get_byte(sealed, 20) # 1) WHERE content_id = %s AND index = 1",
    "a lost chunk": "DELETE FROM backstory.chunks WHERE content_id = %s AND index = 2",
    "a cut chunk": "UPDATE backstory.chunks SET sealed = substr(sealed, 1, 40)"
    " WHERE content_id = %s AND index = 1",
    "chunks that changed places": "UPDATE backstory.chunks AS one SET sealed = other.sealed"
    " FROM backstory.chunks AS other WHERE one.content_id = %s AND one.index IN (0, 1)"
    " AND other.content_id = one.content_id AND other.index = 1 - one.index",
    "another size": "UPDATE backstory.contents SET size = size - 1 WHERE id = %s",
    "another end": "UPDATE backstory.contents SET size = chunk_size WHERE id = %s",
    "another digest": "UPDATE backstory.contents SET digest = set_byte(digest, 0,"
    " get_byte(digest, 0) # 1) WHERE id = %s",
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_what_was_tampered_with_is_noticed(
    contents: Contents, module_database_url: str, how: str
) -> None:
    data = os.urandom(3 * SMALL - 5)
    content = stored(contents, data)
    run(module_database_url, TAMPERINGS[how], content.id)
    found = contents.chunks.find(content.id)
    assert found is not None
    given = b""
    with pytest.raises(Damaged):  # noqa: PT012 - what was read before counts
        for part in contents.read(found):
            given += part
    assert data.startswith(given), "what was given before is what was stored"
    assert given != data


def test_a_chunk_of_another_content_fits_nowhere(
    contents: Contents, module_database_url: str
) -> None:
    subject = uuid4()
    one, other = (stored(contents, os.urandom(SMALL), subject) for _ in range(2))
    run(
        module_database_url,
        "UPDATE backstory.chunks SET sealed = (SELECT sealed FROM backstory.chunks"
        " WHERE content_id = %s) WHERE content_id = %s",
        other.id,
        one.id,
    )
    with pytest.raises(Damaged):
        list(contents.read(one))


def test_without_the_key_nobody_reads_it(
    contents: Contents, log: PostgresLog, module_database_url: str
) -> None:
    content = stored(contents, b"secret" * 30)
    run(
        module_database_url,
        "DELETE FROM backstory.subject_keys WHERE subject = %s",
        content.subject,
    )
    with opened(log, module_database_url) as elsewhere, pytest.raises(Erased):
        list(elsewhere.read(content))


def test_what_was_never_finished_is_nobodys(contents: Contents, module_database_url: str) -> None:
    upload = contents.begin(uuid4())
    upload.add(os.urandom(3 * SMALL))
    [(id,)] = run(module_database_url, "SELECT id FROM backstory.contents WHERE digest IS NULL")
    assert isinstance(id, UUID)
    assert contents.chunks.find(id) is None
    upload.discard()
    assert run(module_database_url, "SELECT FROM backstory.contents WHERE digest IS NULL") == []


def test_what_is_not_attached_is_collected_and_what_is_stays(
    contents: Contents, log: PostgresLog, module_database_url: str
) -> None:
    kept, lost = stored(contents, b"kept" * 40), stored(contents, b"lost" * 40)
    key = contents.keyring.lookup(SCOPE, str(kept.id))
    run(module_database_url, "INSERT INTO backstory.marks VALUES (%s, %s)", key, uuid4())
    collect(contents, log)
    assert contents.chunks.find(lost.id) == lost, "a request that takes long is not disturbed"
    assert collect(contents, log, NOW) >= 1
    assert contents.chunks.find(lost.id) is None
    assert chunks(module_database_url, lost) == 0
    assert b"".join(contents.read(kept)) == b"kept" * 40
    assert collect(contents, log, NOW) == 0


def test_what_is_found_again_is_as_good_as_new(contents: Contents, log: PostgresLog) -> None:
    subject, data = uuid4(), b"again" * 40
    content = stored(contents, data, subject)
    age = timedelta(seconds=5)
    run_at = "UPDATE backstory.contents SET touched_at = touched_at - interval '1 day'"
    with contents.chunks._pool.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(run_at)
    assert stored(contents, data, subject) == content
    collect(contents, log, age)
    assert contents.chunks.find(content.id) == content


KILLED = """
import sys
from uuid import UUID
from tests.adapters.test_contents import opened
from adapters.postgres.log.store import PostgresLog
url, subject = sys.argv[1], UUID(sys.argv[2])
with PostgresLog(url, lanes=1, connections=1) as log, opened(log, url) as contents:
    upload = contents.begin(subject)
    upload.add(bytes(4 * 1024 * 1024))
    print("halfway", flush=True)
    sys.stdin.read()
"""


def test_a_process_killed_halfway_leaves_nothing_that_stays(
    contents: Contents, log: PostgresLog, module_database_url: str
) -> None:
    subject = uuid4()
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, module_database_url, str(subject)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"halfway\n"
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    process.stdout.close()
    process.stdin.close()
    mine = "SELECT id FROM backstory.contents WHERE subject = %s"
    [(id,)] = run(module_database_url, mine, subject)
    assert isinstance(id, UUID)
    assert contents.chunks.find(id) is None
    assert collect(contents, log, NOW) >= 1
    assert run(module_database_url, mine, subject) == []
    assert run(module_database_url, "SELECT FROM backstory.chunks WHERE content_id = %s", id) == []
