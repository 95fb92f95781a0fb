"""What people may do: five roles, each with all that the one before it may."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from db.texts import N_, _
from engine.commands.errors import BadCommand, NotAllowed


class Role(IntEnum):
    """A person's role, as the ``status`` of their row in ``user`` names it."""

    BANNED = 0
    USER = 1
    MODERATOR = 2
    ADMIN = 3
    OWNER = 4


_WORDS = {
    Role.BANNED: N_("banned"),
    Role.USER: N_("user"),
    Role.MODERATOR: N_("moderator"),
    Role.ADMIN: N_("admin"),
    Role.OWNER: N_("owner"),
}


def role_word(role: Role) -> str:
    """Return the word for a role in the language in use."""
    return _(_WORDS[role])


def role_named(name: str) -> Role:
    """Return the role that ``name`` means; an unknown one is a plain user, never more."""
    return Role.__members__.get(name.upper(), Role.USER)


def checked_role(name: str) -> Role:
    """Return the role of that name; raise ``BadCommand`` when there is none."""
    if name.upper() not in Role.__members__:
        known = ", ".join(role.name.lower() for role in Role)
        raise BadCommand(_("there is no role {name}; there are: {known}").format(name=name[:40], known=known))
    return Role[name.upper()]


def role_of(account_id: int | str, owner: int | str | None, person: Mapping[str, Any] | None) -> Role:
    """Return the role of a chatter: the bot's owner by account, everybody else by their status in the base."""
    if owner and str(owner) == str(account_id):
        return Role.OWNER
    return role_named(str((person or {}).get("status") or "user"))


def require(role: Role, needed: Role, command: str) -> None:
    """Raise ``NotAllowed`` unless ``role`` suffices for ``command``."""
    if role < needed:
        raise NotAllowed(
            _("/{command} needs the role “{needed}”; yours is “{role}”").format(
                command=command, needed=role_word(needed), role=role_word(role)
            )
        )
