"""What one settled event tells MariaDB: rows for the base's journal. Pure; the journal writer knows the tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.bots import Bot

NETWORK = "vk"
Row = dict[str, Any]


def journal_rows(bot: Bot, event: Mapping[str, Any], verdict: Mapping[str, Any], now_ms: int) -> list[Row]:
    """Return the rows for an event that was handled: history, unsolved, person, or the note that it was ignored.

    ``event`` is the envelope as accepted, ``verdict`` the worker's message. Only what was addressed to the bot and
    came from a person has history.
    """
    message = message_of(event)
    peer_id = _whole(message.get("peer_id"))
    if verdict.get("verdict") == "ignored":
        return [ignored_row(bot, str(event.get("event_id", "")), peer_id, str(verdict.get("reason") or ""), now_ms)]
    from_id = _whole(message.get("from_id"))
    rows = _person_rows(verdict.get("person"), from_id, now_ms)
    match, reply = verdict.get("match") or {}, verdict.get("reply") or {}
    if not message or from_id <= 0:
        return rows
    phrase = said(match, message)
    rows.append(
        {
            "op": "history",
            "event_id": str(event.get("event_id", "")),
            "bot_id": bot.bot_id,
            "peer_id": peer_id,
            "account_id": str(from_id),
            "network": NETWORK,
            "rx": phrase,
            "tx": reply_text(reply),
            "answer_id": match.get("answer_id"),
            "score": match.get("score"),
            "time": now_ms,
        }
    )
    if verdict.get("verdict") == "unsolved":
        rows.append({"op": "unsolved", "rx": phrase, "bot_id": bot.bot_id, "time": now_ms})
    return rows


def ignored_row(bot: Bot, event_id: str, peer_id: int, reason: str, now_ms: int) -> Row:
    """Return the row of an event that nobody answers."""
    return {
        "op": "ignored",
        "event_id": event_id,
        "bot_id": bot.bot_id,
        "peer_id": peer_id,
        "reason": reason,
        "time": now_ms,
    }


def _person_rows(person: object, from_id: int, now_ms: int) -> list[Row]:
    if not isinstance(person, Mapping) or from_id <= 0:
        return []
    names = {name: str(person.get(name) or "") for name in ("fi_name", "la_name")}
    return [{"op": "person", "account_id": str(from_id), "network": NETWORK, **names, "time": now_ms}]


def message_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message of a ``message_new``, else nothing: other events say no phrase."""
    body = event.get("object")
    message = body.get("message") if isinstance(body, Mapping) else None
    return message if isinstance(message, Mapping) and event.get("type") == "message_new" else {}


def said(match: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """Return what was said to the bot: without the mention, where the engine took one away."""
    return str(match.get("rx") or message.get("text") or "")


def reply_text(reply: Mapping[str, Any]) -> str:
    parts = reply.get("parts") or []
    return "\n".join(str(part.get("text") or "") for part in parts if isinstance(part, Mapping))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
