"""What a line of a child's log is: how bad, and what it says beside its own time and level, which the event has."""

from __future__ import annotations

import re

_PYTHON = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)", re.DOTALL)
_MARIADB = re.compile(r"\d{4}-\d\d-\d\d +\d{1,2}:\d\d:\d\d \d+ \[(Note|Warning|ERROR)\] (.*)", re.DOTALL)
_REDIS = re.compile(r"\d+:[XCSM] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} ([.*#-]) (.*)", re.DOTALL)
_FORMS = (_PYTHON, _MARIADB, _REDIS)

_LEVELS = {
    "DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error",
    "Note": "info", "Warning": "warning",
    ".": "debug", "-": "debug", "*": "info", "#": "warning",
}  # fmt: skip

# Redis says as a warning what is only to be in every log: that it starts, and that it was told to stop.
_NO_WARNING = re.compile(
    r"oO0OoO|Redis version=|Configuration loaded|Reading config|Server initialized|"
    r"User requested shutdown|Redis is now ready to exit|Received SIG"
)
_TRACEBACK = re.compile(r"Traceback \(most recent|During handling of the above|The above exception was")
_DROPPED = re.compile(r"\(\d+ lines dropped")
_OPEN_MAX = 100


class Levels:
    """Tells the level of each line; a traceback, which has several, is an error to its end."""

    def __init__(self) -> None:
        self._open: set[str] = set()  # whose last line was within a traceback

    def told(self, name: str, line: str) -> dict[str, str]:
        """Return what the subscribers are told of a line: ``{name, level, line}``."""
        for form in _FORMS:
            found = form.fullmatch(line)
            if found is not None:
                self._open.discard(name)
                sign, text = found.groups()
                is_calm = form is _REDIS and _NO_WARNING.match(text)
                return {"name": name, "level": "info" if is_calm else _LEVELS[sign], "line": text}
        return {"name": name, "level": self._of_bare(name, line), "line": line}

    def _of_bare(self, name: str, line: str) -> str:
        """Return the level of a line that has none of its own."""
        if _TRACEBACK.match(line):
            if len(self._open) >= _OPEN_MAX:
                self._open.clear()  # of programs that ended within one
            self._open.add(name)
            return "error"
        if name in self._open:
            if not line.startswith(" "):
                self._open.discard(name)  # the exception itself ends it
            return "error"
        return "warning" if _DROPPED.match(line) else "info"
