"""An event loop of one process in a virtual world: what asyncio asks of a loop, without sockets and without waiting."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.world import Process, Turn, World

_NOWHERE = contextvars.copy_context()


class CountedTask(asyncio.Task):  # type: ignore[type-arg]
    """A task with a number for its hash, so that sets of tasks have the same order in every run of a seed."""

    def __init__(self, number: int, *args: Any, **kwargs: Any) -> None:
        self._number = number
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(Process, asyncio.AbstractEventLoop):
    """Runs the callbacks of its process when the world gives it a turn."""

    def __init__(self, world: World, name: str, skew_s: float = 0.0) -> None:
        super().__init__(world, name, skew_s)
        self.tasks: list[CountedTask] = []
        self._first_number = world.next_thousands()  # of our tasks
        self.is_ending = False  # its coroutines are being closed: nothing is begun any more
        self._readers: dict[int, Callable[[], None]] = {}

    # What the world asks.

    def take(self, turn: Turn) -> None:
        if events._get_running_loop() is not self:
            events._set_running_loop(self)
        try:
            turn.context.run(turn.callback, *turn.args)
        except Exception as error:
            self.world.faults.append(f"{self.name}: {error!r} in {turn.callback}")

    def is_readable(self, descriptor: int) -> None:
        """Call who watches a descriptor; those of this world are numbers below 0."""
        reader = self._readers.get(descriptor)
        if reader is not None:
            self.call_soon(reader)

    def close_all(self) -> None:
        """End what never ended, now that nobody is harmed by what its ``finally`` does."""
        self.is_ending = True
        events._set_running_loop(self)
        for task in self.tasks:
            if task.done():
                if not task.cancelled() and task._log_traceback:
                    self.world.faults.append(f"{self.name}: {task.exception()!r} in {task}")
                continue
            task._log_destroy_pending = False
            try:
                task.get_coro().close()
            except BaseException:  # what it says at its end is of no interest
                continue
        events._set_running_loop(None)

    # What asyncio asks.

    def time(self) -> float:
        return self.world.now_s - self.slept_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return not self.is_alive

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: Any = None, context: Any = None) -> CountedTask:
        task = CountedTask(self._first_number + len(self.tasks), coro, loop=self, name=name or "task", context=context)
        self.tasks.append(task)
        return task

    def come(self, after_s: float, callback: Callable[..., object], *args: Any) -> None:
        """Let something reach us from outside."""
        self._plan(self.world.now_s + after_s, callback, args, _NOWHERE)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Turn:  # type: ignore[override]
        return self._plan(0.0, callback, args, context)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Turn:  # type: ignore[override]
        return self._plan(self.world.now_s + delay, callback, args, context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Turn:  # type: ignore[override]
        return self._plan(when + self.slept_s, callback, args, context)

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        self._readers[fd] = callback

    def remove_reader(self, fd: Any) -> bool:
        return self._readers.pop(fd, None) is not None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_ending:
            self.world.faults.append(f"{self.name}: {context.get('message')} {context.get('exception')!r}")

    def _plan(self, when_s: float, callback: Any, args: Any, context: Any) -> Turn:
        turn = Turn(self, when_s, callback, args, context or contextvars.copy_context())
        if self.is_alive and not self.is_ending:
            self.world.put(turn)
        return turn
