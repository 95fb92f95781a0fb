"""Takes a reply mark back that was written for nothing: VK said no, so nobody has seen any of it."""

from __future__ import annotations

import redis

from db import keys
from db.inbox import Call, Claim
from db.scripts import Script

_DROP = Script("mark_drop")


def forget_unsent(client: redis.Redis, lease: tuple[str, str], group_id: int, entry: str, age_ms: int) -> bool:
    """Forget the mark of an event if the try that began ``age_ms`` ago wrote it, and none of its parts was sent."""
    return int(_DROP.run(client, [lease[0], keys.reply_mark(group_id, entry)], [lease[1], age_ms])) == 1


def forget_composed(claim: Claim, entry: str, age_ms: int) -> Call:
    """Return what does the same for a lane. Its answer is 1 when the mark was forgotten."""
    names = (keys.lease(claim.bot), keys.reply_mark(claim.group_id, entry))
    return Call(_DROP, names, (claim.lease, age_ms))
