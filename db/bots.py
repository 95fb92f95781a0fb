"""The bots: who they are (database 0), and their settings (each bot's own database), changed all or nothing.

Every change raises ``bots:version`` and is told on the channel ``changed:bots``; callback servers, the dispatcher
and workers compare the number. Changes are decided here, in Python, and applied by one script that refuses
when somebody else was faster.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import redis

from db import codec, keys
from db.bot_config import BotConfig, from_fields, to_fields
from db.errors import NotFound, Refused, SaloError
from db.names import checked_name
from db.scripts import Script
from db.seal import Sealer
from db.secret import Secret
from db.settings import Settings
from db.texts import _

TITLE_MAX = 200
TRANSPORTS = ("callback", "longpoll", "both")
_TRIES_MAX = 20  # of a change that others overtake

_COMMIT, _READ_CONFIG, _SIZE = Script("bots_commit"), Script("bot_config"), Script("database_size")

log = logging.getLogger(__name__)

Words = tuple[str | bytes | int, ...]  # one Redis command


@dataclass(frozen=True, slots=True)
class Bot:
    """One VK community account. ``db`` is the number of its Redis database; ``bot_id`` is never reused."""

    name: str
    bot_id: int
    group_id: int
    base: str
    db: int
    enabled: bool
    title: str
    owner: str  # VK account of the owner, or empty
    transport: str = "callback"  # of TRANSPORTS: how its events come

    @property
    def is_listened_for(self) -> bool:
        """Whether its events come by long poll."""
        return self.transport in ("longpoll", "both")


# Named here, since within the class ``list`` is the method.
Bots = list[Bot]
BotsAndConfigs = list[tuple[Bot, BotConfig]]
Commands = list[Words]


@dataclass(frozen=True, slots=True)
class _Change:
    """Commands that make one change, and what they lead to. ``empty`` names an inbox that must be empty."""

    commands: Commands
    bot: Bot
    empty: str = ""


def generate_secret() -> str:
    """Return a new callback secret: 32 letters, digits, ``-`` and ``_``, within VK's limit of 50."""
    return secrets.token_urlsafe(24)


