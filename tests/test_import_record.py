"""Every import has a record with an id; all that it did is found by that id."""

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from adapters.bootstrap import Backstory
from adapters.importing.jobs import IMPORTER
from adapters.importing.recording import BeingReverted, begun, recorded
from adapters.importing.report import Report
from aggregates.events import Event
from aggregates.importing import Import, ImportReverted
from commands.importing import BeginImport, FinishImport, RevertImport
from tests.importing import events, imported, last, write_csv
from tests.service import Service, database, running
from tests.spec import given

HEADER = ["name", "industry", "source", "primary_contact.name", "primary_contact.phone"]
DIGEST = "0" * 64
BEGUN = Import.Begun(
    file_name="客户.csv", digest=DIGEST, imported="customers", mapping_digest=DIGEST
)
COUNTS = {"rows_read": 1, "rows_updated": 0, "rows_skipped": 0, "rows_refused": 0}


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Any:
    with database(postgres_url) as url, running(url) as service:
        yield service


def file(folder: Path, *names: str, name: str = "客户.csv") -> Path:
    people = [[name, "software", "website", "张三", "13800000001"] for name in names]
    return write_csv(folder / name, [HEADER, *people])


def row(service: Service, report: Report) -> dict[str, Any]:
    after = {"after": last(service.backstory, with_imports=True)}
    return service.read(f"imports/{report.import_id}", after)


def test_one_that_ran_again_and_changed_nothing_says_nothing_anew() -> None:
    finished = given(BEGUN, Import.Finished(rows_created=1, **COUNTS))
    finished.when(FinishImport(rows_created=0, **COUNTS)).changes_nothing()
    more = finished.when(FinishImport(rows_created=2, **COUNTS))
    more.then(Import.Finished(rows_created=2, **COUNTS))


def test_one_that_is_being_reverted_enters_nothing_more() -> None:
    reverting = given(BEGUN, Import.RevertBegun())
    reverting.when(FinishImport(rows_created=1, **COUNTS)).rejects(ImportReverted)
    reverting.when(RevertImport()).changes_nothing()


def test_an_import_has_a_record_with_its_counts(service: Service, tmp_path: Path) -> None:
    path = file(tmp_path, "上海记录一有限公司", "上海记录二有限公司", "")
    report = imported(service.backstory, "customers", path)
    shown = row(service, report)
    assert (shown["status"], shown["file_name"]) == ("finished", "客户.csv")
    assert shown["imported"] == "customers"
    counted = [shown[f"rows_{n}"] for n in ("read", "created", "updated", "skipped", "refused")]
    assert counted == [3, 2, 0, 0, 1]
    history = service.read(f"imports/{report.import_id}/history")["items"]
    assert [e["event"] for e in history] == ["Import.Begun", "Import.Finished"]


def test_all_that_it_did_is_found_by_its_id(service: Service, tmp_path: Path) -> None:
    before = last(service.backstory)
    report = imported(service.backstory, "customers", file(tmp_path, "上海记录三有限公司"))
    did = events(service.backstory, before)
    assert {e.TOPIC for e in did} == {"Customer.Registered", "Contact.Added"}
    assert {e.envelope.correlation_id for e in did} == {report.import_id}


def test_a_history_says_from_which_import_it_came(service: Service, tmp_path: Path) -> None:
    report = imported(service.backstory, "customers", file(tmp_path, "上海记录七有限公司"))
    [id] = {e.envelope.stream_id for e in events(service.backstory) if _is_of(e, report)}
    service.made(f"customers/{id}/change-details", {"region": "华东"})
    told = service.read(f"customers/{id}/history", accept_language="zh")["items"]
    assert [e["sentence"].endswith("（导入“客户.csv”）") for e in told] == [True, False]
    told = service.read(f"customers/{id}/history", accept_language="en")["items"]
    assert [e["sentence"].endswith(" (import “客户.csv”)") for e in told] == [True, False]
    href = f"/v1/imports/{report.import_id}"
    source = {"id": str(report.import_id), "file_name": "客户.csv", "href": href}
    assert [e["import"] for e in told] == [source, None]
    after = {"after": last(service.backstory, with_imports=True)}
    told = service.read(f"customers/{id}/timeline", after)["items"]
    assert {e["event"]: e["import"] for e in told} == {
        "Customer.DetailsChanged": None,
        "Contact.Added": source,
        "Customer.Registered": source,
    }
    own = service.read(f"imports/{report.import_id}/history")["items"]
    assert {e["import"] for e in own} == {None}, "an import does not come from itself"


def _is_of(event: Event, report: Report) -> bool:
    of = event.envelope
    return of.correlation_id == report.import_id and event.TOPIC == "Customer.Registered"


def test_the_same_file_is_the_same_import_and_another_is_another(
    service: Service, tmp_path: Path
) -> None:
    path = file(tmp_path, "上海记录四有限公司")
    first = imported(service.backstory, "customers", path)
    renamed = file(tmp_path, "上海记录四有限公司", name="again.csv")
    again = imported(service.backstory, "customers", renamed)
    assert again.import_id == first.import_id
    assert row(service, first)["version"] == 2
    longer = file(tmp_path, "上海记录四有限公司", "上海记录五有限公司")
    other = imported(service.backstory, "customers", longer)
    assert other.import_id != first.import_id
    assert row(service, other)["rows_created"] == 1


def test_a_rehearsal_leaves_no_record(service: Service, tmp_path: Path) -> None:
    before = last(service.backstory, with_imports=True)
    path = file(tmp_path, "上海记录六有限公司")
    report = imported(service.backstory, "customers", path, is_rehearsal=True)
    assert report.import_id is None
    assert last(service.backstory, with_imports=True) == before


def test_one_whose_revert_was_asked_for_stops(service: Service, tmp_path: Path) -> None:
    backstory: Backstory = service.backstory
    what = BeginImport.model_validate({**BEGUN.model_dump(exclude_unset=True), "digest": "a" * 64})
    id = begun(backstory, what, IMPORTER)
    assert state(service, id) == ["cut_off", "cut_off"], "nobody runs it"
    with recorded(backstory, id, IMPORTER) as record:
        look = record.watched(lambda _: None)
        look(Report())
        assert state(service, id) == ["running", "running"]
        service.made(f"imports/{record.id}/revert")
        with pytest.raises(BeingReverted):
            look(Report())
    with pytest.raises(BeingReverted), recorded(backstory, id, IMPORTER):
        pass


def state(service: Service, id: UUID) -> list[str]:
    """How it stands with an import, by the list and by its own address."""
    after = {"after": last(service.backstory, with_imports=True)}
    [listed] = service.read("imports", {"id": str(id), **after})["items"]
    return [listed["state"], service.read(f"imports/{id}", after)["state"]]


def test_of_the_past_a_list_says_what_was_recorded(service: Service, tmp_path: Path) -> None:
    report = imported(service.backstory, "customers", file(tmp_path, "上海记录八有限公司"))
    assert report.import_id is not None
    assert state(service, report.import_id) == ["finished", "finished"]
    events = service.backstory.log.stream(report.import_id)
    then = {"id": str(report.import_id), "as_of": events[0].position}
    [shown] = service.read("imports", then)["items"]
    assert (shown["status"], shown["state"]) == ("running", "running")


def test_what_an_import_did_is_found_by_an_index(service: Service) -> None:
    one = "SELECT stream_id FROM backstory.events WHERE correlation_id = %s AND origin = 'import'"
    with psycopg.connect(service.backstory.url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        explained = connection.execute(f"EXPLAIN {one}", (DIGEST[:32],)).fetchall()
    assert "events_import" in str(explained)
