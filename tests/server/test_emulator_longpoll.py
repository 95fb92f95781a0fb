"""The emulator's Bots Long Poll: settings, updates by number, and every way in which it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from server.emulator.history import Failed, LongPoll, News, look
from server.emulator.tuning import Tuning
from tests.emulation import EmulatorClient, running_emulator
from tests.services import wait_until

TOKEN = "token-7"


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(7, TOKEN, screen_name="seven_bot")
        running.order("longpoll", {"group_id": 7, "enabled": True, "events": ["message_new", "message_event"]})
        yield running


def server(emulator: EmulatorClient) -> dict[str, Any]:
    found: dict[str, Any] = emulator.call("groups.getLongPollServer", TOKEN, group_id=7)["response"]
    return found


def order(emulator: EmulatorClient, **what: object) -> Any:
    return emulator.order("longpoll", {"group_id": 7, **what})


def texts(answer: Any) -> list[str]:
    return [update["object"]["message"]["text"] for update in answer["updates"]]


def test_a_poll_gets_the_events_after_its_number_in_callbacks_envelope(emulator: EmulatorClient) -> None:
    place = server(emulator)
    assert (place["ts"], place["server"]) == ("0", f"{emulator.url}/whp/7")
    said = emulator.say(200_000_000_123, 7, "привет")
    answer = emulator.poll(**place)
    assert answer["ts"] == "1"
    [update] = answer["updates"]
    assert set(update) == {"type", "object", "group_id", "event_id", "v"}, "no secret"
    assert (update["event_id"], update["group_id"], update["v"]) == (said["event_id"], 7, "5.199")
    assert update["object"]["message"]["peer_id"] == 200_000_000_123
    assert emulator.poll(**place) == answer, "asked again with the old number, it tells the same again"
    assert emulator.poll(**place | {"ts": "1"}) == {"ts": "1", "updates": []}


def test_a_poll_may_be_posted_and_waits_for_something_to_happen(emulator: EmulatorClient) -> None:
    place, answers = server(emulator), []

    def ask() -> None:
        query = {"act": "a_check", "key": place["key"], "ts": place["ts"], "wait": "25", "rps_delay": "0"}
        answers.append(requests.post(place["server"], params=query, timeout=30).json())

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: order(emulator)["polls"] == 1)
    emulator.say(1, 7, "сейчас")
    asking.join(10)
    assert [texts(answer) for answer in answers] == [["сейчас"]]
    assert order(emulator)["polls"] == 0


def test_only_chosen_events_come_and_only_while_it_is_on(emulator: EmulatorClient) -> None:
    place = server(emulator)
    emulator.order("allow", {"from_id": 1, "group_id": 7, "allowed": True})
    emulator.say(1, 7, "раз")
    flags = emulator.call("groups.getLongPollSettings", TOKEN, group_id=7)["response"]
    assert flags["is_enabled"] is True
    assert [name for name, value in flags["events"].items() if value] == ["message_new", "message_event"]
    chosen = {"group_id": 7, "message_allow": 1, "message_new": 0, "api_version": "5.131", "lead_forms_new": 1}
    assert emulator.call("groups.setLongPollSettings", TOKEN, **chosen)["response"] == 1
    emulator.say(1, 7, "мимо")
    emulator.order("allow", {"from_id": 1, "group_id": 7, "allowed": True})
    answer = emulator.poll(**place)
    assert [(update["type"], update["v"]) for update in answer["updates"]] == [
        ("message_new", "5.199"),
        ("message_allow", "5.131"),
    ]
    assert emulator.call("groups.setLongPollSettings", TOKEN, group_id=7, enabled=0)["response"] == 1
    assert emulator.poll(**place) == {"failed": 2}
    error = emulator.call("groups.getLongPollServer", TOKEN, group_id=7)["error"]
    assert (error["error_code"], error["error_msg"]) == (
        100,
        "One of the parameters specified was missing or invalid: longpoll for this group is not enabled.",
    )
    assert emulator.call("groups.getLongPollServer", TOKEN, group_id=8)["error"]["error_code"] == 15


def test_a_partly_lost_history_is_1_with_a_number(emulator: EmulatorClient) -> None:
    place = server(emulator)
    for text in ("раз", "два", "три"):
        emulator.say(1, 7, text)
    order(emulator, forget=2)
    assert emulator.poll(**place) == {"failed": 1, "ts": 2}
    assert texts(emulator.poll(**place | {"ts": 2})) == ["три"]
    emulator.order("settings", {"longpoll_skips_lost": True})
    assert emulator.poll(**place) == {"failed": 1, "ts": 3}
    for odd in ("77", "-1", "x", ""):
        assert emulator.poll(**place | {"ts": odd}) == {"failed": 1, "ts": 3}


def test_an_expired_key_is_2_and_the_number_goes_on(emulator: EmulatorClient) -> None:
    place = server(emulator)
    assert server(emulator)["key"] == place["key"], "a key that is good stays"
    order(emulator, expire=True)
    emulator.say(1, 7, "между")
    assert emulator.poll(**place) == {"failed": 2}
    renewed = server(emulator)
    assert renewed["key"] != place["key"]
    assert texts(emulator.poll(**renewed | {"ts": place["ts"]})) == ["между"]
    assert emulator.poll(**place) == {"failed": 2}


def test_a_key_expires_while_a_poll_waits(emulator: EmulatorClient) -> None:
    place, answers = server(emulator), []
    asking = threading.Thread(target=lambda: answers.append(emulator.poll(wait=25, **place)))
    asking.start()
    wait_until(lambda: order(emulator)["polls"] == 1)
    order(emulator, expire=True)
    asking.join(10)
    assert answers == [{"failed": 2}]


def test_lost_information_is_3_until_a_new_key_and_number(emulator: EmulatorClient) -> None:
    place = server(emulator)
    emulator.say(1, 7, "пропало")
    order(emulator, lose=True)
    assert emulator.poll(**place) == {"failed": 3}
    renewed = server(emulator)
    emulator.say(1, 7, "есть")
    assert texts(emulator.poll(**renewed)) == ["есть"]
    assert emulator.poll(**renewed | {"ts": place["ts"]})["failed"] == 1, "the old number fits nothing any more"


def test_an_unknown_version_is_4_and_other_odd_requests_are_no_long_poll(emulator: EmulatorClient) -> None:
    place = server(emulator)
    assert emulator.poll(**place, version=9) == {"failed": 4, "min_version": 0, "max_version": 3}
    assert emulator.poll(**place, version=3)["updates"] == []
    assert requests.get(place["server"], params={"act": "a_release"}, timeout=5).status_code == 404
    assert requests.get(f"{emulator.url}/whp/8", params={"act": "a_check"}, timeout=5).status_code == 404


def test_a_stall_takes_polls_and_answers_none_of_them(emulator: EmulatorClient) -> None:
    place = server(emulator)
    order(emulator, stall=True)
    emulator.say(1, 7, "не слышно")
    with pytest.raises(requests.ReadTimeout):
        requests.get(place["server"], params={"act": "a_check", "wait": 0, **place}, timeout=0.3)
    order(emulator, stall=False)
    assert texts(emulator.poll(**place)) == ["не слышно"]


def test_a_mute_session_tells_nothing_until_a_new_one_is_begun(emulator: EmulatorClient) -> None:
    place = server(emulator)
    order(emulator, mute=True)
    emulator.say(1, 7, "не слышно")
    assert emulator.poll(**place) == {"ts": "0", "updates": []}
    renewed = server(emulator)
    assert texts(emulator.poll(**renewed | {"ts": place["ts"]})) == ["не слышно"]


def test_a_poll_meets_scripted_faults_of_its_own_name_only(emulator: EmulatorClient) -> None:
    place = server(emulator)
    emulator.fault(kind="error", code=10, count=0)
    assert emulator.poll(**place)["updates"] == []
    emulator.clear_faults()
    for fault in (
        {"kind": "error", "code": 3},
        {"kind": "error", "code": 1},
        {"kind": "http"},
        {"kind": "slow", "ms": 20},
    ):
        emulator.fault(method="a_check", **fault)
    assert emulator.poll(**place) == {"failed": 3}
    assert emulator.poll(**place) == {"failed": 1, "ts": 0}
    assert requests.get(place["server"], params={"act": "a_check", **place}, timeout=5).status_code == 502
    assert emulator.poll(**place) == {"ts": "0", "updates": []}


def test_asking_for_the_server_in_a_loop_is_29(emulator: EmulatorClient) -> None:
    emulator.order("settings", {"longpoll_servers": 3, "longpoll_servers_s": 0.5})
    answers = [emulator.call("groups.getLongPollServer", TOKEN, group_id=7) for _ in range(5)]
    assert [answer.get("error", {}).get("error_code") for answer in answers] == [None, None, None, 29, 29]
    assert answers[3]["error"]["error_msg"] == "Rate limit reached"
    wait_until(lambda: "response" in emulator.call("groups.getLongPollServer", TOKEN, group_id=7))


def test_the_history_is_bounded_and_answers_come_in_batches(emulator: EmulatorClient) -> None:
    emulator.order("settings", {"longpoll_kept": 5, "longpoll_batch": 2})
    place = server(emulator)
    emulator.order("say", [{"from_id": 1, "group_id": 7, "text": str(number)} for number in range(8)])
    assert emulator.poll(**place) == {"failed": 1, "ts": 3}
    first = emulator.poll(**place | {"ts": 3})
    assert (texts(first), first["ts"]) == (["3", "4"], "5")
    assert texts(emulator.poll(**place | {"ts": "5"})) == ["5", "6"]


def test_the_emulator_stops_while_a_poll_waits() -> None:
    with running_emulator() as emulator:
        emulator.community(7, TOKEN)
        order(emulator, enabled=True)
        place, ended = server(emulator), []

        def ask() -> None:
            try:
                emulator.poll(wait=60, **place)
            except requests.RequestException as error:
                ended.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: order(emulator)["polls"] == 1)
    asking.join(10)
    assert len(ended) == 1


ACTS = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 4)),
    st.tuples(st.just("forget"), st.integers(0, 6)),
    st.sampled_from([("expire", 0), ("lose", 0), ("poll", 0)]),
)


@given(acts=st.lists(ACTS, max_size=40), kept=st.integers(1, 6), batch=st.integers(1, 4))
def test_a_client_that_follows_the_rules_misses_only_what_was_lost(
    acts: list[tuple[str, int]], kept: int, batch: int
) -> None:
    """Every event is read once and in order, but for those that were forgotten or lost before they were read."""
    poll, tuning = LongPoll(enabled=True), Tuning(longpoll_kept=kept, longpoll_batch=batch)
    key, ts, made, gone = poll.open(0.0, 0), str(poll.last), 0, set()
    read: list[int] = []

    def ask() -> bool:
        nonlocal key, ts
        match look(poll, key, ts, time.monotonic(), tuning):
            case News(now, events):
                read.extend(map(int, events))
                ts = str(now)
                return bool(events)
            case Failed(1, number):
                ts = str(number)
            case Failed(2):
                key = poll.open(time.monotonic(), 0)
            case Failed(3):
                gone.update(map(int, poll.kept))  # a new number begins at the end
                key, ts = poll.open(time.monotonic(), 0), str(poll.last)
        return True

    for act, count in [*acts, ("poll", 0)]:
        before = set(map(int, poll.kept))
        if act == "say":
            for _ in range(count):
                poll.add(b"%d" % made, kept)
                before.add(made)
                made += 1
        elif act == "forget":
            poll.forget(count)
        elif act == "expire":
            poll.key_until = 0.0
        elif act == "lose":
            poll.lose()
        else:
            while ask():
                assert len(read) <= made, "nothing comes twice"
        gone |= before - set(map(int, poll.kept))
    assert read == sorted(set(read))
    assert set(range(made)) - set(read) <= gone
    assert len(poll.kept) <= kept
