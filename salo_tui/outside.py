"""A text in the hands of the operator's own editor, which has the terminal as long; the platform is followed on."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from db.errors import SaloError
from db.texts import _

TEXT_MAX = 1 << 20  # bytes that are read back


class NoEditor(SaloError):
    """There is no editor, it failed, or what it left is no text."""


async def edit_outside(app: App[Any], text: str) -> str:
    """Return the text as the editor left it. Raises ``NoEditor``."""
    editor = editor_of(os.environ)
    try:
        with tempfile.TemporaryDirectory(prefix="salo-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "answer.txt"
            file.write_text(text, encoding="utf-8")
            await _lend(app, [*editor, str(file)])
            return _read(file).rstrip("\n")
    except (OSError, ValueError) as error:
        raise NoEditor(_("there is no file for the editor: {reason}").format(reason=error)) from None


async def _lend(app: App[Any], argv: list[str]) -> None:
    """Let an editor have the terminal until it ends. Raises ``NoEditor`` when it did not end well."""
    try:
        with app.batch_update(), app.suspend():  # what is painted meanwhile would pile up unseen
            code = await _run(argv)
    except SuspendNotSupported:
        raise NoEditor(_("this terminal cannot lend itself to an editor")) from None
    except (OSError, ValueError) as error:
        raise NoEditor(_("the editor {name} does not start: {reason}").format(name=argv[0], reason=error)) from None
    finally:
        app.screen.refresh(layout=True)
    if code:
        raise NoEditor(_("the editor {name} ended with {code}; the draft is as it was").format(name=argv[0], code=code))


def editor_of(environ: Mapping[str, str]) -> list[str]:
    """Return the words that start the operator's editor. Raises ``NoEditor``."""
    line = environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        return shlex.split(line) or ["vi"]
    except ValueError as error:
        text = _("$VISUAL or $EDITOR, {line}, is no command: {reason}")
        raise NoEditor(text.format(line=line, reason=error)) from None


async def _run(argv: list[str]) -> int:
    """Run a process and return how it ended, without a thread that waits for it."""
    process = subprocess.Popen(argv)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(TEXT_MAX).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NoEditor(_("what the editor left is no text: {reason}").format(reason=error)) from None
