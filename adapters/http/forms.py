"""Forms: ``multipart/form-data`` (RFC 7578) part by part as it arrives, never whole in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from adapters.http.errors import HttpProblem, UnsupportedMediaType

MEDIA_TYPE = "multipart/form-data"


class MalformedForm(HttpProblem):
    """The body is no multipart/form-data, or ends before its end."""


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part; its bytes follow."""

    name: str
    file_name: str | None
    media_type: str | None


async def parts(request: Request) -> AsyncIterator[Part | bytes]:
    """Each part, and behind it its bytes. Raises UnsupportedMediaType or MalformedForm."""
    given = request.headers.get("content-type", "")
    media_type, options = parse_options_header(given)
    if media_type != MEDIA_TYPE.encode() or b"boundary" not in options:
        raise UnsupportedMediaType(wanted=MEDIA_TYPE, media_type=given.partition(";")[0])
    reading = _Reading(options[b"boundary"])
    async for data in request.stream():
        for found in reading.take(data):
            yield found
    if not reading.is_complete:
        raise MalformedForm(error="it ends before its end")


class _Reading:
    """Turns what the parser calls back into a list of what was found."""

    def __init__(self, boundary: bytes) -> None:
        self._found: list[Part | bytes] = []
        self._headers: dict[str, str] = {}
        self._field = self._value = b""
        self.is_complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._on_field,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header,
                    "on_headers_finished": self._on_part,
                    "on_part_data": self._on_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise MalformedForm(error=str(error)) from error

    def take(self, data: bytes) -> list[Part | bytes]:
        self._found = []
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise MalformedForm(error=str(error)) from error
        return self._found

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        name, value = self._field.decode("latin-1").lower(), self._value.decode("utf-8", "replace")
        self._headers[name] = value
        self._field = self._value = b""

    def _on_part(self) -> None:
        kind, options = _options(self._headers.get("content-disposition", ""))
        if kind != "form-data" or "name" not in options:
            raise MalformedForm(error="a part has no name")
        file_name = options.get("filename")
        if file_name is not None:
            file_name = file_name.replace("%22", '"')  # As browsers write a quotation mark.
        self._found.append(Part(options["name"], file_name, self._headers.get("content-type")))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(data[start:end])

    def _on_end(self) -> None:
        self.is_complete = True


def _options(header: str) -> tuple[str, dict[str, str]]:
    """The header's value and its parameters; names of files are UTF-8."""
    kind, options = parse_options_header(header.encode().decode("latin-1"))
    texts = {k.decode("latin-1"): v.decode("utf-8", "replace") for k, v in options.items()}
    return kind.decode("latin-1"), texts
