"""What is told of a message at its end: short, and without tokens."""

from __future__ import annotations

from typing import Any

import pytest

from server.dispatcher.telling import SHOWN_MAX, shown, told_end


def event(text: str) -> dict[str, Any]:
    return {"type": "message_new", "event_id": "e", "object": {"message": {"text": text, "from_id": 5, "peer_id": 5}}}


def test_said_and_replied_are_told() -> None:
    verdict = {"reply": {"parts": [{"text": "Привет!"}, {"text": "more"}]}, "match": {"rx": "привет"}}
    assert told_end(event("[club1|@bot] привет"), verdict) == {"text": "привет", "reply": "Привет!"}
    assert told_end(event("hi"), {"reply": None, "match": None}) == {"text": "hi", "reply": ""}


def test_texts_are_cut() -> None:
    told = told_end(event("а" * 5000), {"reply": {"parts": [{"text": "б" * SHOWN_MAX}]}})
    assert len(told["text"]) == SHOWN_MAX and told["text"].endswith("а…") and told["reply"] == "б" * SHOWN_MAX


@pytest.mark.parametrize("token", ["vk1.a.demo-Ab_9" + "x" * 40, "0123456789abcdef" * 5 + "01234"])
def test_token_in_a_message_is_hidden(token: str) -> None:
    assert token[-8:] not in shown(f"/bot add -token {token} -base x")
    assert token[:12] not in shown("a" * (SHOWN_MAX - 12) + token), "a token that the cut divides too"
    assert "vk.com/club123" in shown("vk.com/club123")


@pytest.mark.parametrize("broken", [[], "text", None, {"object": 5}, {"type": "message_new", "object": {"message": 1}}])
def test_event_of_any_shape_is_told(broken: object) -> None:
    assert told_end(broken, {"reply": {"parts": {"a": 1}}, "match": {}}) == {"text": "", "reply": ""}
    assert told_end(broken, {"reply": {"parts": [7]}}) == {"text": "", "reply": ""}
