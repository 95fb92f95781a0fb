"""Helpers for tests of inboxes: events put where the callback server puts them, scripts run over a blocking client."""

from __future__ import annotations

import time
from typing import Any

import redis

from db import codec, keys
from db.inbox import Call, Claim, Entry, parse_entry

BASE = "phrases"


def claim(client: redis.Redis, bot: str = "anna", db: int = 3, lease: str = "host:token") -> Claim:
    """Hold a bot's lane."""
    client.set(keys.lease(bot), lease)
    return Claim(bot=bot, group_id=100 + db, base=BASE, db=db, lease=lease)


def message(peer_id: int = 7, cmid: int = 1, text: str = "hi", event_id: str = "e1", age_s: int = 0) -> dict[str, Any]:
    """Return the envelope of a person's message."""
    body = {"peer_id": peer_id, "from_id": peer_id, "conversation_message_id": cmid, "text": text, "out": 0}
    body["date"] = int(time.time()) - age_s
    return {"type": "message_new", "event_id": event_id, "group_id": 103, "v": "5.199", "object": {"message": body}}


def put(client: redis.Redis, event: dict[str, Any], bot: str = "anna", accepted_ms: int | None = None) -> str:
    """Put an event into a bot's inbox as the accept script does, and return its entry."""
    body = event["object"].get("message", {})
    peer_id = body.get("peer_id", 0)
    fields: dict[Any, Any] = {
        "e": codec.dumps(event),
        "t": event["type"],
        "p": peer_id,
        "c": body.get("conversation_message_id", 0),
        "f": body.get("from_id", 0),
        "i": event["event_id"],
        "a": accepted_ms or int(time.time() * 1000),
    }
    pipeline = client.pipeline(transaction=True)
    pipeline.xadd(keys.inbox(bot), fields)
    pipeline.publish(keys.wake(bot), "")
    entry = pipeline.execute()[0]
    return bytes(entry).decode()


def read(client: redis.Redis, bot: str = "anna") -> list[Entry]:
    found: Any = client.xrange(keys.inbox(bot))
    return [parse_entry(entry, fields) for entry, fields in found]


def run(client: redis.Redis, call: Call) -> Any:
    return call.script.run(client, call.keys, call.args)
