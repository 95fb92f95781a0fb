"""A bot's callback server is set up at the emulated VK by real workers: what is missing is made, the rest left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
import redis

from db import codec, keys
from db.accept import STORED_TYPES
from db.bots import Bot
from db.links import redis_client
from engine.tickers.callback_setup import Server, is_try, listed, ours, state_of
from tests.emulation import CallbackReceiver, EmulatorClient, running_emulator, running_receiver
from tests.engine.bench import GROUP, TOKEN, Bench, Room, Worker, open_room
from tests.engine.test_tickers import SECRET, tick

CODE = "c0de1234"
STRANGER = {"url": "http://127.0.0.1:9/crm", "title": "crm", "secret_key": "theirs"}
METHODS = ("add", "edit", "delete")


@pytest.fixture(scope="module")
def receiver() -> Iterator[CallbackReceiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=1000) as running:  # the test looks there, too
        yield running


@pytest.fixture(scope="module")
def room(
    emulator: EmulatorClient, receiver: CallbackReceiver, storage_tables: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Room]:
    lines = {"callback": f'public_url = "http://127.0.0.1:{receiver.server_port}"', "platform": 'language = "en"'}
    with open_room(tmp_path_factory.mktemp("room"), storage_tables, emulator.url, **lines) as room:
        yield room


class Vk:
    """The community's servers as VK has them, and what was changed by calls."""

    def __init__(self, emulator: EmulatorClient, receiver: CallbackReceiver, bench: Bench, worker: Worker) -> None:
        self.emulator, self.receiver, self.bench, self.worker = emulator, receiver, bench, worker
        self.url = f"http://127.0.0.1:{receiver.server_port}/callback/{GROUP}"
        self.keeps = True  # the platform stores what it is given
        receiver.confirmation = ""
        emulator.community(GROUP, TOKEN, confirmation=CODE)
        for server in self.call("get", "Servers")["items"]:
            self.call("delete", "Server", server_id=server["id"])
        self.stranger = self.call("add", "Server", **STRANGER)["server_id"]

    def call(self, verb: str, noun: str, **values: object) -> Any:
        answer = self.emulator.call(f"groups.{verb}Callback{noun}", TOKEN, group_id=GROUP, **values)
        return answer["response"]

    def servers(self) -> dict[str, dict[str, Any]]:
        return {one["title"]: one for one in self.call("get", "Servers")["items"]}

    def events(self) -> set[str]:
        found = self.call("get", "Settings", server_id=self.servers()["salo"]["id"])["events"]
        return {name for name, flag in found.items() if flag}

    def changes(self) -> Counter[str]:
        calls = self.emulator.read("")["calls"]
        return Counter({verb: calls.get(f"groups.{verb}CallbackServer", 0) for verb in METHODS})

    def hear_by(self, transport: str) -> None:
        bot = Bot("anna", 7, GROUP, "main", 3, True, "anna", "", transport)
        self.bench.client.hset(keys.BOTS, "anna", codec.dumps(asdict(bot)))

    def look(self, **changes: Any) -> tuple[str, str]:
        """Return what a tick finds. The code that VK will want is stored only when the worker asks for that."""
        job = tick(**{"confirmation": self.receiver.confirmation} | changes)
        message = self.worker.run(job)
        if "ask" in message:
            assert message["ask"]["confirmation"] == CODE
            self.receiver.confirmation = CODE if self.keeps else ""
            self.worker.give({"job": job["job"], "answer": {"id": message["ask"]["id"], "is_kept": self.keeps}})
            message = self.worker.take()
        if message["verdict"] != "done":
            return message["verdict"], message["reason"]
        return message["tick"]["state"], message["tick"]["text"]


@pytest.fixture
def vk(room: Room, clean_redis: redis.Redis, emulator: EmulatorClient, receiver: CallbackReceiver) -> Iterator[Vk]:
    bench = room.bench(clean_redis)
    worker = bench.zygote.fork()
    yield Vk(emulator, receiver, bench, worker)
    worker.close()


def test_a_server_is_added_confirmed_given_its_events_and_then_left_alone(vk: Vk) -> None:
    assert vk.look()[0] == "ok"
    made = vk.servers()["salo"]
    assert (made["url"], made["secret_key"], made["status"]) == (vk.url, SECRET, "ok")
    assert vk.events() == STORED_TYPES
    before = vk.changes()
    assert vk.look()[0] == "ok"
    assert vk.changes() == before
    left = vk.servers()["crm"]
    assert (left["id"], {name: left[name] for name in STRANGER}) == (vk.stranger, STRANGER)


