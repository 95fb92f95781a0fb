"""The emulator's control interface, and the emulator as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from server.emulator import longpoll, transports
from server.emulator.mentions import resolve_mentions
from server.emulator.world import User, World
from tests.emulation import EmulatorClient, running_emulator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(7, "token-7", screen_name="seven_bot")
        yield running


@pytest.mark.parametrize(
    ("path", "order", "said"),
    [
        ("say", {"from_id": 1, "group_id": 8, "text": "а"}, "group_id = 8 is not known"),
        ("say", {"group_id": 7, "text": "а"}, "from_id = None, must be a whole number"),
        ("say", {"from_id": 1, "group_id": 7, "peer": 5}, "chat 5 is not known"),
        ("say", {"from_id": 1, "group_id": 7, "tekst": "а"}, "tekst is not known"),
        ("say", {"from_id": 1, "group_id": 7, "text": "а", "reply_to": 9}, "message 9 is not in this conversation"),
        ("say", [1], "must be a JSON object"),
        ("communities", {"group_id": 0, "token": "x"}, "group_id = 0, must be a whole number above 0"),
        ("communities", {"group_id": 9, "token": "token-7"}, "belongs to community 7"),
        ("settings", {"time_skale": 1}, "time_skale is not known"),
        ("settings", {"rate_limit": -1}, "rate_limit = -1"),
        ("callback", {"group_id": 7}, "url = None, must be a string"),
    ],
)
def test_a_senseless_order_is_refused_with_its_reason(
    emulator: EmulatorClient, path: str, order: object, said: str
) -> None:
    answer = requests.post(f"{emulator.url}/emulator/{path}", json=order, timeout=5)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_broken_json_is_400_and_an_unknown_path_lists_the_known(emulator: EmulatorClient) -> None:
    assert requests.post(f"{emulator.url}/emulator/say", data=b"{", timeout=5).status_code == 400
    unknown = requests.get(f"{emulator.url}/emulator/nothing", timeout=5)
    assert unknown.status_code == 404
    assert "POST /say" in unknown.json()["known"]
    told = unknown.json()["orders"]
    assert set(told) == set(unknown.json()["known"])
    assert all(told.values()), "each says what it does"
    for order, module in (("transports", transports), ("longpoll", longpoll)):
        assert all(f"{name}?" in told[f"POST /{order}"] for name in module.NAMES - {"group_id"})


def test_reading_waits_for_what_is_sent_and_goes_on_from_a_number(emulator: EmulatorClient) -> None:
    emulator.say(1, 7, "да")
    params = {"peer_id": 1, "random_id": 0, "message": "раз"}
    sender = threading.Timer(0.2, lambda: emulator.call("messages.send", "token-7", **params))
    sender.start()
    began = time.monotonic()
    [first] = emulator.sent(wait=10)
    assert 0.1 < time.monotonic() - began < 5
    sender.join()
    assert emulator.sent(after=first["n"]) == []
    for text in ("два", "три"):
        emulator.call("messages.send", "token-7", **params | {"message": text})
    assert [entry["text"] for entry in emulator.sent(after=first["n"], limit=1)] == ["два"]


def test_a_list_of_orders_is_answered_in_order(emulator: EmulatorClient) -> None:
    orders = [{"from_id": 1 + number % 3, "group_id": 7, "text": str(number)} for number in range(450)]
    heard = emulator.order("say", orders)
    assert len(heard) == 450
    assert [event["conversation_message_id"] for event in heard if event["peer_id"] == 1] == list(range(1, 151))


def test_a_message_may_be_odd_in_any_way(emulator: EmulatorClient) -> None:
    odd = {"extra": {"is_cropped": True}, "attachments": [{"type": "hologram", "hologram": {}}], "date": 1}
    first = emulator.say(-5, 7, "сообщество", **odd)
    emulator.say(-5, 7, "ответ", reply_to=first["conversation_message_id"])
    items = emulator.call("messages.getHistory", "token-7", peer_id=-5)
    assert "error" in items, "a community cannot be written to"
    emulator.say(4, 7, "а", payload='{"command":"start"}', **odd)
    [kept] = emulator.call("messages.getHistory", "token-7", peer_id=4)["response"]["items"]
    assert kept["is_cropped"]
    assert kept["payload"] == '{"command":"start"}'
    assert kept["date"] == 1
    assert kept["attachments"][0]["type"] == "hologram"


def test_the_overview_counts(emulator: EmulatorClient) -> None:
    emulator.call("messages.send", "token-7")
    shown = emulator.read("")
    assert shown["communities"] == [7]
    assert shown["calls"] == {"messages.send": 1, "messages.send:100": 1}
    assert "token-7" not in str(shown) + str(emulator.read("rate"))


def test_a_revoked_token_is_refused_and_another_one_opens_again(emulator: EmulatorClient) -> None:
    assert "response" in emulator.call("groups.getById", "token-7")
    assert emulator.order("revoke", {"group_id": 7, "token": "unknown"}) == {"revoked": 0}
    assert emulator.order("revoke", {"group_id": 7}) == {"revoked": 1}
    assert emulator.call("groups.getById", "token-7")["error"]["error_code"] == 5
    assert emulator.read("rate")["tokens"] == {}
    emulator.community(7, "token-8")
    assert emulator.call("groups.getById", "token-8")["response"]["groups"][0]["id"] == 7


def world() -> World:
    made = World()
    made.add_community(7, "t", "seven_bot")
    made.add_user(User(12, "А", "Б", "anna"))
    return made


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("@seven_bot привет", "[club7|@seven_bot] привет"),
        ("ну, *club7 (Семь), как?", "ну, [club7|Семь], как?"),
        ("@anna и @id12 и @nobody", "[id12|@anna] и [id12|@id12] и @nobody"),
        ("[club7|@seven_bot] готово", "[club7|@seven_bot] готово"),
        ("почта a@seven_bot", "почта a@seven_bot"),
        ("@SEVEN_bot!", "[club7|@SEVEN_bot]!"),
    ],
)
def test_a_typed_mention_becomes_vks(typed: str, seen: str) -> None:
    assert resolve_mentions(typed, world()) == seen


def test_the_emulator_runs_alone_and_ends_cleanly_on_sigterm() -> None:
    arguments = [sys.executable, "-m", "server.emulator", "--port", "0", "--time-scale", "0.01"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        client = EmulatorClient(process.stdout.readline().strip())
        assert client.read("")["settings"]["time_scale"] == 0.01
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_taken_port_is_told_in_one_line(emulator: EmulatorClient) -> None:
    port = emulator.url.rpartition(":")[2]
    arguments = [sys.executable, "-m", "server.emulator", "--port", port]
    ended = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "in use" in ended.stderr
