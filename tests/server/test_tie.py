"""The pipe between a platform and its terminal."""

from __future__ import annotations

import asyncio
import os

import pytest

from db.protocol import LET_GO
from server.tie import TERMINAL, stop_with_terminal


@pytest.mark.parametrize(("said", "stopped"), [(b"", [TERMINAL]), (LET_GO, [])], ids=["gone", "let go"])
def test_platform_stops_once_with_a_terminal_that_did_not_let_it_go(said: bytes, stopped: list[str]) -> None:
    async def play() -> list[str]:
        reading, writing = os.pipe()
        calls: list[str] = []
        stop_with_terminal(reading, calls.append)
        await asyncio.sleep(0)
        assert calls == []
        os.write(writing, said)
        os.close(writing)
        async with asyncio.timeout(5):
            while is_open(reading):
                await asyncio.sleep(0.005)
        return calls

    assert asyncio.run(play()) == stopped


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
