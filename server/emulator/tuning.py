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
