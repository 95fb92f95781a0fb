"""Which connections are cut, decided from what the kernel says of them; and what it really says."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from server.callback.connections import CROWDED_S, SLOW_S, Asked, Connections, Heard, asking, too_many, too_slow
from server.callback.counters import Counters
from tests.services import wait_until


def heard(number: int, sent_ms: int = 0, received_ms: int = 0, sent: int = 0, received: int = 1) -> Heard:
    return Heard(number, number, f"10.0.0.{number}", sent_ms, received_ms, sent, received)


def test_connection_asks_from_its_first_byte_until_it_is_answered() -> None:
    silent, begun = heard(1, 500, 500), heard(2, 500, 500, received=40)
    answered, again = heard(3, 20, 500, sent=100, received=400), heard(4, 500, 20, sent=100, received=800)
    assert [one.is_asking for one in (silent, begun, answered, again)] == [False, True, False, True]


def test_request_counts_from_the_look_that_saw_it_first_and_anew_after_an_answer() -> None:
    first = asking([heard(1, 900, 10, received=40)], {}, 5.0)
    later = asking([heard(1, 1900, 10, received=41)], first, 6.0)
    assert later == first == {1: Asked(0, 5.0)}
    assert asking([heard(1, 30, 10, sent=100, received=500)], later, 7.0) == {1: Asked(100, 7.0)}
    assert asking([heard(1, 10, 30, sent=100, received=500)], later, 7.0) == {}


def test_slow_request_is_cut_and_sooner_from_an_address_that_holds_half_of_the_threads() -> None:
    found, asked = [heard(1), heard(2), heard(3)], {1: Asked(0, 0.0), 2: Asked(0, 0.0)}
    assert too_slow(found, asked, set(), SLOW_S - 0.1) == []
    assert too_slow(found, asked, set(), SLOW_S) == found[:2]
    assert too_slow(found, asked, {"10.0.0.2", "10.0.0.3"}, CROWDED_S) == found[1:2]


def test_of_too_many_the_longest_unanswered_are_cut_and_never_one_just_answered() -> None:
    found = [heard(number, sent_ms=number * 1000) for number in range(80)]
    assert too_many(found, 200) == []
    assert [one.descriptor for one in too_many(found, 100)] == list(range(79, 49, -1))
    assert too_many([heard(number, sent_ms=900) for number in range(80)], 100) == []


def test_kernel_tells_who_is_slow_and_only_what_came_by_our_port_is_cut() -> None:
    with ExitStack() as stack:
        listener, other = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        slow, idle = (stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(2))
        stranger = stack.enter_context(socket.create_connection(other.getsockname()))
        taken = [stack.enter_context(door.accept()[0]) for door in (listener, listener, other)]
        counters, start = Counters(), time.monotonic()
        ahead = [0.0]
        connections = Connections(listener, 100, counters, lambda: time.monotonic() + ahead[0])
        for sender in (slow, stranger):
            sender.send(b"POST /")
        wait_until(lambda: taken[0].recv(1, socket.MSG_PEEK))
        connections.look(set())
        ahead[0] = SLOW_S
        connections.look(set())
        assert slow.recv(1) == b"" and counters.total() == {"cut_slow": 1}
        taken[2].send(b"x")
        assert stranger.recv(1) == b"x"
        few = Connections(listener, 1, counters, lambda: time.monotonic() + ahead[0])
        wait_until(lambda: time.monotonic() - start > CROWDED_S)
        few.look(set())
        assert idle.recv(1) == b"" and stranger.send(b"y")
        assert counters.total()["cut_idle"] >= 1
