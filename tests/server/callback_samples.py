"""VK's bodies for the callback tests: good ones, and a corpus of bad ones with what each gets."""

from __future__ import annotations

import itertools
from typing import Any

import orjson

GROUP = 101
SECRET = "secret-anna"
_count = itertools.count(1)


def event(kind: str = "message_new", **changes: Any) -> dict[str, Any]:
    """Return an event of its own, as VK sends it; ``changes`` replace parts of the envelope."""
    number = next(_count)
    message = {
        "date": 1756381457,
        "from_id": 173308266,
        "id": 0,
        "version": 10000390,
        "out": 0,
        "fwd_messages": [],
        "important": False,
        "is_hidden": False,
        "attachments": [],
        "conversation_message_id": number,
        "text": "[club101|@anna] Ты как? Все хорошо? 🙂",
        "peer_id": 2000000001,
        "random_id": 0,
    }
    things: dict[str, Any] = {
        "message_new": {"client_info": {"keyboard": True, "lang_id": 0}, "message": message},
        "message_event": {
            "user_id": 5,
            "peer_id": 2000000001,
            "event_id": "b483a4d72f40",
            "payload": {"a": [1]},
            "conversation_message_id": 3,
        },
        "message_allow": {"user_id": 5, "key": ""},
        "message_deny": {"user_id": 5},
        "group_join": {"user_id": 5, "join_type": "join"},
        "group_leave": {"user_id": 5, "self": 1},
        "message_reply": message,
        "wall_post_new": {"id": 1},
    }
    envelope = {
        "type": kind,
        "group_id": GROUP,
        "event_id": f"{number:040x}",
        "v": "5.199",
        "object": things.get(kind, {}),
        "secret": SECRET,
    }
    return envelope | changes


def body(kind: str = "message_new", **changes: Any) -> bytes:
    return orjson.dumps(event(kind, **changes))


def message(**changes: Any) -> bytes:
    """Return a body whose message differs in ``changes``; the value ``...`` leaves a field out."""
    whole = event()
    inner = whole["object"]["message"] | changes
    whole["object"]["message"] = {key: value for key, value in inner.items() if value is not ...}
    return orjson.dumps(whole)


def without(*names: str) -> bytes:
    return orjson.dumps({key: value for key, value in event().items() if key not in names})


def text_as_json(literal: bytes) -> bytes:
    """Return a message whose text is this piece of raw JSON."""
    return message(text="@@").replace(b'"@@"', literal)


KEPT: dict[str, bytes] = {
    "message": body(),
    "button": body("message_event"),
    "allow": body("message_allow"),
    "deny": body("message_deny"),
    "join": body("group_join"),
    "leave": body("group_leave"),
    "new user id": message(peer_id=200_000_000_123, from_id=200_000_000_123),
    "community wrote": message(from_id=-5),
    "no message number": message(conversation_message_id=...),
    "message itself, as before API 5.103": body(object=event()["object"]["message"]),
    "event_id is a number": body(event_id=123_456_789),
    "unknown fields": body(news={"a": [None, 1.5]}),
    "lone surrogate": text_as_json(b'"a\\ud83db"'),
    "second half alone": text_as_json(b'"a\\ude42b"'),
    "raw surrogate bytes": text_as_json(b'"a\xed\xa0\xbdb"'),
    "broken UTF-8": text_as_json(b'"a\xffb"'),
    "number over 64 bits": text_as_json(b"123456789012345678901234567890"),
}

IGNORED: dict[str, bytes] = {
    "own reply": body("message_reply"),
    "wall post": body("wall_post_new"),
    "type of tomorrow": body("telepathy_new", object=[1]),
    "switched-off API version": body(object={"warning": "You are using a deprecated API version"}),
}

REFUSED: dict[str, tuple[int, bytes]] = {
    "empty": (400, b""),
    "no JSON": (400, b"hello"),
    "HTML form": (400, b"type=message_new&group_id=101"),
    "half of it": (400, body()[:-20]),
    "a list": (400, b"[]"),
    "a number": (400, b"1"),
    "null": (400, b"null"),
    "NaN": (400, text_as_json(b"NaN")),
    "Infinity": (400, text_as_json(b"-Infinity")),
    "deep nesting": (400, b"[" * 100_000),
    "deep nesting, closed": (400, text_as_json(b"[" * 100_000 + b"]" * 100_000)),
    "deeper than can be written": (400, text_as_json(b"[" * 300 + b"]" * 300)),
    "so deep that no job could carry it": (400, text_as_json(b"[" * 249 + b"]" * 249)),
    "5,000 digits": (400, text_as_json(b"9" * 5000)),
    "1e999": (400, text_as_json(b"1e999")),
    "no type": (400, without("type")),
    "type is a number": (400, body(type=1)),
    "long type": (400, body("x" * 65)),
    "no group": (400, without("group_id")),
    "group is a text": (400, body(group_id="101")),
    "group is true": (400, body(group_id=True)),
    "other group than in the address": (400, body(group_id=102)),
    "no event_id": (400, without("event_id")),
    "empty event_id": (400, body(event_id="")),
    "long event_id": (400, body(event_id="x" * 65)),
    "event_id is a list": (400, body(event_id=[])),
    "no object": (400, without("object")),
    "object is a list": (400, body(object=[])),
    "message is a text": (400, body(object={"message": "hi"})),
    "no peer": (400, message(peer_id=...)),
    "peer is a text": (400, message(peer_id="1")),
    "peer is a fraction": (400, message(peer_id=1.0)),
    "peer over 63 bits": (400, message(peer_id=1 << 63)),
    "no author": (400, message(from_id=None)),
    "message number is a text": (400, message(conversation_message_id="1")),
    "button without a user": (400, body("message_event", object={"peer_id": 1})),
    "join without a user": (400, body("group_join", object={})),
    "wrong secret": (403, body(secret="secret-boris")),
    "secret cut short": (403, body(secret=SECRET[:-1])),
    "empty secret": (403, body(secret="")),
    "secret is null": (403, body(secret=None)),
    "no secret": (403, without("secret")),
    "foreign letters in the secret": (403, body(secret="секрет-анна")),
    "secret is a number": (400, body(secret=1)),
    "confirmation with a wrong secret": (403, body("confirmation", secret="x")),
    "too large": (413, message(text="я" * 140_000)),
}
