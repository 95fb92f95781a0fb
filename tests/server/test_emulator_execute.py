"""``execute`` at the emulator: one request for many calls, failed ones told beside, faults inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulation import EmulatorClient, running_emulator

TOKEN = "token-7"


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as emulator:
        emulator.community(7, TOKEN)
        emulator.say(1, 7, "привет")
        emulator.say(200_000_000_123, 7, "привет")
        yield emulator


@pytest.fixture
def emulator(running: EmulatorClient) -> EmulatorClient:
    running.clear_faults()
    running.order("settings", {"execute_sums_up": False})
    return running


def packed(*calls: dict[str, Any]) -> str:
    """Return the script that packs sends as our own client does."""
    return f"return [{', '.join(f'API.messages.send({json.dumps(call)})' for call in calls)}];"


def send(peer_id: int, random_id: int, text: str = "да") -> dict[str, Any]:
    return {"peer_ids": [peer_id], "random_id": random_id, "message": text}


def execute(emulator: EmulatorClient, code: str, **more: object) -> Any:
    return emulator.call("execute", TOKEN, code=code, **more)


def test_twenty_five_sends_are_one_request(emulator: EmulatorClient) -> None:
    before, last = emulator.read("")["calls"], emulator.read("sent")["last"]
    answer = execute(emulator, packed(*(send(1, 1000 + number, f'"{number}" п\\н') for number in range(25))))
    assert "execute_errors" not in answer
    assert [items[0]["peer_id"] for items in answer["response"]] == [1] * 25
    assert [entry["text"] for entry in emulator.sent(after=last)] == [f'"{number}" п\\н' for number in range(25)]
    after = emulator.read("")["calls"]
    assert after["execute"] - before.get("execute", 0) == 1
    assert after["messages.send"] - before.get("messages.send", 0) == 25


def test_a_script_counts_once_against_the_limit() -> None:
    with running_emulator() as emulator:
        emulator.community(7, TOKEN)
        script = f"return [{'API.utils.getServerTime(),' * 25}];"
        answers = [execute(emulator, script) for _ in range(21)]
        assert all(len(answer["response"]) == 25 for answer in answers[:20])
        assert answers[20]["error"]["error_code"] == 6
        rate = emulator.read("rate")["tokens"]["7"]
        assert (rate["total"], rate["most"], rate["refused"]) == (21, 21, 1)


def test_failed_calls_are_false_and_told_in_the_order_of_failure(emulator: EmulatorClient) -> None:
    code = (
        'return [API.messages.send({"peer_id":99,"random_id":1,"message":"a"}), API.utils.getServerTime(),'
        ' API.messages.Send({}), API.messages.getChat({}), API.execute({"code":"return 1;"})];'
    )
    answer = execute(emulator, code)
    assert [value is False for value in answer["response"]] == [True, False, True, True, True]
    assert [(entry["method"], entry["error_code"]) for entry in answer["execute_errors"]] == [
        ("messages.send", 901),
        ("messages.Send", 3),
        ("messages.getChat", 27),
        ("execute", 3),
    ]
    assert answer["execute_errors"][0]["error_msg"] == "Can't send messages for users without permission"
    emulator.order("settings", {"execute_sums_up": True})
    assert [entry["method"] for entry in execute(emulator, code)["execute_errors"]][-2:] == ["execute", "execute"]


def test_what_does_not_compile_is_12_and_what_fails_is_13(emulator: EmulatorClient) -> None:
    last = emulator.read("sent")["last"]
    for code, error in (
        ("return [", 12),
        ("", 100),
        (packed(*(send(1, 2000 + number) for number in range(26))), 13),
        ("while (true) {}", 13),
    ):
        answer = execute(emulator, code)
        assert answer["error"]["error_code"] == error
        assert "response" not in answer
    assert emulator.read("sent")["last"] == last + 25, "what was done before the 26th call stays done"


def test_parameters_become_what_a_form_would_hold(emulator: EmulatorClient) -> None:
    code = """var who = API.users.get({"user_ids": [1, 200000000123], "fields": null});
        return {"ids": who@.id, "twice": API.users.get({"user_ids": who@.id})@.id,
        "v": API.groups.getById({"v": "5.131"})[0].id,
        "sent": API.messages.send({"peer_id": Args.peer, "random_id": 0, "message": "a", "dont_parse_links": true,
        "keyboard": {"inline": true, "buttons": [[{"action": {"type": "text", "label": "b"}}]]}}) > 0};"""
    answer = execute(emulator, code, peer=1)
    ids = [1, 200_000_000_123]
    assert answer == {"response": {"ids": ids, "twice": ids, "v": 7, "sent": True}}
    assert emulator.sent(after=emulator.read("sent")["last"] - 1)[0]["keyboard"]["inline"] is True


def test_a_script_cannot_change_what_vk_keeps(emulator: EmulatorClient) -> None:
    sent = 'API.messages.send({"peer_ids":[1],"random_id":0,"message":"a","attachment":"photo1_1"})[0]'
    code = (
        f'var m = {sent}; var h = API.messages.getHistory({{"peer_id":1}}); h.items[0].attachments.push(1); return m;'
    )
    cmid = execute(emulator, code)["response"]["conversation_message_id"]
    found = emulator.call("messages.getByConversationMessageId", TOKEN, peer_id=1, conversation_message_ids=cmid)
    assert len(found["response"]["items"][0]["attachments"]) == 1


def test_a_scripted_error_meets_one_call_inside(emulator: EmulatorClient) -> None:
    emulator.fault(kind="error", method="messages.send", peer=1, nth=2, code=10)
    answer = execute(emulator, packed(send(1, 0), send(1, 0), send(1, 0)))
    assert [value is False for value in answer["response"]] == [False, True, False]
    assert [entry["error_code"] for entry in answer["execute_errors"]] == [10]


@pytest.mark.parametrize(("kind", "done"), [("reset_after", 3), ("reset_before", 1), ("http", 1), ("slow", 3)])
def test_a_fault_of_the_connection_strikes_the_whole_at_its_call(
    emulator: EmulatorClient, kind: str, done: int
) -> None:
    last = emulator.read("sent")["last"]
    emulator.fault(kind=kind, method="messages.send", nth=2, ms=20)
    form = {"access_token": TOKEN, "v": "5.199", "code": packed(send(1, 0), send(1, 0), send(1, 0))}
    try:
        status = requests.post(f"{emulator.url}/method/execute", data=form, timeout=5).status_code
    except requests.ConnectionError:
        status = 0
    assert status == {"http": 502, "slow": 200}.get(kind, 0)
    assert emulator.read("sent")["last"] == last + done
