"""Attachments over HTTP: taken in as they come, sealed, given back byte for byte, or refused."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from adapters.attachments.collecting import collect
from adapters.attachments.contents import CHUNK
from tests.adapters.attached_files import DISGUISED, EICAR, EXE, PDF, PNG
from tests.adapters.test_exports import Watched
from tests.adapters.test_scanning import clamd
from tests.service import Service, running

LIMIT = 3 * 1_048_576
BIG = PDF + bytes(2 * CHUNK + 100)
Files = dict[str, tuple[str, bytes, str]]


@pytest.fixture(scope="module")
def service(module_database_url: str) -> Iterator[Service]:
    with running(module_database_url, attachment_limit=LIMIT) as service:
        yield service


def form(
    content: bytes, name: str = "意向书.pdf", media_type: str = "application/octet-stream"
) -> Files:
    return {"file": (name, content, media_type)}


def attach(
    service: Service, path: str, files: Files, said: Any = None, **headers: str
) -> httpx.Response:
    data = None if said is None else {"command": json.dumps(said)}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.client.post(f"/v1/{path}/attach", data=data, files=files, headers=named)


def attached(service: Service, path: str, files: Files, said: Any = None, **headers: str) -> Any:
    """The attachment's row."""
    answer = attach(service, path, files, said, **headers)
    assert answer.status_code == 200, answer.text
    return newest(service, path, answer.json()["position"])


def newest(service: Service, path: str, position: int) -> Any:
    query = {"about_id": path.split("/")[1], "sort": "-position", "archived": "any"}
    listed = service.client.get("/v1/attachments", params={**query, "after": str(position)})
    assert listed.status_code == 200, listed.text
    return listed.json()["items"][0]


