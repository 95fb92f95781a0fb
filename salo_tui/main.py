"""Starts the terminal: ``salo`` and ``salo attach``."""

from __future__ import annotations

from db.settings import Settings
from db.texts import use_language
from salo_tui.app import SaloApp, TerminalOptions


def run(settings: Settings, options: TerminalOptions) -> int:
    """Show the terminal until the operator leaves; return the exit code."""
    with use_language(settings.platform.language):
        app = SaloApp(settings, options)
        app.run()
    return int(app.return_code or 0)
