"""What may be turned on a running emulator, with VK's own values as defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from server.emulator.errors import BadOrder


@dataclass(frozen=True, slots=True)
class Tuning:
    """VK's waits and limits. ``time_scale`` multiplies the waits between callback attempts."""

    time_scale: float = 1.0  # 0.01 is 100 times faster
    timeout_s: float = 8.0  # for one callback attempt; never scaled, since the bot's own speed is not
    rate_limit: int = 20  # requests in any second per token; 0 = no limit
    random_id_memory_s: float = 3600.0  # never scaled: a repeat of ours comes in real time
    random_id_messages: int = 100
    parallel: int = 64  # callback requests under way to one server
    retry_after_counts: bool = False  # whether a postponed attempt uses up one of the schedule's steps
    echo_token: bool = False  # whether errors echo the token, as VK's old ones did
    execute_sums_up: bool = False  # whether execute_errors ends with an entry of ``execute`` itself, as seen at times
    suspend_after: int = 0  # errors in a row that stop a callback server; VK names no number; 0 = never
    suspend_s: float = 0.0  # how long, scaled; 0 = until the server is edited or confirmed again
    suspend_counts_postponed: bool = False  # whether an answer that names its own delay is an error in a row
    suspend_holds: bool = False  # whether a stopped server gets later what came meanwhile, or never
    longpoll_kept: int = 1000  # events that a community's long poll keeps
    longpoll_batch: int = 100  # events of one answer
    longpoll_key_s: float = 3600.0  # how long a key is good, not scaled; 0 = for ever
    longpoll_servers: int = 20  # getLongPollServer calls of one community in longpoll_servers_s; more are error 29
    longpoll_servers_s: float = 60.0
    longpoll_skips_lost: bool = False  # whether failed 1 names the newest event, or the oldest that is kept
    replies_seen: bool = False  # whether a reply to a community's message is shown to it where only mentions are
    members_need_admin: bool = True  # getConversationMembers answers 917 to a bot that is not admin

    def changed(self, changes: dict[str, Any]) -> Tuning:
        """Return a copy with ``changes``, or raise ``BadOrder`` that names the first bad one."""
        types: dict[str, type[Any]] = {field.name: type(field.default) for field in fields(self)}
        for name, value in changes.items():
            if name not in types:
                raise BadOrder(f"settings: {name} is not known; known: {', '.join(types)}")
            fits = type(value) is types[name] or (type(value) is int and types[name] is float)
            if not fits or value < 0:
                raise BadOrder(f"settings: {name} = {value!r}, must be {types[name].__name__}, 0 or more")
        return replace(self, **changes)
