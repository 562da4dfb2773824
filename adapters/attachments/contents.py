"""Contents: what files hold, cut into chunks, sealed, and read again from any byte on.

The same file of the same subject is stored once: a content is found by a digest that is keyed, and
salted with the subject, so that equal files of two subjects are not known to be equal.
"""

from collections.abc import Iterator
from hmac import compare_digest
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.attachments.ports import ChunkStore, Content
from adapters.keys import NONCE_BYTES, Keyring
from adapters.personal import SubjectKeys
from adapters.randomness import random_bytes

CHUNK = 512 * 1024
"""Bytes of a chunk."""


class Damaged(Exception):
    """What is stored is not what was attached: a chunk is missing, moved or was changed."""


class Erased(Exception):
    """The key of the data subject was destroyed: nobody can read the content any more."""


class Contents:
    """Takes and gives contents. Thread-safe; calls block."""

    def __init__(self, chunks: ChunkStore, subjects: SubjectKeys, keyring: Keyring) -> None:
        self.chunks, self._subjects, self.keyring = chunks, subjects, keyring

    def begin(self, subject: UUID) -> "Upload":
        """A content that is about to come. It is nobody's until it is finished."""
        return Upload(self, self.cipher(subject), subject)

    def cipher(self, subject: UUID) -> AESGCM:
        """The subject's; a new one where it has none."""
        cipher = self._subjects.get(subject)
        if cipher is None:
            self.chunks.keep_key(subject, self._subjects.create(subject)[1])
            cipher = self._subjects.get(subject)
        assert cipher is not None, "a key that was just kept is there"
        return cipher

    def read(self, content: Content, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``begin`` up to ``end``. Raises Damaged or Erased.

        Of a whole content, the digest is compared before the last bytes are given.
        """
        end = content.size if end is None else end
        digest = self.keyring.content_digest(content.subject)
        is_whole = (begin, end) == (0, content.size)
        for index in range(begin // content.chunk_size, -(-end // content.chunk_size)):
            data, first = self._opened(content, index), index * content.chunk_size
            digest.update(data)
            is_last = first + len(data) >= end
            if is_whole and is_last and not compare_digest(digest.digest(), content.digest):
                raise Damaged(f"content {content.id} is not what was stored")
            yield data[max(0, begin - first) : end - first]

    def _opened(self, content: Content, index: int) -> bytes:
        sealed = self.chunks.chunk(content.id, index)
        cipher = self._subjects.get(content.subject)
        if cipher is None:
            raise Erased(f"content {content.id} was erased with its subject")
        if sealed is None:
            raise Damaged(f"content {content.id} lacks chunk {index}")
        try:
            data = cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(content.id, index)
            )
        except InvalidTag as error:
            raise Damaged(f"chunk {index} of content {content.id} was changed or moved") from error
        if len(data) != min(content.chunk_size, content.size - index * content.chunk_size):
            raise Damaged(f"chunk {index} of content {content.id} has another length")
        return data


class Upload:
    """A content on its way in. Used by one request; calls block."""

    def __init__(self, contents: Contents, cipher: AESGCM, subject: UUID) -> None:
        self._chunks, self._cipher = contents.chunks, cipher
        self._digest = contents.keyring.content_digest(subject)
        self._id, self._buffer = uuid4(), bytearray()
        self._count = self.size = 0
        self._chunks.begin(self._id, subject, CHUNK)

    def add(self, data: bytes) -> None:
        self._digest.update(data)
        self._buffer += data
        self.size += len(data)
        while len(self._buffer) >= CHUNK:
            self._store(bytes(self._buffer[:CHUNK]))
            del self._buffer[:CHUNK]

    def finish(self) -> Content:
        """The content that holds this now: a new one, or the same that was there before."""
        if self._buffer:
            self._store(bytes(self._buffer))
        return self._chunks.finish(self._id, self._digest.digest(), self.size)

    def discard(self) -> None:
        """Nothing of it is wanted."""
        self._chunks.remove(self._id)

    def _store(self, data: bytes) -> None:
        nonce = random_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, data, _place(self._id, self._count))
        self._chunks.add(self._id, self._count, nonce + sealed)
        self._count += 1


def _place(content_id: UUID, index: int) -> bytes:
    """What a sealed chunk is bound to."""
    return b"content" + content_id.bytes + index.to_bytes(8, "big")
