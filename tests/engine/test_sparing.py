"""A MariaDB that was silent is spared by all workers, and asked again by one of them."""

from __future__ import annotations

import mmap
import os

from engine.sparing import ASKING_S, SPARE_S, Sparing


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_one_worker_asks_again_for_all() -> None:
    memory, clock = mmap.mmap(-1, 8), Clock()
    one, other = Sparing(memory, clock), Sparing(memory, clock)
    assert one.may_ask() and other.may_ask()
    one.was_silent()
    assert not other.may_ask()
    clock.now_s += SPARE_S
    assert other.may_ask()
    assert not one.may_ask()
    clock.now_s += ASKING_S  # the one that asked was killed meanwhile
    assert one.may_ask()
    one.answered()
    assert one.may_ask() and other.may_ask()


def test_what_a_worker_finds_out_reaches_those_forked_with_it() -> None:
    memory = mmap.mmap(-1, 8)
    mine = Sparing(memory)
    child = os.fork()
    if child == 0:
        Sparing(memory).was_silent()
        os._exit(0)
    os.waitpid(child, 0)
    assert not mine.may_ask()
