"""Opens the terminal, ``salo`` and ``salo attach``, and says at its end what became of the platform."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from pathlib import Path

from db.errors import EXIT_FAILED, EXIT_OK, SaloError
from db.settings import Settings
from db.texts import _, use_language
from salo_tui.app import SaloApp
from salo_tui.client import Client, PlatformUnreachable
from salo_tui.linked import TerminalOptions
from salo_tui.picture import take

STOP_S = 90.0  # the platform finishes what is begun, then stops its children


class PlatformRunsAlready(SaloError):
    """A platform that was started by others cannot be tied to this terminal."""


def open_terminal(settings: Settings, *, ephemeral: bool = False) -> int:
    """Attach to the platform, or start one; return the exit code when the operator left. Raises ``SaloError``."""
    if ephemeral and asyncio.run(_answers(settings)):
        text = _("a platform runs already, and would not end with this terminal; look at it: salo attach")
        raise PlatformRunsAlready(text)
    return run(settings, TerminalOptions(starts=True, ephemeral=ephemeral))


def attach(settings: Settings, *, read_only: bool = False, demo: bool = False) -> int:
    """Attach to the running platform. Raises ``PlatformUnreachable`` when there is none."""
    asyncio.run(_reach(settings))
    return run(settings, TerminalOptions(read_only=read_only, demo=demo))


def take_picture(settings: Settings, file: Path, after_s: float) -> int:
    """Write what the terminal shows after a while into a file. Raises ``PlatformUnreachable``."""
    asyncio.run(_reach(settings))
    with use_language(settings.platform.language):
        take(SaloApp(settings, TerminalOptions(read_only=True)), file, after_s)
    return EXIT_OK


def run(settings: Settings, options: TerminalOptions) -> int:
    """Show the terminal until the operator leaves; return the exit code."""
    with use_language(settings.platform.language):
        app = SaloApp(settings, options)
        left = app.run()
        if app.return_code or options.demo:
            return int(app.return_code or EXIT_OK)
        return _stopped(app.keeper.pid) if left == "stop" else _left(settings, app)


def _left(settings: Settings, app: SaloApp) -> int:
    """Say how to come back."""
    if app.tie is not None and not app.tie.is_let_go:
        app.tie.cut()
        return _stopped(app.keeper.pid)
    if asyncio.run(_answers(settings)) or app.keeper.is_starting:
        print(_("the bots go on working; to come back: salo attach"))
    else:
        print(_("no platform runs; to start it: salo"))
    return EXIT_OK


def _stopped(pid: int) -> int:
    """Wait until the platform is gone, and say so."""
    print(_("the platform finishes what it has begun…"), flush=True)
    if not _wait_end(pid):
        text = _("the platform (pid {pid}) still stops; salo status shows what it waits for")
        print(text.format(pid=pid), file=sys.stderr)
        return EXIT_FAILED
    print(_("the platform is stopped"))
    return EXIT_OK


def _wait_end(pid: int) -> bool:
    """Return whether a process is gone within a while; 0 is that of a platform that never was."""
    if not pid:
        return True
    try:
        process = os.pidfd_open(pid)
    except (OSError, ValueError):
        return True
    try:
        return bool(select.select([process], [], [], STOP_S)[0])
    finally:
        os.close(process)


async def _reach(settings: Settings) -> None:
    async with await Client.connect(settings.state):
        pass


async def _answers(settings: Settings) -> bool:
    try:
        await _reach(settings)
    except PlatformUnreachable:
        return False
    return True
