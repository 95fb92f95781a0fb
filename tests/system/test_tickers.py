"""The tickers of a whole platform: what they find is seen at once, and nothing that happens to them stops them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from typing import Any

import requests

from server.demo.cast import ROLES
from server.demo.stage import Stage, set_stage
from tests.services import wait_until
from tests.system.processes import kill, pid_of, salo, status

TABLES: dict[str, dict[str, Any]] = {
    "platform": {"language": "en"},
    "tickers": {"storage_health_s": 0.5, "storage_health_deadline_s": 5, "bot_health_s": 600},
}
BOT, OTHER = ROLES[0], ROLES[1]


def play(scene: Callable[[Stage], None]) -> None:
    async def whole() -> None:
        async with set_stage(TABLES) as stage:
            await asyncio.to_thread(scene, stage)

    asyncio.run(whole())


def bot_health(stage: Stage, name: str = BOT.name) -> dict[str, Any]:
    return shown(stage, name)["health"] or {}


def shown(stage: Stage, name: str = BOT.name) -> dict[str, Any]:
    """Return what ``salo status`` shows of a bot."""
    bots: dict[str, dict[str, Any]] = {bot["name"]: bot for bot in status(stage.settings)["bots"]}
    return bots[name]


def lamp(stage: Stage, name: str) -> str:
    return str(status(stage.settings)["platform"]["lamps"].get(name, {}).get("state"))


def tickers(stage: Stage, name: str) -> list[dict[str, Any]]:
    return [info for info in status(stage.settings)["tickers"] if info["name"] == name]


def ticker_pids(stage: Stage) -> list[int]:
    return [item["pid"] for item in status(stage.settings)["processes"] if item["kind"] == "ticker"]


def platform_log(stage: Stage) -> str:
    return (stage.settings.state.logs / "platform.log").read_text()


def order(stage: Stage, path: str, body: dict[str, Any]) -> None:
    answer = requests.post(f"{stage.settings.vk.api_url}/emulator{path}", json=body, timeout=10)
    assert answer.status_code == 200, answer.text


def test_every_bot_is_looked_at_and_a_revoked_token_is_seen_when_a_message_meets_it() -> None:
    def scene(stage: Stage) -> None:
        wait_until(lambda: all(bot_health(stage, role.name).get("state") == "ok" for role in ROLES), 10, 0.2)
        order(stage, "/revoke", {"group_id": BOT.group_id})
        order(stage, "/say", {"from_id": 5001, "group_id": BOT.group_id, "text": "привет"})
        wait_until(lambda: shown(stage)["pause"] == "token", 20, 0.3)
        assert bot_health(stage)["state"] == "bad"
        assert f"salo bot token {BOT.name}" in bot_health(stage)["text"]
        assert bot_health(stage, OTHER.name)["state"] == "ok"
        seen = f"ticker says ticker=bot_health bot={BOT.name} state=bad"
        wait_until(lambda: seen in platform_log(stage), 20, 0.3)
        assert shown(stage)["waiting"] >= 1

        fresh = "vk1.a.another-token-of-the-bot"
        order(stage, "/communities", {"group_id": BOT.group_id, "token": fresh})
        file = stage.settings.home / "token.txt"
        file.write_text(fresh)
        told = salo(stage.settings, "bot", "token", BOT.name, "--token-file", str(file))
        assert told.returncode == 0, told.stderr
        assert fresh not in told.stdout
        wait_until(lambda: bot_health(stage)["state"] == "ok", 5, 0.2)
        wait_until(lambda: not shown(stage)["waiting"], 5, 0.2)
        assert shown(stage)["pause"] == "" and shown(stage)["counters"]["done"] == 1
        log = platform_log(stage)
        assert f"ticker says ticker=bot_health bot={BOT.name} state=ok before=bad" in log

    play(scene)


def test_killed_and_frozen_ticker_workers_cost_a_tick_and_no_more() -> None:
    def scene(stage: Stage) -> None:
        wait_until(lambda: lamp(stage, "disk") != "None", 10, 0.1)
        for _ in range(3):
            kill(pid_of(stage.settings, "ticker"))
        wait_until(lambda: len(ticker_pids(stage)) == 3, 10, 0.1)
        for pid in ticker_pids(stage):  # all, since a free one would be taken
            os.kill(pid, signal.SIGSTOP)
        said = "ticker says ticker=storage_health bot=- state=failed before=ok reason=no verdict within 5 s"
        wait_until(lambda: said in platform_log(stage), 12, 0.1)
        wait_until(lambda: tickers(stage, "storage_health")[0]["result"] != "failed", 12, 0.1)

    play(scene)


def test_a_redis_that_hangs_turns_its_lamp_and_back() -> None:
    def scene(stage: Stage) -> None:
        wait_until(lambda: lamp(stage, "redis") == "ok", 10, 0.1)
        pid = pid_of(stage.settings, "redis")
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: lamp(stage, "redis") == "bad", 7, 0.1)
            assert lamp(stage, "mariadb") == "ok"
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: lamp(stage, "redis") == "ok", 7, 0.1)

    play(scene)


def test_tickers_are_listed_run_paused_and_resumed_from_the_shell() -> None:
    def scene(stage: Stage) -> None:
        def told(*words: str) -> list[dict[str, Any]]:
            done = salo(stage.settings, "ticker", *words, "--json")
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)  # type: ignore[no-any-return]

        def names() -> set[tuple[str, str]]:
            return {(info["name"], info["bot"]) for info in told("list") if info["result"]}

        all_names = {
            ("storage_health", ""),
            ("normalise", ""),
            ("match_index", ""),
            *(("bot_health", role.name) for role in ROLES),
        }
        wait_until(lambda: names() == all_names, 10, 0.2)
        before = told("list")
        (info,) = told("run", "bot_health", BOT.name)
        assert info["result"] == "ok"
        assert info["last_ms"] > next(one for one in before if one["bot"] == BOT.name)["last_ms"]
        assert [one["state"] for one in told("pause", "bot_health")] == ["paused"] * len(ROLES)
        assert [one["state"] for one in told("resume", "bot_health", BOT.name)] == ["waiting"]
        wrong = salo(stage.settings, "ticker", "run", "dance")
        assert wrong.returncode == 1 and "there are: bot_health, match_index, normalise, storage_health" in wrong.stderr
        shown = salo(stage.settings, "ticker", "list")
        assert "storage_health" in shown.stdout and "paused" in shown.stdout

    play(scene)
