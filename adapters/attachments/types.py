"""Types of files: what may be attached, and how a content shows that it is what its name says.

What begins a file is judged by puremagic's signatures; containers, which all begin alike, by what
they must hold; texts by being texts. Whatever is not on the list is refused, HTML, SVG and
programs among it: a browser or a system would carry them out.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

import puremagic

HEAD = 8_192
"""Bytes by which a content is judged."""
_ANY = "application/octet-stream"
_OLE, _ZIP = ".doc", ".docx"
"""As what puremagic knows, among others, every file that begins like one of these."""
_MACROS = b"vbaProject.bin"
_MARKUP = re.compile(
    rb"\s*(<\?xml|<!doctype|<!--|<(html|head|body|script|svg|iframe|style|meta|object|embed)\b|#!)",
    re.IGNORECASE,
)


class Unfit(Exception):
    """The file is not taken; ``key`` is the message that says why."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file."""

    media_type: str
    extensions: tuple[str, ...]
    seen_as: tuple[str, ...] = ()
    """Extensions by which the signatures call it; none: it is text."""
    holds: tuple[bytes, ...] = ()
    """Of which it must hold one, somewhere."""
    aliases: tuple[str, ...] = ()
    """Other media types by which programs declare it."""
    is_default: bool = True
    """Whether it may be attached unless the settings say otherwise."""


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-le")


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
TYPES = (
    FileType("application/pdf", (".pdf",), (".pdf",)),
    FileType("image/png", (".png",), (".png",)),
    FileType("image/jpeg", (".jpg", ".jpeg", ".jfif"), (".jpg",), aliases=("image/pjpeg",)),
    FileType("image/gif", (".gif",), (".gif",)),
    FileType("image/webp", (".webp",), (".webp",)),
    FileType("image/bmp", (".bmp",), (".bmp",), aliases=("image/x-ms-bmp",)),
    FileType("image/tiff", (".tif", ".tiff"), (".tif", ".tiff")),
    FileType("image/heic", (".heic", ".heif"), (".heic", ".heif"), aliases=("image/heif",)),
    FileType(_OFFICE + "wordprocessingml.document", (".docx",), (_ZIP,), (b"word/",)),
    FileType(_OFFICE + "spreadsheetml.sheet", (".xlsx",), (_ZIP,), (b"xl/",)),
    FileType(_OFFICE + "presentationml.presentation", (".pptx",), (_ZIP,), (b"ppt/",)),
    FileType(_OPEN + "text", (".odt",), (".odt",), (b"opendocument.text",)),
    FileType(_OPEN + "spreadsheet", (".ods",), (".ods",), (b"opendocument.spreadsheet",)),
    FileType(_OPEN + "presentation", (".odp",), (".odp",), (b"opendocument.presentation",)),
    FileType("application/msword", (".doc", ".wps"), (_OLE,), (_utf16("WordDocument"),)),
    FileType(
        "application/vnd.ms-excel",
        (".xls", ".et"),
        (_OLE,),
        (_utf16("Workbook"), _utf16("Book")),
    ),
    FileType(
        "application/vnd.ms-powerpoint",
        (".ppt", ".dps"),
        (_OLE,),
        (_utf16("PowerPoint Document"),),
    ),
    FileType("application/rtf", (".rtf",), (".rtf",), aliases=("text/rtf",)),
    FileType("text/plain", (".txt", ".md", ".log"), aliases=("text/markdown",)),
    FileType("text/csv", (".csv",), aliases=("text/plain", "application/vnd.ms-excel")),
    FileType("text/vcard", (".vcf",), aliases=("text/x-vcard",)),
    FileType("text/calendar", (".ics",)),
    FileType("message/rfc822", (".eml",), aliases=("text/plain",)),
    FileType("audio/mpeg", (".mp3",), (".mp3", ".mpga"), aliases=("audio/mp3",)),
    FileType("audio/wav", (".wav",), (".wav",), aliases=("audio/x-wav", "audio/wave")),
    FileType("audio/mp4", (".m4a",), (".m4a", ".mp4", ".f4a"), aliases=("audio/x-m4a",)),
    FileType("audio/amr", (".amr",), (".amr",)),
    FileType("audio/ogg", (".ogg", ".oga", ".opus"), (".ogg",), aliases=("application/ogg",)),
    FileType("video/mp4", (".mp4",), (".mp4", ".m4v")),
    FileType(
        "application/zip",
        (".zip",),
        (_ZIP,),
        aliases=("application/x-zip-compressed",),
        is_default=False,
    ),
)
KNOWN = {type.media_type: type for type in TYPES}
DEFAULT = tuple(type.media_type for type in TYPES if type.is_default)


def type_of(name: str, declared: str | None, allowed: Iterable[str]) -> FileType:
    """The type that a file's name and its declared media type say. Raises Unfit."""
    taken = [KNOWN[media_type] for media_type in allowed]
    known = ", ".join(extension for type in taken for extension in type.extensions)
    said = (declared or _ANY).partition(";")[0].strip().lower() or _ANY
    _, dot, extension = name.rpartition(".")
    if dot:
        fitting = [type for type in taken if f".{extension.lower()}" in type.extensions]
    else:
        fitting = [type for type in taken if said == type.media_type]
    if not fitting:
        raise Unfit("file-type", known=known)
    found = fitting[0]
    if said not in (_ANY, found.media_type, *found.aliases):
        raise Unfit("file-declared", declared=said)
    return found


class Inspection:
    """Looks at a content on its way in."""

    def __init__(self, type: FileType) -> None:
        self._type, self._head = type, b""
        self._tail, self._holds, self._has_macros = b"", not type.holds, False
        self._is_judged = False
        self._texts = [codecs.getincrementaldecoder(name)() for name in ("utf-8", "gb18030")]

    def feed(self, data: bytes) -> None:
        """Raises Unfit as soon as the content cannot be of its type."""
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        if len(self._head) == HEAD:
            self._judge()
        if self._type.seen_as:
            seen = self._tail + data
            self._holds = self._holds or any(part in seen for part in self._type.holds)
            self._has_macros = self._has_macros or _MACROS in seen
            self._tail = seen[-64:]
        else:
            self._read(data, final=False)

    def finish(self) -> None:
        """Raises Unfit."""
        self._judge()
        if not self._type.seen_as:
            self._read(b"", final=True)
        has_hidden_macros = self._has_macros and _ZIP in self._type.seen_as
        if not self._holds or (has_hidden_macros and self._type.holds):
            raise self._unfit()

    def _judge(self) -> None:
        if self._is_judged:
            return
        self._is_judged = True
        text = self._head.removeprefix(codecs.BOM_UTF8)
        if not self._type.seen_as:
            if _MARKUP.match(text):
                raise self._unfit()
        elif not set(self._type.seen_as) & _seen(self._head):
            raise self._unfit()

    def _read(self, data: bytes, *, final: bool) -> None:
        """Texts are UTF-8 or GB 18030, and without NUL."""
        self._texts = [text for text in self._texts if _decodes(text, data, final)]
        if not self._texts or b"\0" in data:
            raise self._unfit()

    def _unfit(self) -> Unfit:
        return Unfit("file-content", type=self._type.media_type)


def _decodes(decoder: codecs.IncrementalDecoder, data: bytes, final: bool) -> bool:
    try:
        decoder.decode(data, final)
    except UnicodeDecodeError:
        return False
    return True


def _seen(head: bytes) -> set[str]:
    """Extensions of the types that a content beginning so may be of."""
    try:
        return {match.extension for match in puremagic.magic_string(head)}
    except (puremagic.PureError, ValueError):
        return set()
