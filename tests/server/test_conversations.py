"""The index of a lane, against a plain model: order within conversations, turns between them, delays, floods."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from db.inbox import Entry, Tried
from server.dispatcher.backoff import backoff_s
from server.dispatcher.conversations import Conversations


def entry(number: int, peer_id: int = 1, cmid: int | None = None) -> Entry:
    cmid = number if cmid is None else cmid
    return Entry(f"{number}-0", "message_new", peer_id, cmid, peer_id, f"e{number}", 0, 0)


def drain(index: Conversations) -> list[str]:
    """Take and finish one by one; returns the entries in that order."""
    order = []
    while taken := index.take(0):
        order.append(taken.entry)
        index.finish(taken)
    return order


def check_order(entries: list[Entry], order: list[str]) -> None:
    """Messages by their numbers; all else by acceptance, behind every message that was accepted before it."""
    assert sorted(order) == sorted(item.entry for item in entries)
    taken = [next(item for item in entries if item.entry == name) for name in order]
    numbers = [(item.cmid, entries.index(item)) for item in taken if item.cmid]
    assert numbers == sorted(numbers)
    others = [entries.index(item) for item in taken if not item.cmid]
    assert others == sorted(others)
    for place, item in enumerate(taken):
        if not item.cmid:
            before = [other for other in entries[: entries.index(item)] if other.cmid]
            assert all(taken.index(other) < place for other in before)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5)), max_size=25))
def test_each_conversation_is_taken_in_order(shape: list[tuple[int, int]]) -> None:
    entries = [entry(number + 1, peer_id, cmid) for number, (peer_id, cmid) in enumerate(shape)]
    index = Conversations(1000)
    for item in entries:
        assert index.add(item) == []
    order = drain(index)
    for peer_id in (1, 2, 3):
        own = [item for item in entries if item.peer_id == peer_id]
        names = {item.entry for item in own}
        check_order(own, [name for name in order if name in names])
    assert len(index) == 0 and index.in_flight == 0


def test_what_came_later_is_counted_by_the_numbers_in_the_conversation() -> None:
    index = Conversations(1000)
    for number, (peer_id, cmid) in enumerate([(11, 100), (12, 900), (11, 101), (11, 130), (11, 160), (13, 0)]):
        index.add(entry(number + 1, peer_id, cmid))
    taken = {item.peer_id: index.later(item) for item in (index.take(0), index.take(0), index.take(0)) if item}
    assert taken == {11: 60, 12: 0, 13: 0}


def test_conversations_take_turns() -> None:
    index = Conversations(1000)
    for number in range(1, 5):
        index.add(entry(number, peer_id=1))
    index.add(entry(9, peer_id=2))
    assert drain(index) == ["1-0", "9-0", "2-0", "3-0", "4-0"]


def test_a_conversation_in_flight_is_not_taken_again() -> None:
    index = Conversations(1000)
    index.add(entry(1))
    index.add(entry(2))
    first = index.take(0)
    assert first is not None and index.take(0) is None and not index.has_ready(0)
    index.finish(first)
    assert index.has_ready(0)


def test_what_is_to_be_tried_again_stays_first() -> None:
    """A message of a lower number that comes meanwhile waits: the other may have been sent in part."""
    index = Conversations(1000)
    index.add(entry(5))
    first = index.take(0)
    assert first is not None
    index.delay(first, Tried(1, 100, "why"))
    index.add(entry(6, cmid=1))
    assert index.take(99) is None and index.next_due_ms() == 100
    assert index.take(100) == first and index.tried("5-0").attempts == 1
    index.finish(first)
    assert drain(index) == ["6-0"]


def test_what_was_not_begun_makes_room_for_a_lower_number() -> None:
    index = Conversations(1000)
    index.add(entry(5))
    index.add(entry(9, peer_id=2))
    first = index.take(0)
    assert first is not None
    index.put_back(first)
    index.add(entry(6, cmid=1))
    assert drain(index) == ["6-0", "9-0", "5-0"]


def test_what_earlier_owners_tried_comes_first_when_it_is_due() -> None:
    index = Conversations(1000)
    index.add(entry(1, cmid=4))
    index.add(entry(2), Tried(2, 50, "why"))
    index.add(entry(3, peer_id=2))
    assert [item.entry for item in [index.take(0)] if item] == ["3-0"]
    assert index.take(49) is None
    taken = index.take(50)
    assert taken is not None and taken.entry == "2-0"
    index.finish(taken)
    again = index.take(50)
    assert again is not None and again.entry == "1-0"


def test_what_a_dead_owner_had_passed_over_stays_passed_over() -> None:
    """It was flood, and its owner died before it was settled. A message that VK brings late was not passed over."""
    index = Conversations(2)
    for number in (1, 2):
        assert index.add(entry(number)) == []
    assert [item.entry for item in index.add(entry(3), Tried(1, 0, ""))] == ["1-0", "2-0"]
    assert index.add(entry(4, cmid=1)) == [] == index.add(entry(5))
    assert "1-0" in index and drain(index) == ["3-0", "4-0", "5-0"]


def test_a_clock_that_was_set_back_delays_nobody_for_hours() -> None:
    conversations = Conversations(50)
    now_ms = 10_000_000
    for number in (1, 2):
        conversations.add(entry(number, peer_id=number))
        taken = conversations.take(now_ms)
        assert taken is not None
        conversations.delay(taken, Tried(1, now_ms + number * 1000, "x"))
    assert not conversations.has_ready(now_ms)
    assert conversations.has_ready(now_ms - 3_600_000)


def test_a_flood_gives_up_the_oldest_that_were_not_begun() -> None:
    index = Conversations(3)
    index.add(entry(1))
    first = index.take(0)
    assert first is not None
    given_up = [index.add(entry(number)) for number in range(2, 7)]
    assert [[item.entry for item in items] for items in given_up] == [[], [], [], ["2-0"], ["3-0"]]
    assert "2-0" in index  # known until it is settled, so that a re-read does not bring it back
    for items in given_up:
        for item in items:
            index.forget(item)
    index.finish(first)
    assert drain(index) == ["4-0", "5-0", "6-0"]


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_any_life_of_a_lane_loses_nothing(dice: random.Random) -> None:
    """Random adds, takes, ends, delays and put-backs: each entry ends once, and one a conversation is in flight."""
    index = Conversations(4)
    now, number, ended, out = 0, 0, [], {}
    given_up: list[Entry] = []
    for _ in range(120):
        now += 1
        act = dice.randrange(5)
        if now % 3 == 0:
            index.bring(tried=now % 2 == 0)
        if act <= 1:
            number += 1
            given_up += index.add(entry(number, dice.randrange(3), dice.randrange(6)))
        elif act == 2 and (taken := index.take(now)):
            assert taken.peer_id not in out
            out[taken.peer_id] = taken
        elif out:
            taken = out.pop(dice.choice(list(out)))
            how = dice.randrange(4)
            if how == 0:
                index.delay(taken, Tried(index.tried(taken.entry).attempts + 1, now + dice.randrange(9), "why"))
            elif how == 1:
                index.put_back(taken)
            else:
                index.finish(taken)
                ended.append(taken.entry)
    for taken in out.values():
        index.finish(taken)
        ended.append(taken.entry)
    while taken := index.take(now + 1000):
        index.finish(taken)
        ended.append(taken.entry)
    for taken in given_up:
        index.forget(taken)
    assert sorted(ended + [item.entry for item in given_up]) == sorted(f"{one}-0" for one in range(1, number + 1))
    assert len(index) == 0 and index.in_flight == 0 and index.waiting == 0


def test_what_was_never_tried_may_be_brought_before_what_was_and_the_reverse() -> None:
    for tried, expected in ((False, ["2-0", "3-0", "1-0"]), (True, ["1-0", "2-0", "3-0"])):
        index = Conversations(10)
        for number in (1, 2, 3):
            index.add(entry(number, number))
        first = index.take(1)
        assert first is not None
        index.delay(first, Tried(1, 5, "why"))
        assert index.has_ready(10)
        order = []
        for _ in expected:
            index.bring(tried=tried)
            taken = index.take(10)
            assert taken is not None
            order.append(taken.entry)
        assert order == expected
        index.bring(tried=tried)
        assert index.take(10) is None


def test_backoff_doubles_up_to_its_most_and_varies() -> None:
    dice = random.Random(1)
    for attempt in range(1, 100):
        expected = min(0.5 * 2 ** (attempt - 1), 60.0)
        assert 0.8 * expected <= backoff_s(attempt, dice) <= 1.2 * expected
    assert len({backoff_s(3, dice) for _ in range(10)}) > 5
