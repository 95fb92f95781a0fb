"""A platform of twenty bots that never changes by itself: what a control server of tests has to tell.

All times are fixed: they count back from ``now_ms``, which is noon of a day unless a test wants another moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from db.protocol import BotInfo, Health, PlatformSnapshot, ProcessInfo, TickerInfo

NOON_MS = 1_795_348_800_000  # 2026-11-22 12:00 UTC
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NAMES = ("anna_shop", "bingo_club", "cafe_rose", "dogs_spb", "elka_info", "fleur_ru", "gym_north", "hobby_box",
         "ivan_tours", "jam_bar", "kino_fan", "lada_club", "mir_detej", "news_spb", "opera_box", "pizza_24",
         "quiz_time", "rosa_nail", "sport_msk", "tango_spb")  # fmt: skip
TITLES = ("Анна и море", "Бинго-клуб", "Кафе «Роза» ☕", "Собаки Петербурга 🐕", "[red]Ёлка[/] инфо", "Fleur · цветы",
          "Спортзал «Север»", "Коробка хобби", "Иван-тур", "日本のジャム")  # fmt: skip
PHRASES = (
    "а доставка когда будет",
    "можно ли прийти с двумя собаками в субботу?",
    "есть ли размер 44 в красном",
    "сколько стоит пошив",
    "где вы находитесь",
    "[red]не красное[/] [@click=app.bell]не ссылка[/]",
    "\x1b[31mне цвет\x1b[0m \u202eназад\u202c",
    "価格はいくらですか 👩\u200d🚀 ёлка",
    "очень длинная фраза, которую человек писал и писал, пока не забыл, о чём хотел спросить, а потом вспомнил и "
    "спросил: работаете ли вы в праздники и если да, то с которого часа",
    "первая строка\nвторая строка",
)
REASONS = ("deadline of 20 s passed", "VK error 7: permission denied", "worker died: signal 11",
           "[bold]KeyError[/]: 'text'")  # fmt: skip
TALK = (("привет, как дела?", "Привет! Всё хорошо."), ("цена?", "От 500 рублей."), ("спасибо", "Пожалуйста 🙂"))


@dataclass
class FakeData:
    """What there is. Tests may change it; the next snapshot, or the next command, tells the new."""

    now_ms: int = NOON_MS
    home: str = "/srv/salo"
    bots: dict[str, BotInfo] = field(default_factory=dict)
    processes: list[ProcessInfo] = field(default_factory=list)
    tickers: list[TickerInfo] = field(default_factory=list)
    unsolved: list[dict[str, Any]] = field(default_factory=list)  # the last asked first
    dead: list[dict[str, Any]] = field(default_factory=list)  # newest first
    facts: dict[str, Any] = field(default_factory=dict)

    def snapshot(self, seq: int = 0) -> PlatformSnapshot:
        """Return the whole as it is now, the counts of what waits for people made from the lists."""
        waiting = dict.fromkeys(self.bots, 0)
        for row in self.unsolved:
            waiting[row["bot"]] += row["status"] == "open"
        bots = [replace(bot, unsolved=waiting[bot.name]) for bot in self.bots.values()]
        facts = {**self.facts, "dead": len(self.dead)}
        return PlatformSnapshot(facts, bots, list(self.processes), list(self.tickers), seq)

    def change_bot(self, name: str, **fields: Any) -> None:
        """Show other numbers of a bot from now on."""
        self.bots[name] = replace(self.bots[name], **fields)


def fake_data(*, now_ms: int = NOON_MS, home: str = "/srv/salo", unsolved: int = 37, dead: int = 12) -> FakeData:
    """Return the platform: the same each time. ``unsolved`` phrases are open, and five more are not."""
    bots = {name: _bot(place, name, now_ms) for place, name in enumerate(NAMES)}
    lamps = {"redis": Health("ok", "", 0.4, now_ms), "mariadb": Health("ok", "", 2.0, now_ms)}
    return FakeData(
        now_ms,
        home,
        bots,
        _processes(),
        _tickers(now_ms),
        _unsolved(now_ms, unsolved),
        [dead_letter(place, now_ms) for place in range(dead)],
        {"state": "running", "pid": 4711, "version": "0.1.0", "uptime": 273120.0, "home": home, "host": "spb-1",
         "callback": "http://127.0.0.1:8080", "redis": "embedded", "mariadb": "embedded",
         "lamps": {name: asdict(health) for name, health in lamps.items()}},
    )  # fmt: skip


def _bot(place: int, name: str, now_ms: int) -> BotInfo:
    bot = BotInfo(
        name,
        place + 1,
        232_142_875 + place,
        "cafe" if name == "cafe_rose" else "dogs" if name == "dogs_spb" else "main",
        True,
        "running",
        place * 3 % 7,
        place % 2,
        {"replies": 1000 + 17 * place},
        TITLES[place % len(TITLES)],
        (place * 7 % 97) / 8,
        20 + place * 61 % 400,
        0,
        0,
        now_ms - 1000 * (place % 12),
        Health("ok", "", 31.0, now_ms - MINUTE_MS),
    )
    return replace(bot, **_troubles(now_ms).get(name, {}))


def _troubles(now_ms: int) -> dict[str, dict[str, Any]]:
    """Return what is not well, by bot."""
    revoked = "VK refuses the token (error 5): make a new one in the community's settings, then bot token dogs_spb"
    return {
        "bingo_club": {"p95_ms": 2412, "waiting": 53, "errors": 3},
        "dogs_spb": {"health": Health("bad", revoked, None, now_ms - 3 * MINUTE_MS), "rate": 0.0, "p95_ms": None,
                     "waiting": 9, "errors": 41, "last_ms": now_ms - 2 * HOUR_MS},
        "fleur_ru": {"health": Health("warn", "the callback server's secret differs", 28.0, now_ms - MINUTE_MS)},
        "sport_msk": {"lane": "elsewhere"},
        "tango_spb": {"enabled": False, "lane": "stopped", "rate": 0.0, "p95_ms": None, "last_ms": None,
                      "health": None},
    }  # fmt: skip


def _processes() -> list[ProcessInfo]:
    names = [("redis", "redis"), ("mariadb", "mariadb"), ("callback", "callback-1"), ("callback", "callback-2"),
             ("zygote", "zygote"), ("journal", "journal"), ("tickers", "tickers")]  # fmt: skip
    workers = [("worker", f"worker-{4800 + number}") for number in range(4)]
    found = [
        ProcessInfo(
            kind, name, 4720 + 13 * place, "running", place % 3, 273_120.0 - 60 * place, (40 + 21 * place) << 20
        )
        for place, (kind, name) in enumerate([*names, *workers])
    ]
    found[3] = ProcessInfo("callback", "callback-2", None, "backoff", 4, None, None, "exit code 1: port is taken")
    return found


def _tickers(now_ms: int) -> list[TickerInfo]:
    storage = TickerInfo("storage_health", "", 5.0, "waiting", now_ms - 2000, now_ms + 3000, 12, "ok",
                         "redis 0.4 ms, mariadb 2 ms")  # fmt: skip
    return [storage, *(_bot_ticker(place, name, now_ms) for place, name in enumerate(NAMES[:-1]))]


def _bot_ticker(place: int, name: str, now_ms: int) -> TickerInfo:
    last_ms = now_ms - MINUTE_MS - 7000 * place
    ticker = TickerInfo(
        "bot_health", name, 600.0, "waiting", last_ms, last_ms + 600_000, 310 + place, "ok", "all is well"
    )
    if name == "dogs_spb":
        return replace(ticker, result="bad", text="VK refuses the token (error 5)", failures=3)
    return replace(ticker, state="paused", next_ms=None) if name == "news_spb" else ticker


def _unsolved(now_ms: int, count: int) -> list[dict[str, Any]]:
    statuses = ["open"] * count + ["answered"] * 3 + ["rejected"] * 2
    return [_phrase(place, status, now_ms) for place, status in enumerate(statuses)]


def _phrase(place: int, status: str, now_ms: int) -> dict[str, Any]:
    bot = NAMES[(place * 3 + 1) % len(NAMES)]
    base = "cafe" if bot == "cafe_rose" else "dogs" if bot == "dogs_spb" else "main"
    phrase = PHRASES[place % len(PHRASES)] + (f" {place}" if place >= len(PHRASES) else "")
    last_ms = now_ms - 2 * MINUTE_MS - 7 * MINUTE_MS * place
    return {
        "id": f"{base}/{881 - place}",
        "base": base,
        "bot": bot,
        "phrase": phrase,
        "times": 1 + place * 5 % 9,
        "first_ms": last_ms - HOUR_MS * (place % 5),
        "last_ms": last_ms,
        "status": status,
        "editor": "" if status == "open" else "local:anna",
        "answer": "Работаем каждый день с 10 до 22" if status == "answered" else None,
    }


def dead_letter(place: int, now_ms: int = NOON_MS) -> dict[str, Any]:
    """Return one dead letter, as ``dead show`` gives it; the higher its place, the older it is."""
    at_ms = now_ms - MINUTE_MS * (3 + 11 * place)
    text = PHRASES[place % len(PHRASES)]
    reason = REASONS[place % len(REASONS)]
    message = {"id": 7000 + place, "date": at_ms // 1000, "peer_id": 2_000_000_017 + place, "text": text}
    trace = f'Traceback (most recent call last):\n  File "worker.py", line {40 + place}, in run\n{reason}'
    return {
        "id": f"{at_ms}-0",
        "bot": NAMES[place % 5],
        "entry": f"{at_ms - 90_000}-0",
        "event_id": f"4f1c{place:04x}",
        "type": "message_new",
        "peer_id": message["peer_id"],
        "from_id": 17 + place,
        "attempts": 3,
        "reason": reason,
        "trace": "" if place % 4 == 1 else trace,
        "at_ms": at_ms,
        "event": {"type": "message_new", "object": {"message": message}},
        "base": "",
    }


def history(data: FakeData, count: int = 60) -> Sequence[tuple[str, dict[str, Any]]]:
    """Return what was told before anybody came, oldest first: (topic, data)."""
    return [_moment(place, data) for place in range(count)]


def _moment(place: int, data: FakeData) -> tuple[str, dict[str, Any]]:
    bot = NAMES[place % 12]
    if place % 9 == 8:
        line = "granian started workers=1" if place % 2 else "wrote 12 rows base=main"
        return "log", {"name": "callback-1" if place % 2 else "journal", "level": "info", "line": line}
    said, reply = TALK[place % len(TALK)]
    message = {"bot": bot, "entry": f"{data.now_ms}-{place}", "peer_id": 2_000_000_000 + 101 * place, "reason": ""}
    if place % 7 == 5:
        phrase = PHRASES[place % len(PHRASES)]
        return "event", {**message, "step": "unsolved", "age_ms": 12, "text": phrase, "reply": ""}
    if place % 11 == 10:
        reason = "VK error 6: too many requests"
        return "event", {**message, "step": "retry", "age_ms": 340, "text": said, "reply": "", "reason": reason}
    return "event", {**message, "step": "done", "age_ms": 9 + place * 7 % 80, "text": said, "reply": reply}
