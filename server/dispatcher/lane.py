"""One bot's lane: reads its inbox, offers what is ready to the ring, and lives as long as one lease.

When the lease is lost the lane is closed and its workers are killed: whatever it had not settled is still in the
inbox, for the next owner. What happens to one entry belongs to ``handling``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence

from db import inbox
from db.bot_config import BotConfig
from db.bots import Bot
from db.errors import StorageUnavailable
from db.inbox import Claim, Entry, Opened, Tried
from server.dispatcher.conversations import UNTRIED, Conversations
from server.dispatcher.handling import LaneLost, Shared, Unread
from server.dispatcher.keeping import kept, read_command
from server.dispatcher.packing import Packing, Work
from server.dispatcher.pauses import Change, Pause, fingerprint
from server.dispatcher.pool import WorkerHandle

CLOSING_MAX = 64  # settled unread at the same time
JOBS_MAX = 64  # under way at the same time: those with a worker, and those that are being settled
HAND_BACK_S = 1.0  # at the end, for what was composed and not sent
REREAD_PAUSE_S = 0.05  # before reading again when Redis did not answer

log = logging.getLogger(__name__)


class Lane:
    """Started by ``start``, ended by ``lose`` or ``drain``; ``begin`` is called with a worker when ``has_work``."""

    def __init__(
        self,
        shared: Shared,
        bot: Bot,
        config: BotConfig,
        lease: str,
        is_sure: Callable[[], bool],
        stand: Callable[[Lane], None],
        on_lost: Callable[[Lane], None],
    ) -> None:
        """``is_sure`` says whether the lease certainly is ours, ``stand`` lets the lane stand in the ring."""
        self._shared = shared
        self._redis, self._clock = shared.redis, shared.clock
        self._claim = Claim(bot.name, bot.group_id, bot.base, bot.db, lease)
        self._is_sure, self._stand, self._on_lost = is_sure, stand, on_lost
        self._is_lost = self._is_draining = False
        self._conversations = Conversations(shared.settings.lanes.conversation_max)
        self._handling = Packing(shared, bot, config, self._claim, self._conversations, lambda: not self._is_lost)
        self._unread = asyncio.Event()
        self._cursor, self._from_start = "-", True
        self._is_read = False  # to the end, once
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Task[None] | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._lent = 0  # workers
        self._closing: deque[tuple[Entry, Unread]] = deque()
        self._closer: asyncio.Task[None] | None = None

    @property
    def bot(self) -> Bot:
        return self._handling.bot

    @property
    def counters(self) -> Counter[str]:
        """How often each step was taken."""
        return self._handling.counters

    @property
    def waiting(self) -> int:
        return self._conversations.waiting

    @property
    def in_flight(self) -> int:
        return self._conversations.in_flight

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """Why the lane rests, and what else the operator should know of it."""
        return self._handling.pauses.listed(self._clock.now_ms())

    @property
    def cap(self) -> int:
        """Workers used, and conversations answered, at the same time. If all hang, the others have a worker left."""
        settings = self._shared.settings
        return min(self._handling.config.per_bot or settings.lanes.per_bot, max(settings.engine.workers - 1, 1))

    # Its life.

    def start(self) -> None:
        self._reader = asyncio.get_running_loop().create_task(self._read_on())

    def wake(self) -> None:
        """Read what is new: something was accepted, or may have been."""
        self._unread.set()

    def reread(self) -> None:
        """Read all again, since something may have been missed."""
        self._from_start = True
        self._unread.set()

    def update(self, bot: Bot, config: BotConfig) -> None:
        """Take over changed settings, for the jobs from now on."""
        self._handling.bot, self._handling.config = bot, config
        self._keep(self._handling.pauses.token_is(fingerprint(config.token.reveal())))
        self.offer()

    def token_checked(self, works: bool) -> None:
        """Learn what a check of the bot's token found."""
        self._keep(self._handling.pauses.token_checked(works, self._clock.now_ms()))
        self.offer()

    def lose(self) -> None:
        """Stop at once: jobs are cancelled, which kills their workers."""
        if self._is_lost:
            return
        self._is_lost = True
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._reader, self._closer, *self._jobs):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    async def drain(self, timeout_s: float) -> None:
        """Take no more, wait for running jobs up to ``timeout_s``, then stop. The lease is still to be given back."""
        self._is_draining = True
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=timeout_s)
        try:
            async with asyncio.timeout(HAND_BACK_S):
                await self._handling.hand_back()
        except (LaneLost, StorageUnavailable, TimeoutError):
            log.info("composed replies go to the next owner as begun bot=%s", self.bot.name)
        self.lose()

    # Turns in the ring.

    def has_work(self) -> bool:
        """Say whether a worker would find something to do now."""
        if self._is_lost or self._is_draining or not self._is_read:
            return False
        if max(self._lent, self._handling.answering) >= self.cap or len(self._jobs) >= JOBS_MAX or not self._is_sure():
            return False
        return self._handling.has_work(self._clock.now_ms())

    def begin(self, worker: WorkerHandle) -> None:
        """Let a worker do what is to be done next."""
        work = self._handling.next_work(self._clock.now_ms())
        if work is None:
            worker.release()
            return
        self._lent += 1
        worker.on_release = self._on_release
        task = asyncio.get_running_loop().create_task(self._do(work, worker))
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    def offer(self) -> None:
        """Stand in the ring if there is work, and come back by ourselves when there will be some."""
        if self._is_lost:
            return
        self._stand(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = self._clock.now_ms()
        times = [self._conversations.next_due_ms(), self._handling.blocked_until_ms or None, self._handling.next_ms()]
        times.append(self._handling.pauses.next_ms(now_ms))
        later = [time_ms for time_ms in times if time_ms is not None and time_ms > now_ms]
        if later:
            # A millisecond more, since the clock's are whole ones.
            pause_s = (min(later) - now_ms + 1) / 1000
            self._timer = asyncio.get_running_loop().call_later(pause_s, self.offer)

    # Reading.

    async def _read_on(self) -> None:
        """Read the inbox at every wake-up, for as long as the lane lives."""
        tried: dict[str, Tried] | None = None
        while True:
            try:
                if tried is None:
                    tried = await self._open()
                await self._read(tried)
                await self._unread.wait()
            except StorageUnavailable:
                self._from_start = True
                await asyncio.sleep(REREAD_PAUSE_S)
            except LaneLost:
                self._give_up()
                return
            except Exception:
                log.exception("lane failed bot=%s", self.bot.name)
                self._give_up()
                return

    async def _open(self) -> dict[str, Tried]:
        opened = inbox.opened(await self._redis.run(inbox.open_lane(self._claim)))
        if not isinstance(opened, Opened):
            raise LaneLost
        self._clock.seen(opened.now_ms)
        pauses = kept(await self._redis.command(*read_command(self.bot.name)))
        await self._handling.keep(self._handling.pauses.load(pauses, opened.now_ms))
        return opened.tried

    async def _read(self, tried: dict[str, Tried]) -> None:
        """Read up to the end of the inbox. Nothing is offered before: a conversation's first may stand last.

        ``tried`` counts for entries never seen here before.
        """
        self._unread.clear()
        if self._from_start:
            self._from_start, self._cursor = False, "-"
        while True:
            # Its time goes with it: what was accepted by a clock that was set since would look old by the time before.
            reading = self._redis.command(*inbox.read_command(self.bot.name, self._cursor))
            with self._conversations.reading():
                (seconds, micros), found = await asyncio.gather(self._redis.command("TIME"), reading)
                self._clock.seen(int(seconds) * 1000 + int(micros) // 1000)
                for name, fields in found:
                    if name.decode() not in self._conversations:
                        self._add(inbox.parse_entry(name, fields), tried.pop(name.decode(), UNTRIED))
            if found:
                self._cursor = found[-1][0].decode()
            if len(found) < inbox.BATCH:
                self._is_read = True
                self.offer()
                return

    def _add(self, entry: Entry, tried: Tried) -> None:
        if tried == UNTRIED and self._handling.is_stale(entry):
            self._conversations.set_aside(entry)
            self._close_unread(entry, "stale")
            return
        for flood in self._conversations.add(entry, tried):
            self._close_unread(flood, "flood")

    # Settling unread.

    def _close_unread(self, entry: Entry, reason: Unread) -> None:
        self._closing.append((entry, reason))
        if self._closer is None or self._closer.done():
            self._closer = asyncio.get_running_loop().create_task(self._close_all_unread())

    async def _close_all_unread(self) -> None:
        try:
            while self._closing:
                count = min(CLOSING_MAX, len(self._closing))
                await asyncio.gather(*(self._handling.close_unread(*self._closing.popleft()) for _ in range(count)))
        except (LaneLost, StorageUnavailable):
            self._give_up()
        except Exception:
            log.exception("lane failed bot=%s", self.bot.name)
            self._give_up()

    # One job.

    async def _do(self, work: Work, worker: WorkerHandle) -> None:
        """Bring what was taken to its end, or to its next try."""
        try:
            await work(worker)
        except (LaneLost, StorageUnavailable):
            self._give_up()
        except Exception:
            log.exception("lane failed bot=%s", self.bot.name)
            self._give_up()
        finally:
            worker.release()
            task = asyncio.current_task()
            assert task is not None
            self._jobs.discard(task)
            self.offer()

    def _on_release(self) -> None:
        self._lent -= 1
        self.offer()

    def _keep(self, changes: Sequence[Change]) -> None:
        """Write down a change of the pauses that no job brought."""
        if changes and not self._is_lost:
            task = asyncio.get_running_loop().create_task(self._kept(changes))
            self._jobs.add(task)
            task.add_done_callback(self._jobs.discard)

    async def _kept(self, changes: Sequence[Change]) -> None:
        try:
            await self._handling.keep(changes)
        except (LaneLost, StorageUnavailable):
            self._give_up()

    def _give_up(self) -> None:
        if not self._is_lost:
            self.lose()
            self._on_lost(self)