def content(service: Service, row: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.client.get(f"/v1/attachments/{row['id']}/content", headers=named)


def refused(answer: httpx.Response, status: int = 422, field: str = "file") -> str:
    """What is said of the field."""
    assert answer.status_code == status, answer.text
    assert [e["field"] for e in answer.json()["errors"]] == [field]
    return str(answer.json()["errors"][0]["message"])


def stored(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM backstory.contents").fetchone()
    assert row is not None
    return int(row[0])


# In and out


@pytest.mark.parametrize("data", [PDF, BIG, PDF + bytes(CHUNK - len(PDF))])
def test_a_file_comes_back_byte_for_byte(service: Service, data: bytes) -> None:
    customer = service.customer()
    row = attached(service, f"customers/{customer}", form(data), {"note": "盖章件"})
    assert (row["file_name"], row["media_type"], row["size"]) == (
        "意向书.pdf",
        "application/pdf",
        len(data),
    )
    assert (row["customer_id"], row["about_kind"], row["note"]) == (customer, "customer", "盖章件")
    answer = content(service, row)
    assert answer.status_code == 200
    assert answer.content == data
    headers = answer.headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-length"] == str(len(data))
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    disposition = headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert unquote(disposition.split("filename*=UTF-8''")[1]) == "意向书.pdf"


def test_every_kind_of_record_takes_files_and_the_customer_shows_them(service: Service) -> None:
    customer = service.customer()
    opportunity = service.opportunity(customer)
    ticket = service.made(
        "tickets/open",
        {"customer_id": customer, "subject": "灯不亮", "kind": "complaint", "priority": "urgent"},
    )["id"]
    person = {"customer_id": customer, "name": "李雷", "phone": "13812345678"}
    contact = service.made("contacts/add", person)["id"]
    paths = {
        "customer": f"customers/{customer}",
        "opportunity": f"opportunities/{opportunity}",
        "ticket": f"tickets/{ticket}",
        "contact": f"contacts/{contact}",
    }
    rows = {kind: attached(service, path, form(PNG, "名片.png")) for kind, path in paths.items()}
    for kind, row in rows.items():
        assert (row["about_kind"], row["customer_id"]) == (kind, customer)
        assert content(service, row).content == PNG
    subjects = {
        kind: service.backstory.contents.chunks.find(UUID(row["content_id"])).subject  # type: ignore[union-attr]
        for kind, row in rows.items()
    }
    of_customer = dict.fromkeys(("customer", "opportunity", "ticket"), UUID(customer))
    assert subjects == {**of_customer, "contact": UUID(contact)}, "by whose key each is sealed"
    whole = service.client.get(
        f"/v1/customers/{customer}/360", params={"after": rows["contact"]["position"]}
    ).json()
    assert {row["id"] for row in rows.values()} <= ids(whole), "the customer shows every file"


def ids(tree: Any) -> set[str]:
    """Every id anywhere in an answer."""
    if isinstance(tree, list):
        return set().union(*map(ids, tree))
    if isinstance(tree, dict):
        return set().union({str(tree.get("id"))}, *map(ids, tree.values()))
    return set()


def test_a_file_of_an_interaction_goes_with_it(service: Service) -> None:
    customer = service.customer()
    path = f"customers/{customer}"
    made = service.made(f"{path}/record-interaction", {"channel": "visit", "subject": "参观"})
    [visit] = service.client.get(
        "/v1/interactions", params={"customer_id": customer, "after": made["position"]}
    ).json()["items"]
    row = attached(service, path, form(PDF), {"interaction_id": visit["id"]})
    assert row["interaction_id"] == visit["id"]
    assert content(service, row).status_code == 200
    gone = service.made(
        f"{path}/retract-interaction", {"interaction_id": visit["id"], "reason": "误记"}
    )
    query = {"customer_id": customer, "after": gone["position"]}
    assert service.client.get("/v1/attachments", params=query).json()["items"] == []
    assert content(service, row).status_code == 410
    unknown = attach(service, path, form(PDF), {"interaction_id": str(uuid4())})
    assert unknown.status_code == 409
    assert unknown.json()["type"].endswith("no-such-interaction")


def test_a_detached_file_is_gone_and_the_past_has_it(service: Service) -> None:
    path = f"customers/{service.customer()}"
    row = attached(service, path, form(BIG))
    said = {"attachment_id": row["id"], "reason": "传错了"}
    gone = service.made(f"{path}/detach", said)
    address = f"/v1/attachments/{row['id']}/content"
    for language, title in (("zh", "附件已被移除"), ("en", "The file was detached")):
        answer = service.client.get(
            address, params={"after": gone["position"]}, headers={"Accept-Language": language}
        )
        assert (answer.status_code, answer.json()["title"]) == (410, title)
    before = service.client.get(address, params={"as_of": gone["position"] - 1})
    assert before.content == BIG
    told = service.client.get(f"/v1/{path}/history").json()["items"]
    assert [i["sentence"] for i in told[-2:]] == [
        "添加了附件“意向书.pdf”",
        "移除了附件“意向书.pdf”，原因：传错了",
    ]
    assert service.post(f"{path}/detach", said).json()["type"].endswith("no-such-attachment")


def test_ranges_are_given_as_asked_for(service: Service) -> None:
    row = attached(service, f"customers/{service.customer()}", form(BIG))
    size = len(BIG)
    for asked, begin, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=-{size * 2}", 0, size),
        (f"bytes={CHUNK - 3}-{CHUNK + 3}", CHUNK - 3, CHUNK + 4),
        (f"bytes={size - 1}-{size * 2}", size - 1, size),
    ):
        answer = content(service, row, Range=asked)
        assert answer.status_code == 206, asked
        assert answer.content == BIG[begin:end], asked
        assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
    for asked in (f"bytes={size}-", "bytes=-0"):
        answer = content(service, row, Range=asked)
        assert answer.status_code == 416, asked
        assert answer.headers["content-range"] == f"bytes */{size}"
    for asked in ("bytes=0-1,3-4", "bytes=-", "bytes=9-3", "lines=1-2", "bytes=a-b"):
        assert content(service, row, Range=asked).status_code == 200, asked
    etag = content(service, row).headers["etag"]
    assert content(service, row, If_None_Match=etag).status_code == 304
    assert content(service, row, If_None_Match=f'"x", W/{etag}').status_code == 304
    assert content(service, row, If_None_Match='"x"').status_code == 200
    assert content(service, row, Range="bytes=0-1", If_Range=etag).status_code == 206
    assert content(service, row, Range="bytes=0-1", If_Range='"x"').status_code == 200


def test_the_same_request_is_carried_out_once(service: Service, module_database_url: str) -> None:
    path = f"customers/{service.customer()}"
    first = attach(service, path, form(PDF), {"note": "一"}, Idempotency_Key="a-1")
    before = stored(module_database_url)
    again = attach(service, path, form(PDF), {"note": "一"}, Idempotency_Key="a-1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert stored(module_database_url) == before, "the same file is stored once"
    other = attach(service, path, form(PDF + b" "), {"note": "一"}, Idempotency_Key="a-1")
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    renamed = attach(service, path, form(PDF, "b.pdf"), {"note": "一"}, Idempotency_Key="a-1")
    assert renamed.status_code == 422
    stale = attach(service, path, form(PDF), If_Match='"1"')
    assert stale.status_code == 200, "a file more overwrites nothing"


def test_files_attached_at_once_are_all_there(service: Service) -> None:
    path = f"customers/{service.customer()}"

    def one(n: int) -> int:
        return attach(service, path, form(PDF + bytes(n % 3), f"{n}.pdf")).status_code

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(one, range(12))) == [200] * 12
    last = service.client.get(f"/v1/{path}").json()
    query = {"about_id": path.split("/")[1], "after": last["position"]}
    listed = service.client.get("/v1/attachments", params=query).json()["items"]
    assert sorted(row["file_name"] for row in listed) == sorted(f"{n}.pdf" for n in range(12))
    assert len({row["content_id"] for row in listed}) == 3


NAMES = ["../../x.pdf", "..\\..\\x.pdf", "/etc/passwd.pdf", 'a"b;c.pdf', "a%2f..%00.pdf", "😀.pdf"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_as_text_and_is_never_a_path(service: Service, name: str) -> None:
    row = attached(service, f"customers/{service.customer()}", form(PDF, name))
    assert row["file_name"] == name
    answer = content(service, row)
    assert answer.content == PDF
    saved = unquote(answer.headers["content-disposition"].split("filename*=UTF-8''")[1])
    assert not set(saved) & set('/\\"\0')
    assert saved.endswith(".pdf")


# Refused


@pytest.mark.parametrize("name", DISGUISED)
def test_what_is_not_what_it_says_is_refused(service: Service, name: str) -> None:
    answer = attach(service, f"customers/{service.customer()}", form(DISGUISED[name], name))
    assert refused(answer)


def test_what_is_wrong_is_named_and_nothing_stays(
    service: Service, module_database_url: str
) -> None:
    path = f"customers/{service.customer()}"
    collect(service.backstory.contents, service.backstory.log, timedelta(0))
    before = stored(module_database_url)
    assert "是空的" in refused(attach(service, path, form(b"")))
    assert ".pdf" in refused(attach(service, path, form(EXE, "setup.exe")))
    assert "image/png" in refused(attach(service, path, form(PDF, "a.pdf", "image/png")))
    alone = {"command": (None, b"{}", "application/json")}
    assert refused(service.client.post(f"/v1/{path}/attach", files=alone), field="file")
    two = service.client.post(
        f"/v1/{path}/attach", files=[("file", form(PDF)["file"]), ("file", form(PDF)["file"])]
    )
    assert refused(two)
    other = service.client.post(f"/v1/{path}/attach", files={"picture": form(PDF)["file"]})
    assert refused(other, field="picture")
    assert refused(attach(service, path, form(PDF), {"nothing": 1}), field="nothing")
    assert refused(attach(service, path, form(PDF), []), field="command")
    forged = {"file": {"content_id": str(uuid4())}}
    assert refused(attach(service, path, form(PDF), forged)), "what lies where, only we say"
    collect(service.backstory.contents, service.backstory.log, timedelta(0))
    assert stored(module_database_url) == before


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 415),
        (b"nonsense", "multipart/form-data; boundary=x", 400),
        (b"", "multipart/form-data; boundary=x", 400),
        (b"--x\r\n\r\nabc\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
        (
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
            "multipart/form-data; boundary=x",
            400,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF,
            "multipart/form-data; boundary=x",
            400,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\0.pdf"\r\n\r\n'
            + PDF
            + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            422,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="command"\r\n\r\n{"a\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
        ),
        (b"--x\r\n" + b"A: " + b"b" * 100_000, "multipart/form-data; boundary=x", 400),
        (b"a", "multipart/form-data; boundary=" + "y" * 1_000, 400),
    ],
)
def test_what_is_no_form_is_a_problem(
    service: Service, body: bytes, media_type: str, status: int
) -> None:
    answer = service.client.post(
        f"/v1/customers/{service.customer()}/attach",
        content=body,
        headers={"Content-Type": media_type},
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_there_must_be_a_record(service: Service) -> None:
    assert attach(service, f"customers/{uuid4()}", form(PDF)).status_code == 404
    assert attach(service, "customers/x", form(PDF)).status_code == 422
    assert service.client.get(f"/v1/attachments/{uuid4()}/content").status_code == 404
    assert service.client.get("/v1/attachments/x/content").status_code == 422
    batch = {"commands": [{"command": "customers/attach", "id": service.customer(), "body": {}}]}
    [result] = service.made("batch", batch)["results"]
    assert result["status"] == 422


# Big ones


def test_a_file_that_is_too_big_is_refused(service: Service, module_database_url: str) -> None:
    path = f"customers/{service.customer()}"
    before = stored(module_database_url)
    answer = attach(service, path, form(PDF + bytes(LIMIT)))
    assert answer.status_code == 413
    assert answer.json()["limit"] == LIMIT
    assert stored(module_database_url) == before
    assert attach(service, path, form(PDF + bytes(LIMIT - len(PDF)))).status_code == 200


def connected(service: Service, head: str) -> socket.socket:
    address = urlsplit(str(service.client.base_url))
    connection = socket.create_connection((address.hostname, address.port), 20)
    connection.sendall(head.encode())
    return connection


def test_a_gigabyte_is_refused_before_it_is_sent(service: Service) -> None:
    path = f"/v1/customers/{service.customer()}/attach"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {2**30}\r\n"
        "Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    begun = time.monotonic()
    with connected(service, head) as connection:
        assert connection.recv(12) == b"HTTP/1.1 413"
    assert time.monotonic() - begun < 10


def test_a_gigabyte_of_unknown_length_is_cut_off_in_little_memory(service: Service) -> None:
    path = f"/v1/customers/{service.customer()}/attach"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF
    sent = 0
    with Watched() as memory, connected(service, head) as connection:
        connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        try:
            while sent < 2**30:
                connection.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
                sent += 65_536
        except OSError:
            pass  # the server has hung up
    assert sent < 64 * 2**20, "nobody read a gigabyte"
    assert memory.most < 48 * 2**20


def test_a_sender_that_goes_away_leaves_nothing(service: Service, module_database_url: str) -> None:
    path = f"/v1/customers/{service.customer()}/attach"
    before = stored(module_database_url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF
    with connected(service, head) as connection:
        connection.sendall(part + bytes(2 * CHUNK))
        deadline = time.monotonic() + 20
        while stored(module_database_url) == before:
            assert time.monotonic() < deadline, "nothing is stored while it comes"
            time.sleep(0.02)
    deadline = time.monotonic() + 20
    while stored(module_database_url) != before:
        assert time.monotonic() < deadline, "what was begun stays"
        time.sleep(0.02)


# What lies there


def test_what_was_tampered_with_is_never_given_as_whole(
    service: Service, module_database_url: str
) -> None:
    row = attached(service, f"customers/{service.customer()}", form(BIG))
    spoil = (
        "UPDATE backstory.chunks SET sealed = set_byte(sealed, 99, get_byte(sealed, 99) # 1)"
        " WHERE content_id = %s AND index = %s"
    )
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute(spoil, (row["content_id"], 1))
        with pytest.raises(httpx.RemoteProtocolError):
            content(service, row)
        assert content(service, row, Range="bytes=0-9").content == BIG[:10]
        connection.execute(spoil, (row["content_id"], 0))
        answer = content(service, row)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/content-damaged")
        connection.execute("DELETE FROM backstory.contents WHERE id = %s", (row["content_id"],))
        assert content(service, row).status_code == 503


def test_attached_files_are_never_collected(service: Service, module_database_url: str) -> None:
    path = f"customers/{service.customer()}"
    row = attached(service, path, form(BIG))
    service.made(f"{path}/detach", {"attachment_id": row["id"], "reason": "x"})
    collect(service.backstory.contents, service.backstory.log, timedelta(0))
    answer = service.client.get(
        f"/v1/attachments/{row['id']}/content", params={"as_of": row["position"]}
    )
    assert answer.content == BIG


# Viruses


def test_what_a_scanner_finds_is_refused(database_url: str) -> None:
    with clamd() as address, running(database_url, clamd=address) as service:
        path = f"customers/{service.customer()}"
        assert attach(service, path, form(PDF)).status_code == 200
        infected = attach(service, path, form(PDF + EICAR))
        assert "Eicar-Test-Signature" in refused(infected)
        assert stored(database_url) == 1
    with running(database_url, clamd=address) as service:
        path = f"customers/{service.customer()}"
        answer = attach(service, path, form(PDF + b"x"))
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("scan-unavailable")
        assert stored(database_url) == 1


def test_the_document_says_how_to_attach(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    for plural in ("customers", "contacts", "opportunities", "tickets"):
        operation = document["paths"][f"/v1/{plural}/{{id}}/attach"]["post"]
        schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert set(schema["properties"]) == {"command", "file"}
        fields = schema["properties"]["command"]["properties"]
        assert set(fields) == {"interaction_id", "note", "meta"}
        assert {"413", "415", "422"} <= operation["responses"].keys()
    answers = document["paths"]["/v1/attachments/{id}/content"]["get"]["responses"]
    assert {"200", "206", "304", "404", "410", "416"} <= answers.keys()
