"""Changes of answers, told to every worker's index through the stream ``delta:<base>``.

Published after the change is committed. The stream is a window: a reader that fell out of it reads the base anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import redis

from db import keys

ENTRIES_MAX = 10_000  # kept; Redis may keep some more
RELOAD_ABOVE = 500  # changes at once that are told as one "reload"
READ_MAX = 2_000  # changes a reader takes one by one; with more it reloads
START = "0-0"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one answer; ``reload`` stands for any number of them."""

    op: Literal["set", "del", "reload"]
    id: int = 0
    rx_norm: str = ""
    tx: str = ""
    weight: int = 1
    bot_id: int = 0


def publish(client: redis.Redis, base: str, changes: Iterable[Change]) -> str:
    """Tell all readers of a base about committed changes and return the new position.

    More than 500 changes are told as one ``reload``.
    """
    told = list(changes)
    if len(told) > RELOAD_ABOVE:
        told = [Change("reload")]
    pipeline = client.pipeline(transaction=False)
    for change in told:
        pipeline.xadd(keys.delta(base), _fields(change), maxlen=ENTRIES_MAX, approximate=True)
    written = pipeline.execute()
    return written[-1].decode() if written else position(client, base)


def position(client: redis.Redis, base: str) -> str:
    """Return the id of the last change, or ``0-0``.

    Take it *before* reading the base: a change seen twice is harmless, one never seen is not.
    """
    last: Any = client.xrevrange(keys.delta(base), count=1)
    return last[0][0].decode() if last else START


def read_since(client: redis.Redis, base: str, since: str) -> list[tuple[str, Change]] | None:
    """Return the changes after ``since`` with their positions, or ``None`` when the base must be read anew.

    That is when ``since`` is not in the window any more, when too much has changed, or when a ``reload`` was told.
    """
    found: Any = client.xrange(keys.delta(base), min=since, count=READ_MAX + 1)
    if since != START:
        if not found or found[0][0].decode() != since:
            return None
        found = found[1:]
    if len(found) >= READ_MAX:
        return None
    changes = [(entry.decode(), _change(fields)) for entry, fields in found]
    return None if any(change.op == "reload" for _entry, change in changes) else changes


def _fields(change: Change) -> dict[Any, Any]:
    if change.op == "reload":
        return {"op": "reload"}
    return {
        "op": change.op,
        "id": change.id,
        "rx_norm": change.rx_norm,
        "tx": change.tx,
        "weight": change.weight,
        "bot_id": change.bot_id,
    }


def _change(fields: dict[bytes, bytes]) -> Change:
    text = {name.decode(): value.decode() for name, value in fields.items()}
    op = text.get("op")
    if op not in ("set", "del"):
        return Change("reload")  # also for what a newer Salo may tell
    return Change(
        "set" if op == "set" else "del",
        int(text["id"]),
        text.get("rx_norm", ""),
        text.get("tx", ""),
        int(text.get("weight", 1)),
        int(text.get("bot_id", 0)),
    )
