"""vk_api and vkbottle, which we did not write, get along with the emulator as they do with VK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import vk_api
from vk_api.execute import VkFunction
from vk_api.requests_pool import VkRequestsPool, vk_request_one_param_pool
from vk_api.utils import get_random_id
from vkbottle import Callback, Keyboard, KeyboardButtonColor, VKAPIError
from vkbottle.bot import Bot, BotLabeler, Message
from vkbottle.callback import BotCallback
from vkbottle.http import SingleAiohttpClient

from tests.emulation import EmulatorClient, running_emulator, running_receiver
from tests.services import wait_until

TOKEN = "token-7"
PEER = 2_000_000_001


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator() as running:
        running.community(7, TOKEN, screen_name="seven_bot", confirmation="c0de")
        running.say(1, 7, "привет")
        yield running


class EmulatedSession(requests.Session):
    """vk_api has no option for the address of its API; this sends all its calls to the emulator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.trust_env = False
        self._url = url

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 10)
        return super().request(method, str(url).replace("https://api.vk.ru", self._url), *args, **kwargs)


def vk(emulator: EmulatorClient, token: str = TOKEN) -> Any:
    return vk_session(emulator, token).get_api()


def vk_session(emulator: EmulatorClient, token: str = TOKEN) -> Any:
    session = EmulatedSession(emulator.url)
    return vk_api.vk_api.VkApiGroup(token=token, session=session, api_version="5.199")


def test_vk_api_sends_in_private_and_in_a_chat(emulator: EmulatorClient) -> None:
    api = vk(emulator)
    chat = emulator.order("chats", {"communities": [7], "users": [1]})["chat_id"]
    said = emulator.say(1, 7, "эй", peer=chat)
    assert api.messages.send(peer_id=1, random_id=get_random_id(), message="лично") > 0
    forward = {"peer_id": PEER, "conversation_message_ids": [said["conversation_message_id"]], "is_reply": 1}
    [item] = api.messages.send(peer_ids=[PEER], random_id=get_random_id(), message="в чат", forward=json.dumps(forward))
    assert item["conversation_message_id"] == said["conversation_message_id"] + 1
    private, public = emulator.sent()
    assert (private["text"], private["peer_id"]) == ("лично", 1)
    assert (public["text"], public["reply_to"]) == ("в чат", said["conversation_message_id"])
    assert public["random_id"] != 0


def test_vk_api_reads_people_the_community_and_errors(emulator: EmulatorClient) -> None:
    api = vk(emulator)
    assert api.users.get(user_ids=[1])[0]["id"] == 1
    assert api.groups.getById()["groups"][0]["id"] == 7
    with pytest.raises(vk_api.ApiError) as refused:
        api.messages.send(peer_id=2, random_id=1, message="а")
    assert refused.value.code == 901
    with pytest.raises(vk_api.ApiError) as closed:
        vk(emulator, "wrong").groups.getById()
    assert closed.value.code == 5


def test_vk_api_gets_over_the_rate_limit_by_itself(emulator: EmulatorClient) -> None:
    for _ in range(20):
        emulator.call("utils.getServerTime", TOKEN)
    assert vk(emulator).utils.getServerTime() > 0
    assert emulator.read("rate")["tokens"]["7"]["refused"] > 0


def test_vk_api_meets_a_captcha_and_a_proxys_page(emulator: EmulatorClient) -> None:
    api = vk(emulator)
    emulator.fault(kind="captcha", shape="old", method="messages.send")
    with pytest.raises(vk_api.Captcha):
        api.messages.send(peer_id=1, random_id=1, message="а")
    emulator.fault(kind="http", method="messages.send")
    with pytest.raises(vk_api.ApiHttpError):
        api.messages.send(peer_id=1, random_id=1, message="а")


def test_vk_api_packs_calls_of_one_and_of_several_methods_into_scripts(emulator: EmulatorClient) -> None:
    session = vk_session(emulator)
    texts = [f'"{number}" п\n\\' for number in range(30)]
    with VkRequestsPool(session) as pool:
        packed = [pool.method("messages.send", {"peer_ids": [1], "random_id": 0, "message": text}) for text in texts]
    assert [item.result[0]["peer_id"] for item in packed] == [1] * 30
    assert [entry["text"] for entry in emulator.sent()] == texts
    with VkRequestsPool(session) as pool:
        sent = pool.method("messages.send", {"peer_id": 1, "random_id": 0, "message": "да", "dont_parse_links": True})
        refused = pool.method("messages.send", {"peer_id": 2, "random_id": 0, "message": "нет"})
        users = pool.method("users.get", {"user_ids": [1]})
    assert sent.result > 0
    assert (refused.ok, refused.error["error_code"]) == (False, 901)
    assert users.result[0]["id"] == 1
    found, failed = vk_request_one_param_pool(session, "users.get", "user_ids", [1, 77], {"fields": "screen_name"})
    assert (found[1][0]["screen_name"], failed[77]["error_code"]) == ("id1", 113)
    assert emulator.read("")["calls"]["execute"] == 4


