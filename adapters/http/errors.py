"""Problems of HTTP itself, beside those of the business (``aggregates.errors``)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from aggregates.errors import kebab


class HttpProblem(Exception):
    """A request that cannot be answered as asked. The class's name is the problem's code."""

    status: ClassVar[int] = 400
    code: ClassVar[str]

    def __init__(self, *, headers: Mapping[str, str] | None = None, **details: Any) -> None:
        super().__init__(self.code, details)
        self.headers, self.details = dict(headers or {}), details

    def __init_subclass__(cls) -> None:
        cls.code = cls.__dict__.get("code", kebab(cls.__name__))


class MalformedJson(HttpProblem):
    """The body is not JSON."""


class Unauthenticated(HttpProblem):
    """No valid API key came with the request."""

    status = 401

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="backstory"'})


class NoSuchRoute(HttpProblem):
    status = 404


class MethodNotAllowed(HttpProblem):
    status = 405


class NotByUpsert(HttpProblem):
    """The record is otherwise in fields that an upsert does not change."""

    status = 409


class TooLarge(HttpProblem):
    """The body has more bytes than are taken."""

    status = 413


class UnsupportedMediaType(HttpProblem):
    status = 415


class KnownOfTodayOnly(HttpProblem):
    """The answer is kept for now only: another moment was asked for."""

    status = 422


class Retryable(HttpProblem):
    """Nothing is wrong with the request: send it again in some seconds."""

    status = 503

    def __init__(self, retry_after: float = 1, **details: Any) -> None:
        seconds = max(1, round(retry_after))
        super().__init__(headers={"Retry-After": str(seconds)}, retry_after=seconds, **details)


class NotYet(Retryable):
    """The view has not reached the position asked for in time."""


class UnreadableRecord(Retryable):
    """An event of the record cannot be read by this release; another one may."""

    code = "record-unreadable"

    def __init__(self, **details: Any) -> None:
        super().__init__(60, **details)


class Overload(Retryable):
    """More is asked than can be done now."""

    code = "overloaded"


class UnknownOutcome(Retryable):
    """Whether the command was stored could not be found out; repeating it is safe."""

    code = "outcome-unknown"
