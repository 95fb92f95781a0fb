"""The bodies of ``key export`` and ``key import``. They run in the shell's own process; no answer shows a key."""

from __future__ import annotations

import sys
from pathlib import Path

from db import key_witness
from db.bots import BotStore
from db.errors import Refused, SealBroken
from db.protocol import CommandResult
from db.seal import Sealer, replace_key, write_key
from db.texts import _
from engine.commands.bind import Arguments
from engine.commands.errors import CommandError
from server.commands.context import PlatformContext
from server.commands.run import bodies

STANDARD = "-"
KEY_MAX = 200  # bytes read of what is said to be a key


@bodies.of("key export")
def export_key(context: PlatformContext, args: Arguments) -> CommandResult:
    """Copy the key to a new file (0600), or to a pipe; never to a terminal."""
    file, key = args.text("file"), context.settings.state.key
    try:
        text = key.read_text(encoding="ascii").strip()
    except OSError as error:
        text = _("{file}: {reason}; this host has made no key yet")
        raise CommandError(text.format(file=key, reason=error.strerror)) from None
    Sealer.from_text(text, str(key))  # a broken one helps nobody
    if file == STANDARD:
        if sys.stdout.isatty():
            raise Refused(_("a key is not shown on a terminal; name a file, or send it through a pipe"))
        sys.stdout.write(text + "\n")
        return CommandResult("")
    try:
        write_key(Path(file), text)
    except OSError as error:
        raise CommandError(_("{file}: {reason}").format(file=file, reason=error.strerror)) from None
    return CommandResult(_(
        "the key is in {file}, for you alone; on the other host: salo key import FILE; then delete both files"
    ).format(file=file))  # fmt: skip


@bodies.of("key import")
def import_key(context: PlatformContext, args: Arguments) -> CommandResult:
    """Take a key, unless that would lose what is sealed, or is to no end; ``--force`` takes it all the same."""
    file, is_forced, key = args.text("file"), args.flag("force"), context.settings.state.key
    text = _read(file)
    new = Sealer.from_text(text, file)
    context.settings.state.prepare()
    has_old = key.exists()
    is_same = has_old and key.read_text(encoding="ascii", errors="replace").strip().lower() == text.lower()
    if not is_forced:
        _check(context, new, key, has_old=has_old and not is_same)
    kept = None if is_same else replace_key(key, text)
    key_witness.leave(context.redis, new, instead=is_forced)
    if is_same:
        return CommandResult(_("this key is here already"))
    said = _("the key is taken; a platform that runs here goes on with the one of before until it is started anew")
    return CommandResult(said + ("\n" + _("the key of before: {file}").format(file=kept) if kept else ""))


def _check(context: PlatformContext, new: Sealer, key: Path, *, has_old: bool) -> None:
    """Raise ``Refused`` unless the new key opens what Redis holds, or nothing is sealed there yet."""
    if _opens(context, new) is not False:
        return
    if has_old and _opens(context, _sealer_of(key)):
        raise Refused(_(
            "this host's own key opens what Redis holds, and the other one does not: it is another installation's. "
            "--force takes it all the same, and every token, secret and code must be set anew"
        ))  # fmt: skip
    raise Refused(_(
        "this key does not open what Redis holds; export it on a host whose bots speak. "
        "--force takes it all the same, and every token, secret and code must be set anew"
    ))  # fmt: skip


def _opens(context: PlatformContext, sealer: Sealer | None) -> bool | None:
    if sealer is None:
        return False
    bots = BotStore(context.redis, context.settings, sealer)
    return key_witness.is_ours(context.redis, sealer, bots.opens)


def _sealer_of(key: Path) -> Sealer | None:
    try:
        return Sealer.from_file(key)
    except SealBroken:
        return None


def _read(file: str) -> str:
    try:
        if file == STANDARD:
            raw = sys.stdin.buffer.read(KEY_MAX)
        else:
            with Path(file).open("rb") as source:
                raw = source.read(KEY_MAX)
    except OSError as error:
        raise CommandError(_("{file}: {reason}").format(file=file, reason=error.strerror)) from None
    return raw.decode("ascii", "replace").strip()
