"""``groups.*Callback*``: where a community's events are posted to, which ones, and in which version."""

from __future__ import annotations

from typing import Any

from server.emulator import params as read
from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.events import EVENTS
from server.emulator.methods.groups import own
from server.emulator.world import CallbackServer, Community

SERVERS_MAX = 10
TITLE_MAX, SECRET_MAX = 14, 50


def confirmation_code(call: Call) -> dict[str, str]:
    return {"code": _managed(call).confirmation}


def get_servers(call: Call) -> dict[str, Any]:
    wanted = read.integers(call.params, "server_ids", SERVERS_MAX)
    servers = [item for item in _managed(call).servers.values() if not wanted or item.server_id in wanted]
    return {"count": len(servers), "items": [shown_server(item) for item in servers]}


def shown_server(server: CallbackServer) -> dict[str, Any]:
    return {
        "id": server.server_id,
        "title": server.title,
        "creator_id": 0,
        "url": server.url,
        "secret_key": server.secret_key,
        "status": server.status,
    }


def create_server(community: Community, url: str, title: str, secret_key: str) -> CallbackServer:
    """Add a server that is still to be confirmed; VK gives it no events before they are chosen."""
    if len(community.servers) >= SERVERS_MAX:
        raise VkError(2000)
    server = CallbackServer(community.next_server_id, url, title, secret_key)
    community.servers[server.server_id] = server
    community.next_server_id += 1
    return server


def add_server(call: Call) -> dict[str, int]:
    community = _managed(call)
    server = create_server(community, *_place(call))
    call.sender.confirm_later(community, server)
    return {"server_id": server.server_id}


def edit_server(call: Call) -> int:
    server = _server(call)
    server.url, server.title, server.secret_key = _place(call)
    call.sender.confirm_later(call.community, server)
    return 1


def delete_server(call: Call) -> int:
    server = _server(call)
    del call.community.servers[server.server_id]
    return 1


def get_settings(call: Call) -> dict[str, Any]:
    server = _server(call)
    return {"api_version": server.api_version, "events": {name: int(name in server.events) for name in EVENTS}}


def set_settings(call: Call) -> int:
    """Change the flags that are given and leave the others."""
    server = _server(call)
    server.api_version = call.params.get("api_version") or server.api_version
    for name in EVENTS:
        if name in call.params:
            (server.events.add if read.flag(call.params, name) else server.events.discard)(name)
    return 1


def _managed(call: Call) -> Community:
    """Return the token's community; a token without the right to manage it is refused."""
    community = own(call)
    if not community.may_manage:
        raise VkError(15)
    return community


def _place(call: Call) -> tuple[str, str, str]:
    url = read.required(call.params, "url")
    if not url.startswith(("http://", "https://")):
        raise VkError(100, "url is invalid")
    return url, read.text(call.params, "title", TITLE_MAX), read.text(call.params, "secret_key", SECRET_MAX)


def _server(call: Call) -> CallbackServer:
    server = _managed(call).servers.get(read.integer(call.params, "server_id"))
    if server is None:
        raise VkError(104)
    return server


METHODS = {
    "groups.getCallbackConfirmationCode": confirmation_code,
    "groups.getCallbackServers": get_servers,
    "groups.addCallbackServer": add_server,
    "groups.editCallbackServer": edit_server,
    "groups.deleteCallbackServer": delete_server,
    "groups.getCallbackSettings": get_settings,
    "groups.setCallbackSettings": set_settings,
}
