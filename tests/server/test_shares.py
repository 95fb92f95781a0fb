"""The ring in which lanes take turns."""

from __future__ import annotations

import asyncio

import pytest

from server.dispatcher.shares import Ring


class Lane:
    def __init__(self, work: int) -> None:
        self.work = work

    def has_work(self) -> bool:
        return self.work > 0


def test_lanes_take_turns_until_none_has_work() -> None:
    ring: Ring[Lane] = Ring()
    lanes = [Lane(3), Lane(1), Lane(2), Lane(0)]
    for lane in lanes:
        ring.offer(lane)
        ring.offer(lane)  # stands once all the same
    order = []
    while lane := ring.next():
        order.append(lanes.index(lane))
        lane.work -= 1
        ring.offer(lane)
    assert order == [0, 1, 2, 0, 2, 0]


def test_a_lane_that_lost_its_work_while_it_stood_is_passed_over() -> None:
    ring: Ring[Lane] = Ring()
    idle, busy = Lane(1), Lane(1)
    ring.offer(idle)
    ring.offer(busy)
    idle.work = 0
    assert ring.next() is busy
    assert ring.next() is None


def test_waiting_ends_when_a_lane_has_work() -> None:
    async def scene() -> None:
        ring: Ring[Lane] = Ring()
        ring.offer(Lane(0))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ring.wait(), 0.01)
        ring.offer(Lane(1))
        await asyncio.wait_for(ring.wait(), 1)

    asyncio.run(scene())
