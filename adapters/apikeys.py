"""API keys: what programs show to act in a user's name.

``bs_`` + the user's id (26 characters of base32) + ``_`` + 256 random bits (43 url-safe
characters). The id in the key finds the user without an index of keys; only the SHA-256 of the
whole key is ever stored. A plain hash is enough, because nobody can guess 256 random bits.
"""

import re
import secrets
from base64 import b32decode, b32encode, urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

SECRET_BYTES = 32
_KEY = re.compile(r"bs_([a-z2-7]{26})_[A-Za-z0-9_-]{43}", re.ASCII)


def new_key(user_id: UUID) -> tuple[str, str]:
    """A new key of a user, to be shown once, and its digest, to be stored."""
    return key_of(user_id, secrets.token_bytes(SECRET_BYTES))


def key_of(user_id: UUID, secret: bytes) -> tuple[str, str]:
    """The key that has this secret in it, and its digest; the secret must be unguessable."""
    assert len(secret) == SECRET_BYTES
    owner = b32encode(user_id.bytes).decode().rstrip("=").lower()
    key = f"bs_{owner}_{urlsafe_b64encode(secret).decode().rstrip('=')}"
    return key, digest(key)


def user_of(key: str) -> UUID | None:
    """Whose key this would be; None where it is no key at all. Proves nothing by itself."""
    match = _KEY.fullmatch(key)
    return None if match is None else UUID(bytes=b32decode(match[1].upper() + "======"))


def digest(key: str) -> str:
    """SHA-256 of the key in hex, as it is stored."""
    return sha256(key.encode()).hexdigest()
