"""Ties the platform to the terminal that started it (``salo --ephemeral``): it stops when that one is gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from db.protocol import LET_GO

TERMINAL = "terminal"  # who stopped us, then


def stop_with_terminal(fd: int, stop: Callable[[str], None]) -> None:
    """Call ``stop`` once, when nobody holds the other end of the pipe ``fd`` any more and we were not let go before.

    However the terminal ends, the kernel closes its end.
    """
    os.set_inheritable(fd, False)
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(fd)
        let_go = os.read(fd, len(LET_GO)) == LET_GO
        os.close(fd)
        if not let_go:
            stop(TERMINAL)

    loop.add_reader(fd, ended)
