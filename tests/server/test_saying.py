"""What a worker writes: passed on, bounded in each second, without the token, its end kept for the dead letter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from server.dispatcher.saying import BYTES_PER_S, TAIL_MAX, Saying
from tests.server.lanes import until

TOKEN = "vk1.a.canary"


def scene(play: Callable[[int, Saying, list[str]], object]) -> list[str]:
    """Let ``play`` write into the pipe of a ``Saying``; return the lines that were passed on."""
    lines: list[str] = []

    async def run() -> None:
        heard, said = os.pipe()
        os.set_blocking(said, False)
        saying = Saying(heard, lines.append)
        saying.begin(TOKEN)
        try:
            result = play(said, saying, lines)
            if asyncio.iscoroutine(result):
                await result
        finally:
            saying.finish()
            os.close(said)

    asyncio.run(run())
    return lines


def test_the_end_of_the_job_is_kept_and_what_came_before_is_not() -> None:
    async def play(said: int, saying: Saying, lines: list[str]) -> None:
        os.write(said, b"before\n")
        await until(lambda: lines)
        saying.begin("")
        os.write(said, b"one\ntwo without an end")
        assert saying.finish() == "one\ntwo without an end"
        assert saying.finish() == "one\ntwo without an end"  # again does nothing

    assert scene(play) == ["before", "one", "two without an end"]


def test_the_token_is_struck_out_everywhere() -> None:
    def play(said: int, saying: Saying, lines: list[str]) -> None:
        os.write(said, f"POST access_token={TOKEN}&v=5\n".encode())
        saying.say("error", f"bad {TOKEN}")
        assert TOKEN not in saying.finish()

    lines = scene(play)
    assert lines[0].endswith(" ERROR worker: bad ***") and lines[1] == "POST access_token=***&v=5"


def test_a_flood_is_read_slowly_and_its_end_is_heard_nevertheless() -> None:
    async def play(said: int, saying: Saying, lines: list[str]) -> None:
        written = 0

        def flood() -> bool:
            nonlocal written
            while True:
                try:
                    written += os.write(said, b"x" * 1000 + b"\n")
                except BlockingIOError:
                    return written > BYTES_PER_S

        await until(flood)
        await asyncio.sleep(0)
        assert written <= BYTES_PER_S + (256 << 10)  # what was read, and what stands in the pipe
        saying.hear_out()
        await until(lambda: _writes(said, b"where I am\n"))
        assert saying.finish().endswith("where I am")
        assert len(saying.finish()) <= TAIL_MAX

    scene(play)


def _writes(said: int, line: bytes) -> bool:
    try:
        return os.write(said, line) == len(line)
    except BlockingIOError:
        return False


def test_of_many_short_lines_the_middle_is_dropped_and_counted() -> None:
    def play(said: int, saying: Saying, lines: list[str]) -> None:
        os.write(said, b"".join(b"%d\n" % number for number in range(1000)))

    lines = scene(play)
    assert len(lines) < 200 and lines[0] == "0" and lines[-1] == "999"
    assert any("lines dropped" in line for line in lines)
