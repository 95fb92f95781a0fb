"""VK's JSON, parsed once and strictly: an envelope, and from it the event that is kept. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from db import codec
from db.accept import STORED_TYPES, Event
from db.errors import BadJson

TYPE_MAX, EVENT_ID_MAX = 64, 64  # letters, as many as the tables of a base keep; VK's have 40
_INT64 = 1 << 63
_SPARE_LEVELS = 8

# A pair of surrogates, a lone one (the only group), or any other escape, which may be a backslash itself.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)


class BadEvent(Exception):
    """Not an event of VK's form. The message is one of our own, never the sender's text."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outer form of anything that VK posts. ``secret`` is ``None`` when there is none."""

    type: str
    group_id: int
    secret: bytes | None = field(repr=False)
    fields: dict[str, Any] = field(repr=False)  # all the rest


def parse_envelope(body: bytes) -> Envelope:
    """Return the envelope that ``body`` holds; anything else is a ``BadEvent``.

    Half characters (lone surrogates, broken UTF-8), which people can type and VK passes on, become U+FFFD.
    """
    fields = _parse(body)
    if type(fields) is not dict:
        raise BadEvent("not a JSON object")
    kind, secret = fields.get("type"), fields.pop("secret", None)
    if type(kind) is not str or not 0 < len(kind) <= TYPE_MAX:
        raise BadEvent("type is not a short text")
    if secret is not None and type(secret) is not str:
        raise BadEvent("secret is not a text")
    return Envelope(kind, _integer(fields, "group_id"), None if secret is None else secret.encode(), fields)


def parse_event(envelope: Envelope) -> Event | None:
    """Return the event to keep, or ``None`` for a type that no bot handles; a wrong form is a ``BadEvent``.

    A ``message_new`` without a message, which VK sends on switched-off API versions, gives ``None`` too.
    """
    if envelope.type not in STORED_TYPES:
        return None
    thing = envelope.fields.get("object")
    if type(thing) is not dict:
        raise BadEvent("object is not an object")
    same = ""
    if envelope.type == "message_new":
        if "warning" in thing and "message" not in thing:
            return None
        place = _message_place(thing)
    elif envelope.type == "message_event":
        place = _integer(thing, "peer_id"), 0, _integer(thing, "user_id")
        same = _press(thing)
    else:
        user = _integer(thing, "user_id")
        place = user, 0, user
    return Event(envelope.group_id, _event_id(envelope.fields), envelope.type, *place, _dump(envelope.fields), same)


def _press(thing: dict[str, Any]) -> str:
    """Return what tells a press of a button apart: VK's own short id inside of the event, of whoever pressed."""
    number = thing.get("event_id")
    return f"{thing['user_id']}:{number}" if type(number) is str and 0 < len(number) <= EVENT_ID_MAX else ""


def _message_place(thing: dict[str, Any]) -> tuple[int, int, int]:
    """Return peer, number and author of a message; before API 5.103 the object is the message itself."""
    message = thing.get("message", thing)
    if type(message) is not dict:
        raise BadEvent("message is not an object")
    number = _integer(message, "conversation_message_id") if "conversation_message_id" in message else 0
    return _integer(message, "peer_id"), max(number, 0), _integer(message, "from_id")


def _event_id(fields: dict[str, Any]) -> str:
    value = fields.get("event_id")
    if type(value) is int:  # one example of VK's documentation shows a number
        value = str(value)
    if type(value) is not str or not 0 < len(value) <= EVENT_ID_MAX:
        raise BadEvent("event_id is not a short text")
    return value


def _integer(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not -_INT64 <= value < _INT64:
        raise BadEvent(f"{name} is not a whole number")
    return value


def _dump(fields: dict[str, Any]) -> bytes:
    """Return the envelope's JSON, not nested so deeply that a job that carries it could not be written.

    orjson reads 1,024 levels and writes 254, so it is written here inside of some more, which are cut off again.
    """
    wrapped: Any = fields
    for _level in range(_SPARE_LEVELS):
        wrapped = [wrapped]
    try:
        return codec.dumps(wrapped)[_SPARE_LEVELS:-_SPARE_LEVELS]
    except TypeError:
        raise BadEvent("nested too deeply") from None


def _parse(body: bytes) -> Any:
    try:
        return codec.loads(body)
    except BadJson:
        pass
    cleaned = _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body)
    try:
        return codec.loads(cleaned.decode("utf-8", "replace"))
    except BadJson:
        raise BadEvent("not JSON") from None
