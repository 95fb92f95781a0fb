"""Callback and long poll at once, each losing and repeating events: what comes by either is answered exactly once."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from typing import Any

import pytest

from db.bots import BotStore
from db.links import redis_client
from db.seal import Sealer
from engine.vk.random_id import derive_random_id
from server.demo.chatter import Chatter, read_lines
from server.demo.play import Outcome, Play
from server.demo.score import Summary, link_answers, summarise
from server.demo.stage import Stage, set_stage
from tests.services import wait_until

RATE, TALK_S = 40.0, 4.0
LOSS, TWICE = 0.1, 0.1


def listen_everywhere(stage: Stage) -> None:
    """Let all bots of the stage hear by both transports."""
    client = redis_client(stage.settings)
    store = BotStore(client, stage.settings, Sealer.from_file(stage.settings.state.key))
    for role in stage.cast.roles:
        store.set_transport(role.name, "both")
    client.close()


async def all_hear(stage: Stage) -> None:
    """Return when each community's long poll is asked, then let both transports go wrong."""
    for role in stage.cast.roles:
        while not (await stage.desk.order("/longpoll", {"group_id": role.group_id}))["polls"]:
            await asyncio.sleep(0.05)


async def twist(stage: Stage, same_ids: bool) -> None:
    for number, role in enumerate(stage.cast.roles):
        losses = {"callback_loss": LOSS, "longpoll_loss": LOSS, "callback_twice": TWICE, "longpoll_twice": TWICE}
        order = {"group_id": role.group_id, "same_ids": same_ids, "seed": 40 + number, **losses}
        await stage.desk.order("/transports", order)


async def talk(same_ids: bool) -> tuple[Summary, int, int]:
    """Return the summary of what came by either transport, how many events each lost, how many both lost."""
    async with set_stage({"engine": {"workers": 3}}, time_scale=0.01) as stage:
        await asyncio.to_thread(listen_everywhere, stage)
        await all_hear(stage)
        await twist(stage, same_ids)
        play = Play(stage, Chatter(read_lines(), random.Random(11)))
        end = time.monotonic() + TALK_S
        following = asyncio.ensure_future(play.follow())
        await play.talk(RATE, lambda: time.monotonic() > end)
        told = (await stage.desk.read("/events", limit=10_000))["events"]
        await heard_all(stage)
        outcome = await play.outcome()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    lost = sum(bool(event["lost"]) for event in told)
    nowhere = {event["event_id"] for event in told if len(event["lost"]) == 2}
    return judged(outcome, told, nowhere), lost, len(nowhere)


async def heard_all(stage: Stage) -> None:
    """Return when each listener stands at the newest event of its community."""
    client = redis_client(stage.settings)
    for role in stage.cast.roles:
        last = (await stage.desk.order("/longpoll", {"group_id": role.group_id}))["last"]
        db = next(bot.db for bot in BotStore(client, stage.settings, Sealer(bytes(32))).list() if bot.name == role.name)
        own = redis_client(stage.settings, db)
        await asyncio.to_thread(wait_until, lambda own=own, last=last: own.hget("longpoll", "ts") == b"%d" % last, 30)
        own.close()
    client.close()


def judged(outcome: Outcome, told: list[dict[str, Any]], nowhere: set[str]) -> Summary:
    """Return the summary, an event being one thing whatever it is called, and those that came nowhere left out."""
    first = {event["longpoll_event_id"]: event["event_id"] for event in told}
    remembered: dict[str, list[str]] = {}
    for event_id, replies in outcome.remembered.items():
        remembered.setdefault(first.get(event_id, event_id), []).extend(replies)
    said = [replace(one, accepted_ms=one.at_ms) for one in outcome.said if one.event_id not in nowhere]
    return summarise(said, link_answers(said, outcome.shown, derive_random_id), remembered)


@pytest.mark.parametrize("same_ids", [True, False])
def test_what_one_transport_drops_the_other_brings_and_nothing_is_doubled(same_ids: bool) -> None:
    summary, lost, nowhere = asyncio.run(talk(same_ids))
    assert lost > 10 > nowhere, f"each transport lost its own, both {nowhere} of {lost}"
    assert (summary.lost, summary.duplicated) == (0, 0), summary
    assert summary.replies > summary.events * 0.5
