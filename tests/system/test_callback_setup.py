"""With a public address the platform sets callback servers up at VK by itself, and says when it cannot."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from db import keys
from db import tickers as stored
from db.bases import BaseStore
from db.bots import BotStore
from db.links import redis_client
from db.seal import Sealer
from db.secret import Secret
from server.demo.stage import Stage, empty_stage, free_port
from tests.services import wait_until
from tests.system.processes import salo

GROUP, HUMAN = 4001, 51
BEFORE, TOKEN = "vk1.a.token-before", "vk1.a.token-with-the-right"
STRANGER = {"url": "http://127.0.0.1:9/elsewhere", "title": "crm", "secret_key": "not-ours"}


def told(stage: Stage, *words: str) -> str:
    done = salo(stage.settings, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Backstage:
    """What the bot's health check found last, and changes to the bot, without a process for each look."""

    def __init__(self, stage: Stage) -> None:
        self.client = redis_client(stage.settings)
        self.bots = BotStore(self.client, stage.settings, Sealer.from_file(stage.settings.state.key))
        BaseStore(self.client, stage.settings).create("main", "main")

    def health(self) -> tuple[str, str]:
        call = stored.read([stored.Place(keys.ticker("bot_health"), self.bots.get("anna").db)])
        (state,) = stored.states(call.script.run(self.client, call.keys, call.args))
        return state.result or "", state.text


async def servers(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the community's callback servers by title."""
    answer = await stage.desk.call("groups.getCallbackServers", TOKEN, group_id=GROUP)
    return {one["title"]: one for one in answer["items"]}


async def set_up(stage: Stage, back: Backstage, url: str) -> dict[str, Any]:
    """Return our server when VK posts to ``url``."""
    for _ in range(100):
        found = (await servers(stage)).get("salo", {})
        if found.get("status") == "ok" and found["url"] == url and back.health()[0] == "ok":
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"not set up: {found}; {back.health()}")


async def answers(stage: Stage, replies: int) -> None:
    await stage.desk.order("/say", {"from_id": HUMAN, "group_id": GROUP, "peer": "private", "text": "/помощь"})
    for _ in range(100):
        if len((await stage.desk.read("/sent"))["sent"]) == replies:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no reply")


async def add_bot(stage: Stage) -> str:
    """Add a bot whose token may not manage the community; return what was said."""
    await stage.desk.order("/communities", {"group_id": GROUP, "token": TOKEN})
    await stage.desk.call("groups.addCallbackServer", TOKEN, group_id=GROUP, **STRANGER)
    await stage.desk.order("/communities", {"group_id": GROUP, "token": BEFORE, "manage": False})
    file = stage.settings.home / "token.txt"
    file.write_text(BEFORE)
    words = ("anna", "--group-id", str(GROUP), "--base", "main", "--token-file", str(file))
    return await asyncio.to_thread(told, stage, "bot", "add", *words)


def test_a_bot_that_was_added_is_reached_without_a_hand_at_vk() -> None:
    port = free_port()
    first, second = (f"http://{host}:{port}" for host in ("127.0.0.1", "localhost"))
    tables = {"callback": {"port": port, "public_url": first}, "platform": {"language": "en"}}

    async def play() -> None:
        async with empty_stage(tables, time_scale=0.01) as stage:
            back = await asyncio.to_thread(Backstage, stage)
            assert "sets that up at VK" in await add_bot(stage)
            await asyncio.to_thread(wait_until, lambda: back.health()[0] == "warn", 10, 0.1)
            said = back.health()[1]
            assert "may not manage" in said and f"{first}/callback/{GROUP} up by hand" in said

            await stage.desk.order("/communities", {"group_id": GROUP, "token": TOKEN, "manage": True})
            back.bots.set_config(back.bots.get("anna"), token=Secret(TOKEN))
            server = await set_up(stage, back, f"{first}/callback/{GROUP}")
            await answers(stage, 1)
            shown = json.loads(await asyncio.to_thread(told, stage, "bot", "show", "anna", "--json"))
            assert shown["callback"] == {
                "url": f"{first}/callback/{GROUP}",
                "state": "ok",
                "text": shown["callback"]["text"],
            }

            source = stage.settings.source
            source.write_text(re.sub("(?m)^public_url = .*$", f'public_url = "{second}"', source.read_text()))
            stage.platform.kill()
            await stage.platform.ended()
            await stage.start_platform()
            moved = await set_up(stage, back, f"{second}/callback/{GROUP}")
            assert moved["id"] == server["id"], "the old address is replaced"
            await answers(stage, 2)
            left = (await servers(stage))["crm"]
            assert {name: left[name] for name in STRANGER} == STRANGER

    asyncio.run(play())
