"""The command line: what it does, and that a user's mistake is a line and an exit code."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from adapters.apikeys import user_of
from commands.base import COMMANDS
from commands.policies import POLICIES
from tests.commandline import Run, Said, commands
from tests.importing import opened, rows, write_csv

SECONDS = 120.0


@pytest.fixture
def run(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """Runs the command in this process, on a database of its own."""
    monkeypatch.chdir(tmp_path)
    return commands(database_url, monkeypatch, capsys)


REGISTER = (
    *("do", "customers/register", "name=云泽青峰有限公司", "industry=software", "source=website"),
    *("primary_contact.name=张三", "primary_contact.phone=13800000001"),
)


def test_one_command_is_carried_out_and_its_receipt_printed(run: Run, database_url: str) -> None:
    said = run(
        *REGISTER,
        *("annual_revenue=12.50CNY", "tags=one", "tags=two", "custom.color=red"),
        *('external={"system": "old", "id": "7"}', "confirm_distinct:=true", "meta.reason=why"),
    )
    assert said.code == 0, said.err
    receipt = json.loads(said.out)
    assert receipt["version"] == 1
    with opened(database_url) as backstory:
        row = rows(backstory, "customers")[UUID(receipt["id"])]
        [registered] = backstory.mapper.read_all(backstory.log.stream(row.id))
    assert (row.name, row.tags, row.custom) == (
        "云泽青峰有限公司",
        ("one", "two"),
        {"color": "red"},
    )
    assert (str(row.annual_revenue.amount), row.external.id) == ("12.50", "7")
    assert registered.envelope.reason == "why"
    changed = run("do", "customers/change-details", receipt["id"], "phone=13800000002")
    assert json.loads(changed.out)["version"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("do", "customers/fly"), 2, "no command 'customers/fly'"),
        (("do", "customers/register", "nmae=x"), 2, "no field 'nmae'"),
        (("do", "customers/register", "name=x", "y"), 2, "'y' is not field=value"),
        (("do", "customers/tag", "tags=x"), 2, "give its id"),
        (("do", "customers/tag", "seven", "tags=x"), 2, "neither an id nor field=value"),
        (("do", "customers/register", "name=x"), 1, "industry: is required"),
        (("do", "customers/register", "custom:={"), 1, "is not JSON"),
        ((*REGISTER, "annual_revenue=12.50"), 1, "no amount with a currency"),
        ((*REGISTER, "meta.occurred_at=1899-12-31"), 1, "occurred_at: must not be before 1900"),
        (("do", "customers/tag", "0" * 32, "tags=x"), 1, "There is no such record"),
        (("import", "customers", "nowhere.csv"), 2, "nowhere.csv cannot be read"),
        (("import", "customers", "."), 2, "cannot be read: Is a directory"),
        (("apikey", "create", "--user", "nobody", "--name", "k"), 1, "there is no user 'nobody'"),
        (
            ("user", "add", "Upper Case", "x"),
            1,
            "login: has a wrong form: it must be small letters",
        ),
        (("rebuild", "nothing"), 2, "there is no view nothing; there are: "),
        (("rebuild", "users", "--rollback"), 1, "no earlier tables of users are kept"),
        (("parked", "--retry", "0" * 32), 1, "no view has parked"),
        (("parked", "--retry", "0" * 32, "--skip", "0" * 32), 2, "not both"),
        (("policies", "--retry", "0" * 32, "--from-now"), 2, "give one of"),
        (("policies", "--retry", "0" * 32), 1, "nothing that was refused"),
        (("policies", "--state", "late"), 2, "no state 'late'"),
        (("serve", "--role", "relay"), 2, "no Kafka support"),
        (("serve", "--port", "70000"), 2, "BACKSTORY_PORT"),
        (("serve", "--host", "192.0.2.1"), 3, "cannot listen on 192.0.2.1:8000"),
        (("serve", "--host", "192.0.2.1"), 3, "choose another address with BACKSTORY_HOST"),
        (("demo", "--until", "2999-01-01"), 1, "today is"),
        (("fly",), 2, "No such command"),
    ],
)
def test_a_mistake_is_a_line_and_an_exit_code(
    run: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    told = run(*arguments)
    assert told.code == code
    assert said in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("BACKSTORY_DATABASE_URL", "postgresql://127.0.0.1:1/none", 3, "cannot be used"),
        ("BACKSTORY_SECRET", "ab" * 32, 3, "master key"),
        ("BACKSTORY_SECRET", "abc", 3, "BACKSTORY_SECRET is no master key"),
        ("BACKSTORY_SECRET", "", 3, "BACKSTORY_SECRET is no master key"),
        ("BACKSTORY_SECRET", "密钥" * 32, 3, "BACKSTORY_SECRET is no master key"),
        ("BACKSTORY_TIMEZONE", "Nowhere/At_All", 2, "BACKSTORY_TIMEZONE: there is no time zone"),
        ("BACKSTORY_DATABASE_URL", "nonsense", 2, "BACKSTORY_DATABASE_URL: is no address"),
        ("BACKSTORY_DATABASE_URL", "mysql://x/y", 2, "BACKSTORY_DATABASE_URL: is no address"),
        ("BACKSTORY_PORT", "many", 2, "BACKSTORY_PORT: "),
    ],
)
def test_surroundings_that_do_not_work_are_said_too(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: int, said: str
) -> None:
    run("status")
    monkeypatch.setenv(variable, value)
    told = run("status")
    assert told.code == code
    assert told.err.startswith("backstory: ")
    assert said in told.err
    assert "Value error" not in told.err


def test_an_address_that_is_none_is_not_repeated_with_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTORY_DATABASE_URL", "postgres:/user:swordfish@host/name")
    told = run("status")
    assert told.code == 2
    assert "swordfish" not in told.out + told.err


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_in_the_place_of_the_data_folder_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inside: str
) -> None:
    monkeypatch.delenv("BACKSTORY_DATABASE_URL")
    (tmp_path / "file").touch()
    data = tmp_path / "file" / inside
    told = run("user", "add", "li.na", "李娜", "--data", str(data))
    assert told.code == 3
    assert told.err.startswith(f"backstory: {data}")
    assert "cannot be a folder" in told.err


@pytest.mark.parametrize("content", [b"", b"abc\n", b"\xff\xfe", b"5e" * 31, None])
def test_a_file_that_is_no_master_key_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    monkeypatch.delenv("BACKSTORY_SECRET")
    monkeypatch.setenv("BACKSTORY_DATA", str(tmp_path))
    path = tmp_path / "secret.key"
    path.mkdir() if content is None else path.write_bytes(content)
    told = run("status")
    assert told.code == 3
    assert told.err == f"backstory: {path} is no master key: that is 64 hex digits\n"


def test_for_a_database_that_has_a_master_key_no_other_is_made(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("status")
    monkeypatch.delenv("BACKSTORY_SECRET")
    told = run("status", "--data", str(tmp_path / "data"))
    assert told.code == 3
    assert "written with another master key" in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("status",), ("parked",), ("policies",), ("rebuild",)])
def test_to_look_at_nothing_begins_nothing(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    postgres_url: str,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setenv("BACKSTORY_DATABASE_URL", postgres_url)
    told = run(*arguments)
    assert (told.code, "no data here" in told.err) == (3, True)
    assert "backstory serve or backstory demo" in told.err
    monkeypatch.delenv("BACKSTORY_DATABASE_URL")
    told = run(*arguments)
    assert (told.code, f"no data here: {tmp_path}" in told.err) == (3, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("serve",), ("demo", "--serve")])
def test_where_the_port_is_taken_the_way_out_is_named(run: Run, arguments: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = run(*arguments, "--port", str(port))
    assert told.code == 3
    assert f"cannot listen on 127.0.0.1:{port}: " in told.err
    assert "another port with --port or BACKSTORY_PORT" in told.err


def test_help_lists_the_registry_and_a_commands_fields(run: Run) -> None:
    listed = run("do", "--help").out
    assert {name for name, c in COMMANDS.items() if c.is_for_people()} <= set(listed.split())
    fields = run("do", "customers/register", "--help").out
    assert "  name (required)\n" in fields
    assert "  primary_contact.phone (required)\n" in fields
    assert "  external.system\n" in fields
    assert "\nID is what the new record is to be called" in fields
    assert "ID is what" not in run("do", "customers/tag", "--help").out
    assert re.fullmatch(r"backstory \d+\.\d+\.\d+\S*\n", run("--version").out)
    commands = run("--help").out
    for name in (
        "serve",
        "mapping",
        "import",
        "demo",
        "do",
        "status",
        "rebuild",
        "parked",
        "policies",
        "user",
        "apikey",
    ):
        assert f" {name} " in commands


def test_an_import_reports_and_ends_with_1_where_rows_were_refused(
    run: Run, tmp_path: Path
) -> None:
    header = ["name", "industry", "source", "primary_contact.name", "primary_contact.phone"]
    good = ["云泽青峰有限公司", "software", "website", "张三", "13800000001"]
    path = write_csv(tmp_path / "c.csv", [header, good, ["云泽有限公司", "mining", "", "", ""]])
    rehearsed = run("import", "customers", str(path), "--dry-run")
    assert rehearsed.code == 1
    report = "2 rows read = 1 created, 0 updated, 0 skipped, 1 refused"
    assert rehearsed.out.startswith(
        'CSV in UTF-8, separated by ","; 5 columns\n  name: 云泽青峰有限公司 | 云泽有限公司\n'
    )
    assert f"\n{report} (dry run: nothing was stored)\nline 3: industry: " in rehearsed.out
    said = run("import", "customers", str(path))
    assert said.code == 1
    assert f"\n{report}\n" in said.out
    assert "\nrefused: line 3: industry: there is no code" in said.out
    assert f"\nrefused rows with reasons: {path}.refused.csv\n" in said.out
    write_csv(path, [header, good, *([f"云泽{n}有限公司", "mining"] for n in range(30))])
    assert (
        "\n30 refused, the first on line 3: has 2 cells"
        in run("import", "customers", str(path)).out
    )
    assert run("import", "customers", str(path), "--dry-run").out.endswith("\nand 10 more\n")
    write_csv(path, [header, good])
    again = run("import", "customers", str(path), "--on-duplicate", "skip")
    assert again.code == 0
    *_, report, record = again.out.splitlines()
    assert report == "1 rows read = 0 created, 0 updated, 1 skipped, 0 refused"
    assert record.startswith("import ")


def test_users_and_keys(run: Run, database_url: str) -> None:
    boss = UUID(run("user", "add", "li.na", "李娜", "--department", "总经办").out.strip())
    clerk = UUID(run("user", "add", "wang.wei", "王伟", "--superior", "li.na").out.strip())
    key = run("apikey", "create", "--user", "wang.wei", "--name", "laptop").out.strip()
    assert user_of(key) == clerk
    assert run("apikey", "create", "--user", str(clerk), "--name", "laptop").code == 1
    with opened(database_url) as backstory:
        found = rows(backstory, "users")
        stored = b"".join(e.payload for batch in backstory.log.scan() for e in batch)
    assert (found[clerk].superior_id, found[clerk].api_keys) == (boss, ("laptop",))
    assert key.encode() not in stored


def test_status_rebuild_and_parked(run: Run) -> None:
    first = run("status")
    assert (first.code, first.out.count("\n")) == (0, 2 + len(POLICIES))
    assert "files  not scanned for viruses" in first.out
    assert run(*REGISTER).code == 0
    rebuilt = run("rebuild", "customers", "dictionary-entries")
    assert rebuilt.code == 0, rebuilt.err
    assert re.match(r"customers rebuilt at position [\d,]+ in [\d.]+ s\n", rebuilt.out)
    status = run("status").out
    assert re.search(r"view   customers +position [\d,]+, up to date\n", status)
    assert run("parked").out == "no stream is parked\n"


def test_policies_that_are_behind_are_seen_and_their_requests_tried_again(
    run: Run, database_url: str
) -> None:
    due_at = "2026-03-01T10:00:00+08:00"
    task = json.loads(run("do", "tasks/plan", "subject=回访", f"due_at={due_at}").out)["id"]
    assert re.search(r"policy mark-task-overdue +position \d+, [1-9]", run("status").out)
    assert run("policies").out == "nothing is open\n"
    with opened(database_url) as backstory, psycopg.connect(database_url) as connection:
        backstory.project()
        deadline = time.monotonic() + 60
        while len(backstory.log.stream(UUID(task))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        connection.execute(_REFUSED, (UUID(task), UUID(task)))
    status = run("status")
    assert (status.code, ", 1 refused\n" in status.out) == (1, True)
    listed = run("policies", "--state", "refused")
    assert listed.out == (
        f"refused {task} mark-task-overdue x, because of {task}:1, tried 1 times: task-closed\n"
    )
    assert run("policies", "--retry", task).out.startswith(f"waiting {task} mark-task-overdue x")
    assert run("policies", "--retry", task).code == 1, "it waits already"
    assert run("policies", "--skip", "0" * 32).code == 1
    assert run("policies", "--from-now").code == 0


_REFUSED = """
    INSERT INTO backstory.policy_requests (id, policy, key, state, stream_id, version, position,
        ordinal, fires_at, attempts, problem)
    VALUES (%s, 'mark-task-overdue', 'x', 'refused', %s, 1,
        (SELECT max(position) FROM backstory.events), 0, 'infinity', 1, '{"code": "task-closed"}')
