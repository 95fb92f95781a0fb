"""The bodies of ``bot add|list|show|token|enable|disable|remove``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from db import keys
from db import tickers as stored
from db.bot_config import BotConfig
from db.bots import Bot, generate_secret
from db.protocol import CommandResult
from db.secret import Secret
from db.texts import _
from engine.commands.bind import Arguments
from engine.commands.errors import BadCommand
from engine.commands.values import DEFAULT
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.commands.tables import table


@bodies.of("bot add")
def add(context: PlatformContext, args: Arguments) -> CommandResult:
    """Add a bot; a generated secret is told here, and never again."""
    given = args.optional("secret")
    secret = given or generate_secret()
    bot = context.bots.add(
        args.text("name"),
        args.integer("group-id"),
        args.text("base"),
        Secret(args.text("token").strip()),
        Secret(secret),
        Secret(args.optional("confirmation") or ""),
        title=args.text("title"),
        owner=str(args["owner"] or ""),
        names=args.texts("names"),
        transport=args.text("transport"),
    )
    lines = [_("bot {name} is added").format(name=bot.name), *_ways(context, bot)]
    if not given and bot.transport != "longpoll":
        lines.append(_("secret: {secret}").format(secret=secret))
    return CommandResult("\n".join(lines), {**asdict(bot), **({} if given else {"secret": secret})})


def _ways(context: PlatformContext, bot: Bot) -> list[str]:
    """Return how the bot's events come."""
    ways = [_address(context, bot)] if bot.transport != "longpoll" else []
    if ways and context.settings.callback.public_url:
        ways.append(_("the running platform sets that up at VK; see: salo bot show {name}").format(name=bot.name))
    return [*ways, *([_("events are fetched by long poll; no address is needed")] if bot.is_listened_for else [])]


def _address(context: PlatformContext, bot: Bot) -> str:
    callback = context.settings.callback
    start = callback.public_url.rstrip("/") or f"http://{callback.host}:{callback.port}"
    return _("VK is to post to: {url}").format(url=f"{start}/callback/{bot.group_id}")


@bodies.of("bot list")
def list_bots(context: PlatformContext, args: Arguments) -> CommandResult:
    """List the bots with what waits for each."""
    bots = context.bots.list()
    waiting = {bot.name: int(context.redis.xlen(keys.inbox(bot.name))) for bot in bots}
    heads = (_("bot"), _("id"), _("community"), _("base"), _("state"), _("waiting"), _("title"))
    rows = [(bot.name, bot.bot_id, bot.group_id, bot.base, _state(bot), waiting[bot.name], bot.title) for bot in bots]
    text = table(heads, rows) if rows else _("there are no bots; add one: salo bot add NAME …")
    return CommandResult(text, [{**asdict(bot), "waiting": waiting[bot.name]} for bot in bots])


def _state(bot: Bot) -> str:
    return _("on") if bot.enabled else _("off")


@bodies.of("bot show")
def show(context: PlatformContext, args: Arguments) -> CommandResult:
    """Show one bot and its settings; of secrets only whether they are set."""
    bot = context.bots.get(args.text("name"))
    data = {**asdict(bot), "config": _shown(context.bots.config(bot)), "callback": _callback(context, bot)}
    values = {**asdict(bot), **data["config"], "callback": _callback_words(data["callback"])}
    rows = [(name, _told(value)) for name, value in values.items()]
    return CommandResult(table((_("setting"), _("value")), rows), data)


def _callback(context: PlatformContext, bot: Bot) -> dict[str, Any] | None:
    """Return how the callback server at VK is, as the last look found it; ``None`` when Salo does not set it up."""
    public_url = context.settings.callback.public_url
    if not public_url or bot.transport == "longpoll":
        return None
    call = stored.read([stored.Place(keys.ticker("bot_health"), bot.db)])
    (seen,) = stored.states(call.script.run(context.redis, call.keys, call.args))
    state = seen.result if seen.about == public_url else None
    return {"url": f"{public_url.rstrip('/')}/callback/{bot.group_id}", "state": state, "text": seen.text}


def _callback_words(callback: dict[str, Any] | None) -> str:
    if callback is None:
        return ""
    if callback["state"] is None:
        return _("{url} is set up at VK when the platform runs").format(url=callback["url"])
    if callback["state"] == "ok":
        return _("{url} is set up at VK").format(url=callback["url"])
    return str(callback["text"])


def _shown(config: BotConfig) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in BotConfig.__dataclass_fields__:
        value = getattr(config, name)
        if isinstance(value, Secret):
            value = bool(value.reveal())
        shown[name] = list(value) if isinstance(value, tuple) else value
    return shown


def _told(value: object) -> object:
    """Return a setting as people read it; one that was not given is empty."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return ", ".join(value) if isinstance(value, list) else "" if value is None else value


@bodies.of("bot token")
def token(context: PlatformContext, args: Arguments) -> CommandResult:
    """Give a bot another token."""
    bot = context.bots.get(args.text("name"))
    context.bots.set_config(bot, token=Secret(args.text("token").strip()))
    return CommandResult(_("bot {name} has another token").format(name=bot.name), asdict(bot))


@bodies.of("bot transport")
def transport(context: PlatformContext, args: Arguments) -> CommandResult:
    """Let a bot's events come another way."""
    bot = context.bots.set_transport(args.text("name"), args.text("transport"))
    first = _("the events of bot {name} come by: {transport}").format(name=bot.name, transport=bot.transport)
    return CommandResult("\n".join([first, *_ways(context, bot)]), asdict(bot))


@bodies.of("bot set")
def change(context: PlatformContext, args: Arguments) -> CommandResult:
    """Change settings of a bot, in a chat those of its own bot."""
    name = args.text("name") or context.actor.bot
    if not name:
        raise BadCommand(_("say which bot: /bot set NAME …"))
    context.check_bot(name)
    bot = context.bots.get(name)
    changes = {
        key.replace("-", "_"): None if args[key] == DEFAULT else args[key]
        for key in ("threshold", "suggest-threshold")
        if args[key] is not None
    }
    config = context.bots.set_config(bot, **changes) if changes else context.bots.config(bot)
    shown = {key: value for key, value in _shown(config).items() if key in ("threshold", "suggest_threshold")}
    rows = [(key, _told(value)) for key, value in shown.items()]
    return CommandResult(table((_("setting"), _("value")), rows), {"bot": bot.name, **shown})


@bodies.of("bot enable")
def enable(context: PlatformContext, args: Arguments) -> CommandResult:
    """Let a bot answer again."""
    bot = context.bots.set_enabled(args.text("name"), True)
    return CommandResult(_("bot {name} is on").format(name=bot.name), asdict(bot))


@bodies.of("bot disable")
def disable(context: PlatformContext, args: Arguments) -> CommandResult:
    """Make a bot silent; its inbox goes on filling."""
    bot = context.bots.set_enabled(args.text("name"), False)
    return CommandResult(_("bot {name} is off; what is written to it waits").format(name=bot.name), asdict(bot))


@bodies.of("bot remove")
def remove(context: PlatformContext, args: Arguments) -> CommandResult:
    """Remove a bot, its settings and its database."""
    bot = context.bots.remove(args.text("name"), force=args.flag("force"))
    return CommandResult(
        _("bot {name} is removed; base {base} stays").format(name=bot.name, base=bot.base), asdict(bot)
    )
