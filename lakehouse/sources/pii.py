"""Tokens that replace personal data: HMAC-SHA256 (RFC 2104) under a secret key.

The same value gives the same token everywhere, so tables can still be joined; without the key,
tokens cannot be matched against guessed values. Originals are not kept here.
"""

import os
import secrets
from contextlib import suppress

from lakehouse.redaction import register_secret
from lakehouse.settings import Settings
from lakehouse.sources.errors import SpecError

_BLOCK = 64


def token_key(settings: Settings) -> bytes:
    """The secret: `settings.pii_key`, or one created once in `data_dir/secrets`, owner-only."""
    if settings.pii_key:
        return settings.pii_key.encode()
    path = settings.data_dir / "secrets" / "pii.key"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".pii.key.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32))
        # if two processes create a key at once, the first to link it wins
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    key = path.read_bytes().strip()
    if len(key) < 32:
        raise SpecError(f"the key in {path} is damaged: restore it, or tokens will not match")
    register_secret(key.decode(errors="replace"))
    return key


def token_parameters(key: bytes) -> dict[str, bytes]:
    """The two padded keys that `token_sql` refers to, as named parameters."""
    import hashlib

    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return {
        "inner_key": bytes(byte ^ 0x36 for byte in padded),
        "outer_key": bytes(byte ^ 0x5C for byte in padded),
    }


def token_sql(text: str) -> str:
    """SQL for the token (64 hex digits) of the VARCHAR expression `text`; NULL stays NULL."""
    inner = f"sha256($inner_key::BLOB || encode({text}))"
    return f"sha256($outer_key::BLOB || unhex({inner}))"
