"""What can be said of ``[engine] command`` before it is run: is there such a program, and may it be run?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from db.errors import BadSettings
from db.settings import Settings
from server.process import child_environment


def check_engine(settings: Settings) -> None:
    """Raise ``BadSettings`` when no worker could be started."""
    command = settings.engine.command
    if command:
        fault = _fault(command[0], child_environment(settings)["PATH"])
        if fault:
            remedy = "name a program by its whole path, or remove the line for our own engine"
            raise BadSettings(f"{settings.source.name}: [engine] command = {command!r}, {fault}; {remedy}")


def _fault(program: str, path: str) -> str:
    """Return what is wrong with a program's name, empty when nothing is."""
    if not program:
        return "the program's name is empty"
    if "/" not in program:
        return "" if shutil.which(program, path=path) else f"there is no {program} in {path}"
    place = Path(program)
    if not place.is_absolute():
        return f"{program} is not a whole path: workers start in /"
    if not place.exists():
        return f"there is no {program}"
    if place.is_dir():
        return f"{program} is a directory"
    return "" if os.access(place, os.X_OK) else f"{program} may not be executed"
