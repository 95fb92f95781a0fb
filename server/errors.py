"""Errors of the platform that some caller acts on."""

from __future__ import annotations

from db.errors import EXIT_UNREACHABLE, SaloError
from db.texts import _


class ProgramMissing(SaloError):
    """A server program is not installed."""

    exit_code = EXIT_UNREACHABLE


class ChildNotReady(SaloError):
    """A child did not come up; the message has its last words."""

    exit_code = EXIT_UNREACHABLE


class StateLocked(SaloError):
    """Another process owns the state directory: ``pid`` and ``kind`` say which."""

    def __init__(self, pid: int, kind: str) -> None:
        if kind == "platform":
            what = _("a platform runs on this state directory already: pid {pid}; stop it with salo stop")
        else:
            what = _("the storage is in use by another command: pid {pid}; try again when it is done")
        super().__init__(what.format(pid=pid))
        self.pid = pid
        self.kind = kind
