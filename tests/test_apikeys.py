"""API keys lead to their user and to nothing else."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from adapters.apikeys import digest, new_key, user_of


@given(st.uuids())
def test_a_key_names_its_user_and_is_recognised_by_its_digest(user_id: UUID) -> None:
    key, stored = new_key(user_id)
    assert user_of(key) == user_id
    assert digest(key) == stored
    assert key not in stored


def test_two_keys_of_a_user_differ() -> None:
    user_id = UUID(int=7)
    assert len({new_key(user_id)[0] for _ in range(100)}) == 100


@given(st.text())
def test_what_is_no_key_is_nobodys(text: str) -> None:
    assert user_of(text) is None


def test_a_key_with_something_before_or_after_it_is_nobodys() -> None:
    key, _ = new_key(UUID(int=7))
    assert [user_of(text) for text in (key + "\n", " " + key, key[:-1], key.upper())] == [None] * 4