def test_a_server_of_an_address_that_we_had_is_moved_and_a_wrong_secret_mended(vk: Vk) -> None:
    old = {"url": f"http://127.0.0.1:9/callback/{GROUP}", "title": "salo", "secret_key": SECRET}
    number = vk.call("add", "Server", **old)["server_id"]
    assert vk.look()[0] == "ok"
    assert (vk.servers()["salo"]["id"], vk.servers()["salo"]["url"]) == (number, vk.url)
    vk.call("edit", "Server", server_id=number, url=vk.url, title="salo", secret_key="of-yesterday")
    assert vk.look()[0] == "ok"
    assert vk.servers()["salo"]["secret_key"] == SECRET and len(vk.servers()) == 2


def test_no_server_is_added_before_its_code_is_stored(vk: Vk) -> None:
    vk.keeps = False
    assert vk.look()[0] == "retry"
    assert set(vk.servers()) == {"crm"}


def test_a_server_that_is_not_confirmed_is_tried_again_ever_more_seldom(vk: Vk) -> None:
    assert vk.look()[0] == "ok"
    vk.emulator.order("callback", {"group_id": GROUP, "url": vk.url, "secret": SECRET, "confirm": False,
                                   "status": "failed", "events": sorted(STORED_TYPES)})  # fmt: skip
    before = vk.changes()
    state, text = vk.look(wrong=3)
    assert (state, vk.changes()) == ("warn", before) and "(status: failed)" in text
    assert vk.look(wrong=4)[0] == "ok"
    assert vk.changes() - before == {"edit": 1}
    assert [wrong for wrong in range(41) if is_try(wrong)] == [0, 1, 2, 4, 8, 10, 16, 20, 30, 32, 40]


def test_a_bot_that_goes_to_long_poll_loses_its_events_at_the_server_alone(vk: Vk) -> None:
    assert vk.look()[0] == "ok"
    vk.call("set", "Settings", server_id=vk.stranger, message_new=1)
    vk.hear_by("longpoll")
    vk.look()
    assert vk.events() == STORED_TYPES, "nobody listens yet"
    with redis_client(vk.bench.settings, 3) as own:
        own.hset(keys.LONG_POLL, mapping={"ts": "1", "at_ms": str(int(time.time() * 1000))})
    vk.look()
    assert vk.events() == set() and vk.servers()["salo"]["status"] == "ok"
    assert vk.call("get", "Settings", server_id=vk.stranger)["events"]["message_new"] == 1
    vk.hear_by("both")
    vk.look()
    assert vk.events() == STORED_TYPES


def test_what_cannot_be_set_up_says_what_to_do(vk: Vk) -> None:
    vk.emulator.community(GROUP, TOKEN, manage=False)
    state, text = vk.look()
    assert state == "warn" and "may not manage" in text and vk.url in text and "salo bot token anna" in text
    vk.emulator.community(GROUP, TOKEN, confirmation=CODE)
    for number in range(9):
        vk.call("add", "Server", **STRANGER | {"title": f"crm {number}"})
    state, text = vk.look()
    assert state == "warn" and "delete one" in text and "salo" not in vk.servers()
    state, text = vk.look(secret="")
    assert state == "warn" and "no callback secret" in text


# What is decided from values.


def test_only_our_address_or_our_secret_under_our_title_makes_a_server_ours() -> None:
    url = "https://new.example.org/callback/7"
    here = Server(1, url + "/", "by hand", "ok", "x")
    before = Server(2, "https://old.example.org/callback/7", "salo", "ok", "s")
    assert ours([before, here], url, "s") == here
    assert ours([before], url, "s") == before
    others = [Server(2, before.url, *rest) for rest in (("salo", "ok", "t"), ("crm", "ok", "s"), ("salo", "ok", None))]
    assert ours([*others, Server(2, "https://old.example.org/callback/8", "salo", "ok", "s")], url, "s") is None


def test_what_has_another_form_is_no_server() -> None:
    assert listed(None) == listed({"items": None}) == listed({"items": ["x", {}, {"id": "7"}]}) == []
    (one,) = listed({"items": [{"id": 7}]})
    assert one == Server(7, "", "", "", None) and state_of(one, "https://x").state == "warn"
    assert state_of(None, "https://x").state == "warn"
