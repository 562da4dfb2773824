"""What is asked of an upload: a file of this kind, imported so."""

from dataclasses import dataclass

from pydantic import BaseModel

from adapters.importing.mapping import Mapping
from adapters.importing.running import OnDuplicate
from adapters.importing.sources import Choices
from adapters.texts import LANGUAGES


class Asked(BaseModel):
    """As it is kept."""

    file_name: str
    size: int
    """Bytes."""
    kind: str
    mapping: Mapping
    on_duplicate: OnDuplicate = "refuse"
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    language: str = LANGUAGES[-1]
    """Of the reasons in the file of refused rows."""

    @property
    def choices(self) -> Choices:
        return Choices(self.encoding, self.delimiter, self.sheet)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants done with a file."""

    file_name: str
    kind: str
    mapping: Mapping | None
    """None: the one that the file speaks for."""
    on_duplicate: OnDuplicate
    is_rehearsal: bool
    choices: Choices
    language: str = LANGUAGES[-1]
