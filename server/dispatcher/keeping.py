"""The pauses of a lane in Redis, and told to those who look: ``pauses:<bot>``, the log, the subscribers.

Written under the lane's lease, so that a new owner goes on from them; absolute values, so that a repeat does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from db import codec, keys
from db.errors import BadJson
from db.inbox import Call, Claim
from db.scripts import Script
from server.dispatcher.pauses import Change, Pause

_KEEP = Script("lane_pause")

log = logging.getLogger(__name__)


def keep(claim: Claim, changes: Iterable[Change]) -> Call:
    """Return what writes changes down. Its answer is ``ok``, or ``lost`` when the lease is not ours."""
    words: list[str | bytes] = []
    for change in changes:
        words += [change.pause.kind, b"" if change.is_over else codec.dumps(asdict(change.pause))]
    return Call(_KEEP, (keys.lease(claim.bot), keys.pauses(claim.bot)), (claim.lease, *words))


def read_command(bot: str) -> tuple[str, str]:
    """Return the command that reads what was kept."""
    return ("HGETALL", keys.pauses(bot))


def kept(answer: Any) -> list[Pause]:
    """Return the pauses of its answer. What another version wrote otherwise is left out: VK will say it again."""
    values = answer.values() if isinstance(answer, dict) else answer[1::2]
    found = []
    for value in values:
        try:
            found.append(Pause(**codec.loads(value)))
        except (BadJson, TypeError):
            log.warning("pause left out: it is not of our form")
    return found


def tell(bot: str, changes: Iterable[Change], now_ms: int, on_event: Callable[[str, dict[str, Any]], None]) -> None:
    """Log changes and tell the subscribers. A notice is told when it is new, not each time it is kept again."""
    for change in changes:
        pause = change.pause
        if pause.is_notice:
            if change.is_new:
                log.warning("vk refuses bot=%s code=%d reason=%s", bot, pause.code, pause.reason)
        elif change.is_over:
            rested_s = max(now_ms - pause.since_ms, 0) / 1000
            log.info("lane goes on bot=%s after=%s rested_s=%.1f", bot, pause.kind, rested_s)
        else:
            level = logging.WARNING if change.is_new else logging.INFO
            wait_s = max(pause.until_ms - now_ms, 0) / 1000
            log.log(level, "lane rests bot=%s why=%s next_s=%.1f reason=%s", bot, pause.kind, wait_s, pause.reason)
        told = {"kind": pause.kind, "reason": pause.reason, "until_ms": pause.until_ms, "is_over": change.is_over}
        on_event("bot", {"bot": bot, "lane": "running", "pause": told})
