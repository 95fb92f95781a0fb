"""The bodies of ``ticker list|run|pause|resume``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from db.errors import EXIT_FAILED, EXIT_OK
from db.protocol import CommandResult, TickerInfo
from db.texts import N_, _, ngettext
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
_RESULTS = {"ok": N_("ok"), "warn": N_("warns"), "bad": N_("bad"), "failed": N_("failed")}
NAMED_MAX = 5  # bots in one line; the table below it has them all


@bodies.of("ticker list")
def list_tickers(context: PlatformContext, args: Arguments) -> CommandResult:
    """List the tickers with what their last ticks found."""
    return _listed(context.running().snapshot().tickers)


@bodies.of("ticker run")
def run(context: PlatformContext, args: Arguments) -> CommandResult:
    """Let a ticker tick now and say what it found; an exit code of 1 says that a tick itself failed."""
    infos = context.running().run_ticker(args.text("name"), args.text("bot"))
    assert isinstance(infos, list), "commands see the platform from other threads than its loop's"
    exit_code = EXIT_FAILED if any(info.result == "failed" for info in infos) else EXIT_OK
    return _told(infos, _found(infos[0]) if len(infos) == 1 else _found_in_all(infos), exit_code)


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
    if len(infos) == 1:
        return _told(infos, _("paused") if is_paused else _going_on(infos[0]))
    return _told(infos, _("all paused") if is_paused else _("all go on"))


def _told(infos: Sequence[TickerInfo], outcome: str, exit_code: int = EXIT_OK) -> CommandResult:
    """Return what became of one ticker, or of one of several bots: a sentence, then, of several, the table."""
    if len(infos) == 1:
        subject = _("ticker {name} of bot {bot}") if infos[0].bot else _("ticker {name}")
        text = subject.format(name=infos[0].name, bot=infos[0].bot) + f": {outcome}"
        return CommandResult(text, [asdict(info) for info in infos], exit_code)
    bots = ngettext("{count} bot", "{count} bots", len(infos)).format(count=len(infos))
    listed = _listed(infos, exit_code)
    return replace(listed, text=f"{infos[0].name}: {bots}, {outcome}\n{listed.text}")


def _found(info: TickerInfo) -> str:
    """Return what the last tick of a ticker found, and how long it took."""
    if info.result is None:
        return _("not ticked yet")
    took = "" if info.took_ms is None else ", " + _("{count} ms").format(count=info.took_ms)
    return _(_RESULTS[info.result]) + took + (f": {info.text}" if info.text and info.result != "ok" else "")


def _found_in_all(infos: Sequence[TickerInfo]) -> str:
    bots = [info.bot for info in infos if info.result != "ok"]
    if not bots:
        return _("all ok")
    more = "…" if len(bots) > NAMED_MAX else ""
    return _("not ok: {bots}").format(bots=", ".join(bots[:NAMED_MAX]) + more)


def _going_on(info: TickerInfo) -> str:
    if info.next_ms is None:
        return _("goes on")
    return _("goes on, next tick in {time}").format(time=duration(_until_next_s(info)))


def _until_next_s(info: TickerInfo) -> float | None:
    return None if info.next_ms is None else max(0.0, info.next_ms / 1000 - time.time())


def _listed(infos: Sequence[TickerInfo], exit_code: int = EXIT_OK) -> CommandResult:
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
    return (
        info.name,
        info.bot,
        _(_STATES[info.state]),
        duration(info.period_s),
        None if info.last_ms is None else age(info.last_ms),
        duration(_until_next_s(info)),
        None if info.took_ms is None else _("{count} ms").format(count=info.took_ms),
        None if info.result is None else _(_RESULTS[info.result]),
        info.text,
    )
