"""Who asks: API keys, or the user ``local`` where sign-in is off."""

from hmac import compare_digest
from uuid import UUID

from fastapi import Request

from adapters import apikeys
from adapters.http.errors import Unauthenticated
from adapters.seeds import LOCAL
from aggregates.errors import NotFound
from aggregates.user import User
from commands.ports import NeedsIO
from commands.repository import Repository
from commands.requests import Caller

KEY_SECONDS = 1.0
"""For how long a disabled user's key may go on working in another process than the one that
disabled it."""


class Authentication:
    """Turns a request into its caller. Raises Unauthenticated."""

    def __init__(self, repository: Repository, *, is_on: bool) -> None:
        self._repository, self._is_on = repository, is_on

    def caller(self, request: Request, *, offline: bool = False) -> Caller:
        """The caller; NeedsIO where ``offline`` and the user is not in memory."""
        if not self._is_on:
            return Caller(LOCAL)
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        user_id = apikeys.user_of(key.strip()) if scheme.lower() == "bearer" else None
        if user_id is None or not self._may_use(key.strip(), user_id, offline):
            raise Unauthenticated
        return Caller(user_id)

    def _may_use(self, key: str, user_id: UUID, offline: bool) -> bool:
        try:
            user = self._repository.get(User, user_id, max_age=KEY_SECONDS, offline=offline)
        except NotFound:
            return False
        digest = apikeys.digest(key)
        known = [compare_digest(digest, stored) for _, stored in user.api_keys]
        return user.is_active and any(known)


def caller_or_none(authentication: Authentication, request: Request) -> Caller | None:
    """The caller if that can be said without waiting for the database."""
    try:
        return authentication.caller(request, offline=True)
    except NeedsIO:
        return None
