"""``salo attach`` to the platform of a directory: ``python -m tests.salo_tui.attach_app HOME`` in a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from db.settings import PlatformSettings, Settings
from salo_tui.main import attach


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--read-only", action="store_true")
    given = parser.parse_args(arguments)
    settings = Settings(home=given.home, platform=PlatformSettings(language=given.language))
    return attach(settings, read_only=given.read_only)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
