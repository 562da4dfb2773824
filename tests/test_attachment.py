"""Files on records: attached, detached, gone with the interaction that they belong to."""

from uuid import UUID

import pytest

from adapters import registry
from aggregates.attachment import (
    CONTENTS,
    MOST_ATTACHMENTS,
    Attachable,
    AttachedFile,
    NoSuchAttachment,
    attachment_id,
)
from aggregates.base import having
from aggregates.customer import Customer
from aggregates.errors import Invalid
from aggregates.interaction import NoSuchInteraction, interaction_id
from commands.base import COMMANDS, Command, addressable_commands
from tests.spec import RECORD, given

registry.load()
CONTENT, OTHER = UUID(int=5), UUID(int=6)
FILE = AttachedFile(
    file_name="意向书.pdf",
    media_type="application/pdf",
    size=9,
    digest="ab" * 32,
    content_id=CONTENT,
)
REGISTERED = Customer.Registered(
    name="杭州云帆科技有限公司", industry="software", source="website", type="prospect"
)
CALL = interaction_id(RECORD, 2)
CALLED = Customer.InteractionRecorded(interaction_id=CALL, channel="call", subject="报价")
FIRST = attachment_id(RECORD, 2)
ATTACHED = Customer.Attached(attachment_id=FIRST, **FILE.model_dump())
ON_CALL = attachment_id(RECORD, 3)
ATTACHED_TO_CALL = Customer.Attached(
    attachment_id=ON_CALL, interaction_id=CALL, **FILE.model_dump()
)


def asked(name: str, **fields: object) -> Command:
    return COMMANDS[name].model_validate(fields)


def test_a_file_is_attached_under_an_id_that_follows_from_the_record() -> None:
    given(REGISTERED).when(asked("customers/attach", file=FILE)).then(ATTACHED)
    noted = asked("customers/attach", file=FILE, note="盖章件")
    after = given(REGISTERED).when(noted)
    after.then(ATTACHED.model_copy(update={"note": "盖章件"}))


def test_a_file_belongs_to_an_interaction_that_is_there() -> None:
    to_call = asked("customers/attach", file=FILE, interaction_id=CALL)
    given(REGISTERED, CALLED).when(to_call).then(ATTACHED_TO_CALL)
    given(REGISTERED).when(to_call).rejects(NoSuchInteraction)
    retracted = Customer.InteractionRetracted(interaction_id=CALL, reason="误记")
    given(REGISTERED, CALLED, retracted).when(to_call).rejects(NoSuchInteraction)


def test_what_is_detached_is_detached_once() -> None:
    detach = asked("customers/detach", attachment_id=FIRST, reason="传错了")
    detached = Customer.Detached(attachment_id=FIRST, reason="传错了")
    given(REGISTERED, ATTACHED).when(detach).then(detached)
    given(REGISTERED, ATTACHED, detached).when(detach).rejects(NoSuchAttachment)
    given(REGISTERED).when(detach).rejects(NoSuchAttachment)
    merged = Customer.Merged(into_id=OTHER)
    given(REGISTERED, ATTACHED, merged).when(detach).then(detached).leaves(merged_into=OTHER)


def test_a_retracted_interaction_takes_its_files_along_and_no_others() -> None:
    retract = asked("customers/retract-interaction", interaction_id=CALL, reason="误记")
    own = Customer.Attached(attachment_id=attachment_id(RECORD, 4), **FILE.model_dump())
    given(REGISTERED, CALLED, ATTACHED_TO_CALL, own).when(retract).then(
        Customer.InteractionRetracted(interaction_id=CALL, reason="误记"),
        Customer.Detached(attachment_id=ON_CALL, reason="误记"),
    )
    detached = Customer.Detached(attachment_id=ON_CALL, reason="传错了")
    given(REGISTERED, CALLED, ATTACHED_TO_CALL, detached).when(retract).then(
        Customer.InteractionRetracted(interaction_id=CALL, reason="误记")
    )


@pytest.mark.parametrize("kind", [of.KIND for of in having(Attachable)])
def test_every_kind_marks_what_was_ever_attached(kind: str) -> None:
    """Or its contents would be taken for loose, and collected."""
    of = next(of for of in having(Attachable) if kind == of.KIND)
    created = next(e for e in of.EVENTS.values() if "incomplete" in e.model_fields)
    begun = created.model_construct()
    said = {
        "Attached": {"attachment_id": FIRST, **FILE.model_dump()},
        "Detached": {"attachment_id": FIRST, "reason": "x"},
    }
    events = [of.EVENTS[f"{kind}.{name}"].model_validate(said[name]) for name in said]
    record = of(RECORD)
    record.__dict__.update({"name": "杭州云帆科技有限公司"})
    for event in (begun, *events):
        event.apply(record)
    assert str(CONTENT) in {m.value for m in record.marks() if m.scope == CONTENTS}


def test_a_record_takes_so_many_files() -> None:
    record = Customer.replay(RECORD, [REGISTERED])
    for _ in range(MOST_ATTACHMENTS):
        record.attach(FILE)
    with pytest.raises(Invalid):
        record.attach(FILE)


def test_nobody_attaches_without_a_file() -> None:
    """The command names a content: only what took the file in may say which."""
    assert not [name for name in addressable_commands() if name.endswith("/attach")]


@pytest.mark.parametrize("name", ["", " ", "a\nb.pdf", "a\0.pdf", "\x7f", "x" * 256, "\ud800"])
def test_what_is_no_name_of_a_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"file_name"):
        AttachedFile(**{**FILE.model_dump(), "file_name": name})
