"""Messages that hurt whoever reads them: bounded tries, a dead letter that says why, and nobody else hurt."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from db.dead import DeadLetter, DeadLetters
from db.links import redis_client
from db.settings import Settings
from server.chaos.belongings import of_home
from server.demo.cast import BARISTA, CAT, HUMANS, SONYA
from server.demo.stage import Stage, set_stage
from tests.engine.bench import is_alive
from tests.services import wait_until
from tests.system.poisoned_zygote import POISONS
from tests.system.processes import salo, status

TABLES = {
    "engine": {"workers": 6, "deadline_s": 5.0, "worker_file_max_mb": 64},
    "lanes": {"attempts": 2, "conversation_max": 10_000},
}
TOLD = {  # what the letter of each poison says, and what of its trace
    "raise": ("RuntimeError: poisoned", "in bad_code"),
    "segfault": ("ended without a verdict: killed by SIGSEGV", "in bad_memory"),
    "loop": ("no verdict within 5 s", "in endless_loop"),
    "memory": ("MemoryError", "in much_memory"),
    "fork": ("ended without a verdict: exited with 7", ""),
    "print": ("no verdict within 5 s", "in much_output"),
    "file": ("OSError: [Errno 27]", "in big_file"),
}


async def say(stage: Stage, group_id: int, human: int, *texts: str) -> None:
    orders = [{"from_id": human, "group_id": group_id, "peer": "private", "text": text} for text in texts]
    await stage.desk.order("/say", orders)


async def replies(stage: Stage) -> list[tuple[int, int]]:
    """Return the bot and the person of each message that bots sent."""
    return [(one["group_id"], one["peer_id"]) for one in (await stage.desk.read("/sent", limit=1000))["sent"]]


def letters(settings: Settings) -> dict[str, DeadLetter]:
    """Return the dead letters by their poison."""
    client = redis_client(settings)
    found = DeadLetters(client).page()
    client.close()
    return {str(letter.event["object"]["message"]["text"]).split()[1]: letter for letter in found}


def forked(settings: Settings) -> list[int]:
    place = settings.home / "forked"
    return [int(line) for line in place.read_text().split()] if place.exists() else []


def look(settings: Settings) -> dict[str, DeadLetter]:
    """Wait for all letters, and see that each is shown with what is known."""

    def all_are_there() -> bool:
        return len(letters(settings)) == len(POISONS)

    wait_until(all_are_there, 60, 0.1)
    found = letters(settings)
    listed: list[dict[str, Any]] = json.loads(salo(settings, "dead", "list", "--json").stdout)
    assert {row["id"] for row in listed} == {letter.id for letter in found.values()}
    for poison, (reason, trace) in TOLD.items():
        letter = found[poison]
        assert letter.attempts == 2 and reason in letter.reason, (poison, letter.reason)
        assert trace in letter.trace, (poison, letter.trace)
    assert "Fatal Python error: Segmentation fault" in salo(settings, "dead", "show", found["segfault"].id).stdout
    return found


async def heal(stage: Stage, found: dict[str, DeadLetter]) -> None:
    """Replay one letter, now that the engine is mended, and drop another."""
    (stage.settings.home / "antidote").touch()
    for verb, poison in (("replay", "raise"), ("drop", "loop")):
        told = await asyncio.to_thread(salo, stage.settings, "dead", verb, found[poison].id)
        assert told.returncode == 0, told.stderr


def test_a_poisoned_message_costs_its_own_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.demo.stage.PLATFORM", (str(Path(__file__).with_name("poisoned_platform.py")),))

    async def play() -> None:
        async with set_stage(TABLES, time_scale=0.01) as stage:
            settings = stage.settings
            victims = [human.id for human in HUMANS[: len(POISONS)]]
            for number, (poison, victim) in enumerate(zip(POISONS, victims, strict=True)):
                await say(stage, (SONYA, BARISTA, CAT)[number % 3].group_id, victim, f"яд {poison}")
            others = [(role.group_id, human.id) for human in HUMANS[-4:] for role in (SONYA, BARISTA, CAT)]
            for place in others:
                await say(stage, *place, "привет", "привет")
            found = await asyncio.to_thread(look, settings)
            assert sorted(await replies(stage)) == sorted(others * 2)

            assert not any(map(is_alive, forked(settings)))
            assert forked(settings) or os.geteuid() != 0  # others than root may not fork in a worker at all
            assert not (settings.home / "big").exists() or (settings.home / "big").stat().st_size <= 64 << 20
            logged = sum(path.stat().st_size for path in settings.state.logs.glob("engine.log*"))
            assert logged < 4 << 20
            shown = await asyncio.to_thread(status, settings)
            assert all(one["state"] == "running" for one in shown["processes"]), shown["processes"]

            await heal(stage, found)
            await say(stage, SONYA.group_id, victims[0], "привет")  # comes after what is replayed
            wanted = sorted([*others * 2, (SONYA.group_id, victims[0])])
            for _ in range(100):
                if sorted(await replies(stage)) == wanted:
                    break
                await asyncio.sleep(0.05)
            assert sorted(await replies(stage)) == wanted
            assert found.keys() - letters(settings).keys() == {"raise", "loop"}
            homes.append(settings.home)

    homes: list[Path] = []
    asyncio.run(play())
    assert of_home(homes[0]) == []
