"""Imports over HTTP: a file goes in, runs in the background, and says what became of it."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from threading import Thread
from typing import Any
from uuid import UUID

import httpx
import openpyxl
import psycopg
import pytest

from adapters import apikeys
from adapters.importing.jobs import IMPORTER
from adapters.importing.mapping import parsed
from adapters.importing.sources import FOUND_OUT
from adapters.seeds import LOCAL
from adapters.uploads.asked import Wish
from adapters.uploads.folders import folder
from adapters.uploads.uploads import Uploads
from commands.requests import Caller, Request
from commands.user import AddUser, AddUserApiKey, DisableUser
from tests.importing import events, last
from tests.service import Service, database, running

SECONDS = 120.0
REGISTERED = "Customer.Registered"
CHINESE = "客户名称,联系人,电话,行业,来源\n"
ENDED = ("finished", "failed", "stopped")


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url, import_limit=2_000_000) as service:
        yield service


def post(
    service: Service,
    content: bytes,
    *,
    name: str = "客户.csv",
    path: str = "imports",
    key: str | None = None,
    **fields: str,
) -> httpx.Response:
    files = {"file": (name, content)}
    said = {"kind": "customers", **fields}
    headers = {"Accept-Language": "en", **({} if key is None else {"Idempotency-Key": key})}
    return service.client.post(f"/v1/{path}", files=files, data=said, headers=headers)


def taken(service: Service, content: bytes, **fields: str) -> str:
    """Where to read how far a file is that must be taken."""
    response = post(service, content, **fields)
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def ended(service: Service, location: str) -> dict[str, Any]:
    """The answer at this place once its import has ended."""
    deadline = time.monotonic() + SECONDS
    while True:
        response = service.client.get(location, headers={"Accept-Language": "en"})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        progress = answer.get("progress", answer)
        if progress["state"] in ENDED:
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def reason(service: Service, location: str, language: str) -> str:
    """Why the first row was refused, in a language."""
    answer = service.client.get(location, headers={"Accept-Language": language}).json()
    [first, *_] = answer.get("progress", answer)["refused"]["first"]
    return str(first["reason"])


def imported(service: Service, content: bytes, **fields: str) -> dict[str, Any]:
    return ended(service, taken(service, content, **fields))


def counts(progress: dict[str, Any]) -> tuple[int, ...]:
    """Created, updated, skipped, refused."""
    return tuple(progress[f"rows_{name}"] for name in ("created", "updated", "skipped", "refused"))


def chinese(word: str, many: int, encoding: str = "gb18030") -> bytes:
    rows = (f"{word}{n}号有限公司,张三,1380000{n:04},软件业,展会\n" for n in range(many))
    return (CHINESE + "".join(rows)).encode(encoding)


def names(service: Service, word: str) -> list[dict[str, Any]]:
    after = last(service.backstory, with_imports=True)
    found = service.read("customers", {"name.contains": word, "limit": 1000, "after": after})
    items: list[dict[str, Any]] = found["items"]
    return items


def test_a_chinese_file_needs_no_mapping(service: Service) -> None:
    location = taken(service, chinese("云上", 30))
    assert location.startswith("/v1/imports/")
    answer = ended(service, location)
    progress = answer["progress"]
    assert (progress["state"], counts(progress)) == ("finished", (30, 0, 0, 0))
    assert progress["detected"]["encoding"].startswith("GB18030")
    assert progress["detected"]["columns"][0]["samples"][0] == "云上0号有限公司"
    rows = names(service, "云上")
    assert len(rows) == 30
    assert {(row["industry"], row["source"]) for row in rows} == {("software", "exhibition")}
    shown = service.read(location.removeprefix("/v1/"), {"after": last(service.backstory)})
    assert (shown["status"], shown["rows_created"], shown["file_name"]) == (
        ("finished", 30, "客户.csv")
    )
    before = {"as_of": last(service.backstory, with_imports=True)}
    assert service.read(f"imports/{answer['id']}", before)["progress"] is None
    past = service.read(f"imports/{answer['id']}/history")["items"]
    assert sorted(e["event"] for e in past) == ["Import.Begun", "Import.Finished"]


def test_the_same_file_again_is_the_same_import_and_changes_nothing(service: Service) -> None:
    content = chinese("重来", 5)
    first = imported(service, content)
    before = last(service.backstory)
    again = imported(service, content)
    assert again["id"] == first["id"]
    assert counts(again["progress"]) == (0, 0, 5, 0)
    assert last(service.backstory) == before


def test_what_is_to_be_decided_is_named_with_a_mapping_to_amend(service: Service) -> None:
    content = "客户名称,联系人,电话,行业,传真\n云山有限公司,李四,13800000001,养蜂,1\n".encode()
    before = last(service.backstory, with_imports=True)
    response = post(service, content)
    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "/problems/mapping-undecided")
    assert {error["field"] for error in problem["errors"]} == {"mapping"}
    assert "养蜂" in str(problem["errors"])
    mapping = problem["mapping"]
    mapping["fields"]["industry"] = {"column": "行业", "values": {"养蜂": "other"}}
    assert last(service.backstory, with_imports=True) == before
    answer = imported(service, content, mapping=json.dumps(mapping))
    assert counts(answer["progress"]) == (1, 0, 0, 0)
    assert names(service, "云山")[0]["industry"] == "other"


def test_a_suggestion_is_what_would_be_imported(service: Service) -> None:
    response = post(service, chinese("建议", 3), path="imports/suggest")
    assert response.status_code == 200, response.text
    suggestion = response.json()
    assert suggestion["to_decide"] == []
    assert suggestion["mapping"]["fields"]["name"] == {"column": "客户名称"}
    assert [c["field"] for c in suggestion["columns"]][:2] == ["name", "primary_contact.name"]
    answer = imported(service, chinese("建议", 3), mapping=suggestion["toml"])
    assert counts(answer["progress"]) == (3, 0, 0, 0)


def test_refused_rows_can_be_fetched_mended_and_posted_again(service: Service) -> None:
    content = chinese("退回", 4, "utf-8") + "退回9号有限公司,王五,不是电话,软件业,展会\n".encode()
    answer = imported(service, content)
    assert counts(answer["progress"]) == (4, 0, 0, 1)
    assert answer["progress"]["refused"]["first"][0]["line"] == 6
    file = service.client.get(f"/v1/imports/{answer['id']}/refused.csv")
    assert file.status_code == 200
    assert file.headers["content-type"].startswith("text/csv")
    assert file.text.splitlines()[0] == "line,reason,客户名称,联系人,电话,行业,来源"
    mended = imported(service, file.text.replace("不是电话", "13900000000").encode())
    assert counts(mended["progress"]) == (1, 0, 0, 0)
    assert service.client.get(f"/v1/imports/{mended['id']}/refused.csv").status_code == 404


def test_of_what_is_done_only_the_latest_refused_rows_are_kept(service: Service) -> None:
    content = chinese("留下", 2, "utf-8") + "留下9号有限公司,王五,x,软件业,展会\n".encode()
    before = kept(service)[1]
    for _ in range(2):
        imported(service, content)
        assert kept(service)[1] == before + 1
    assert "backstory_uploads_waiting 0" in service.client.get("/metrics").text


def test_a_dry_run_gives_the_verdicts_and_stores_nothing(service: Service) -> None:
    before = last(service.backstory, with_imports=True)
    content = chinese("预演", 20, "utf-8") + "预演99号有限公司,王五,x,软件业,展会\n".encode()
    location = taken(service, content, dry_run="true")
    assert location.startswith("/v1/imports/rehearsals/")
    answer = ended(service, location)
    assert (answer["state"], counts(answer)) == ("finished", (20, 0, 0, 1))
    assert last(service.backstory, with_imports=True) == before
    refused = service.client.get(f"{location}/refused.csv")
    assert "预演99号有限公司" in refused.text
    told = {language: reason(service, location, language) for language in ("zh-CN", "en")}
    assert told == {
        "zh-CN": "联系人电话（primary_contact.phone，列“电话”）：不是有效的电话号码",
        "en": "primary_contact.phone: is not a valid phone number",
    }
    assert told["en"] in refused.text, "the file is for whoever posted it"
    id = location.rpartition("/")[2]
    assert service.client.get(f"/v1/imports/{id}").status_code == 404
    assert counts(imported(service, content)["progress"]) == (20, 0, 0, 1)


def test_a_dry_run_that_is_killed_has_failed_and_the_service_has_not(service: Service) -> None:
    location = taken(service, chinese("太大", 20_000, "utf-8"), dry_run="true")
    until(service, location, lambda a: a["state"] == "running" and active_children() != [])
    for process in active_children():
        process.kill()
    answer = ended(service, location)
    assert (answer["state"], "memory" in answer["problem"]) == ("failed", True)
    assert service.client.get("/healthz").status_code == 200


def test_a_workbook_is_taken(service: Service) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "客户"
    for row in (
        CHINESE.strip().split(","),
        ["表格有限公司", "张三", "13800000001", "零售", "网站"],
    ):
        book.active.append(row)
    book.save(file)
    answer = imported(service, file.getvalue(), name="客户.xlsx", sheet="客户")
    assert counts(answer["progress"]) == (1, 0, 0, 0)
    assert answer["progress"]["detected"]["sheet"] == "客户"
    said = refusal(post(service, file.getvalue(), path="imports/suggest", sheet="联系人"))
    assert "it has: 客户" in said["sheet"]


def refusal(response: httpx.Response) -> dict[str, str]:
    """Field → message, of a request that is not valid."""
    assert response.status_code == 422, response.text
    return {error["field"]: error["message"] for error in response.json()["errors"]}


MAPPING = """kind = "customers"
[fields]
name = "客户名称"
"""
WINGED = """kind = "customers"
[fields]
wings = "name"
"""
BINARY = bytes(range(256)) * 200
WRONG: list[tuple[str, bytes, dict[str, str], str, str]] = [
    ("an unknown kind", chinese("错", 1), {"kind": "spaceships"}, "kind", "cannot be imported"),
    ("no kind", chinese("错", 1), {"kind": ""}, "kind", "required"),
    ("an empty file", b"", {}, "file", "empty"),
    ("blank lines only", b"\r\n\r\n", {}, "file", "is empty"),
    ("a binary file", BINARY, {}, "file", "客户.csv"),
    ("a picture", b"\x89PNG\r\n" + BINARY, {}, "file", "a picture"),
    ("an archive", b"PK\x03\x04" + BINARY, {}, "file", "no sound workbook"),
    ("another encoding", chinese("错", 3), {"encoding": "utf-8"}, "file", "UTF-8"),
    ("no encoding", chinese("错", 3), {"encoding": "klingon"}, "file", "klingon"),
    ("two delimiters", chinese("错", 3), {"delimiter": ";;"}, "delimiter", "one character"),
    ("a sheet of a CSV", chinese("错", 3), {"sheet": "客户"}, "sheet", "has no sheet '客户'"),
    (
        "a sheet of a CSV in the mapping",
        chinese("错", 3),
        {"mapping": f'sheet = "客户"\n{MAPPING}'},
        "mapping",
        "is no workbook",
    ),
    ("no TOML", chinese("错", 3), {"mapping": "kind = "}, "mapping", "not valid TOML"),
    ("no JSON", chinese("错", 3), {"mapping": "{kind}"}, "mapping", "JSON"),
    ("a deep mapping", b"name\nx", {"mapping": "a = " + "[" * 5_000}, "mapping", "nested"),
    ("a huge number", b"name\nx", {"mapping": "a = " + "9" * 5_000}, "mapping", "TOML"),
    ("deep JSON", b"name\nx", {"mapping": '{"a":' * 5_000}, "mapping", "JSON"),
    ("another kind", b"name\nx", {"mapping": MAPPING, "kind": "users"}, "mapping", "customers"),
    ("an unknown column", b"name\nx", {"mapping": MAPPING}, "mapping", "客户名称"),
    ("an unknown field", b"name\nx", {"mapping": WINGED}, "mapping", "wings"),
    ("other duplicates", b"name\nx", {"on_duplicate": "explode"}, "on_duplicate", "refuse"),
    ("half a truth", b"name\nx", {"dry_run": "perhaps"}, "dry_run", "true or false"),
    ("an unknown part", b"name\nx", {"speed": "11"}, "speed", "no such parameter"),
    ("NUL", b"name\nx", {"encoding": "a\0b"}, "encoding", "NUL"),
]


@pytest.mark.parametrize(
    ("content", "fields", "field", "said"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    service: Service, content: bytes, fields: dict[str, str], field: str, said: str
) -> None:
    before = last(service.backstory, with_imports=True), kept(service)
    found = refusal(post(service, content, **fields))
    assert list(found) == [field]
    assert said in found[field]
    assert "/tmp" not in found[field]
    assert (last(service.backstory, with_imports=True), kept(service)) == before


def kept(service: Service) -> tuple[Any, ...]:
    """How many uploads and contents there are."""
    counted = "SELECT (SELECT count(*) FROM backstory.uploads), count(*) FROM backstory.contents"
    with service.backstory.pool.connection() as connection:
        return connection.execute(counted).fetchone() or ()


def test_parts_that_are_missing_repeated_or_no_parts_are_named(service: Service) -> None:
    url = "/v1/imports"
    boundary = {"Content-Type": "multipart/form-data; boundary=b"}
    part = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    kind, file = part.format("kind", "", "users"), part.format("file", '; filename="f"', "login")

    def sent(body: str) -> httpx.Response:
        return service.client.post(url, content=body.encode(), headers=boundary)

    assert list(refusal(sent(kind + "--b--\r\n"))) == ["file"]
    assert list(refusal(sent(kind + kind + file + "--b--\r\n"))) == ["kind"]
    assert list(refusal(sent(kind + file + file + "--b--\r\n"))) == ["file"]
    assert list(refusal(sent(kind + file.replace("; filename", "; f") + "--b--\r\n"))) == ["file"]
    assert sent(kind + file).json()["type"] == "/problems/malformed-form"
    assert service.client.post(url, json={"kind": "users"}).status_code == 415


def test_a_file_or_a_mapping_that_is_too_large_is_refused(service: Service) -> None:
    response = post(service, b"name\n" + b"x\n" * 1_200_000)
    assert (response.status_code, response.json()["limit"]) == (413, 2_000_000)
    response = post(service, b"name\nx\n", mapping="#" * 1_100_000)
    assert (response.status_code, response.json()["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\客户\\名单.csv", "名单.csv"),
        ("a\u202egpj.csv", "a?gpj.csv"),
        ("名" * 500, "名" * 200),
        ('"; rm -rf.csv', '"; rm -rf.csv'),
    ],
)
def test_a_file_name_names_nothing_on_disk(service: Service, given: str, shown: str) -> None:
    content = chinese(f"名{shown[-7:-4]}", 1, "utf-8") + b"too few cells\n"
    answer = imported(service, content, name=given)
    assert answer["file_name"] == shown
    header = service.client.get(f"/v1/imports/{answer['id']}/refused.csv").headers
    assert header["content-disposition"].startswith("attachment; ")


def test_a_file_without_rows_is_an_import_of_none(service: Service) -> None:
    answer = imported(service, CHINESE.encode(), mapping=MAPPING)
    assert (answer["status"] in ("running", "finished"), counts(answer["progress"])) == (
        (True, (0, 0, 0, 0))
    )


def test_a_key_is_for_one_request(service: Service) -> None:
    content = chinese("钥匙", 2)
    first = post(service, content, key="upload-1")
    ended(service, first.headers["Location"])
    before = last(service.backstory, with_imports=True)
    again = post(service, content, key="upload-1")
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json()["progress"]["state"] == "finished"
    other = post(service, chinese("别的", 2), key="upload-1")
    assert other.json()["type"] == "/problems/idempotency-key-reused"
    assert last(service.backstory, with_imports=True) == before
    dry = [post(service, content, key="upload-2", dry_run="true") for _ in range(2)]
    assert len({response.headers["Location"] for response in dry}) == 1


def test_a_key_that_is_given_to_two_files_at_once_is_one_file_s(service: Service) -> None:
    came: list[int] = []

    def send(word: str) -> None:
        came.append(post(service, chinese(word, 3), key="upload-3", dry_run="true").status_code)

    threads = [Thread(target=send, args=(word,)) for word in ("同时", "一起", "一道")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(came) == [202, 422, 422]


def test_nobody_imports_without_a_key(postgres_url: str) -> None:
    with database(postgres_url) as url, running(url, auth="on") as service:
        id = "00000000-0000-0000-0000-000000000001"
        for path in ("imports", "imports/suggest"):
            assert post(service, chinese("无", 1), path=path).status_code == 401
        for path in (f"{id}", f"{id}/refused.csv", f"rehearsals/{id}"):
            assert service.client.get(f"/v1/imports/{path}").status_code == 401


def test_who_is_disabled_imports_no_more_but_what_was_taken_is_entered(postgres_url: str) -> None:
    with database(postgres_url) as url, running(url, auth="on") as service:
        operator, clerk = key_of(service, LOCAL), added(service, "li.na")
        key = key_of(service, clerk)
        service.client.headers["authorization"] = f"Bearer {key}"
        with slowed(service):
            location = taken(service, chinese("禁用", 300))
            service.backstory.application.dispatch(Request(DisableUser(), clerk), IMPORTER)
            assert post(service, chinese("再来", 1)).status_code == 401
            assert service.client.get(location).status_code == 401
        service.client.headers["authorization"] = f"Bearer {operator}"
        assert counts(ended(service, location)["progress"]) == (300, 0, 0, 0)
        actors = {e.envelope.actor for e in events(service.backstory) if e.TOPIC == REGISTERED}
        assert actors == {clerk}


def key_of(service: Service, user: UUID) -> str:
    """A new key of the user, as an operator gives one."""
    key, digest = apikeys.new_key(user)
    command = AddUserApiKey(key_name="first", digest=digest)
    service.backstory.application.dispatch(Request(command, user), IMPORTER)
    return key


def added(service: Service, login: str) -> UUID:
    command = AddUser(login=login, name="李娜")
    return service.backstory.application.dispatch(Request(command), IMPORTER).id


@contextmanager
def slowed(service: Service) -> Iterator[None]:
    """While the block runs, every customer takes the database two milliseconds to store."""
    with psycopg.connect(service.backstory.url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION public.slowly() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER slowly BEFORE INSERT ON backstory.events FOR EACH ROW"
            " WHEN (NEW.kind = 'Customer') EXECUTE FUNCTION public.slowly()"
        )
        try:
            yield
        finally:
            connection.execute("DROP TRIGGER slowly ON backstory.events")
            connection.execute("DROP FUNCTION public.slowly")


def until(service: Service, location: str, has_come: Callable[[dict[str, Any]], bool]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not has_come(answer := service.client.get(location).json()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer


def test_one_that_runs_says_how_far_it_is_and_stops_when_it_is_reverted(service: Service) -> None:
    many = 6_000
    with slowed(service):
        location = taken(service, chinese("中途", many, "utf-8"))
        running = until(service, location, lambda a: bool(a["progress"].get("rows_created")))
        progress = running["progress"]
        assert (running["status"], progress["state"]) == ("running", "running")
        assert 0 < progress["rows_created"] <= progress["rows_read"]
        assert progress["rows_per_second"] > 0
        assert progress["seconds_left"] > 0
        assert progress["rows_read"] < progress["rows_total"] < 3 * many
        service.made(f"{location.removeprefix('/v1/')}/revert")
        stopped = until(service, location, lambda a: a["progress"]["state"] != "running")
        assert stopped["progress"]["state"] == "stopped"
    reverted = until(service, location, lambda a: a["status"] == "reverted")
    assert 0 < reverted["withdrawn"] < 2 * many
    assert names(service, "中途") == []
    again = taken(service, chinese("中途", many, "utf-8"))
    assert again != location
    service.made(f"{again.removeprefix('/v1/')}/revert")
    until(service, again, lambda a: a["status"] == "reverted")


def test_two_files_at_once_are_both_imported(service: Service) -> None:
    places: dict[str, str] = {}

    def upload(word: str) -> None:
        places[word] = taken(service, chinese(word, 300))

    threads = [Thread(target=upload, args=(word,)) for word in ("左边", "右边", "中间")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(set(places.values())) == 3
    for word, location in places.items():
        assert counts(ended(service, location)["progress"]) == (300, 0, 0, 0), word
        assert len(names(service, word)) == 300


def test_two_people_who_post_one_file_enter_it_once(service: Service) -> None:
    """Its rows have no ids: only their keys say that they are the same."""
    content = "客户名称\n两人一号有限公司\n".encode()
    told = 'kind = "tickets"\n[fields]\nsubject = "客户名称"\n'
    first = imported(service, content, mapping=told, kind="tickets")
    assert counts(first["progress"]) == (1, 0, 0, 0)
    other = service.made("users/add", {"login": "li.na", "name": "李娜"})["id"]
    uploads = Uploads(service.backstory)
    with folder() as place:
        (place / "file").write_bytes(content)
        mapping = parsed(told.encode(), "it")
        wish = Wish("f.csv", "tickets", mapping, "refuse", False, FOUND_OUT)
        caller = Caller(UUID(other))
        assert str(uploads.taking.take(place / "file", wish, caller, None)) == first["id"]
    again = ended(service, f"/v1/imports/{first['id']}")
    assert counts(again["progress"]) == (0, 0, 1, 0)


def test_what_waits_while_another_is_asked_for_otherwise_is_a_conflict(service: Service) -> None:
    content = chinese("别样", 4_000, "utf-8")
    with slowed(service):
        location = taken(service, content)
        other = post(service, content, on_duplicate="update")
        same = post(service, content)
        service.made(f"{location.removeprefix('/v1/')}/revert")
        until(service, location, lambda a: a["progress"]["state"] == "stopped")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/import-runs")
    assert (same.status_code, same.headers["Location"]) == (202, location)
    until(service, location, lambda a: a["status"] == "reverted")
