"""The VK client against a server on the loopback that answers what it is told to."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from engine.vk.client import VkClient, VkSession
from engine.vk.errors import Action, VkError, VkUnavailable, redacted
from tests.engine.desk import Desk

TOKEN = "vk1.a.canary-token"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


def client(desk: Desk, timeout_s: float = 2.0) -> VkClient:
    return VkClient(VkSession(desk.url, timeout_s), TOKEN)


def test_a_call_goes_to_the_configured_address_with_token_and_version(desk: Desk) -> None:
    assert client(desk).call("messages.send", peer_id=5, random_id=9, message="привет") == 1
    (call,) = desk.calls
    assert call.method == "messages.send"
    assert call.values == {"peer_id": "5", "random_id": "9", "message": "привет", "access_token": TOKEN, "v": "5.199"}


def test_twenty_calls_are_not_slowed_down_by_the_library(desk: Desk) -> None:
    started = time.monotonic()
    vk = client(desk)
    for _ in range(20):
        vk.call("messages.send", peer_id=5)
    assert time.monotonic() - started < 5.0  # its own limit, three calls a second, would take more than six


def test_too_many_requests_is_raised_at_once_and_once(desk: Desk) -> None:
    desk.script({"error": {"error_code": 6, "error_msg": "Too many requests per second"}})
    with pytest.raises(VkError) as caught:
        client(desk).call("messages.send", peer_id=5)
    assert caught.value.code == 6 and len(desk.calls) == 1
    assert caught.value.meaning.action is Action.SLOW_DOWN


def test_a_captcha_without_its_keys_is_an_error_of_ours(desk: Desk) -> None:
    desk.script({"error": {"error_code": 14, "error_msg": "Captcha needed", "redirect_uri": "https://x"}})
    with pytest.raises(VkError) as caught:
        client(desk).call("messages.send", peer_id=5)
    assert caught.value.meaning.action is Action.PAUSE_METHOD


@pytest.mark.parametrize("answer", [502, 302, b"<html>bad gateway</html>", {"nothing": 1}, [1], "close"])
def test_what_is_no_answer_of_the_api_is_unavailable(desk: Desk, answer: object) -> None:
    desk.script(answer)
    with pytest.raises(VkUnavailable):
        client(desk).call("messages.send", peer_id=5)


def test_a_cut_connection_is_told_from_a_silent_one(desk: Desk) -> None:
    desk.script("close", "hang")
    with pytest.raises(VkUnavailable) as cut:
        client(desk).call("messages.send", peer_id=5)
    with pytest.raises(VkUnavailable) as silent:
        client(desk, timeout_s=0.2).call("messages.send", peer_id=5)
    assert cut.value.is_broken and not silent.value.is_broken
    assert silent.value.is_silent and not cut.value.is_silent


def test_no_error_shows_the_token(desk: Desk) -> None:
    desk.script({"error": {"error_code": 100, "error_msg": f"bad value {TOKEN} and access_token={TOKEN}"}})
    vk = client(desk)
    with pytest.raises(VkError) as caught:
        vk.call("messages.send", peer_id=5)
    assert "canary" not in f"{caught.value!r} {caught.value} {vk!r}"
    assert "canary" not in redacted("'access_token': 'canary-1' vk1.a.canary-2", "")


def test_what_was_heard_is_told_by_method_with_the_last_word_on_each(desk: Desk) -> None:
    desk.script(502, "fine", {"error": {"error_code": 29, "error_msg": "Rate limit reached"}})
    vk = client(desk)
    with pytest.raises(VkUnavailable):
        vk.call("messages.send", peer_id=5)
    vk.call("messages.send", peer_id=5)
    with pytest.raises(VkError):
        vk.call("users.get", user_ids=5)
    told = vk.heard.as_fields()
    assert told["vk_answered"] == ["messages.send"]
    assert [(one["method"], one["code"], one["kind"]) for one in told["vk_errors"]] == [
        ("messages.send", 0, "unavailable"),
        ("users.get", 29, "error"),
    ]
