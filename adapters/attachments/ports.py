"""What attachments need of the outside world: a place for chunks, and a search for viruses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Content:
    """A content that was stored to its end."""

    id: UUID
    subject: UUID
    """The data subject whose key seals it."""
    digest: bytes
    """Keyed, so that it says nothing to who does not have the organisation's key."""
    size: int
    """Bytes."""
    chunk_size: int
    """Bytes of every chunk but the last."""


class ChunkStore(Protocol):
    """Where sealed chunks lie. All methods may be called from any thread; they block."""

    def keep_key(self, subject: UUID, wrapped: bytes) -> None:
        """Keep a subject's wrapped key, unless it has one."""
        ...

    def begin(self, content_id: UUID, subject: UUID, chunk_size: int) -> None: ...

    def add(self, content_id: UUID, index: int, sealed: bytes) -> None: ...

    def finish(self, content_id: UUID, digest: bytes, size: int) -> Content:
        """End a content. Where its subject has the same one already, that one, and this goes."""
        ...

    def remove(self, content_id: UUID) -> None: ...

    def find(self, content_id: UUID) -> Content | None:
        """None where there is none, or where it was never finished."""
        ...

    def chunk(self, content_id: UUID, index: int) -> bytes | None: ...

    def loose(self, age: timedelta, limit: int) -> Sequence[UUID]:
        """Contents not known to be attached that for so long nobody began, finished or found."""
        ...

    def settle(self, content_ids: Sequence[UUID]) -> None:
        """Know of contents that they are attached."""
        ...

    def remove_loose(self, content_ids: Sequence[UUID], age: timedelta) -> int:
        """Remove those of them that are still so; how many."""
        ...


class Scan(Protocol):
    """The search of one file for viruses. Its methods block, and raise ScannerUnavailable."""

    def feed(self, data: bytes) -> None: ...

    def verdict(self) -> str | None:
        """After the last byte: what was found, None where nothing was."""
        ...

    def close(self) -> None: ...


class Scanner(Protocol):
    """Looks for viruses."""

    def begin(self) -> Scan: ...


class ScannerUnavailable(Exception):
    """There is a scanner, and it cannot be asked: no file is taken unseen."""
