"""How pauses are told to the operator."""

from __future__ import annotations

import pytest

from db.protocol import Health, PauseKind
from server.dispatcher.pauses import Pause
from server.pause_words import health_with, pause_kind


def pause(kind: str, code: int = 0) -> Pause:
    return Pause(kind, "messages.send: why", 1_000, 61_000, code=code)


@pytest.mark.parametrize(
    ("kind", "code", "word", "state", "says"),
    [
        ("token", 5, "token", "bad", "salo bot token anna"),
        ("vk", 0, "vk", "warn", "VK does not answer"),
        ("rate", 6, "vk", "warn", "another program"),
        ("breaker", 0, "failing", "bad", "most messages fail"),
        ("method:messages.send", 14, "method", "bad", "captcha"),
        ("method:messages.send", 29, "method", "warn", "quota"),
        ("method:messages.send", 0, "method", "warn", "does not answer"),
        ("method:users.get", 29, "", "warn", "users.get is paused"),
        ("notice:912", 912, "", "warn", "bot features are off"),
        ("notice:4242", 4242, "", "warn", "error 4242"),
    ],
)
def test_each_pause_has_its_words(kind: str, code: int, word: PauseKind, state: str, says: str) -> None:
    pauses = (pause(kind, code),)
    health = health_with(pauses, None, "anna")
    assert health is not None and (pause_kind(pauses), health.state) == (word, state)
    assert says in health.text and "{" not in health.text


def test_what_a_check_found_is_told_too_unless_it_is_the_same() -> None:
    found = Health("warn", "VK posts no events here")
    assert health_with((), found, "anna") is found
    both = health_with((pause("breaker"),), found, "anna")
    assert both is not None and both.state == "bad" and both.text.endswith("; VK posts no events here")
    one = health_with((pause("token", 5),), Health("bad", "VK refuses the token"), "anna")
    assert one is not None and ";" not in one.text.replace("; messages wait; replace", "")
    assert pause_kind((pause("vk"), pause("token", 5))) == "token"
