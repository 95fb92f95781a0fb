"""Whether a host's key is the one that the shared Redis is sealed with: a sealed word that only that key opens.

The first host to come leaves it. Another host whose key does not open it would seal what nobody else opens, and open
nothing itself: it is told so before it does anything.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import redis

from db import keys
from db.errors import SealBroken
from db.seal import Sealer
from db.texts import _

_OWNER, _WORD = "platform", "salo"


def is_ours(client: redis.Redis, sealer: Sealer, opens_bots: Callable[[], bool | None]) -> bool | None:
    """Say whether ``sealer`` opens what this Redis is sealed with; ``None`` when nothing is sealed yet.

    ``opens_bots`` says the same of the bots' settings; it is asked where no word was left: in a Redis of before.
    """
    word = client.get(keys.KEY_WITNESS)
    if word is None:
        return opens_bots()
    try:
        sealer.open(_OWNER, bytes(word).decode("ascii", "replace"))  # type: ignore[arg-type]
    except SealBroken:
        return False
    return True


def leave(client: redis.Redis, sealer: Sealer, *, instead: bool = False) -> None:
    """Leave the word where there is none, or ``instead`` of another key's."""
    client.set(keys.KEY_WITNESS, sealer.seal(_OWNER, _WORD), nx=not instead)


def require(client: redis.Redis, sealer: Sealer, opens_bots: Callable[[], bool | None], key: Path) -> None:
    """Return when the key is the right one, and leave its word where there was none. Else ``SealBroken``."""
    found = is_ours(client, sealer, opens_bots)
    if found is not False and not client.exists(keys.KEY_WITNESS):
        leave(client, sealer)
        found = is_ours(client, sealer, opens_bots)  # another host may have been faster, with another key
    if not found:
        raise SealBroken(_(
            "{key}: this host's key does not open what Redis holds, which is sealed with another one. Bring that: "
            "there salo key export FILE, here salo key import FILE, then delete the file. If it is lost for good: "
            "salo key import {key} --force here, then salo bot remove and salo bot add for each bot"
        ).format(key=key))  # fmt: skip
