"""Forms of imports: a file, streamed to disk, and what is said of it, in parts of any order."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, get_args

from fastapi import Request

from adapters.http.errors import TooLarge
from adapters.http.forms import Part, parts
from adapters.http.uploading import FORM_BYTES
from adapters.importing.mapping import BadMapping, Mapping, parsed
from adapters.importing.running import OnDuplicate
from adapters.importing.sources import Choices, UnreadableFile
from adapters.remarks import Remark
from aggregates.errors import FieldError, Invalid

FILE, MAPPING, SHEET = "file", "mapping", "sheet"
_WRITE_BYTES = 1 << 19
_LONGEST_FIELD = 1_000
"""Bytes of a part that is neither the file nor the mapping."""
DUPLICATES: tuple[str, ...] = get_args(OnDuplicate)
OF_FILE = ("encoding", "delimiter", SHEET)


@dataclass(slots=True)
class Form:
    """What came; the file lies at ``path``."""

    path: Path
    file_name: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    mapping: bytes | None = None

    def required(self, name: str) -> str:
        """Raises Invalid."""
        given = self.texts.get(name, "").strip()
        if not given:
            raise Invalid(FieldError(name, "missing"))
        return given

    def flag(self, name: str) -> bool:
        """``true`` or ``false``; absent is false. Raises Invalid."""
        given = self.texts.get(name, "").strip().lower()
        if given not in ("", "true", "false"):
            raise Invalid(FieldError(name, "not-a-boolean"))
        return given == "true"

    @property
    def on_duplicate(self) -> Any:
        """Raises Invalid."""
        given = self.texts.get("on_duplicate", "").strip() or DUPLICATES[0]
        if given not in DUPLICATES:
            raise Invalid(FieldError("on_duplicate", "not-one-of", known=", ".join(DUPLICATES)))
        return given

    @property
    def choices(self) -> Choices:
        """Raises Invalid."""
        encoding, delimiter, sheet = (self.texts.get(name) or None for name in OF_FILE)
        try:
            return Choices(encoding, "\t" if delimiter == r"\t" else delimiter, sheet)
        except UnreadableFile as error:
            raise Invalid(FieldError("delimiter", "import-file", said=error.remark)) from None

    def read_mapping(self) -> Mapping | None:
        """Raises Invalid."""
        if self.mapping is None or not self.mapping.strip():
            return None
        try:
            return parsed(self.mapping, Remark("mapping.it"))
        except BadMapping as error:
            raise Invalid(FieldError(MAPPING, "import-mapping", said=error.remark)) from None


class Reading:
    """Reads one form. Nothing of it is in memory but its texts and what is about to be written."""

    def __init__(self, place: Path, known: tuple[str, ...], most_file: int, most_text: int) -> None:
        self._form = Form(place / "file")
        self._known, self._most_file, self._most_text = known, most_file, most_text
        self._buffer, self._size, self._now = bytearray(), 0, ""
        self._texts: dict[str, bytearray] = {}
        self._file: IO[bytes] | None = None

    async def read(self, request: Request) -> Form:
        """Raises Invalid naming the part, TooLarge, and what forms do."""
        declared = request.headers.get("content-length", "")
        most = self._most_file + self._most_text + FORM_BYTES
        if declared.isdecimal() and declared.isascii() and int(declared) > most:
            raise TooLarge(limit=self._most_file)
        try:
            async for found in parts(request):
                if isinstance(found, Part):
                    await self._begin(found)
                else:
                    await self._feed(found)
            await self._flush()
        finally:
            if self._file is not None:
                self._file.close()
        return self._finished()

    async def _begin(self, part: Part) -> None:
        name = part.name
        if name not in (*self._known, FILE):
            known = ", ".join((FILE, *self._known))
            raise Invalid(FieldError(_field(name), "unknown-parameter", known=known))
        if name in self._texts or (name == FILE and self._file is not None):
            raise Invalid(FieldError(name, "parameter-repeated"))
        await self._flush()
        self._now = name
        if name == FILE:
            self._form.file_name = _file_name(part.file_name)
            self._file = await asyncio.to_thread(self._form.path.open, "wb")
        else:
            self._texts[name] = bytearray()

    async def _feed(self, data: bytes) -> None:
        if self._now != FILE:
            text = self._texts[self._now]
            text += data
            most = self._most_text if self._now == MAPPING else _LONGEST_FIELD
            if len(text) > most:
                raise TooLarge(limit=most)
            return
        self._size += len(data)
        if self._size > self._most_file:
            raise TooLarge(limit=self._most_file)
        self._buffer += data
        if len(self._buffer) >= _WRITE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        if self._buffer and self._file is not None:
            await asyncio.to_thread(self._file.write, bytes(self._buffer))
            self._buffer.clear()

    def _finished(self) -> Form:
        if self._file is None:
            raise Invalid(FieldError(FILE, "missing"))
        if self._size == 0:
            raise Invalid(FieldError(FILE, "file-empty"))
        for name, data in self._texts.items():
            if name == MAPPING:
                self._form.mapping = bytes(data)
                continue
            try:
                text = bytes(data).decode()
            except UnicodeDecodeError:
                raise Invalid(FieldError(name, "not-utf-8")) from None
            if "\0" in text:
                raise Invalid(FieldError(name, "unstorable"))
            self._form.texts[name] = text
        return self._form


def _field(name: str) -> str:
    """A part's name as it can be told; a hostile one may be of any length."""
    return "".join(c if c.isprintable() else "?" for c in name[:100])


def _file_name(given: str | None) -> str:
    """Of a path, its last part; it names the import and nothing on disk."""
    if given is None:
        raise Invalid(FieldError(FILE, "file-name"))
    return given.replace("\\", "/").rpartition("/")[2] or "file"