class BotStore:
    """Reads and changes bots through one client of database 0. Safe to share between threads."""

    def __init__(self, client: redis.Redis, settings: Settings, sealer: Sealer) -> None:
        self._redis = client
        self._settings = settings
        self._sealer = sealer

    def version(self) -> int:
        """Return a number that grows with every change of any bot."""
        return int(self._redis.get(keys.BOTS_VERSION) or 0)

    def list(self) -> Bots:
        """Return all bots, in the order in which they were added."""
        described = self._redis.hgetall(keys.BOTS).values()
        return sorted((Bot(**codec.loads(raw)) for raw in described), key=lambda bot: bot.bot_id)

    def get(self, name: str) -> Bot:
        """Return one bot; ``NotFound`` when there is none of this name."""
        raw = self._redis.hget(keys.BOTS, checked_name("bot", name))
        if raw is None:
            raise NotFound(_("there is no bot {name}; see: salo bot list").format(name=name))
        return Bot(**codec.loads(raw))

    def by_group(self, group_id: int) -> Bot | None:
        """Return the bot of a VK community, or ``None``."""
        return next((bot for bot in self.list() if bot.group_id == group_id), None)

    def config(self, bot: Bot) -> BotConfig:
        """Return the settings of one bot; ``NotFound`` when it was removed meanwhile."""
        return self._parsed(bot, _READ_CONFIG.run(self._redis, [keys.CONFIG], [bot.db]))

    def with_configs(self) -> BotsAndConfigs:
        """Return all bots with their settings, in two round trips.

        Left out are bots removed meanwhile, and, with an error in the log, those whose settings do not open.
        """
        bots = self.list()
        if not bots:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for bot in bots:
            pipeline.eval(_READ_CONFIG.text, 1, keys.CONFIG, str(bot.db))
        found = zip(bots, pipeline.execute(), strict=True)
        pairs = ((bot, self._parsed_or_none(bot, raw)) for bot, raw in found if raw)
        return [(bot, config) for bot, config in pairs if config is not None]

    def opens(self) -> bool | None:
        """Say whether our key opens the settings of any bot; ``None`` when there are none."""
        if not self.list():
            return None
        return bool(self.with_configs())

    def add(
        self,
        name: str,
        group_id: int,
        base: str,
        token: str | Secret,
        secret: str | Secret = "",
        confirmation: str | Secret = "",
        title: str = "",
        owner: str = "",
        names: Iterable[str] = (),
        transport: str = "callback",
    ) -> Bot:
        """Add an enabled bot with a ``bot_id`` and a Redis database of its own, and return it.

        The base must exist; a name or a community that has a bot already is ``Refused``.
        """
        checked_name("bot", name)
        checked_name("base", base)
        credentials = {"token": token, "secret": secret, "confirmation": confirmation, "names": tuple(names)}
        config = to_fields(name, credentials, self._sealer)

        def decide() -> _Change:
            bots = self.list()
            self._check_new(bots, name, group_id, base)
            bot_id = int(self._redis.incr(keys.NEXT_BOT_ID))
            db = self._free_database({bot.db for bot in bots}, bot_id)
            bot = Bot(name, bot_id, group_id, base, db, True, (title or name)[:TITLE_MAX], owner, transport)
            return _Change([*_config_commands(bot, config), _describe(bot)], bot)

        return self._commit(decide)

    def set_enabled(self, name: str, enabled: bool) -> Bot:
        """Let a bot's lane run or stand. What VK posts meanwhile waits in its inbox."""

        def decide() -> _Change:
            bot = replace(self.get(name), enabled=enabled)
            return _Change([_describe(bot)], bot)

        return self._commit(decide)

    def set_transport(self, name: str, transport: str) -> Bot:
        """Let a bot's events come another way from now on."""
        assert transport in TRANSPORTS

        def decide() -> _Change:
            bot = replace(self.get(name), transport=transport)
            # Who listens again later begins at that time: VK keeps no events for so long.
            forgotten: Commands = [("SELECT", bot.db), ("DEL", keys.LONG_POLL), ("SELECT", keys.PLATFORM_DB)]
            return _Change([*([] if bot.is_listened_for else forgotten), _describe(bot)], bot)

        return self._commit(decide)

    def set_config(self, bot: Bot, **changes: Any) -> BotConfig:
        """Change settings of a bot and return the new ones; ``BadValue`` names a wrong one and changes nothing."""
        config = to_fields(bot.name, changes, self._sealer)

        def decide() -> _Change:
            current = self.get(bot.name)
            return _Change(_config_commands(current, config), current)

        return self.config(self._commit(decide))

    def remove(self, name: str, force: bool = False) -> Bot:
        """Remove a bot with its settings and inbox, and return what it was.

        ``Refused`` while messages wait in its inbox, unless ``force``. Its lane is fenced off in the same moment.
        Answers, people and history in its base stay.
        """

        def decide() -> _Change:
            bot = self.get(name)
            gone = ("DEL", keys.lease(name), keys.inbox(name), keys.state(name), keys.pauses(name))
            commands: Commands = [("SELECT", bot.db), ("FLUSHDB",), ("SELECT", keys.PLATFORM_DB)]
            commands += [gone, ("HDEL", keys.BOTS, name)]
            return _Change(commands, bot, "" if force else keys.inbox(name))

        return self._commit(decide)

    def _commit(self, decide: Callable[[], _Change]) -> Bot:
        """Apply what ``decide`` chooses, and let it choose again when another change came between."""
        for _try in range(_TRIES_MAX):
            version = self.version()
            change = decide()
            flat = [word for command in change.commands for word in (len(command), *command)]
            arguments = [version, keys.BOTS_CHANGED, change.bot.name, *flat]
            answer = _COMMIT.run(self._redis, [keys.BOTS_VERSION, change.empty], arguments)
            if answer == b"waiting":
                raise Refused(_("messages wait in the inbox of bot {name}; let them be answered, or use --force to "
                                "throw them away").format(name=change.bot.name))  # fmt: skip
            if answer != b"stale":
                return change.bot
        raise Refused(_("others keep changing the bots; try again"))

    def _check_new(self, bots: Iterable[Bot], name: str, group_id: int, base: str) -> None:
        if group_id <= 0:
            raise Refused(_("group id {id}: must be a positive number").format(id=group_id))
        for bot in bots:
            if bot.name == name:
                raise Refused(_("bot {name} exists already").format(name=name))
            if bot.group_id == group_id:
                raise Refused(_("community {id} is bot {name} already").format(id=group_id, name=bot.name))
        raw = self._redis.hget(keys.BASES, base)
        if raw is None or codec.loads(raw).get("state", "ready") != "ready":
            raise NotFound(_("there is no base {base}; create it: salo base create {base}").format(base=base))

    def _free_database(self, taken: set[int], bot_id: int) -> int:
        """Return an empty database nobody has, in turn, so that a number rests long before it is used again."""
        numbers = self._settings.storage.redis_databases - 1
        for step in range(numbers):
            number = 1 + (bot_id - 1 + step) % numbers
            if number not in taken and _SIZE.run(self._redis, [], [number]) == 0:
                return number
        raise Refused(_("all {count} Redis databases are taken; raise [storage] redis_databases").format(
            count=numbers))  # fmt: skip

    def _parsed_or_none(self, bot: Bot, flat: Sequence[bytes]) -> BotConfig | None:
        """Keep one bot with broken settings from stopping all others."""
        try:
            return self._parsed(bot, flat)
        except SaloError as error:
            log.error("bot left out bot=%s error=%s", bot.name, error)
            return None

    def _parsed(self, bot: Bot, flat: Sequence[bytes]) -> BotConfig:
        if not flat:
            raise NotFound(_("there is no bot {name}; see: salo bot list").format(name=bot.name))
        stored = {flat[at].decode(): flat[at + 1] for at in range(0, len(flat), 2)}
        return from_fields(bot.name, stored, self._sealer)


def transport_of(client: redis.Redis, name: str) -> str:
    """Return how a bot's events come, for those who have no key to its settings; empty when there is no such bot."""
    raw = client.hget(keys.BOTS, name)
    return "" if raw is None else Bot(**codec.loads(raw)).transport


def _describe(bot: Bot) -> Words:
    return ("HSET", keys.BOTS, bot.name, codec.dumps(asdict(bot)))


def _config_commands(bot: Bot, config: dict[str, bytes]) -> list[Words]:
    """Commands that write settings: first, since a missing database must fail before anything is written."""
    pairs = [word for item in config.items() for word in item]
    change: list[Words] = [("HSET", keys.CONFIG, *pairs)] if pairs else []
    return [("SELECT", bot.db), *change, ("HINCRBY", keys.CONFIG, "version", 1), ("SELECT", keys.PLATFORM_DB)]
