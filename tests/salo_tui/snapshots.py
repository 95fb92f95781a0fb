"""Screens kept as plain text in ``snapshots/``. ``SALO_SNAPSHOTS=write`` writes them anew: look at the difference."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

from textual.app import App

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (100, 30), (200, 60))


def screen_text(app: App[Any]) -> str:
    """Return what an app under a Pilot shows, without blanks at the ends of lines."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def assert_snapshot(name: str, text: str) -> None:
    """Compare a screen with the kept one; say line by line what differs."""
    file = FOLDER / f"{name}.txt"
    if os.environ.get("SALO_SNAPSHOTS") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    assert file.exists(), f"no snapshot {file.name}; look at the screen, then SALO_SNAPSHOTS=write writes it:\n{text}"
    kept = file.read_text(encoding="utf-8")
    lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "now", lineterm="", n=1)
    assert kept == text + "\n", f"{file.name} differs:\n" + "\n".join(lines)
