"""The bodies of ``index show|build``."""

from __future__ import annotations

import time
from typing import Any

from db.protocol import CommandResult
from db.texts import _
from engine.commands.bind import Arguments
from engine.commands.errors import CommandError
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.commands.tables import age, table

BUILD_LIMIT_S = 600  # of one statement
_MB = 1 << 20


@bodies.of("index show")
def show_indexes(context: PlatformContext, args: Arguments) -> CommandResult:
    """Show the index files of this host."""
    found = [_about(context, info.name) for info in context.bases.list()]
    heads = (_("base"), _("state"), _("answers"), _("MB"), _("age"))
    rows = [
        (item["base"], _state_words(item), item["rows"], _megabytes(item["bytes"]), _age(item["made_ms"]))
        for item in found
    ]
    return CommandResult(table(heads, rows) if rows else _("there are no bases"), found)


def _about(context: PlatformContext, name: str) -> dict[str, Any]:
    """Return what is known of the index of a base on this host."""
    from engine.matching.building import progress
    from engine.matching.index_file import NAME, IndexDamaged, open_index

    folder, state = context.settings.state.index(name), "ready"
    told: dict[str, Any] = {"base": name, "rows": None, "bytes": None, "made_ms": None}
    try:
        _arrays, about = open_index(folder)
        told |= {"rows": about.rows, "bytes": (folder / NAME).stat().st_size, "made_ms": about.made_ms}
    except FileNotFoundError:
        state = "missing"
    except (IndexDamaged, OSError):
        state = "damaged"
    at = progress(folder)
    return {**told, "state": state if at is None else "building", "done": at[0] if at else None,
            "total": at[1] if at else None}  # fmt: skip


def _megabytes(size: int | None) -> str | None:
    return None if size is None else f"{size / _MB:.1f}"


def _age(made_ms: int | None) -> str | None:
    return age(made_ms) if made_ms else None


def _state_words(told: dict[str, Any]) -> str:
    match told["state"]:
        case "building":
            return _("is made: {percent} %").format(percent=told["done"] * 100 // max(told["total"], 1))
        case "missing":
            return _("missing; the ticker match_index makes it")
        case "damaged":
            return _("not usable; the ticker match_index makes it anew")
    return _("ready")


@bodies.of("index build")
def build_index(context: PlatformContext, args: Arguments) -> CommandResult:
    """Make the index of a base anew; workers take it with their next job."""
    from engine.matching.building import build

    name, started = args.text("name"), time.monotonic()
    base = context.bases.open(name, BUILD_LIMIT_S)
    try:
        context.bases.migrate(name)
        about = build(base, context.redis, context.settings.state.index(name), context.progress or (lambda *_: None))
    finally:
        base.close()
    if about is None:
        raise CommandError(_("the index of base {base} is being made already; see: salo index show").format(base=name))
    took_s = time.monotonic() - started
    text = _("index of base {base}: {rows} answers in {seconds:.1f} s").format(
        base=name, rows=about.rows, seconds=took_s
    )
    return CommandResult(text, {"base": name, "rows": about.rows, "seconds": round(took_s, 3)})
