"""Sealing: what is kept of a file that is to be imported, with a key of its own."""

import os
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.attachments.contents import Contents
from adapters.keys import NONCE_BYTES


class Sealing:
    """Seals and opens small documents of uploads."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def seal(self, subject: UUID, upload_id: UUID, document: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(subject).encrypt(nonce, document, upload_id.bytes)

    def open(self, subject: UUID, upload_id: UUID, sealed: bytes) -> bytes:
        cipher = self._cipher(subject)
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], upload_id.bytes)

    def _cipher(self, subject: UUID) -> AESGCM:
        return self._contents.cipher(subject)
