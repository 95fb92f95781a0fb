"""A process whose code blocks, such as our engine's own: a greenlet that stands still while virtual time passes."""

from __future__ import annotations

from collections.abc import Callable

import greenlet

from tests.simulation.world import Process, World


class GreenProcess(Process):
    """Runs ``work`` until it returns. Everything that waits in it ends in ``sleep`` or ``wait``."""

    def __init__(self, world: World, name: str, work: Callable[[], object], skew_s: float = 0.0) -> None:
        super().__init__(world, name, skew_s)
        self._green = greenlet.greenlet(self._run)
        self._work = work
        self._hub = greenlet.getcurrent()

    def start(self) -> None:
        self.world.at(0.0, self._green.switch, process=self)

    def sleep(self, delay_s: float) -> None:
        """Let time pass by our own clock."""
        self.world.at(self.world.now_s + delay_s, self._green.switch, process=self)
        self._hub.switch()

    def wait(self) -> None:
        """Stand still until ``wake``."""
        self._hub.switch()

    def wake(self) -> None:
        self.world.at(0.0, self._green.switch, process=self)

    def die(self) -> None:
        """End here and now, from within."""
        self.kill()
        self._hub.switch()

    def close(self) -> None:
        """Unwind a process that never ended, in a world that is over."""
        if self._green and not self._green.dead:
            self._green.throw()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.world.faults.append(f"{self.name}: {error!r}")
