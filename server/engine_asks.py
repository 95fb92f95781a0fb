"""Answers what an engine without storage of its own asks during a job: the reply mark, slots, phrases, commands.

Our own engine does the first three in Redis by itself. Everything is bound to the job that was handed out: its bot, its
conversation, its lease; what the worker says of those is not believed. docs/engine-protocol.md has the forms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import asdict
from typing import Any

import redis

from db import limiter
from db.bots import Bot
from db.errors import SaloError
from db.limiter import LeaseLost
from db.marks import Mark, MarkKeeper
from db.settings import Settings
from engine.message import parse_message
from engine.reply import PART_MAX, PARTS_MAX
from engine.sending import Draft, doubt_about, kept_draft, notes_of
from engine.verdict import Match, Part
from server.dispatcher.finder import NotFindable

ASKS = ("line", "mark", "sent", "slot", "find")  # exactly one of them is in an ask, beside its id
ERRORS = ("bad", "lost", "unavailable")  # the ask breaks the protocol; the lane is another host's; try again later
SLOTS_MAX = 100  # of one job
TEXT_MAX = 16_000  # characters of a phrase that is looked up

Job = dict[str, Any]
OnAsk = Callable[[Bot, Job, dict[str, Any]], Awaitable[dict[str, Any]]]
Find = Callable[[Job, str, dict[str, str]], Awaitable[dict[str, Any]]]


class BadAsk(Exception):
    """An ask that breaks the engine protocol."""


class EngineAsks:
    """``client`` gives the way to database 0; ``line`` runs commands; ``find`` looks phrases up."""

    def __init__(
        self, settings: Settings, client: Callable[[], redis.Redis], executor: Executor, line: OnAsk, find: Find
    ) -> None:
        self._per_second = settings.vk.requests_per_s
        self._client = client
        self._executor = executor
        self._line = line
        self._find = find

    async def __call__(self, bot: Bot, job: Job, ask: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one question. Never raises for anything that an engine or the storage can do."""
        kind = next((name for name in ASKS if name in ask), "")
        if kind == "line":
            return await self._line(bot, job, ask)
        try:
            told = await self._answer(kind, job, ask.get(kind), ask)
        except (BadAsk, KeyError, TypeError, ValueError) as error:
            told = _error("bad", str(error))
        except LeaseLost:
            told = _error("lost", "the lane was taken over; send nothing more")
        except (NotFindable, SaloError, redis.RedisError, OSError) as error:
            told = _error("unavailable", str(error))
        return {"id": ask.get("id"), **told}

    async def _answer(self, kind: str, job: Job, value: Any, ask: dict[str, Any]) -> dict[str, Any]:
        match kind:
            case "mark":
                return await self._in_thread(self._mark, job, value)
            case "sent":
                return await self._in_thread(self._sent, job, value)
            case "slot":
                return await self._in_thread(self._slot, job, value)
            case "find":
                return await self._find(job, _text(value, TEXT_MAX), _names(ask.get("names")))
        raise BadAsk(f"an ask has one of {', '.join(ASKS)}")

    async def _in_thread(self, work: Callable[[Job, Any], dict[str, Any]], job: Job, value: Any) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, job, value)

    def _mark(self, job: Job, value: Any) -> dict[str, Any]:
        """Write down what is about to be sent, or tell what an earlier try wrote down; ``null`` only asks for that."""
        keeper, message = self._keeper(job), parse_message(job["event"])
        if message is None:
            raise BadAsk("this event has no conversation")
        if value is None:
            mark = keeper.read()
        else:
            draft = draft_of(value, message.peer_id)
            mark = keeper.begin(draft.as_json(), job["bot"]["db"], message.peer_id, notes_of(draft))
        if mark is None:
            return {"is_new": value is not None, "mark": None, "too_late": ""}
        return {"is_new": False, "mark": told_mark(mark), "too_late": doubt_about(mark, job["later"])}

    def _sent(self, job: Job, value: Any) -> dict[str, Any]:
        part, message_id = _whole(value["part"], 0, PARTS_MAX - 1), value.get("message_id")
        self._keeper(job).sent(part, None if message_id is None else _whole(message_id, 0, 1 << 62))
        return {"noted": True}

    def _slot(self, job: Job, value: Any) -> dict[str, Any]:
        wait_s = limiter.try_slot(
            self._client(),
            (job["lease"]["key"], job["lease"]["value"]),
            job["bot"]["db"],
            (job["entry"], job["attempt"]),
            _whole(value, job["slots"], SLOTS_MAX),
            per_second=self._per_second,
            most_s=job["deadline_ms"] / 1000,
        )
        return {"granted": wait_s == 0, "wait_ms": int(wait_s * 1000)}

    def _keeper(self, job: Job) -> MarkKeeper:
        lease = (job["lease"]["key"], job["lease"]["value"])
        return MarkKeeper(self._client(), lease, job["bot"]["group_id"], job["entry"])


def draft_of(value: Any, peer_id: int) -> Draft:
    """Return what an engine is about to send into conversation ``peer_id``. Raises ``BadAsk`` and what bad forms do."""
    if value["verdict"] not in ("done", "unsolved"):
        raise BadAsk("verdict must be done or unsolved")
    parts = tuple(
        Part(_text(part["text"], PART_MAX), _whole(part["random_id"], -(1 << 31), (1 << 31) - 1))
        for part in value["parts"]
    )
    if not 1 <= len(parts) <= PARTS_MAX or not all(part.text and part.random_id for part in parts):
        raise BadAsk(f"parts must be 1 to {PARTS_MAX}, each with a text and a random_id other than 0")
    told = value.get("match") or {}
    match = Match(
        rx=_text(told.get("rx") or "", TEXT_MAX),
        phrase=_text(told["phrase"], TEXT_MAX) if told.get("phrase") is not None else None,
        answer_id=_whole(told["answer_id"], 0, 1 << 62) if told.get("answer_id") is not None else None,
        score=float(told["score"]) if told.get("score") is not None else None,
    )
    return Draft(value["verdict"], peer_id, parts, match, _whole(value.get("quote") or 0, 0, 1 << 62))


def told_mark(mark: Mark) -> dict[str, Any]:
    """Return a mark as an engine is told of it: as it gave it, each part with what became of it."""
    draft = kept_draft(mark)
    parts = [{**asdict(part), "is_sent": number in mark.sent} for number, part in enumerate(draft.parts)]
    return {"verdict": draft.outcome, "parts": parts, "match": asdict(draft.match), "quote": draft.quote}


def _names(value: Any) -> dict[str, str]:
    return {str(name): _text(text, 255) for name, text in (value or {}).items()}


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise BadAsk(f"a text must be a string of at most {most} characters")
    return value


def _whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadAsk(f"{str(value)[:40]} must be a whole number of {least} to {most}")
    return value


def _error(error: str, text: str) -> dict[str, Any]:
    assert error in ERRORS
    return {"error": error, "text": text[:300]}
