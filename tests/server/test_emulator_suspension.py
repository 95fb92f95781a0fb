"""A callback server that fails too often in a row is stopped, for a while or until somebody sets it up again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulation import CallbackReceiver, EmulatorClient, running_emulator, running_receiver
from tests.services import wait_until

TOKEN = "token-7"
BAD: tuple[int, bytes, dict[str, str]] = (500, b"", {})


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with running_receiver("c0de") as running:
        yield running


@pytest.fixture
def emulator(receiver: CallbackReceiver) -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0, time_scale=0.0005, suspend_after=3) as running:
        running.community(7, TOKEN, confirmation="c0de")
        running.order("callback", {"group_id": 7, "url": receiver.url, "events": ["message_new"]})
        yield running


def status(emulator: EmulatorClient) -> str:
    return str(emulator.call("groups.getCallbackServers", TOKEN, group_id=7)["response"]["items"][0]["status"])


def outcomes(emulator: EmulatorClient) -> list[str]:
    return [entry["outcome"] for entry in emulator.read("deliveries")["deliveries"]]


def texts(receiver: CallbackReceiver) -> list[str]:
    return [event["object"]["message"]["text"] for event in receiver.of_kind("message_new")]


def place(receiver: CallbackReceiver) -> dict[str, Any]:
    return {"group_id": 7, "server_id": 1, "url": receiver.url, "title": "salo"}


def test_a_server_is_stopped_until_it_is_edited(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    receiver.answers = [BAD] * 3
    emulator.say(1, 7, "раз")
    wait_until(lambda: status(emulator) == "failed")
    emulator.say(1, 7, "мимо")
    wait_until(lambda: all(outcome.startswith("dropped") for outcome in outcomes(emulator)))
    assert emulator.call("groups.editCallbackServer", TOKEN, **place(receiver))["response"] == 1
    wait_until(lambda: status(emulator) == "ok")
    receiver.answers = [BAD] * 2
    emulator.say(1, 7, "снова")
    wait_until(lambda: outcomes(emulator)[-1] == "accepted")
    assert texts(receiver) == ["раз"] * 3 + ["снова"] * 3, "what went before the edit does not count any more"


def test_only_errors_in_a_row_count(emulator: EmulatorClient, receiver: CallbackReceiver) -> None:
    receiver.answers = [BAD, BAD, (200, b"ok", {}), BAD, BAD]
    emulator.say(1, 7, "раз")
    wait_until(lambda: outcomes(emulator) == ["accepted"])
    emulator.say(1, 7, "два")
    wait_until(lambda: outcomes(emulator) == ["accepted", "accepted"])
    assert status(emulator) == "ok"


def test_an_answer_that_names_its_delay_counts_only_when_told_to(
    emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    later = (503, b"", {"Retry-After": "1"})
    receiver.answers = [later] * 5
    emulator.say(1, 7, "раз")
    wait_until(lambda: outcomes(emulator) == ["accepted"])
    emulator.order("settings", {"suspend_counts_postponed": True})
    receiver.answers = [later] * 5
    emulator.say(1, 7, "два")
    wait_until(lambda: status(emulator) == "failed")


def test_a_stop_may_end_by_itself_and_hold_what_came_meanwhile(
    emulator: EmulatorClient, receiver: CallbackReceiver
) -> None:
    emulator.order("settings", {"suspend_s": 1000, "suspend_holds": True})  # half a second, scaled
    receiver.answers = [BAD] * 3
    emulator.say(1, 7, "раз")
    wait_until(lambda: status(emulator) == "failed")
    emulator.say(1, 7, "два")
    assert texts(receiver) == ["раз"] * 3
    wait_until(lambda: outcomes(emulator) == ["accepted", "accepted"])
    assert status(emulator) == "ok"
    assert sorted(texts(receiver)) == ["два"] + ["раз"] * 4