"""


# The service


@contextmanager
def serving(data: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves from a data folder, and its address."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BACKSTORY_")}
    command = [sys.executable, "-m", "adapters.cli", *arguments, "--data", str(data)]
    process = subprocess.Popen(
        command, env={**environment, "BACKSTORY_PORT": "0"}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = next(
            line.split()[-1] for line in process.stdout if line.startswith("Backstory listens")
        )
        yield process, address
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(SECONDS)


def command(data: Path, *arguments: str) -> Said:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BACKSTORY_")}
    done = subprocess.run(
        [sys.executable, "-m", "adapters.cli", *arguments],
        env={**environment, "BACKSTORY_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def test_the_service_answers_beside_other_commands_and_stops_cleanly(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data, "serve") as (process, address):
        assert httpx.get(f"{address}/readyz").status_code == 200
        assert httpx.get(f"{address}/v1/customers").status_code == 401
        registered = command(data, *REGISTER)
        assert registered.code == 0, registered.err
        key = command(data, "apikey", "create", "--user", "local", "--name", "test").out.strip()
        headers = {"Authorization": f"Bearer {key}"}
        receipt = json.loads(registered.out)
        customer = f"{address}/v1/customers/{receipt['id']}?after={receipt['position']}"
        answer = httpx.get(customer, headers=headers, timeout=10)
        assert answer.json()["name"] == "云泽青峰有限公司"
        assert command(data, "status").code == 0
        second = command(data, "serve", "--port", "0")
        assert (second.code, "is in use by process" in second.err) == (3, True)
        assert stop(process, signal.SIGTERM) == 0
    log = (data / "postgres/postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")
    assert command(data, "status").code == 0, "and without the service it opens the folder itself"
