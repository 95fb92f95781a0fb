"""The dispatcher's one connection for commands: what all lanes send in a turn of the loop goes out together.

Redis then writes it to disk with one flush. Only commands that may be repeated pass here: when the connection breaks,
those on their way may or may not have taken effect, and whoever sent them sends them again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from redis.exceptions import NoScriptError

from db.errors import StorageUnavailable
from db.inbox import Call
from db.redis_errors import BROKEN, is_not_now

BATCH_MAX = 512  # commands of one round trip

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Sent:
    words: tuple[Any, ...]
    script_text: str | None
    answer: asyncio.Future[Any]


class BatchedRedis:
    """Sends commands and scripts in batches, in order, and answers each caller."""

    def __init__(self, client: redis.asyncio.Redis, most: int = BATCH_MAX) -> None:
        """``most``: commands of one round trip."""
        self._client = client
        self._most = most
        self._waiting: deque[_Sent] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def command(self, *words: Any) -> Any:
        """Return the answer to one command. ``StorageUnavailable``: no answer, and it may have taken effect."""
        return await self._send(words, None)

    async def run(self, call: Call) -> Any:
        """Return the answer to one script; the same errors."""
        words = ("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args)
        return await self._send(words, call.script.text)

    async def insist(self, call: Call, is_wanted: Callable[[], bool]) -> Any:
        """Run a script again and again until it is answered, or nobody wants it any more (then the last error)."""
        pause_s = 0.02
        while True:
            try:
                return await self.run(call)
            except StorageUnavailable:
                if not is_wanted():
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.5)

    def _send(self, words: tuple[Any, ...], script_text: str | None) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Sent(words, script_text, answer))
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_all())
        return answer

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                count = min(len(self._waiting), self._most)
                batch = [self._waiting.popleft() for _ in range(count)]
                await self._exchange([sent for sent in batch if not sent.answer.done()])
        finally:
            self._sender = None

    async def _exchange(self, batch: list[_Sent]) -> None:
        """One round trip, and a second one for scripts that a restarted Redis has forgotten."""
        try:
            answers = await self._execute([sent.words for sent in batch])
            forgotten = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            again = await self._execute([_whole(batch[at]) for at in forgotten]) if forgotten else []
        except BROKEN as error:
            for sent in batch:
                _fail(sent, StorageUnavailable(f"redis: no answer ({error})"))
            return
        except Exception as error:
            log.exception("redis batch failed commands=%d", len(batch))
            for sent in batch:
                _fail(sent, error)
            return
        for at, answer in zip(forgotten, again, strict=True):
            answers[at] = answer
        for sent, answer in zip(batch, answers, strict=True):
            _answer(sent, answer)

    async def _execute(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for words in commands:
            pipeline.execute_command(*words)
        return list(await pipeline.execute(raise_on_error=False))


def _whole(sent: _Sent) -> tuple[Any, ...]:
    return ("EVAL", sent.script_text, *sent.words[2:])


def _answer(sent: _Sent, answer: Any) -> None:
    if isinstance(answer, Exception) and is_not_now(answer):
        _fail(sent, StorageUnavailable(f"redis: {answer}"))
    elif isinstance(answer, Exception):
        _fail(sent, answer)
    elif not sent.answer.done():
        sent.answer.set_result(answer)


def _fail(sent: _Sent, error: Exception) -> None:
    if not sent.answer.done():
        sent.answer.set_exception(error)
