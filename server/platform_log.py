"""What the platform's own process logs: beside stderr into ``logs/platform.log``, and to the subscribers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from db.one_line import OneLine
from db.settings import Settings
from server.lines import LINE_MAX, clean
from server.logs import ChildLog, open_log

NAME = "platform"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # of our children too: server.log_levels reads it

OnLine = Callable[[str, str], None]


class PlatformLog(logging.Handler):
    """Takes records from any thread. Never raises, and never waits for anybody but the disk.

    Within the block it has the root logger's records; a flood of them is cut as a child's is.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.setFormatter(OneLine(FORMAT))
        self._log: ChildLog = open_log(settings, NAME, self._pass_on)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_line: OnLine | None = None
        self._telling = threading.local()

    def __enter__(self) -> PlatformLog:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.tell(None)
        logging.getLogger().removeHandler(self)
        with self._held():
            self._log.close()

    def tell(self, on_line: OnLine | None) -> None:
        """Call ``on_line`` with our name and each line from now on, in the loop that runs here; None: no more."""
        self._loop = None if on_line is None else asyncio.get_running_loop()
        self._on_line = on_line

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for line in self.format(record).split("\n"):
                self._log.write(clean(line.encode("utf-8", "replace")[:LINE_MAX]))
        except Exception:
            return  # a record that cannot be written must not hurt whoever logged it

    def _pass_on(self, name: str, line: str) -> None:
        """Let the loop tell a line, unless telling is what it is about: else there would be no end."""
        loop, on_line = self._loop, self._on_line
        if loop is not None and on_line is not None and not getattr(self._telling, "is_on", False):
            loop.call_soon_threadsafe(self._tell, on_line, name, line)

    def _tell(self, on_line: OnLine, name: str, line: str) -> None:
        self._telling.is_on = True
        try:
            on_line(name, line)
        finally:
            self._telling.is_on = False

    def _held(self) -> threading.RLock:
        assert self.lock is not None
        return self.lock
