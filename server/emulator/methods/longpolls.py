"""``groups.*LongPoll*``: a community's long poll, its events, and where it is asked."""

from __future__ import annotations

import time
from typing import Any

from server.emulator import params as read
from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.events import EVENTS, LONG_POLL_EVENTS
from server.emulator.longpoll import server_of
from server.emulator.methods.groups import own


def get_server(call: Call) -> dict[str, str]:
    """Return where to ask; whoever calls this in a loop instead of keeping the key is refused."""
    community = own(call)
    poll, tuning = community.long_poll, call.core.tuning
    if not poll.enabled:
        raise VkError(100, "longpoll for this group is not enabled.")
    now = time.monotonic()
    while poll.asked and now - poll.asked[0] >= tuning.longpoll_servers_s:
        poll.asked.popleft()
    if tuning.longpoll_servers and len(poll.asked) >= tuning.longpoll_servers:
        raise VkError(29)
    poll.asked.append(now)
    key = poll.open(call.core.clock(), tuning.longpoll_key_s)
    return {"key": key, "server": server_of(call.core, community), "ts": str(poll.last)}


def get_settings(call: Call) -> dict[str, Any]:
    poll = own(call).long_poll
    flags = {name: int(name in poll.events) for name in EVENTS}
    return {"is_enabled": poll.enabled, "api_version": poll.api_version, "events": flags}


def set_settings(call: Call) -> int:
    """Change the flags that are given and leave the others."""
    poll = own(call).long_poll
    poll.api_version = call.params.get("api_version") or poll.api_version
    if "enabled" in call.params:
        poll.enabled = read.flag(call.params, "enabled")
    for name in LONG_POLL_EVENTS:
        if name in call.params:
            (poll.events.add if read.flag(call.params, name) else poll.events.discard)(name)
    poll.wake()
    return 1


METHODS = {
    "groups.getLongPollServer": get_server,
    "groups.getLongPollSettings": get_settings,
    "groups.setLongPollSettings": set_settings,
}