def test_vk_api_runs_a_script_of_its_user(emulator: EmulatorClient) -> None:
    double = VkFunction(args=("ids",), code="var who = API.users.get({user_ids: %(ids)s}); return who@.id;")
    assert double(vk(emulator), [1, 1]) == [1, 1]
    with pytest.raises(vk_api.ApiError) as broken:
        vk(emulator).execute(code="return [")
    assert broken.value.code == 12


@asynccontextmanager
async def vkbottle_bot(emulator: EmulatorClient, url: str = "http://127.0.0.1:9/") -> AsyncIterator[Bot]:
    """A vkbottle bot that talks to the emulator; its shared HTTP client ends with the block."""
    bot = Bot(TOKEN, callback=BotCallback(url=url, title="salo", secret_key="s3cret"), labeler=BotLabeler())
    bot.api.API_URL = f"{emulator.url}/method/"
    try:
        yield bot
    finally:
        await SingleAiohttpClient().close()


def test_vkbottle_sets_up_a_webhook_and_answers_what_comes_by_it(emulator: EmulatorClient) -> None:
    async def scene(url: str) -> tuple[str, str]:
        async with vkbottle_bot(emulator, url) as bot:
            found: tuple[str, str] = await bot.setup_webhook()
            assert await bot.setup_webhook() == found, "an existing server is changed, not added"
            await asyncio.to_thread(wait_until, lambda: status() == "ok")
            bot.on.message()(reply)
            chat = emulator.order("chats", {"communities": [7], "users": [1]})["chat_id"]
            emulator.say(1, 7, "@seven_bot как дела?", peer=chat)
            emulator.say(200_000_000_123, 7, "тут?")
            await asyncio.to_thread(wait_until, lambda: len(receiver.of_kind("message_new")) == 2)
            for event in receiver.of_kind("message_new"):
                await bot.process_event(event)
            return found

    async def reply(message: Message) -> None:
        await message.reply(f"слышу: {message.text}")

    def status() -> str:
        servers = emulator.call("groups.getCallbackServers", TOKEN, group_id=7)["response"]["items"]
        assert len(servers) == 1
        return str(servers[0]["status"])

    with running_receiver("c0de") as receiver:
        assert asyncio.run(scene(receiver.url)) == ("c0de", "s3cret")
        assert {event["secret"] for event in receiver.events} == {"s3cret"}
    answered = {entry["peer_id"]: entry for entry in emulator.sent()}
    assert answered[PEER]["text"] == "слышу: [club7|@seven_bot] как дела?"
    assert answered[PEER]["reply_to"] == 1
    assert answered[200_000_000_123]["reply_to"] == 1


def test_vkbottle_sends_a_keyboard_and_meets_errors(emulator: EmulatorClient) -> None:
    async def scene() -> None:
        async with vkbottle_bot(emulator) as bot:
            button = Callback("Да", payload={"a": 1})
            keyboard = Keyboard(inline=True).add(button, color=KeyboardButtonColor.SECONDARY).get_json()
            answer: Any = await bot.api.messages.send(peer_ids=[1], message="с кнопкой", random_id=5, keyboard=keyboard)
            assert answer[0].conversation_message_id == 2
            assert await bot.api.messages.send(peer_id=1, message="ещё", random_id=6) > 0
            with pytest.raises(VKAPIError[901]):
                await bot.api.messages.send(peer_id=2, message="а", random_id=0)
            users = await bot.api.users.get(user_ids=[1])
            assert users[0].id == 1
            members = await bot.api.messages.get_conversation_members(peer_id=1)
            assert members.count == 2

    asyncio.run(scene())
    assert emulator.sent()[0]["keyboard"]["buttons"][0][0]["action"]["type"] == "callback"


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vkbottle and vk_api may write files into the working directory."""
    monkeypatch.chdir(tmp_path)
