"""The one place where names of bots and bases are checked, since they reach SQL identifiers, keys and paths."""

from __future__ import annotations

import re

from db.errors import BadName
from db.texts import _

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def checked_name(kind: str, name: str) -> str:
    """Return ``name`` when it may name a bot or a base (``kind`` is the word for the error), else raise ``BadName``."""
    if _NAME.fullmatch(name):
        return name
    text = _(
        "{kind} {name!r}: a name must be a small Latin letter, then up to 31 small letters, digits or _ "
        "(free text goes into the title)"
    )
    raise BadName(text.format(kind=_(kind), name=name[:60]))


def database_name(base: str) -> str:
    """Return the MariaDB database of a base: ``salo_<base>``."""
    return "salo_" + checked_name("base", base)
