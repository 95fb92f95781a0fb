"""``groups.*`` about the community itself: what it is, who is in it, what its token may do."""

from __future__ import annotations

from typing import Any

from server.emulator import params as read
from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.methods.users import shown_user
from server.emulator.world import Community

# The bits of a community token's rights, as groups.getTokenPermissions names them.
PERMISSIONS = {"photos": 4, "messages": 4096, "docs": 131072, "manage": 262144}
_PICTURE = "https://vk.ru/images/community_{}.png"
LAST_WITH_LIST = (5, 131)  # up to this version groups.getById gives a plain list


def shown_community(community: Community) -> dict[str, Any]:
    return {
        "id": community.group_id,
        "name": community.name,
        "screen_name": community.screen_name,
        "is_closed": 0,
        "type": "group",
        "photo_50": _PICTURE.format(50),
        "photo_100": _PICTURE.format(100),
        "photo_200": _PICTURE.format(200),
    }


def own(call: Call) -> Community:
    """Return the token's community; a ``group_id`` of another one is refused."""
    group_id = read.integer(call.params, "group_id", call.community.group_id)
    if group_id != call.community.group_id:
        raise VkError(15)
    return call.community


def get_by_id(call: Call) -> Any:
    names = read.words(call.params, "group_ids", 500) or read.words(call.params, "group_id", 1)
    world = call.core.world
    found = []
    for name in names or [str(call.community.group_id)]:
        number = name.removeprefix("club").removeprefix("public")
        group_id = int(number) if number.isdecimal() else world.names.get(name.lower(), ("", 0))[1]
        if group_id not in world.communities:
            raise VkError(100, "group_ids is undefined")
        found.append(shown_community(world.communities[group_id]))
    return found if call.v <= LAST_WITH_LIST else {"groups": found, "profiles": []}


def get_members(call: Call) -> dict[str, Any]:
    """Return those who joined or wrote; with ``filter=managers`` nobody, since the emulator has none."""
    community = own(call)
    offset, count = read.integer(call.params, "offset", 0), min(read.integer(call.params, "count", 1000), 1000)
    ids = [] if call.params.get("filter") == "managers" else sorted(_members(community))
    page = ids[offset : offset + count]
    fields = set(read.words(call.params, "fields", 100))
    users = [shown_user(call.core.world.user(user_id), fields) for user_id in page] if fields else page
    return {"count": len(ids), "items": users}


def _members(community: Community) -> set[int]:
    """Return those who joined, and those who wrote and never left."""
    joined = {user_id for user_id, member in community.joined.items() if member}
    return joined | (set(community.dialogs) - set(community.joined))


def is_member(call: Call) -> Any:
    members = _members(own(call))
    if call.params.get("user_ids"):
        ids = read.integers(call.params, "user_ids", 500)
        return [{"user_id": user_id, "member": int(user_id in members)} for user_id in ids]
    return int(read.integer(call.params, "user_id") in members)


def token_permissions(call: Call) -> dict[str, Any]:
    rights = {name: bit for name, bit in PERMISSIONS.items() if name != "manage" or call.community.may_manage}
    named = [{"name": name, "setting": bit} for name, bit in rights.items()]
    return {"mask": sum(rights.values()), "permissions": named}


METHODS = {
    "groups.getById": get_by_id,
    "groups.getMembers": get_members,
    "groups.isMember": is_member,
    "groups.getTokenPermissions": token_permissions,
}
