"""The organisation's secrets: one master key, and the keys that follow from it.

The master key wraps the keys of data subjects and keys the hashes by which values are looked up.
It lives in a file beside the data (mode 0600), never in the database: who has only a dump of the
database can neither read personal fields nor test guesses against reservations.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from adapters.randomness import random_bytes

KEY_BYTES = 32
NONCE_BYTES = 12


class Keyring:
    """Everything derived from the master key. Thread-safe: holds no mutable state."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise ValueError(f"the master key must be {KEY_BYTES} bytes, not {len(master)}")
        self.master = master
        self._wrap = AESGCM(_derive(master, b"backstory/wrap"))
        self._lookup = _derive(master, b"backstory/lookup")
        self._fingerprint = _derive(master, b"backstory/fingerprint")
        self._content = _derive(master, b"backstory/content")
        self.check = _derive(master, b"backstory/check")[:8]
        """Stored in the database, to notice a wrong key file before anything is written."""

    @classmethod
    def from_hex(cls, text: str) -> "Keyring":
        """The key written as 64 hex digits. Raises ValueError for anything else."""
        return cls(bytes.fromhex(text.strip()))

    @classmethod
    def from_file(cls, path: Path) -> "Keyring":
        """The key in the file; a new one where there is no file. A file is never half written."""
        if not path.exists():
            _write_once(path, os.urandom(KEY_BYTES).hex() + "\n")
        return cls.from_hex(path.read_text())

    def wrap(self, subject: UUID, key: bytes) -> bytes:
        """A subject's key as it is stored."""
        nonce = random_bytes(NONCE_BYTES)
        return nonce + self._wrap.encrypt(nonce, key, subject.bytes)

    def unwrap(self, subject: UUID, wrapped: bytes) -> bytes:
        return self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], subject.bytes)

    def lookup(self, scope: str, value: str) -> bytes:
        """16-byte key of a reservation or mark; scope and value cannot run into each other."""
        text = f"{len(scope)}:{scope}{value}".encode()
        return hashlib.blake2b(text, key=self._lookup, digest_size=16).digest()

    def fingerprint(self, *parts: bytes) -> bytes:
        """16 bytes by which a repeated request is recognised."""
        digest = hashlib.blake2b(key=self._fingerprint, digest_size=16)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def content_digest(self, subject: UUID) -> "hashlib.blake2b":
        """A digest to be fed with what a file of this subject holds; 32 bytes."""
        return hashlib.blake2b(subject.bytes, key=self._content, digest_size=32)

    def matches(self, check: bytes) -> bool:
        """Whether a database was written with this master key."""
        return compare_digest(check, self.check)


def _write_once(path: Path, text: str) -> None:
    """Let the file appear whole, readable by its owner only; whoever is first has written it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=purpose).derive(master)
