"""A child's output is read to its end, in whatever order its end and its words are noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from server.logs import ChildLog, RotatedFile
from server.output import OutputReader
from server.process import spawn


def test_words_of_a_child_that_ended_before_the_first_read_are_kept(tmp_path: Path) -> None:
    said: list[str] = []

    async def late() -> None:
        child = spawn(["sh", "-c", "seq 10000; printf end"], env={"PATH": "/usr/bin:/bin"})
        assert child.wait(10)
        OutputReader(child, log).finish()

    log = ChildLog("x", RotatedFile(tmp_path / "x.log", 1 << 20, 1), lambda _name, line: said.append(line), lambda: 0.0)
    log._lines_this_second = -20_000  # all of them, for once
    asyncio.run(late())
    assert said == [*map(str, range(1, 10_001)), "end"]


def test_grandchild_that_keeps_the_pipe_does_not_keep_the_reader(tmp_path: Path) -> None:
    said: list[str] = []

    async def left_open() -> None:
        script = "setsid sh -c 'while :; do echo more; done' & sleep 0.1"
        child = spawn(["sh", "-c", script], env={"PATH": "/usr/bin:/bin"})
        reader = OutputReader(child, ChildLog("x", RotatedFile(tmp_path / "x", 1 << 20, 1), lambda *_: said.append("")))
        await child.ended()
        reader.finish()  # the grandchild's next write gets SIGPIPE

    asyncio.run(asyncio.wait_for(left_open(), 20))
    assert said
