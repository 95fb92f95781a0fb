"""The bodies of ``status``, ``ps``, ``restart`` and ``stop``: the running platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from db.protocol import BotInfo, CommandResult, Health, PlatformSnapshot, ProcessInfo
from db.texts import N_, _
from engine.commands.bind import Arguments
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.commands.tables import duration, table

_FACTS = {
    "state": N_("state"),
    "stopped_by": N_("stopped by"),
    "version": N_("version"),
    "uptime": N_("uptime"),
    "home": N_("state directory"),
    "host": N_("host"),
    "callback": N_("callbacks"),
    "dead": N_("dead letters"),
}
_STATES = {
    "starting": N_("starting"),
    "running": N_("running"),
    "backoff": N_("waits to start again"),
    "failed": N_("failed"),
    "stopping": N_("stopping"),
    "stopped": N_("stopped"),
    "embedded": N_("embedded"),
}
_HEALTH = {"ok": N_("ok"), "warn": N_("warns"), "bad": N_("broken")}
TITLE_MAX = 24  # letters
_PAUSES = {
    "token": N_("stopped"),
    "failing": N_("paused"),
    "vk": N_("waits for VK"),
    "method": N_("waits for VK"),
}
_TABLES = ("lamps", "hosts")  # not one line each
_LANES = {"running": N_("at work"), "elsewhere": N_("at another host"), "stopped": N_("at rest")}


@bodies.of("status")
def status(context: PlatformContext, args: Arguments) -> CommandResult:
    """Show everything at a glance."""
    running = context.running()
    running.measure()
    snapshot = running.snapshot()
    return CommandResult(status_text(snapshot), snapshot.as_json())


def status_text(snapshot: PlatformSnapshot) -> str:
    """Return the platform's facts and what is wrong, its bots and its processes, as three paragraphs."""
    facts = "\n".join(_fact(name, value) for name, value in snapshot.platform.items() if name not in _TABLES)
    alarms = [f"{name}: {_health(lamp)}" for name, lamp in snapshot.platform.get("lamps", {}).items()
              if lamp.state != "ok"]  # fmt: skip
    bots = bots_table(snapshot.bots) if snapshot.bots else _("there are no bots; add one: salo bot add NAME …")
    hosts = [hosts_table(snapshot.platform["hosts"])] if "hosts" in snapshot.platform else []
    return "\n\n".join(["\n".join([facts, *alarms]), *hosts, bots, processes_table(snapshot.processes)])


def hosts_table(hosts: Sequence[Mapping[str, Any]]) -> str:
    """Return the hosts that share the bots, one a line."""
    rows = [(host["name"], str(host["lanes"]), _host_state(host)) for host in hosts]
    return table((_("host"), _("lanes"), _("state")), rows)


def _host_state(host: Mapping[str, Any]) -> str:
    if host["gone_ms"]:
        return _("gone for {time}").format(time=duration(host["gone_ms"] / 1000))
    return _("running, this one") if host["is_own"] else _("running")


def _fact(name: str, value: object) -> str:
    """Return one fact of the platform; one without a word of its own is shown as it is."""
    shown = duration(value) if name == "uptime" and isinstance(value, int | float) else _word(str(value))
    return f"{_(_FACTS.get(name, name))}: {shown}"


def _health(health: Health) -> str:
    word = _(_HEALTH[health.state])
    return f"{word}: {health.text}" if health.text else word


def _word(state: str) -> str:
    return _(_STATES[state]) if state in _STATES else state


def bots_table(bots: Sequence[BotInfo]) -> str:
    """Return the bots, one a line."""
    heads = (_("bot"), _("title"), _("base"), _("state"), _("lane"), _("waiting"), _("in flight"), _("answered"),
             _("unsolved"), _("health"))  # fmt: skip
    rows = [
        (bot.name, _cut(bot.title), bot.base, _("on") if bot.enabled else _("off"), _lane(bot), bot.waiting,
         bot.in_flight, bot.counters.get("done", 0), bot.unsolved, _health(bot.health) if bot.health else None)
        for bot in bots
    ]  # fmt: skip
    return table(heads, rows)


def _lane(bot: BotInfo) -> str:
    if bot.lane == "elsewhere" and bot.host:
        return _("at {host}").format(host=bot.host)
    return _(_PAUSES.get(bot.pause) or _LANES[bot.lane])


def _cut(title: str) -> str:
    return title if len(title) <= TITLE_MAX else title[: TITLE_MAX - 1] + "…"


def processes_table(processes: Sequence[ProcessInfo]) -> str:
    """Return the processes, one a line, with why a failed one failed."""
    heads = (_("process"), _("kind"), _("pid"), _("state"), _("restarts"), _("uptime"), _("MiB"), _("reason"))
    rows = [
        (item.name, item.kind, item.pid, _word(item.state), item.restarts, duration(item.uptime), _mib(item.memory),
         item.reason or "")
        for item in processes
    ]  # fmt: skip
    return table(heads, rows)


def _mib(size: int | None) -> float | None:
    return None if size is None else size / (1 << 20)


@bodies.of("ps")
def processes(context: PlatformContext, args: Arguments) -> CommandResult:
    """List the processes."""
    snapshot = context.running().snapshot()
    return CommandResult(processes_table(snapshot.processes), snapshot.as_json()["processes"])


@bodies.of("restart")
def restart(context: PlatformContext, args: Arguments) -> CommandResult:
    """Restart one process."""
    name = args.text("process")
    context.running().restart(name)
    return CommandResult(_("{name} is restarted").format(name=name), {"name": name})


@bodies.of("stop")
def stop(context: PlatformContext, args: Arguments) -> CommandResult:
    """Begin to stop the platform."""
    context.running().request_stop(context.actor.who)
    return CommandResult(_("the platform is stopping"))
