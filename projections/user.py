"""Users, as lists and pages show them."""

from aggregates.user import User, UserDetails
from projections.base import Projection, Row


class UserRow(Row, table="users", details=UserDetails):
    login: str = ""
    name: str = ""
    active: bool = True
    api_keys: tuple[str, ...] = ()
    """Names of the user's API keys."""


users = Projection(UserRow, User, revision=2)


@users.on(User.Disabled)
def disabled(row: UserRow, event: User.Disabled) -> UserRow:
    return row.updated(active=False)


@users.on(User.ApiKeyAdded)
def api_key_added(row: UserRow, event: User.ApiKeyAdded) -> UserRow:
    return row.updated(api_keys=(*row.api_keys, event.key_name))


@users.on(User.ApiKeyRevoked)
def api_key_revoked(row: UserRow, event: User.ApiKeyRevoked) -> UserRow:
    return row.updated(api_keys=tuple(k for k in row.api_keys if k != event.key_name))
