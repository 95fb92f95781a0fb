"""The embedded servers' passwords: made once, in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def ensure_password(file: Path) -> str:
    """Return the password in ``file``, made now if there is none. Letters, digits, ``-`` and ``_``: safe in SQL."""
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    password = secrets.token_urlsafe(32)
    partial = file.with_name(file.name + ".new")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as out:
        out.write(password + "\n")
        out.flush()
        os.fsync(fd)
    partial.replace(file)  # whole or not at all
    return password
