"""The bodies of ``ticker list|run|pause|resume``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from db.errors import EXIT_FAILED, EXIT_OK
from db.protocol import CommandResult, TickerInfo
from db.texts import N_, _
from engine.commands.bind import Arguments
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.commands.tables import age, duration, table

_STATES = {
    "waiting": N_("waits"),
    "running": N_("ticks"),
    "paused": N_("paused"),
    "elsewhere": N_("at another host"),
}
_RESULTS = {"ok": N_("well"), "warn": N_("warning"), "bad": N_("bad"), "failed": N_("failed")}


@bodies.of("ticker list")
def list_tickers(context: PlatformContext, args: Arguments) -> CommandResult:
    """List the tickers with what their last ticks found."""
    return _told(context.running().snapshot().tickers)


@bodies.of("ticker run")
def run(context: PlatformContext, args: Arguments) -> CommandResult:
    """Let a ticker tick now and say what it found; an exit code of 1 says that a tick itself failed."""
    infos = context.running().run_ticker(args.text("name"), args.text("bot"))
    assert isinstance(infos, list), "commands see the platform from other threads than its loop's"
    return _told(infos, EXIT_FAILED if any(info.result == "failed" for info in infos) else EXIT_OK)


@bodies.of("ticker pause")
def pause(context: PlatformContext, args: Arguments) -> CommandResult:
    """Let a ticker tick no more, until it is resumed."""
    return _pause(context, args, True)


@bodies.of("ticker resume")
def resume(context: PlatformContext, args: Arguments) -> CommandResult:
    """Let a paused ticker tick again."""
    return _pause(context, args, False)


def _pause(context: PlatformContext, args: Arguments, is_paused: bool) -> CommandResult:
    infos = context.running().pause_ticker(args.text("name"), args.text("bot"), is_paused)
    assert isinstance(infos, list), "commands see the platform from other threads than its loop's"
    return _told(infos)


def _told(infos: Sequence[TickerInfo], exit_code: int = EXIT_OK) -> CommandResult:
    heads = (
        _("ticker"),
        _("bot"),
        _("state"),
        _("every"),
        _("last tick"),
        _("next tick"),
        _("took"),
        _("result"),
        _("text"),
    )
    text = table(heads, [_row(info) for info in infos])
    return CommandResult(text, [asdict(info) for info in infos], exit_code)


def _row(info: TickerInfo) -> tuple[object, ...]:
    next_s = None if info.next_ms is None else max(0.0, info.next_ms / 1000 - time.time())
    return (
        info.name,
        info.bot,
        _(_STATES[info.state]),
        duration(info.period_s),
        None if info.last_ms is None else age(info.last_ms),
        duration(next_s),
        None if info.took_ms is None else _("{count} ms").format(count=info.took_ms),
        None if info.result is None else _(_RESULTS[info.result]),
        info.text,
    )
