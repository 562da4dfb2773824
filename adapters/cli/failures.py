"""Failures: which errors are a user's or the surroundings', and how each is said."""

import psycopg
from pydantic import ValidationError

from adapters.cli.speaking import language, texts, told
from adapters.embedded.server import EmbeddedPostgresError
from adapters.importing.mapping import BadMapping
from adapters.importing.recording import BeingReverted
from adapters.importing.sources import UnreadableFile
from adapters.postgres.log.secret import WrongSecret
from adapters.remarks import Remark, Saying
from aggregates.errors import DomainError
from commands.ports import OutcomeUnknown, Overloaded

REFUSED, MISUSED, UNAVAILABLE = 1, 2, 3


class Failure(Exception):
    """Something to tell the user, and the exit code that goes with it."""

    def __init__(self, message: Saying, code: int = MISUSED) -> None:
        super().__init__(told(message))
        self.code = code


def failed(error: Exception) -> Failure | None:
    """What to tell the user; None where the error is a defect of ours."""
    match error:
        case Failure():
            return error
        case BadMapping() | UnreadableFile():
            return Failure(error.remark, MISUSED)
        case BeingReverted():
            return Failure(error.remark, REFUSED)
        case DomainError():
            return Failure(_reason(error), REFUSED)
        case ValidationError():
            return Failure(_settings(error), MISUSED)
        case EmbeddedPostgresError() | WrongSecret():
            return Failure(str(error), UNAVAILABLE)
        case psycopg.OperationalError() | psycopg.errors.InsufficientPrivilege():
            return Failure(Remark("command.no-database", said=_line(error)), UNAVAILABLE)
        case OutcomeUnknown() | Overloaded():
            return Failure(Remark("command.again", said=_line(error)), UNAVAILABLE)
        case PermissionError():
            return Failure(str(error), UNAVAILABLE)
    return None


def _reason(error: DomainError) -> str:
    """What the service says of it, the fields named that are wrong."""
    from adapters.http.problems import Problems  # Here, for it takes long to load.

    problem = Problems(texts()).document(error, language())
    wrong = problem.get("errors", ())
    return "; ".join(f"{e['field']}: {e['message']}" for e in wrong) or str(problem["detail"])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _settings(error: ValidationError) -> str:
    """Settings are the only model that is filled from outside without being looked after."""
    return "; ".join(
        f"{_variable(e['loc'])}{e['msg'].removeprefix('Value error, ')}" for e in error.errors()
    )


def _variable(path: tuple[int | str, ...]) -> str:
    """The variable that is wrong; nothing where several do not go together."""
    return f"BACKSTORY_{path[0]}: ".upper() if path else ""
