"""``salo`` as it is, but the platform's zygote is the poisoned one. For the tests alone."""

from __future__ import annotations

import sys
from pathlib import Path

import server.children
from db.settings import Settings
from server.cli import main

ZYGOTE = Path(__file__).with_name("poisoned_zygote.py")
real = server.children.python_argv


def python_argv(settings: Settings, module: str, *arguments: str) -> list[str]:
    argv = real(settings, module, *arguments)
    if module == "engine.zygote":
        at = argv.index("-m")
        argv[at : at + 2] = [str(ZYGOTE)]
    return argv


if __name__ == "__main__":
    server.children.python_argv = python_argv
    sys.exit(main())
