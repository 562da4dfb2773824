"""What is withdrawn holds nothing, is in no list and takes no command; and it can come back."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from adapters import registry
from adapters.importing.jobs import IMPORTER
from adapters.seeds import LOCAL
from aggregates.base import Aggregate, having
from aggregates.customer import Customer, DuplicateCustomerName
from aggregates.errors import Invalid
from aggregates.interaction import interaction_id
from aggregates.values import ExternalId
from aggregates.withdraw import RecordWithdrawn, Withdrawable
from commands.base import COMMANDS, Meta
from commands.requests import Caller, Request
from tests.importing import last
from tests.service import Service, database, running
from tests.spec import RECORD, given

registry.load()
KINDS = having(Withdrawable)
NAME = "杭州云帆科技有限公司"
REGISTERED = Customer.Registered(
    name=NAME, industry="software", external=ExternalId(system="old", id="7")
)
SPOKEN = Customer.InteractionRecorded(
    interaction_id=interaction_id(RECORD, 2), channel="visit", subject="参观"
)
PART = {"withdrawn_part_id": SPOKEN.interaction_id}


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


def asked(name: str, **fields: object) -> Any:
    return COMMANDS[name].model_validate(fields)


def withdrawn(service: Service, path: str, **meta: Any) -> None:
    """Take a record back, as the revert of an import does."""
    plural, id = path.split("/")
    request = Request(asked(f"{plural}/withdraw"), UUID(id), Meta(**meta))
    service.backstory.application.dispatch(request, IMPORTER)


def listed(service: Service, table: str, **query: Any) -> list[str]:
    query = {"after": last(service.backstory), **query}
    return [row["id"] for row in service.read(table, query)["items"]]


def test_whatever_imports_create_can_be_withdrawn() -> None:
    kinds = {kind.KIND for kind in KINDS}
    assert kinds == {"Contact", "Customer", "Opportunity", "Task", "Ticket"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.KIND)
def test_what_is_withdrawn_holds_nothing(kind: type[Aggregate]) -> None:
    """A kind that reserves more than others must give it up here too."""
    record = kind(RECORD)
    vars(record).update(name=NAME, external=REGISTERED.external, is_withdrawn=False)
    assert list(record.reservations())
    vars(record).update(is_withdrawn=True)
    assert not list(record.reservations())
    assert record.out_of_use() == "reference-withdrawn"


def test_a_withdrawn_record_refuses_all_but_being_reinstated() -> None:
    gone = given(REGISTERED, Customer.Withdrawn())
    gone.when(asked("customers/withdraw")).changes_nothing()
    for verb in ("archive", "assign"):
        fields = {"owner_id": str(LOCAL)} if verb == "assign" else {}
        gone.when(asked(f"customers/{verb}", **fields)).rejects(RecordWithdrawn)
    gone.when(asked("customers/reinstate")).then(Customer.Reinstated())


def test_what_was_recorded_on_it_goes_and_comes_with_it() -> None:
    lived = given(REGISTERED, SPOKEN).when(asked("customers/withdraw"))
    lived.then(Customer.Withdrawn(), Customer.PartWithdrawn(**PART))
    gone = given(REGISTERED, SPOKEN, *lived.aggregate.pending)
    back = Customer.Reinstated(), Customer.PartReinstated(**PART)
    gone.when(asked("customers/reinstate")).then(*back)


def test_an_archived_record_can_be_withdrawn_and_is_archived_again_afterwards() -> None:
    archived = given(REGISTERED, Customer.Archived())
    archived.when(asked("customers/withdraw")).then(Customer.Withdrawn())
    both = given(REGISTERED, Customer.Archived(), Customer.Withdrawn())
    both.when(asked("customers/reinstate")).leaves(is_archived=True, is_withdrawn=False)


def test_people_withdraw_nothing(service: Service) -> None:
    id = service.customer()
    assert service.post(f"customers/{id}/withdraw").status_code == 422
    request = Request(asked("customers/withdraw"), UUID(id))
    with pytest.raises(Invalid):
        service.backstory.application.dispatch(request, Caller(LOCAL))


def test_its_name_and_number_are_free_again(service: Service) -> None:
    external = {"system": "old", "id": "w-1"}
    body = {"name": "苏州清源水务有限公司", "external": external}
    first = service.customer(**body)
    withdrawn(service, f"customers/{first}")
    second = service.customer(**body)
    refused = service.post(f"customers/{first}/reinstate")
    assert refused.status_code == 409
    assert refused.json()["existing_id"] == second
    withdrawn(service, f"customers/{second}")
    service.made(f"customers/{first}/reinstate")
    again = service.post("customers/register", {"name": body["name"], **_rest()})
    assert again.json()["type"].endswith(_kebab(DuplicateCustomerName.__name__))


def _rest() -> dict[str, Any]:
    person = {"name": "王芳", "phone": "13812345678"}
    return {"industry": "software", "source": "website", "primary_contact": person}


def _kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).strip("-")


def test_no_list_no_search_and_no_comparison_has_it(service: Service) -> None:
    id = service.customer(name="温州海螺阀门有限公司")
    said = {"channel": "visit", "subject": "海螺参观"}
    service.made(f"customers/{id}/record-interaction", said)
    about = {"about_id": id}
    assert len(listed(service, "interactions", **about)) == 1
    withdrawn(service, f"customers/{id}")
    assert listed(service, "customers", id=id) == []
    assert listed(service, "interactions", **about) == []
    assert len(listed(service, "interactions", archived="any", **about)) == 1
    head = {"after": last(service.backstory)}
    assert service.read("search", {"q": "海螺", **head})["items"] == []
    similar = {"name": "温州海螺阀门有限公司", **head}
    assert service.read("queries/similar-customers", similar)["items"] == []
    [row] = service.read("customers", {"id": id, "archived": "any", **head})["items"]
    assert row["withdrawn_at"] is not None
    refused = service.post("tickets/open", {"customer_id": id, "subject": "x", **_ticket()})
    assert refused.json()["errors"][0]["field"] == "customer_id"
    service.made(f"customers/{id}/reinstate")
    assert listed(service, "customers", id=id) == [id]
    assert len(listed(service, "interactions", **about)) == 1
    sentences = [e["event"] for e in service.read(f"customers/{id}/history")["items"]]
    assert "Customer.Withdrawn" in sentences
    assert "Customer.Reinstated" in sentences


def _ticket() -> dict[str, str]:
    return {"kind": "complaint", "priority": "normal"}


def test_a_record_of_a_withdrawn_customer_stays_withdrawn(service: Service) -> None:
    customer_id = service.customer()
    deal = service.opportunity(customer_id)
    withdrawn(service, f"opportunities/{deal}")
    withdrawn(service, f"customers/{customer_id}")
    refused = service.post(f"opportunities/{deal}/reinstate")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "customer_id"


def test_on_the_clock_of_what_happened_it_may_never_have_been_there(service: Service) -> None:
    """The day on which it was entered is the day on which it is withdrawn, if that is said."""
    said = {"meta": {"occurred_at": "2024-05-02T00:00:00Z"}}
    id = service.customer(**said)
    asked_for = {"id": id, "as_of": "2024-06-01"}
    assert listed(service, "customers", **asked_for) == [id]
    withdrawn(service, f"customers/{id}", occurred_at="2024-05-02T00:00:00Z")
    assert listed(service, "customers", **asked_for) == []
    assert listed(service, "customers", id=id) == []
