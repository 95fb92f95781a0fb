"""Scripted faults of the emulator: each kind is what a client would meet, when and where the script says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.emulation import EmulatorClient, running_emulator

TOKEN = "token-7"
SEND = "messages.send"


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(7, TOKEN)
        running.say(1, 7, "да")
        running.say(2, 7, "да")
        yield running


def outcome(emulator: EmulatorClient, peer: int = 1, random_id: int = 0) -> object:
    """Send one message; return ``sent``, the error code, the HTTP status or the name of what broke."""
    values = {"access_token": TOKEN, "v": "5.199", "peer_id": peer, "random_id": random_id, "message": "а"}
    try:
        response = requests.post(f"{emulator.url}/method/{SEND}", data=values, timeout=0.5)
    except requests.RequestException as error:
        return type(error).__name__
    if response.status_code != 200:
        return response.status_code
    answer = response.json()
    return answer["error"]["error_code"] if "error" in answer else "sent"


@pytest.mark.parametrize("code", [5, 6, 9, 10, 29, 901, 917])
def test_an_error_is_met_once_and_then_no_more(emulator: EmulatorClient, code: int) -> None:
    emulator.fault(kind="error", code=code)
    assert [outcome(emulator), outcome(emulator)] == [code, "sent"]
    assert len(emulator.sent()) == 1


def test_the_second_and_third_matching_calls_fail(emulator: EmulatorClient) -> None:
    emulator.fault(kind="error", code=10, method=SEND, peer=1, nth=2, count=2)
    emulator.call("utils.getServerTime", TOKEN)
    assert [outcome(emulator) for _ in range(2)] == ["sent", 10]
    assert outcome(emulator, peer=2) == "sent"
    assert [outcome(emulator) for _ in range(2)] == [10, "sent"]
    [fault] = emulator.read("faults")["faults"]
    assert (fault["seen"], fault["fired"]) == (4, 2)


def test_chance_decides_about_half_of_the_calls(emulator: EmulatorClient) -> None:
    emulator.fault(kind="error", code=10, count=0, probability=0.5)
    outcomes = [outcome(emulator) for _ in range(100)]
    assert 20 < outcomes.count("sent") < 80


def test_a_proxys_page_is_html_with_status_502(emulator: EmulatorClient) -> None:
    emulator.fault(kind="http")
    assert [outcome(emulator), outcome(emulator)] == [502, "sent"]


def test_a_hanging_call_never_answers_and_does_nothing(emulator: EmulatorClient) -> None:
    emulator.fault(kind="hang")
    assert outcome(emulator) == "ReadTimeout"
    assert emulator.sent() == []


def test_a_reset_before_does_nothing_and_one_after_has_sent(emulator: EmulatorClient) -> None:
    emulator.fault(kind="reset_before")
    assert outcome(emulator, random_id=3) == "ConnectionError"
    assert emulator.sent() == []
    emulator.fault(kind="reset_after")
    assert outcome(emulator, random_id=3) == "ConnectionError"
    assert len(emulator.sent()) == 1
    assert outcome(emulator, random_id=3) == "sent"
    assert emulator.sent()[0]["duplicates"] == 1


def test_a_slow_call_takes_effect_after_its_client_has_left(emulator: EmulatorClient) -> None:
    emulator.fault(kind="slow", ms=800)
    assert outcome(emulator) == "ReadTimeout"
    assert len(emulator.sent(wait=5)) == 1


@pytest.mark.parametrize(
    ("shape", "has", "lacks"),
    [("new", "redirect_uri", "captcha_sid"), ("old", "captcha_sid", "redirect_uri"), ("both", "captcha_sid", "sid")],
)
def test_a_captcha_comes_in_each_shape(emulator: EmulatorClient, shape: str, has: str, lacks: str) -> None:
    emulator.fault(kind="captcha", shape=shape)
    error = emulator.call(SEND, TOKEN, peer_id=1, random_id=0, message="а")["error"]
    assert error["error_code"] == 14
    assert has in error
    assert lacks not in error


def test_faults_can_be_cleared(emulator: EmulatorClient) -> None:
    emulator.fault(kind="error", count=0)
    assert outcome(emulator) == 10
    emulator.clear_faults()
    assert outcome(emulator) == "sent"


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"kind": "explode"}, "kind = 'explode', must be one of error"),
        ({"kind": "error", "cod": 5}, "cod is not known"),
        ({"kind": "slow", "ms": "1"}, "ms = '1', must be int"),
    ],
)
def test_a_senseless_fault_is_refused_with_the_rule(emulator: EmulatorClient, order: object, said: str) -> None:
    answer = requests.post(f"{emulator.url}/emulator/faults", json=order, timeout=5)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert emulator.read("faults")["faults"] == []


def test_an_emulator_with_a_hanging_call_stops_at_once() -> None:
    with running_emulator() as emulator:
        emulator.community(7, TOKEN)
        emulator.fault(kind="hang")
        assert outcome(emulator) == "ReadTimeout"
