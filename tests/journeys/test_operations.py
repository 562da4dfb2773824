"""Every operation of the document, called with valid and with invalid data: nothing breaks it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from adapters import registry
from commands.base import COMMANDS
from tests.service import Service, database, running

registry.load()

KINDS = sorted({name.partition("/")[0] for name in COMMANDS})
REST = "what is of no kind"


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


def no_server_error(context: CheckContext, response: Any, case: Any) -> None:
    """Whatever is sent, the answer is not that something went wrong in here."""
    assert response.status_code < 500 or response.status_code == 503, response.text


CHECKS = [
    no_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]

OF_TEXTS = [check for check in CHECKS if check.__name__ != "negative_data_rejection"]
"""Of requests without a body: in an address all is text, so a number where the document has a
text, or a single value where it has several, is as good as any. That parameters are refused by
name is in the tests of reads."""


@pytest.fixture(scope="module")
def operations(service: Service) -> dict[str, list[Any]]:
    """The operations of each kind of record, and of nothing in particular."""
    document: Any = schemathesis.openapi.from_url(f"{service.client.base_url}/openapi.json")
    found: dict[str, list[Any]] = {kind: [] for kind in (*KINDS, REST)}
    for result in document.get_all_operations():
        operation = result.ok()
        if not operation.path.endswith("/stream"):  # endless by nature
            kind = _kind(operation.path)
            found[kind if kind in KINDS else REST].append(operation)
    assert sum(map(len, found.values())) > len(COMMANDS)
    return found


def _kind(path: str) -> str:
    return path.split("/")[2] if path.startswith("/v1/") else ""


def failures(operation: Any, mode: GenerationMode, examples: int, known: dict[str, str]) -> str:
    """What goes wrong when the operation is called with drawn data; nothing: an empty text."""
    seen: Counter[int] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            _reach(case, known, seen.total())
        response = case.call(timeout=60)
        seen[response.status_code] += 1
        is_text_only = mode is GenerationMode.NEGATIVE and not operation.body
        case.validate_response(response, checks=OF_TEXTS if is_text_only else CHECKS)

    try:
        call()
    except Unsatisfiable:  # nothing in the operation can be invalid
        return ""
    except (FailureGroup, AssertionError) as failure:
        return f"{operation.label} ({mode.value}): {failure}"
    return ""


def _reach(case: Any, known: dict[str, str], number: int) -> None:
    """Let every other request name a record that exists, and none wait for what will never be."""
    kind = _kind(case.path)
    if number % 2 and "id" in (case.path_parameters or {}) and kind in known:
        case.path_parameters["id"] = known[kind]
    if "after" in (case.query or {}):
        case.query["after"] = 1


@pytest.fixture
def known(service: Service) -> dict[str, str]:
    """A record of some kinds."""
    word = uuid4().hex[:8]
    customer = service.customer()
    entry = {"dictionary": "grade", "code": f"g{word}", "zh": "戊", "en": "E"}
    return {
        "customers": customer,
        "opportunities": service.opportunity(customer),
        "users": service.made("users/add", {"login": f"u{word}", "name": "李娜"})["id"],
        "dictionary-entries": service.made("dictionary-entries/add", entry)["id"],
    }


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # how forms are drawn
@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(30, marks=pytest.mark.timeout(600)),
        pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(7_200)]),
    ],
)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("kind", [*KINDS, REST])
def test_no_operation_breaks_its_document(
    operations: dict[str, list[Any]],
    known: dict[str, str],
    kind: str,
    mode: GenerationMode,
    examples: int,
) -> None:
    assert operations[kind], "the document has none"
    came = [failures(operation, mode, examples, known) for operation in operations[kind]]
    found = [failure for failure in came if failure]
    assert not found, "\n\n".join(found)
