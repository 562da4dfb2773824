"""Content-Disposition: a file's name on its way out (RFC 6266), never more than a name."""

import re
from urllib.parse import quote

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]')
"""What some system takes for more than part of a name, and marks that turn text around."""
_NOT_ASCII = re.compile(r"[^\x20-\x7e]|[%;]")


def attachment(name: str, plain: str | None = None) -> str:
    """The header that has the answer saved under this name; ``plain`` for old programs."""
    safe = _UNSAFE.sub("_", name).strip(" .") or "_"
    fallback = _NOT_ASCII.sub("_", _UNSAFE.sub("_", plain or safe))
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(safe, safe='')}"
