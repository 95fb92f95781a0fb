"""What the platform's events read like as lines of a log. Pure."""

from __future__ import annotations

from typing import Any

from db.protocol import PlatformEvent
from db.texts import _
from salo_tui.widgets.ring import Level, LogLine

TEXT_MAX = 200  # characters shown of a message in a line
_LEVELS = {"debug": Level.DEBUG, "info": Level.INFO, "warning": Level.WARNING, "error": Level.ERROR}
_SILENT = frozenset({"handed out", "gone"})


def line_of(event: PlatformEvent) -> LogLine | None:
    """Return the line that tells of an event, or nothing when it is no news."""
    data = event.data
    match event.topic:
        case "log":
            level = _LEVELS.get(str(data.get("level")), Level.INFO)
            return LogLine(event.at_ms, level, str(data.get("line", "")), str(data.get("name", "")))
        case "event":
            return _of_message(event.at_ms, data)
        case "process":
            return _of_process(event.at_ms, data)
        case "dropped":
            text = _("{count} events never reached this terminal").format(count=data.get("count", "?"))
            return LogLine(event.at_ms, Level.NOTICE, text)
    return None


def _of_message(at_ms: int, data: dict[str, Any]) -> LogLine | None:
    step = str(data.get("step", ""))
    if step in _SILENT:
        return None
    level, text = _told(step, data)
    return LogLine(at_ms, level, text, str(data.get("bot", "")))


def _told(step: str, data: dict[str, Any]) -> tuple[Level, str]:
    """Return how much a step of a message asks of the operator, and its words."""
    said, reply, reason = _short(data.get("text")), _short(data.get("reply")), str(data.get("reason") or "")
    facts = {"peer": data.get("peer_id"), "said": said, "reply": reply, "ms": data.get("age_ms"), "reason": reason}
    match step:
        case "done" if reply:
            return Level.INFO, _("{peer}: «{said}» → «{reply}» {ms} ms").format(**facts)
        case "done":
            return Level.DEBUG, _("{peer}: «{said}» is done, {ms} ms").format(**facts)
        case "unsolved":
            return Level.UNSOLVED, _("{peer}: no answer to «{said}»").format(**facts)
        case "ignored":
            level = Level.WARNING if reason in ("stale", "flood") else Level.DEBUG
            return level, _("{peer}: «{said}» ignored: {reason}").format(**facts)
        case "retry":
            return Level.WARNING, _("{peer}: «{said}» will be tried again: {reason}").format(**facts)
        case "buried":
            return Level.ERROR, _("{peer}: «{said}» is a dead letter: {reason}").format(**facts)
    return Level.DEBUG, f"{facts['peer']}: {step} {reason}"


def _of_process(at_ms: int, data: dict[str, Any]) -> LogLine | None:
    state, name, reason = str(data.get("state", "")), str(data.get("name", "")), str(data.get("reason") or "")
    words = {"backoff": _("ended, and is started again: {reason}"), "failed": _("failed: {reason}")}
    if state not in words:
        return None
    level = Level.ERROR if state == "failed" else Level.WARNING
    return LogLine(at_ms, level, words[state].format(reason=reason or "?"), name)


def _short(text: Any) -> str:
    line = " ".join(str(text or "").split())
    return line if len(line) <= TEXT_MAX else line[: TEXT_MAX - 1] + "…"
