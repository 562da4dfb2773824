"""Users: entered, changed, locked out; their API keys."""

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from aggregates.base import Reservation
from aggregates.user import (
    ApiKeyNameTaken,
    LoginTaken,
    NoSuchApiKey,
    User,
    UserDisabled,
)
from commands.base import Command
from commands.user import (
    AddUser,
    AddUserApiKey,
    ChangeUserDetails,
    DisableUser,
    RevokeUserApiKey,
)
from tests.spec import RECORD, given

SUPERIOR = UUID(int=1)
ADDED = User.Added(login="li.na", name="李娜")
KEY = User.ApiKeyAdded(key_name="import", digest="0" * 64)


def test_a_user_is_added_with_login_and_name() -> None:
    outcome = given().when(AddUser(login="li.na", name="李娜")).then(ADDED).leaves(is_active=True)
    assert list(outcome.aggregate.reservations()) == [Reservation("login", "li.na", LoginTaken)]


def test_superior_department_and_external_id_are_optional() -> None:
    said: dict[str, Any] = {"superior_id": SUPERIOR, "department": "销售一部"}
    given().when(AddUser(login="a", name="b", **said)).then(User.Added(login="a", name="b", **said))


@pytest.mark.parametrize(
    "login", ["", "Li.Na", ".na", "li na", "李娜", "a" * 101, "li.na\n", "\x00"]
)
def test_a_login_is_small_letters_digits_and_a_few_signs(login: str) -> None:
    with pytest.raises(ValidationError):
        AddUser.model_validate({"login": login, "name": "李娜"})


def test_only_details_that_differ_are_recorded() -> None:
    given(ADDED).when(ChangeUserDetails(name="李娜", department="销售一部")).then(
        User.DetailsChanged(department="销售一部")
    )
    given(ADDED).when(ChangeUserDetails(name="李娜")).changes_nothing()


def test_nobody_is_their_own_superior() -> None:
    given(ADDED).when(ChangeUserDetails(superior_id=RECORD)).invalid("superior_id")


def test_nobody_is_given_a_superior_who_is_below_them() -> None:
    below = User.replay(SUPERIOR, [User.Added(login="x", name="x", superior_id=UUID(int=2))])
    between = User.replay(UUID(int=2), [User.Added(login="y", name="y", superior_id=RECORD)])
    own = User.replay(RECORD, [ADDED])
    change = ChangeUserDetails(superior_id=SUPERIOR)
    given(ADDED).beside(below, between, own).when(change).invalid("superior_id")
    given(ADDED).beside(below, own).when(change).then(User.DetailsChanged(superior_id=SUPERIOR))


def test_a_user_is_disabled_once() -> None:
    given(ADDED).when(DisableUser()).then(User.Disabled()).leaves(is_active=False)
    given(ADDED, User.Disabled()).when(DisableUser()).changes_nothing()


@pytest.mark.parametrize(
    "command",
    [ChangeUserDetails(name="李雷"), AddUserApiKey(key_name="import", digest="0" * 64)],
    ids=lambda c: c.VERB,
)
def test_a_disabled_user_is_not_changed(command: Command) -> None:
    given(ADDED, User.Disabled()).when(command).rejects(UserDisabled)


def test_a_key_is_added_under_a_name_of_its_own() -> None:
    given(ADDED).when(AddUserApiKey(key_name="import", digest="0" * 64)).then(KEY).leaves(
        api_keys=(("import", "0" * 64),)
    )
    given(ADDED, KEY).when(AddUserApiKey(key_name="import", digest="1" * 64)).rejects(
        ApiKeyNameTaken
    )


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "bs_secret", "0" * 64 + "\n"])
def test_only_a_digest_is_taken_for_a_key(digest: str) -> None:
    with pytest.raises(ValidationError):
        AddUserApiKey.model_validate({"key_name": "import", "digest": digest})


def test_a_key_is_revoked_also_of_a_disabled_user() -> None:
    revoked = User.ApiKeyRevoked(key_name="import")
    given(ADDED, KEY).when(RevokeUserApiKey(key_name="import")).then(revoked).leaves(api_keys=())
    given(ADDED, KEY, User.Disabled()).when(RevokeUserApiKey(key_name="import")).then(revoked)


def test_a_key_that_is_not_there_is_not_revoked() -> None:
    given(ADDED, KEY).when(RevokeUserApiKey(key_name="other")).rejects(NoSuchApiKey)
    revoked = given(ADDED, KEY, User.ApiKeyRevoked(key_name="import"))
    revoked.when(RevokeUserApiKey(key_name="import")).rejects(NoSuchApiKey)
    revoked.when(AddUserApiKey(key_name="import", digest="0" * 64)).then(KEY)
