"""What is typed takes effect in its order: a key waits until the one before has done its work and what follows.

Left alone, a letter acts as soon as the field has it, while an editing key is known only when it has bubbled up to the
app, and a line is entered by a message after that. Keys that come together, as over a slow link, overtook each other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.events import Event, InputEvent, Key, Paste
from textual.message_pump import MessagePump

HELD_MAX = 10_000  # keys that wait; who types more at once is no person, and what is beyond is dropped
ROUNDS_MAX = 3  # of following a key: each finds what the one before has set off
SETTLED_S = 1.0  # a key that is held down never ends
LOOK_S, LOOKS_MAX = 0.05, 100  # then a key that does not end is given up


class InTurn:
    """Hands keys, pastes and the mouse to ``handle``, one at a time.

    A key is done when a call that is queued behind it has come from its widget up to the app, and nothing is left to
    do on that way. All of it runs in the app's task.
    """

    def __init__(self, app: App[Any], handle: Callable[[Event], Awaitable[None]]) -> None:
        self._app, self._handle = app, handle
        self._held: deque[Event] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._turn = 0
        self._way: Iterator[MessagePump] = iter(())
        self._at: MessagePump = app
        self._rounds = self._looks = 0
        self._look: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether all that was typed has taken effect."""
        return self._idle.is_set()

    async def settled(self) -> None:
        """Wait until all that was typed so far has taken effect, or for a while: for a window that nobody awaits."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_S):
                await self._idle.wait()

    def takes(self, event: Event) -> bool:
        """Return whether an event comes from outside and has its turn to wait for."""
        return isinstance(event, InputEvent | Paste) and not event.is_forwarded

    async def take(self, event: Event) -> None:
        """Handle an event now, or behind those that wait."""
        if self.is_idle:
            await self._begin(event)
        elif len(self._held) < HELD_MAX:
            self._held.append(event)

    async def take_first(self, event: Event) -> None:
        """Handle an event before those that wait: it stands for the one that is handled now."""
        if self.is_idle:
            await self._begin(event)
        else:
            self._held.appendleft(event)

    async def _begin(self, event: Event) -> None:
        """Handle an event, and begin to follow it if it is one that others must wait for."""
        self._idle.clear()
        while not isinstance(event, Key | Paste):
            await self._handle(event)
            if not self._held:
                self._idle.set()
                return
            event = self._held.popleft()
        self._turn, self._rounds, self._looks = self._turn + 1, 0, 0
        self._way = self._up()
        self._watch(self._turn)
        await self._handle(event)
        await self._go_on(self._turn)

    def _up(self) -> Iterator[MessagePump]:
        """Return the way of a key: from the widget that has the focus up to the app."""
        screens = self._app.screen_stack
        return iter((self._app.focused or screens[-1]).ancestors_with_self if screens else [self._app])

    async def _go_on(self, turn: int) -> None:
        """Go to the next place on the way, behind whatever waits there."""
        if turn != self._turn or self.is_idle:
            return
        for place in self._way:
            if place.call_later(self._go_on, turn):
                self._at = place
                return
        self._rounds += 1
        self._way = self._up()
        if self._rounds < ROUNDS_MAX and any(place.message_queue_size for place in self._up()):
            await self._go_on(turn)
        else:
            await self._end(turn)

    async def _end(self, turn: int) -> None:
        if turn != self._turn or self.is_idle:
            return
        if self._look is not None:
            self._look.cancel()
        if not self._app.is_running:
            self._held.clear()
        if self._held:
            await self._begin(self._held.popleft())
        else:
            self._idle.set()

    def _watch(self, turn: int) -> None:
        """Look now and then whether the way still leads on; a widget that was removed takes what waits there along."""
        self._look = asyncio.get_running_loop().call_later(LOOK_S, self._look_after, turn)

    def _look_after(self, turn: int) -> None:
        if turn != self._turn or self.is_idle or not self._app.is_running:
            return
        self._looks += 1
        if self._at.is_running and self._looks < LOOKS_MAX:
            self._watch(turn)
        else:
            self._app.call_later(self._end, turn)
