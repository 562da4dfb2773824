"""Personal data: sealed per subject, bound to its place, gone with the key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from adapters.keys import Keyring
from adapters.mapper import Mapper, UnknownTopic
from adapters.personal import (
    CACHED_SUBJECTS,
    SubjectKeys,
    Tampered,
    binding,
    is_sealed,
    seal,
    subject_of,
    unseal,
)
from adapters.postgres.views.runner import BATCH
from aggregates.base import derived
from aggregates.contact import Contact
from aggregates.customer import Customer
from aggregates.user import User
from commands.customer import ChangeCustomerDetails
from commands.ports import NeedsIO, StoredEvent
from tests.write_side import KEYRING, WriteSide, registration, write_side_on

STREAM, SUBJECT, OTHER = (UUID(int=n) for n in range(1, 4))
BYTES_OF_A_CIPHER, MOST_BYTES = 2_700, 64_000_000
HERE = binding(STREAM, 3, "phone")


@pytest.fixture
def side(database_url: str) -> Iterator[WriteSide]:
    with write_side_on(database_url) as side:
        yield side


@pytest.fixture
def keys(side: WriteSide) -> SubjectKeys:
    """Keys of two subjects, in memory."""
    keys = SubjectKeys(side.log, KEYRING)
    keys.keep({subject.int: keys.create(subject)[0] for subject in (SUBJECT, OTHER)})
    return keys


def cipher_of(keys: SubjectKeys, subject: UUID = SUBJECT):
    cipher = keys.get(subject)
    assert cipher is not None
    return cipher


# Values


@pytest.mark.parametrize("value", ["13812345678", "", "𠮷\n", 3, 1.5, True, ["a"], {"a": None}])
def test_a_sealed_value_is_opened_where_it_was_sealed(keys: SubjectKeys, value: object) -> None:
    sealed = seal(cipher_of(keys), str(SUBJECT), value, HERE)
    assert is_sealed(sealed)
    assert subject_of(sealed) == SUBJECT
    assert unseal(keys, orjson.loads(orjson.dumps(sealed)), HERE) == value
    assert orjson.dumps(sealed) != orjson.dumps(seal(cipher_of(keys), str(SUBJECT), value, HERE))


@pytest.mark.parametrize(
    "place",
    [
        binding(OTHER, 3, "phone"),
        binding(STREAM, 4, "phone"),
        binding(STREAM, -3, "phone"),
        binding(STREAM, 3, "name"),
    ],
)
def test_a_sealed_value_that_was_moved_is_noticed(keys: SubjectKeys, place: bytes) -> None:
    sealed = seal(cipher_of(keys), str(SUBJECT), "13812345678", HERE)
    with pytest.raises(Tampered):
        unseal(keys, sealed, place)


@pytest.mark.parametrize("part", [1, 2])
def test_a_sealed_value_that_was_changed_is_noticed(keys: SubjectKeys, part: int) -> None:
    sealed = seal(cipher_of(keys), str(SUBJECT), "13812345678", HERE)
    changed = deepcopy(sealed)
    first = changed["$p"][part][0]
    changed["$p"][part] = ("B" if first == "A" else "A") + changed["$p"][part][1:]
    with pytest.raises(Tampered):
        unseal(keys, changed, HERE)
    changed = {"$p": [str(OTHER), *sealed["$p"][1:]]}
    with pytest.raises(Tampered):
        unseal(keys, changed, HERE)


def test_without_the_key_there_is_no_value(keys: SubjectKeys) -> None:
    nobody = uuid4()
    cipher, _ = keys.create(nobody)
    assert unseal(keys, seal(cipher, str(nobody), "13812345678", HERE), HERE) is None


def test_a_key_that_is_not_in_memory_is_asked_of_the_log(side: WriteSide) -> None:
    customer = side.do(registration(address="金陵东路")).id
    cold = SubjectKeys(side.log, KEYRING)
    with pytest.raises(NeedsIO):
        cold.get(customer, offline=True)
    assert cold.get(customer) is cold.get(customer, offline=True) is not None
    cold.forget([customer])
    assert cold.cached(customer) is None


# Events


def stored(side: WriteSide, id: UUID, version: int = 1) -> StoredEvent:
    return side.log.stream(id, after=version - 1, limit=1)[0]


def test_what_is_kept_of_keys_is_bounded(
    keys: SubjectKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * BATCH <= CACHED_SUBJECTS <= MOST_BYTES // BYTES_OF_A_CIPHER
    monkeypatch.setattr("adapters.personal.CACHED_SUBJECTS", 3)
    newer = [uuid4() for _ in range(2)]
    keys.keep({subject.int: keys.create(subject)[0] for subject in newer})
    assert keys.cached(SUBJECT) is None
    assert all(keys.cached(subject) for subject in (OTHER, *newer))


def test_a_contact_is_sealed_with_its_own_key_and_notes_with_the_customers(
    side: WriteSide,
) -> None:
    customer = side.do(registration(notes="王芳喜欢茶")).id
    contact = derived(customer, "primary-contact")
    [said, of_contact] = [orjson.loads(stored(side, id).payload) for id in (customer, contact)]
    assert subject_of(said["notes"]) == customer
    assert {subject_of(of_contact[n]) for n in ("name", "phone")} == {contact}
    assert not is_sealed(said["name"])
    assert set(side.log.subject_keys([customer, contact])) == {customer, contact}


def test_erased_fields_read_as_nothing_and_the_rest_stays(
    side: WriteSide, database_url: str
) -> None:
    customer = side.do(registration(notes="王芳喜欢茶")).id
    side.do(ChangeCustomerDetails(needs="灯", region="华东"), customer, reason="来电")
    contact = derived(customer, "primary-contact")
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM backstory.subject_keys WHERE subject = %s", [customer])
    later = Mapper(side.log, KEYRING)
    registered, changed = later.read_all(side.log.stream(customer))
    assert isinstance(registered, Customer.Registered)
    assert isinstance(changed, Customer.DetailsChanged)
    assert (registered.notes, changed.needs, changed.envelope.reason) == (None, None, None)
    assert (registered.industry, changed.region) == ("manufacturing", "华东")
    [added] = later.read_all(side.log.stream(contact))
    assert isinstance(added, Contact.Added)
    assert (added.name, added.phone) == ("王芳", "13812345678")
    replayed = Customer.replay(customer, [registered, changed])
    assert replayed.state()["notes"] is None


def test_an_event_put_in_anothers_place_is_noticed(side: WriteSide) -> None:
    one, two = (derived(side.do(registration()).id, "primary-contact") for _ in range(2))
    side.mapper.read(stored(side, one))
    with pytest.raises(Tampered):
        side.mapper.read(replace(stored(side, one), stream_id=two))
    with pytest.raises(Tampered):
        side.mapper.read(replace(stored(side, one), version=2))


def test_a_topic_that_nobody_declares_is_named(side: WriteSide) -> None:
    [event, *_] = side.settled(1)
    with pytest.raises(UnknownTopic, match=r"Customer\.Teleported"):
        side.mapper.read(replace(event, topic="Customer.Teleported"))


def test_rivals_that_make_a_subjects_first_key_agree_on_one(
    side: WriteSide, database_url: str
) -> None:
    with write_side_on(database_url) as other:
        for n in range(8):
            customer = side.do(registration()).id
            assert customer not in side.log.subject_keys([customer])

            def change(process: WriteSide, field: str, customer: UUID = customer) -> None:
                said = ChangeCustomerDetails.model_validate({field: f"秘密 {field}"})
                process.do(said, customer, reason="来电")

            with ThreadPoolExecutor(2) as threads:
                jobs = [
                    threads.submit(change, process, field)
                    for process, field in ((side, "notes"), (other, "needs"))
                ]
                for job in jobs:
                    job.result(timeout=30)
            state = Mapper(side.log, KEYRING).read_all(side.log.stream(customer))
            replayed = Customer.replay(customer, state).state()
            assert (replayed["notes"], replayed["needs"]) == ("秘密 notes", "秘密 needs"), n


def test_another_master_key_opens_nothing(side: WriteSide) -> None:
    customer = side.do(registration(notes="茶")).id
    stranger = Mapper(side.log, Keyring(bytes(32)))
    with pytest.raises(InvalidTag):
        stranger.read_all(side.log.stream(customer))


# Keys


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: Keyring.from_file(path).check, range(32)))
    assert len(set(made)) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(path.read_text("ascii").strip())) == 32
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(b"short")
    path = tmp_path / "secret.key"
    path.write_text("00" * 31)
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring.from_file(path)


def test_what_is_derived_depends_on_the_key_and_on_every_part() -> None:
    one, two = Keyring(b"1" * 32), Keyring(b"2" * 32)
    assert one.lookup("login", "a") == Keyring(b"1" * 32).lookup("login", "a")
    lookups = [
        one.lookup("login", "a"),
        two.lookup("login", "a"),
        one.lookup("logi", "na"),
        one.lookup("login", "A"),
        one.lookup("", "logina"),
    ]
    fingerprints = [
        one.fingerprint(b"a", b"b"),
        two.fingerprint(b"a", b"b"),
        one.fingerprint(b"ab"),
        one.fingerprint(b"a", b"b", b""),
    ]
    assert len({*lookups, *fingerprints}) == 9
    assert {len(key) for key in lookups} == {16}
    assert one.matches(one.check)
    assert not one.matches(two.check)


def test_a_wrapped_key_is_its_subjects_only() -> None:
    keyring = Keyring(b"1" * 32)
    wrapped = keyring.wrap(SUBJECT, b"k" * 32)
    assert keyring.unwrap(SUBJECT, wrapped) == b"k" * 32
    assert b"kkkk" not in wrapped
    with pytest.raises(InvalidTag):
        keyring.unwrap(OTHER, wrapped)
    with pytest.raises(InvalidTag):
        Keyring(b"2" * 32).unwrap(SUBJECT, wrapped)


def test_personal_fields_are_found_in_the_events() -> None:
    mapper = Mapper.__new__(Mapper)
    mapper._personal = {}
    assert mapper.personal(User.Added) == {"name": "self"}
    assert mapper.personal(Customer.Assigned) == {}
