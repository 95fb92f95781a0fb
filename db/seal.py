"""Seals tokens, secrets and codes with the platform's key before they reach Redis.

ChaCha20-Poly1305 with a random nonce; the owner's name is authenticated along, so that a value copied from one
bot's settings into another's does not open.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from db.errors import SealBroken

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "1:"  # names the cipher, so that another can follow


class Sealer:
    """Seals and opens with one key. Safe to share between threads."""

    __slots__ = ("__cipher",)

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 bytes; another length raises ``SealBroken``."""
        if len(key) != KEY_BYTES:
            raise SealBroken(f"the key has {len(key)} bytes, must be {KEY_BYTES}; restore the key file from a copy")
        self.__cipher = ChaCha20Poly1305(key)

    def __repr__(self) -> str:
        return "Sealer(***)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Sealer is not pickled")

    @classmethod
    def from_file(cls, path: Path) -> Sealer:
        """Read the key, and make it (0600) when there is none. Two processes at once agree on one key."""
        try:
            return cls(_decoded(path))
        except FileNotFoundError:
            _create(path)
            return cls(_decoded(path))

    @classmethod
    def from_text(cls, text: str, source: str) -> Sealer:
        """Take a key as its file holds it, read from ``source``."""
        return cls(_parsed(text, source))

    def seal(self, owner: str, value: str) -> str:
        """Return ``value`` as ASCII text that only this key opens, and only for ``owner`` (``bot:anna``)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self.__cipher.encrypt(nonce, value.encode("utf-8", "surrogatepass"), owner.encode())
        return _VERSION + base64.urlsafe_b64encode(sealed).decode()

    def open(self, owner: str, sealed: str) -> str:
        """Return what was sealed for ``owner``; another key, owner or a changed text raise ``SealBroken``."""
        try:
            if not sealed.startswith(_VERSION):
                raise ValueError("of another version")
            raw = base64.urlsafe_b64decode(sealed[len(_VERSION) :].encode("ascii"))
            opened = self.__cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
        except (ValueError, InvalidTag):
            raise SealBroken(
                f"a sealed value of {owner} does not open: it was sealed with another key or for another owner; "
                f"restore the key file of this state directory, or set the value anew"
            ) from None
        return opened.decode("utf-8", "surrogatepass")


def _decoded(path: Path) -> bytes:
    try:
        return _parsed(path.read_text(encoding="ascii"), str(path))
    except UnicodeDecodeError:
        return _parsed("", str(path))


def _parsed(text: str, source: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        raise SealBroken(f"{source}: is not a key (64 hexadecimal digits); restore it from a copy") from None


def _create(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        write_key(path, secrets.token_hex(KEY_BYTES))


def write_key(path: Path, text: str) -> None:
    """Write a key beside ``path`` and link it there: never half a file, and never over another: ``FileExistsError``."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
        _sync_directory(path.parent)
    finally:
        draft.unlink()


def replace_key(path: Path, text: str) -> Path | None:
    """Put another key in the place of the one at ``path``, which stays beside it; returns where, if there was one."""
    kept = path.with_name(f"{path.name}.before-{secrets.token_hex(4)}")
    try:
        kept.hardlink_to(path)
    except FileNotFoundError:
        write_key(path, text)
        return None
    fresh = path.with_name(f"{path.name}.new-{secrets.token_hex(8)}")
    write_key(fresh, text)
    fresh.replace(path)
    _sync_directory(path.parent)
    return kept


def _sync_directory(directory: Path) -> None:
    """Make the name as lasting as the file: a key lost in a power cut takes every token with it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
