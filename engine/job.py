"""A job as the platform hands it out: one JSON line, parsed once into values."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from db import codec
from db.errors import BadJson
from engine.errors import BadJob


@dataclass(frozen=True, slots=True)
class BotCard:
    """What a worker knows of the bot it speaks for."""

    name: str
    bot_id: int
    group_id: int
    base: str
    db: int
    title: str = ""
    names: tuple[str, ...] = ()
    language: str = "ru"
    threshold: float | None = None
    suggest_threshold: float | None = None
    owner: str = ""  # account of the bot's owner
    unsolved_text: str = ""  # said in private dialogs to what has no answer; empty = silence


@dataclass(frozen=True, slots=True)
class Job:
    """One try of one event. ``ends_at`` is on the monotonic clock; the token is kept out of every repr."""

    id: str
    kind: str
    bot: BotCard
    token: str = field(repr=False)
    person: dict[str, str] | None
    event: dict[str, Any]
    entry: str
    attempt: int
    lease_key: str
    lease_value: str
    slots: int
    base_delta: str
    ends_at: float
    accepted_ms: int
    paused: tuple[str, ...] = ()  # methods that VK is not to be asked for now
    is_repeat: bool = False  # an earlier try may have written down and sent something
    later: int = 0  # messages that are known to have come after it in its conversation
    slot_at: float = 0.0  # when the slot begins, on the monotonic clock

    @property
    def event_type(self) -> str:
        return str(self.event.get("type", ""))

    @property
    def event_id(self) -> str:
        return str(self.event.get("event_id") or self.entry)

    def left_s(self) -> float:
        """Seconds until the platform kills whoever still works on this."""
        return self.ends_at - time.monotonic()


@dataclass(frozen=True, slots=True)
class TickJob:
    """One tick of a periodic duty. ``bot`` is None when it belongs to no bot; there is no lease then either."""

    id: str
    ticker: str
    bot: BotCard | None
    token: str = field(repr=False)
    entry: str
    lease_key: str
    lease_value: str
    ends_at: float
    secret: str = field(default="", repr=False)  # of the bot's callbacks, and below their code: empty if not needed
    confirmation: str = field(default="", repr=False)
    wrong: int = 0  # ticks in a row that found something wrong

    def left_s(self) -> float:
        """Seconds until the platform kills whoever still works on this."""
        return self.ends_at - time.monotonic()


@dataclass(frozen=True, slots=True)
class FindJob:
    """One phrase to be looked up, for an engine that has no phrases of its own. ``names`` are put into the answer."""

    id: str
    bot: BotCard
    text: str
    names: dict[str, str]
    event_id: str
    base_delta: str
    ends_at: float

    def left_s(self) -> float:
        """Seconds until the platform kills whoever still works on this."""
        return self.ends_at - time.monotonic()


@dataclass(frozen=True, slots=True)
class ComposeJob:
    """Events of one bot to be decided and written down, of different conversations, without a slot."""

    id: str
    jobs: tuple[Job, ...]

    def left_s(self) -> float:
        """Seconds until the platform kills whoever still works on this."""
        return max((job.left_s() for job in self.jobs), default=0.0)


@dataclass(frozen=True, slots=True)
class Sending:
    """One part of a reply that was written down: what a batch sends of one event."""

    entry: str
    attempt: int
    peer_id: int
    number: int  # of the part
    text: str
    random_id: int
    quote: int = 0
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class BatchJob:
    """Parts of different conversations to be sent in one request. ``job`` holds the slot, and no event."""

    id: str
    job: Job
    sendings: tuple[Sending, ...]

    def left_s(self) -> float:
        """Seconds until the platform kills whoever still works on this."""
        return self.job.left_s()


AnyJob = Job | TickJob | FindJob | ComposeJob | BatchJob


def parse_job(line: bytes) -> AnyJob:
    """Return the job of one line. Raises ``BadJob``."""
    try:
        raw = codec.loads(line)
        match raw["kind"]:
            case "tick":
                return _tick(raw)
            case "find":
                return _find(raw)
            case "compose":
                common = {name: value for name, value in raw.items() if name != "items"}
                return ComposeJob(str(raw["job"]), tuple(_job({**common, "slots": 0, **item}) for item in raw["items"]))
            case "send_batch":
                items = tuple(Sending(**item) for item in raw["items"])
                return BatchJob(str(raw["job"]), _job({**raw, "event": {}}), items)
        return _job(raw)
    except (BadJson, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadJob(f"job line of {len(line)} bytes: {type(error).__name__} {str(error)[:80]}") from None


def _job(raw: dict[str, Any]) -> Job:
    lease = raw["lease"]
    return Job(
        id=str(raw["job"]),
        kind=str(raw["kind"]),
        bot=_card(raw["bot"]),
        token=str(raw["token"]),
        person={str(key): str(value) for key, value in raw["person"].items()} if raw.get("person") else None,
        event=dict(raw["event"]),
        entry=str(raw["entry"]),
        attempt=int(raw["attempt"]),
        lease_key=str(lease["key"]),
        lease_value=str(lease["value"]),
        slots=int(raw.get("slots", 1)),
        base_delta=str(raw.get("base_delta") or ""),
        ends_at=time.monotonic() + float(raw["deadline_ms"]) / 1000,
        accepted_ms=int(raw.get("accepted_ms") or 0),
        paused=tuple(str(method) for method in raw.get("paused") or ()),
        is_repeat=raw.get("repeat") is True or int(raw["attempt"]) > 1,
        later=int(raw.get("later") or 0),
        slot_at=time.monotonic() + float(raw.get("slot_in_ms") or 0) / 1000,
    )


def _tick(raw: dict[str, Any]) -> TickJob:
    lease = raw.get("lease") or {}
    return TickJob(
        id=str(raw["job"]),
        ticker=str(raw["ticker"]),
        bot=_card(raw["bot"]) if raw.get("bot") else None,
        token=str(raw.get("token") or ""),
        entry=str(raw["entry"]),
        lease_key=str(lease.get("key") or ""),
        lease_value=str(lease.get("value") or ""),
        ends_at=time.monotonic() + float(raw["deadline_ms"]) / 1000,
        secret=str(raw.get("secret") or ""),
        confirmation=str(raw.get("confirmation") or ""),
        wrong=int(raw.get("wrong") or 0),
    )


def _find(raw: dict[str, Any]) -> FindJob:
    return FindJob(
        id=str(raw["job"]),
        bot=_card(raw["bot"]),
        text=str(raw["text"]),
        names={str(key): str(value) for key, value in raw["names"].items()},
        event_id=str(raw["event_id"]),
        base_delta=str(raw.get("base_delta") or ""),
        ends_at=time.monotonic() + float(raw["deadline_ms"]) / 1000,
    )


def _card(raw: dict[str, Any]) -> BotCard:
    return BotCard(
        name=str(raw["name"]),
        bot_id=int(raw["bot_id"]),
        group_id=int(raw["group_id"]),
        base=str(raw["base"]),
        db=int(raw["db"]),
        title=str(raw.get("title") or ""),
        names=tuple(str(name) for name in raw.get("names") or ()),
        language=str(raw.get("language") or "ru"),
        threshold=_score(raw.get("threshold")),
        suggest_threshold=_score(raw.get("suggest_threshold")),
        owner=str(raw.get("owner") or ""),
        unsolved_text=str(raw.get("unsolved_text") or ""),
    )


def _score(value: Any) -> float | None:
    return None if value is None else float(value)
