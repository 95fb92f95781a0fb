"""``users.*`` and ``utils.*``: who somebody is, what a screen name means, what time it is."""

from __future__ import annotations

from typing import Any

from server.emulator import params as read
from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.world import User, World

USERS_MAX = 1000


def shown_user(user: User, fields: set[str]) -> dict[str, Any]:
    """Return a user as VK shows one; a deactivated one has no open profile."""
    view: dict[str, Any] = {"id": user.id, "first_name": user.first_name, "last_name": user.last_name}
    if user.deactivated:
        view["deactivated"] = user.deactivated
        if user.deactivated == "deleted":
            view |= {"first_name": "DELETED", "last_name": ""}
    else:
        view |= {"can_access_closed": True, "is_closed": False}
    if fields & {"screen_name", "domain"}:
        name = user.screen_name or f"id{user.id}"
        view |= {key: name for key in ("screen_name", "domain") if key in fields}
    return view | {key: value for key, value in user.extra.items() if key in fields}


def find_user(world: World, name: str) -> User | None:
    """Return the user meant by an id, ``id<number>`` or a screen name."""
    number = name.removeprefix("id")
    if number.isdecimal():
        return world.users.get(int(number))
    kind, found = world.names.get(name.lower(), ("", 0))
    return world.users.get(found) if kind == "id" else None


def get(call: Call) -> list[dict[str, Any]]:
    """Describe users; unknown ones are left out, and error 113 says that none is known."""
    names = read.words(call.params, "user_ids", USERS_MAX) or read.words(call.params, "user_id", 1)
    fields = set(read.words(call.params, "fields", 100))
    found = [user for user in (find_user(call.core.world, name) for name in names) if user]
    if names and not found:
        raise VkError(113)
    return [shown_user(user, fields) for user in found]


def resolve_screen_name(call: Call) -> dict[str, Any] | list[Any]:
    kind, number = call.core.world.names.get(read.required(call.params, "screen_name").lower(), ("", 0))
    return {"type": "group" if kind == "club" else "user", "object_id": number} if kind else []


def server_time(call: Call) -> int:
    return int(call.core.clock())


METHODS = {
    "users.get": get,
    "utils.resolveScreenName": resolve_screen_name,
    "utils.getServerTime": server_time,
}
