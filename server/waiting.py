"""Waits for a process that is not our child to end."""

from __future__ import annotations

import os
import select

from db.errors import EXIT_FAILED
from db.protocol import CommandResult
from db.texts import _

STOP_S = 90.0  # the platform drains, then stops its children one after the other


def wait_for_end(pid: int, timeout_s: float = STOP_S) -> CommandResult:
    """Return what to say once a stopping platform is gone, or when it takes longer than ``timeout_s``."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return CommandResult(_("the platform is stopped"), {"pid": pid})
    try:
        gone, _write, _error = select.select([process], [], [], timeout_s)
    finally:
        os.close(process)
    if gone:
        return CommandResult(_("the platform is stopped"), {"pid": pid})
    text = _("the platform (pid {pid}) still stops after {count} s; salo status shows what it waits for")
    return CommandResult(text.format(pid=pid, count=round(timeout_s)), {"pid": pid}, EXIT_FAILED)
