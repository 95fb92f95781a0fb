"""Takes a picture of the terminal as it runs, an SVG that needs nothing from the net."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from salo_tui.app import SaloApp

SIZE = (120, 36)
_WEB_FONTS = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)


def take(app: SaloApp, file: Path, after_s: float, size: tuple[int, int] = SIZE) -> None:
    """Run the app unseen for ``after_s`` seconds, write what it shows then, and end it. Raises ``OSError``."""

    async def shoot(pilot: Pilot[Any]) -> None:
        await asyncio.sleep(after_s)
        await pilot.press("down")  # the second bot is the one in the middle of a talk
        await asyncio.sleep(1)
        file.write_text(without_web_fonts(app.export_screenshot(title="Salo-G2")), encoding="utf-8")
        await app.action_quit()

    app.run(headless=True, size=size, auto_pilot=shoot)


def without_web_fonts(svg: str) -> str:
    """Return the picture with the reader's own monospace font."""
    return _WEB_FONTS.sub("", svg).replace("Fira Code, monospace", "monospace")
