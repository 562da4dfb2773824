"""Personal data: sealed field by field with a key per data subject.

A sealed value is ``{"$p": [subject, nonce, data]}`` inside the payload, AES-GCM over its JSON,
bound to stream, version and field so that it cannot be moved elsewhere. Destroying a subject's
key makes every sealed value of that subject unreadable, and changes no stored byte.
"""

from base64 import b64decode
from binascii import b2a_base64
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.keys import KEY_BYTES, NONCE_BYTES, Keyring
from adapters.randomness import random_bytes
from commands.ports import EventLog, NeedsIO

CACHED_SUBJECTS = 20_000
"""More than any batch of events is of; each takes 2.6 KB, most of it the cipher's own."""


class Tampered(Exception):
    """A sealed value does not belong where it lies: bytes were changed or moved."""


class SubjectKeys:
    """Keys of data subjects, cached. Thread-safe."""

    def __init__(self, log: EventLog, keyring: Keyring) -> None:
        self._log, self._keyring = log, keyring
        self._ciphers: OrderedDict[int, AESGCM] = OrderedDict()
        """By the integer of the subject's id, which is hashed much faster."""
        self._lock = Lock()

    def create(self, subject: UUID) -> tuple[AESGCM, bytes]:
        """A new key: as a cipher, and wrapped as it is stored."""
        key = random_bytes(KEY_BYTES)
        return AESGCM(key), self._keyring.wrap(subject, key)

    def keep(self, ciphers: Mapping[int, AESGCM]) -> None:
        """``ciphers``: by the integer of the subject's id."""
        with self._lock:
            self._ciphers.update(ciphers)
            while len(self._ciphers) > CACHED_SUBJECTS:
                self._ciphers.popitem(last=False)

    def forget(self, subjects: Iterable[UUID]) -> None:
        with self._lock:
            for subject in subjects:
                self._ciphers.pop(subject.int, None)

    def cached(self, subject: UUID) -> AESGCM | None:
        return self._ciphers.get(subject.int)

    def load(self, subjects: Iterable[UUID]) -> None:
        """Fetch those not cached, in one round trip."""
        missing = [s for s in subjects if s.int not in self._ciphers]
        if missing:
            wrapped = self._log.subject_keys(missing)
            self.keep({s.int: AESGCM(self._keyring.unwrap(s, w)) for s, w in wrapped.items()})

    def get(self, subject: UUID, *, offline: bool = False) -> AESGCM | None:
        """The subject's cipher; None where it has no key (never had, or was erased)."""
        if subject.int not in self._ciphers:
            if offline:
                raise NeedsIO
            self.load([subject])
        return self._ciphers.get(subject.int)


def binding(stream: UUID, version: int, field: str = "") -> bytes:
    """What a sealed value is bound to; the field comes last."""
    return stream.bytes + version.to_bytes(8, "big", signed=True) + field.encode()


def seal(cipher: AESGCM, subject: str, value: Any, bound_to: bytes) -> dict[str, list[str]]:
    """``subject``: the id as text, for one subject mostly has several fields at once."""
    nonce = random_bytes(NONCE_BYTES)
    data = cipher.encrypt(nonce, orjson.dumps(value), bound_to)
    return {"$p": [subject, _text(nonce), _text(data)]}


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and "$p" in value


def unseal(keys: SubjectKeys, sealed: Mapping[str, list[str]], bound_to: bytes) -> Any:
    """The value; None where the subject was erased.

    Raises Tampered where the bytes are not what was sealed for this place.
    """
    subject, nonce, data = sealed["$p"]
    cipher = keys.get(UUID(subject))
    if cipher is None:
        return None
    try:
        return orjson.loads(cipher.decrypt(b64decode(nonce), b64decode(data), bound_to))
    except InvalidTag as error:
        raise Tampered(f"a sealed value of subject {subject} was changed or moved") from error


def subject_of(sealed: Mapping[str, list[str]]) -> UUID:
    return UUID(sealed["$p"][0])
