"""The zygote as it is, but its workers come to harm of some messages: ``яд`` and what the poison does.

For the tests alone. With a file ``antidote`` in the state directory no message does harm any more.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

import engine.handle
import engine.zygote
from engine.desk import JobDesk
from engine.verdict import Verdict

HOME = Path(os.environ.get("SALO_HOME", "/nonexistent"))
real = engine.handle._handle_event


def swallow(desk: JobDesk) -> Verdict:
    """Stand where the engine reads the event."""
    body = desk.job.event.get("object")
    words = str(body.get("message", {}).get("text", "")).split() if isinstance(body, dict) else []
    if len(words) == 2 and words[0] == "яд" and not (HOME / "antidote").exists():
        with (HOME / "poisoned").open("a") as begun:
            begun.write(f"{words[1]} {time.time()}\n")
        POISONS[words[1]]()
    return real(desk)


def bad_code() -> None:
    raise RuntimeError("poisoned")


def bad_memory() -> None:
    ctypes.string_at(0)


def endless_loop() -> None:
    while True:
        pass


def much_memory() -> None:
    bytearray(2 << 30)


def many_children() -> None:
    """Leave children behind, some in sessions of their own, some with children of their own."""
    for number in range(6):
        if os.fork() == 0:
            if number % 2:
                os.setsid()
            os.fork()
            with (HOME / "forked").open("a") as forked:
                forked.write(f"{os.getpid()}\n")
            time.sleep(600)
    time.sleep(0.2)
    os._exit(7)


def much_output() -> None:
    for _ in range(1 << 20):
        sys.stderr.write("x" * 1023 + "\n")


def big_file() -> None:
    with (HOME / "big").open("wb") as file:
        for _ in range(1 << 10):
            file.write(bytes(1 << 20))


POISONS = {
    "raise": bad_code,
    "segfault": bad_memory,
    "loop": endless_loop,
    "memory": much_memory,
    "fork": many_children,
    "print": much_output,
    "file": big_file,
}

if __name__ == "__main__":
    engine.handle._handle_event = swallow
    sys.exit(engine.zygote.main())
