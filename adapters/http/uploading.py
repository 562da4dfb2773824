"""Uploading: a form's fields and its one file, judged, scanned and stored while it arrives."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from fastapi import Request
from psycopg_pool import PoolTimeout

from adapters.attachments.contents import CHUNK, Upload
from adapters.attachments.ports import Content, Scan, ScannerUnavailable
from adapters.attachments.types import FileType, Inspection, Unfit, type_of
from adapters.http import bodies
from adapters.http.context import Context
from adapters.http.errors import Retryable, TooLarge
from adapters.http.forms import Part, parts
from aggregates.errors import FieldError, Invalid

COMMAND, FILE = "command", "file"
FORM_BYTES = 16_384
"""What a form may have beside its parts: boundaries and headers."""


class ScanUnavailable(Retryable):
    """There is a virus scanner, and it does not answer: no file is taken unseen."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came with a form."""

    fields: dict[str, Any]
    """The command's fields, as JSON has them."""
    file_name: str
    type: FileType
    content: Content


class Uploads:
    """Takes forms. Of a file that is refused, or whose sender goes away, nothing stays."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def received(self, request: Request, subject: UUID) -> Received:
        """The form, its file stored for the subject. Raises Invalid, TooLarge and what forms do."""
        settings = self._context.settings
        most = settings.attachment_limit + settings.body_limit + FORM_BYTES
        if _declared(request) > most:
            raise TooLarge(limit=settings.attachment_limit)
        form = _Form(self._context, subject)
        try:
            async for found in parts(request):
                await form.take(found)
            return await form.finished()
        except Unfit as error:
            await form.discard()
            raise Invalid(FieldError(FILE, error.key, **error.values)) from None
        except ScannerUnavailable as error:
            await form.discard()
            raise ScanUnavailable(5) from error
        except BaseException:
            await form.discard()
            raise


async def drained(request: Request, most: int) -> bool:
    """Whether the rest of a refused body was short enough to be read to its end: who still sends
    when the connection is closed may never see the answer."""
    if _declared(request) > 2 * most:
        return False
    size = 0
    with suppress(RuntimeError):  # It was read to its end already.
        async for data in request.stream():
            size += len(data)
            if size > most:
                return False
    return True


def _declared(request: Request) -> int:
    given = request.headers.get("content-length", "")
    return int(given) if given.isdecimal() and given.isascii() else 0


@dataclass(slots=True)
class _File:
    """The file on its way."""

    name: str
    type: FileType
    inspection: Inspection
    upload: Upload
    scan: Scan
    waiting: bytearray = field(default_factory=bytearray)
    size: int = 0


class _Form:
    """The parts of one form, one after the other."""

    def __init__(self, context: Context, subject: UUID) -> None:
        self._context, self._subject = context, subject
        self._command: bytearray | None = None
        self._file: _File | None = None
        self._now = ""

    async def take(self, found: Part | bytes) -> None:
        if isinstance(found, Part):
            await self._begin(found)
        elif self._now == FILE:
            await self._feed(found)
        else:
            await self._add(found)

    async def finished(self) -> Received:
        command, file = self._command, self._file
        if file is None:
            raise Invalid(FieldError(FILE, "missing"))
        if file.size == 0:
            raise Invalid(FieldError(FILE, "file-empty"))
        given = bodies.parsed(bytes(command)) if command else {}
        fields = bodies.as_object(given, COMMAND)
        file.inspection.finish()
        content = await asyncio.to_thread(self._ended, file)
        return Received(fields, file.name, file.type, content)

    async def discard(self) -> None:
        file = self._file
        if file is not None:
            file.scan.close()
            with suppress(psycopg.Error, PoolTimeout):  # It is collected later.
                await asyncio.to_thread(file.upload.discard)

    async def _begin(self, part: Part) -> None:
        is_known = part.name in (COMMAND, FILE)
        is_repeated = self._command is not None if part.name == COMMAND else self._file is not None
        if not is_known:
            raise Invalid(FieldError(part.name, "unknown-parameter", known=f"{COMMAND}, {FILE}"))
        if is_repeated:
            raise Invalid(FieldError(part.name, "parameter-repeated"))
        self._now = part.name
        if part.name == COMMAND:
            self._command = bytearray()
            return
        name = part.file_name or ""
        if not name:
            raise Invalid(FieldError(FILE, "file-name"))
        allowed = self._context.settings.attachment_types
        type = type_of(name, part.media_type, allowed)
        self._file = await asyncio.to_thread(self._opened, name, type)

    def _opened(self, name: str, type: FileType) -> _File:
        scan = self._context.scanner.begin()
        try:
            upload = self._context.contents.begin(self._subject)
        except BaseException:
            scan.close()
            raise
        return _File(name, type, Inspection(type), upload, scan)

    async def _add(self, data: bytes) -> None:
        assert self._command is not None, "bytes come after their part has begun"
        self._command += data
        if len(self._command) > self._context.settings.body_limit:
            raise TooLarge(limit=self._context.settings.body_limit)

    async def _feed(self, data: bytes) -> None:
        file = self._file
        assert file is not None, "bytes come after their part has begun"
        file.size += len(data)
        if file.size > self._context.settings.attachment_limit:
            raise TooLarge(limit=self._context.settings.attachment_limit)
        file.inspection.feed(data)
        file.waiting += data
        if len(file.waiting) >= CHUNK:
            await asyncio.to_thread(_stored, file)

    def _ended(self, file: _File) -> Content:
        _stored(file)
        found = file.scan.verdict()
        file.scan.close()
        if found is not None:
            raise Unfit("file-infected", virus=found)
        return file.upload.finish()


def _stored(file: _File) -> None:
    data = bytes(file.waiting)
    file.waiting.clear()
    file.scan.feed(data)
    file.upload.add(data)
