"""How a lane's pauses are told to the operator: a bot's health in words, with the way out. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from db.protocol import Health, HealthState, PauseKind
from db.texts import _
from server.dispatcher.pauses import BREAKER, METHOD, NOTICE, RATE, TOKEN, VK, Pause

_ORDER: tuple[HealthState, ...] = ("ok", "warn", "bad")
_CAPTCHA, _NO_BOT_FEATURES = 14, 912


def pause_kind(pauses: Sequence[Pause]) -> PauseKind:
    """Return in one word what a lane rests for; empty while it works."""
    kinds: dict[str, PauseKind] = {TOKEN: "token", BREAKER: "failing", VK: "vk", RATE: "vk"}
    for kind, word in kinds.items():
        if any(pause.kind == kind for pause in pauses):
            return word
    return "method" if any(pause.shuts for pause in pauses) else ""


def health_with(pauses: Sequence[Pause], checked: Health | None, bot: str) -> Health | None:
    """Return how a bot is: what its lane says first, then what its check found."""
    if not pauses:
        return checked
    states = [_state(pause) for pause in pauses]
    texts = [_text(pause, bot) for pause in pauses]
    if checked is not None and checked.state != "ok" and TOKEN not in {pause.kind for pause in pauses}:
        states.append(checked.state)
        texts.append(checked.text)
    worst = max(states, key=_ORDER.index)
    at_ms = max(pause.since_ms for pause in pauses)
    return Health(worst, "; ".join(texts), checked.ms if checked else None, at_ms)


def _state(pause: Pause) -> HealthState:
    return "bad" if pause.kind in (TOKEN, BREAKER) or pause.code == _CAPTCHA else "warn"


def _text(pause: Pause, bot: str) -> str:
    values = {"bot": bot, "code": pause.code, "reason": pause.reason, "since": _clock(pause.since_ms),
              "next": _clock(pause.until_ms), "method": pause.kind.removeprefix(METHOD)}  # fmt: skip
    return _source(pause).format(**values)


def _source(pause: Pause) -> str:
    """Return the text of a pause with names in it."""
    if pause.kind == TOKEN:
        return _("stopped since {since}: VK refuses the token (error {code}); messages wait; replace the token: "
                 "salo bot token {bot} --token-file FILE")  # fmt: skip
    if pause.kind == VK:
        return _("rests since {since}: VK does not answer ({reason}); messages wait, one is tried at {next}")
    if pause.kind == RATE:
        return _("rests: VK says there are too many requests (error {code}); does another program use this token?")
    if pause.kind == BREAKER:
        return _("paused since {since}: most messages fail, last: {reason}; one is tried at {next}")
    if pause.kind == f"{NOTICE}{_NO_BOT_FEATURES}":
        return _("keyboards are left out: bot features are off in the community's settings (VK error {code})")
    if pause.kind.startswith(NOTICE):
        return _("VK refused a call (error {code}): {reason}")
    if pause.code == _CAPTCHA:
        return _("{method} is paused since {since}: VK wants a captcha, which nobody here can solve; tried at {next}")
    if pause.code:
        return _("{method} is paused since {since}: its quota is used up (VK error {code}); tried at {next}")
    return _("{method} is paused since {since}: VK does not answer it; tried at {next}")


def _clock(at_ms: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at_ms / 1000))
