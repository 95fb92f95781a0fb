"""Lines of a log kept in a file of the operator's own. No file is ever written over."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

TITLE_MAX = 40  # signs of a pane's title in the name of a file
_TITLE = re.compile(r"[\w\- ,]+")  # what comes behind it is the bot's state


def saved_path(folder: Path, title: str, at_s: float) -> Path:
    """Return ``saved-<title>-<YYYYmmdd-HHMMSS>.log``, the title as far as it fits into a name."""
    found = _TITLE.search(title)
    name = "-".join(re.findall(r"[\w\-]+", found[0]))[:TITLE_MAX].strip("-") if found else ""
    return folder / f"saved-{name or 'log'}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(at_s))}.log"


def save(path: Path, lines: Iterable[str]) -> None:
    """Write lines into a new file that its owner alone may read. Raises ``OSError`` and leaves no half of it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
    except OSError:
        path.unlink(missing_ok=True)
        raise
