"""vk_api's and vkbottle's own long polls run against the emulator: they receive, answer, and survive every failure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import vk_api
from vk_api.bot_longpoll import VkBotEventType, VkBotLongPoll
from vkbottle.bot import Bot, BotLabeler, Message
from vkbottle.http import SingleAiohttpClient

from tests.conformance.test_clients import EmulatedSession
from tests.emulation import EmulatorClient, running_emulator
from tests.services import wait_until

TOKEN = "token-7"
PEER = 2_000_000_001
NEW_ID = 200_000_000_123


@pytest.fixture
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(7, TOKEN, screen_name="seven_bot")
        running.order("longpoll", {"group_id": 7, "enabled": True, "events": ["message_new", "group_join"]})
        running.say(1, 7, "до начала")
        yield running


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vkbottle keeps its place in a file in the working directory."""
    monkeypatch.chdir(tmp_path)


def order(emulator: EmulatorClient, **what: object) -> Any:
    return emulator.order("longpoll", {"group_id": 7, **what})


@contextmanager
def vk_api_bot(emulator: EmulatorClient) -> Iterator[VkBotLongPoll]:
    """A bot on vk_api that answers every message with ``слышу``, until the block ends."""
    session = vk_api.vk_api.VkApiGroup(token=TOKEN, session=EmulatedSession(emulator.url), api_version="5.199")
    poll = VkBotLongPoll(session, 7, wait=1)
    ending, failures = threading.Event(), []

    def run() -> None:
        try:
            while not ending.is_set():
                for event in poll.check():
                    if event.type == VkBotEventType.MESSAGE_NEW:
                        text = f"слышу: {event.message.text}"
                        session.method(
                            "messages.send", {"peer_id": event.message.peer_id, "random_id": 0, "message": text}
                        )
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield poll
    finally:
        ending.set()
        thread.join(10)
    assert failures == []


@contextmanager
def vkbottle_bot(emulator: EmulatorClient) -> Iterator[None]:
    """The same on vkbottle, which starts anew at the newest event."""
    started: list[tuple[asyncio.AbstractEventLoop, Bot]] = []

    async def main() -> None:
        bot = Bot(TOKEN, labeler=BotLabeler())
        bot.api.API_URL = f"{emulator.url}/method/"
        bot.polling.wait = 1

        @bot.on.message()
        async def answer(message: Message) -> None:
            await message.answer(f"слышу: {message.text}")

        started.append((asyncio.get_running_loop(), bot))
        try:
            await bot.run_polling()
        finally:
            await SingleAiohttpClient().close()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    wait_until(lambda: order(emulator)["polls"] == 1)
    loop, bot = started[0]
    try:
        yield
    finally:
        loop.call_soon_threadsafe(bot.polling.stop)
        thread.join(10)
    assert not thread.is_alive()


BOTS: list[Callable[[EmulatorClient], Any]] = [vk_api_bot, vkbottle_bot]


@pytest.mark.parametrize("run", BOTS)
def test_a_bot_lives_through_every_failure_of_long_poll(
    emulator: EmulatorClient, run: Callable[[EmulatorClient], Any]
) -> None:
    heard: list[str] = []

    def say_and_hear(text: str, **more: Any) -> None:
        emulator.say(more.pop("from_id", 1), 7, text, **more)
        heard.append(f"слышу: {text}")
        wait_until(lambda: [entry["text"] for entry in emulator.sent()] == heard)

    with run(emulator):
        chat = emulator.order("chats", {"communities": [7], "users": [1]})["chat_id"]
        say_and_hear("раз")
        say_and_hear("в беседе", peer=chat)
        say_and_hear("с новым номером", from_id=NEW_ID)
        asked = emulator.read("")["calls"]["groups.getLongPollServer"]
        order(emulator, expire=True)
        say_and_hear("после истёкшего ключа")
        emulator.fault(kind="error", method="a_check", code=1)
        # Its number skips what was said before the poll that meets it.
        wait_until(lambda: emulator.read("faults")["faults"][0]["fired"])
        say_and_hear("после устаревшей истории")
        order(emulator, lose=True)
        wait_until(lambda: emulator.read("")["calls"]["groups.getLongPollServer"] == asked + 2)
        say_and_hear("после потери")
        emulator.order("join", {"from_id": 5, "group_id": 7})
        say_and_hear("после вступления")
    assert [entry["peer_id"] for entry in emulator.sent()][:3] == [1, PEER, NEW_ID]


def test_a_bot_on_vkbottle_outlives_a_cut_connection(emulator: EmulatorClient) -> None:
    """vk_api's loop raises there and leaves it to its user."""
    with vkbottle_bot(emulator):
        emulator.fault(kind="reset_before", method="a_check")
        emulator.say(1, 7, "раз")
        wait_until(lambda: emulator.read("faults")["faults"][0]["fired"])
        emulator.say(1, 7, "два")
        wait_until(lambda: [entry["text"] for entry in emulator.sent()] == ["слышу: раз", "слышу: два"])
