"""How close a token's limit is used, and how fast a flood drains: ``python -m benchmarks.limit``.

One platform and one emulator as real processes, as the demo sets them. The emulator takes 80 ms for each message, as
VK does, and counts requests as VK does. What is compared is compared within one run, since CPUs differ and other work
disturbs. ``--flood N`` lets another number of conversations wait than 10,000.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import redis

from db import codec, keys
from db.bases import BaseStore
from db.bots import BotStore, generate_secret
from db.links import redis_client
from db.seal import Sealer
from server.demo.stage import Stage, empty_stage
from server.importing import import_answers

FLOODED, QUIET = "flooded", "quiet"
GROUPS = {FLOODED: 2001, QUIET: 2002}
VK_MS = 80
ALONE_S = 12.0  # of single sends
PROBES, PROBE_EVERY_S = 100, 0.2  # messages to the quiet bot: one worker could take twice as many
IDLE = 60  # messages to an idle bot, in each of the interleaved rounds
ROUNDS = 3
PHRASES = b"hello\tHello to you, too!\nhow are you\tI am fine\n"


@dataclass
class Scene:
    """Two bots, everybody who writes to them, and what VK saw."""

    stage: Stage
    client: redis.Redis
    number: int = 0

    def put(self, bot: str, peers: range, text: str = "Hello!") -> None:
        """Let each of ``peers`` have written to ``bot``: into its inbox, as the callback server puts it there."""
        pipeline = self.client.pipeline(transaction=False)
        for peer_id in peers:
            self.number += 1
            now_s = time.time()
            message = {
                "peer_id": peer_id,
                "from_id": peer_id,
                "conversation_message_id": 1 + self.number,
                "text": text,
            }
            event = {"type": "message_new", "event_id": f"e{self.number}", "group_id": GROUPS[bot], "v": "5.199"}
            event["object"] = {"message": {**message, "out": 0, "id": 0, "date": int(now_s)}}
            fields: dict[Any, Any] = {"e": codec.dumps(event), "t": "message_new", "p": peer_id, "f": peer_id}
            pipeline.xadd(keys.inbox(bot), {**fields, "c": self.number, "i": event["event_id"], "a": int(now_s * 1000)})
        pipeline.publish(keys.wake(bot), "")
        pipeline.execute()

    async def sent(self, after: int) -> list[dict[str, Any]]:
        """Return what bots sent after number ``after``; waits for something."""
        told = await self.stage.desk.read("/sent", after=after, limit=1000, wait=5)
        found: list[dict[str, Any]] = told["sent"]
        return found

    async def last(self) -> int:
        return int((await self.stage.desk.read(""))["sent"])

    async def rate(self, bot: str) -> dict[str, int]:
        """Return the calls that VK counted of one token: in all, and the most in any second."""
        told = await self.stage.desk.read("/rate")
        found: dict[str, int] = told["tokens"][str(GROUPS[bot])]
        return found

    async def answer(self, bot: str, peer_id: int) -> float:
        """Let one person write, and return after how many ms VK had the reply."""
        after = await self.last()
        began = time.monotonic()
        self.put(bot, range(peer_id, peer_id + 1))
        while True:
            for one in await self.sent(after):
                after = one["n"]
                if one["peer_id"] == peer_id and one["group_id"] == GROUPS[bot]:
                    return (time.monotonic() - began) * 1000

    async def vk_takes(self, ms: int) -> None:
        """Let VK need so long for every message."""
        async with self.stage.desk._session.delete(f"{self.stage.desk.url}/emulator/faults"):
            pass
        if ms:
            await self.stage.desk.order("/faults", {"kind": "slow", "method": "messages.send", "ms": ms, "count": 0})

    async def packing(self, batch: int) -> None:
        """Start the platform anew, with so many replies to a request."""
        source = self.stage.settings.source
        source.write_text(re.sub(r"(?m)^batch = \d+$", f"batch = {batch}", source.read_text()))
        await self.stage.stop_platform()
        await self.stage.start_platform()
        self.client = redis_client(self.stage.settings)


@asynccontextmanager
async def scene(people: int, tables: Mapping[str, Mapping[str, Any]] | None = None) -> AsyncIterator[Scene]:
    """Set the stage: both bots know the phrases, and all ``people`` wrote to both before."""
    async with empty_stage({"vk": {"batch": 25}, "platform": {"language": "en"}, **(tables or {})}) as stage:
        settings, tokens = stage.settings, {}
        client = redis_client(settings)
        bases, bots = BaseStore(client, settings), BotStore(client, settings, Sealer.from_file(settings.state.key))
        bases.create("talk", "talk")
        import_answers(bases.open("talk"), PHRASES.splitlines(keepends=True), "tsv")
        for bot, group in GROUPS.items():
            tokens[bot] = f"vk1.a.bench-{group}"
            await stage.desk.order("/communities", {"group_id": group, "token": tokens[bot]})
            bots.add(bot, group, "talk", tokens[bot], generate_secret(), "code", bot)
        users = range(1, people + 1)
        await stage.desk.order("/users", [{"id": user, "first_name": "A", "last_name": "B"} for user in users])
        for group in GROUPS.values():
            await stage.desk.order("/say", [{"from_id": user, "group_id": group, "text": "hi"} for user in users])
        pipeline = client.pipeline(transaction=False)
        for user in users:
            known = {"fi_name": "A", "la_name": "B", "user_name": "A", "status": "user"}
            pipeline.hset(keys.person("talk", "vk", user), mapping=known)
        pipeline.execute()
        yield Scene(stage, client)


async def alone(scene: Scene, waiting: int) -> tuple[float, int]:
    """Return the share of the limit that single sends use under backlog, and the most requests in any second."""
    await scene.packing(1)
    await scene.vk_takes(VK_MS)
    scene.put(FLOODED, range(1, waiting + 1))
    after = await scene.last()
    while await scene.last() < after + 60:  # the first second is free, and teaches the pace
        await asyncio.sleep(0.1)
    before, began = (await scene.rate(FLOODED))["total"], time.monotonic()
    await asyncio.sleep(ALONE_S)
    told, took = await scene.rate(FLOODED), time.monotonic() - began
    scene.client.delete(keys.inbox(FLOODED))
    return (told["total"] - before) / took / scene.stage.settings.vk.requests_per_s, told["most"]


async def idle(scene: Scene) -> float:
    """Return the median latency of an idle bot."""
    return statistics.median([await scene.answer(QUIET, 1 + number % 50) for number in range(IDLE)])


async def probes(scene: Scene, first: int) -> list[float]:
    """Return the latencies of messages to the quiet bot, one every ``PROBE_EVERY_S``."""
    after, found, begun = await scene.last(), {}, {}

    async def listen() -> None:
        nonlocal after
        while len(found) < PROBES:
            for one in await scene.sent(after):
                after = one["n"]
                if one["group_id"] == GROUPS[QUIET]:
                    found[one["peer_id"]] = one["at_ms"] - begun[one["peer_id"]]

    listening = asyncio.ensure_future(listen())
    for peer_id in range(first, first + PROBES):
        begun[peer_id] = time.time() * 1000
        await asyncio.to_thread(scene.put, QUIET, range(peer_id, peer_id + 1))
        await asyncio.sleep(PROBE_EVERY_S)
    await asyncio.wait_for(listening, 60)
    return sorted(found.values())


async def flood(scene: Scene, waiting: int) -> tuple[float, list[float], dict[str, float]]:
    """Return replies a second while ``waiting`` conversations drain, the quiet bot's latencies, and CPU by process."""
    after = await scene.last()
    spent = cpu(scene)
    await asyncio.to_thread(scene.put, FLOODED, range(1, waiting + 1))
    began = time.monotonic()
    probing = asyncio.ensure_future(probes(scene, 200))
    while scene.client.xlen(keys.inbox(FLOODED)):
        await asyncio.sleep(0.05)
    took = time.monotonic() - began
    used = {name: round((seconds - spent.get(name, 0.0)) / took, 2) for name, seconds in cpu(scene).items()}
    latencies = await probing
    seen = await scene.last() - after - len(latencies)
    assert seen == waiting, f"{seen} replies to {waiting} messages"
    return waiting / took, latencies, used


def cpu(scene: Scene) -> dict[str, float]:
    """Return CPU seconds by kind of process; those of workers that ended meanwhile are lost."""
    spent: dict[str, float] = {}
    for pid in (scene.stage.emulator.pid, scene.stage.platform.pid):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times, line = process.cpu_times(), " ".join(process.cmdline())
                kinds = ("emulator", "redis-server", "mariadbd", "engine.zygote", "journal", "callback", "server.cli")
                kind = next((kind for kind in kinds if kind in line), "other")
                spent[kind] = spent.get(kind, 0.0) + times.user + times.system
    return spent


def p99(sorted_values: list[float]) -> float:
    return sorted_values[-(len(sorted_values) // 100) - 1]


async def measure(waiting: int) -> None:
    async with scene(max(waiting, 1000)) as play:
        await play.vk_takes(0)
        medians: dict[int, list[float]] = {1: [], 25: []}
        for _round in range(ROUNDS):
            for batch in medians:
                await play.packing(batch)
                await idle(play)  # warms up
                medians[batch].append(await idle(play))
        ratio = statistics.median(packed / one for one, packed in zip(*medians.values(), strict=True))
        print(f"idle latency, packing off   {statistics.median(medians[1]):6.1f} ms")
        print(f"idle latency, packing on    {statistics.median(medians[25]):6.1f} ms   ratio {ratio:.2f}", flush=True)
        share, most = await alone(play, 600)
        print(f"single sends at {VK_MS} ms       {share:6.3f} of the limit   busiest second {most}", flush=True)
        await play.packing(25)
        await probes(play, 200)  # warms up
        calm = await probes(play, 200)
        rate, hurried, used = await flood(play, waiting)
        most = (await play.rate(FLOODED))["most"]
        print(f"drain of {waiting:6}            {rate:6.0f} replies/s   busiest second {most}")
        print(f"CPU meanwhile, of one core  {used}")
        print(f"another bot's p99           {p99(calm):6.0f} ms calm   {p99(hurried):6.0f} ms beside the flood"
              f"   ratio {p99(hurried) / p99(calm):.2f}")  # fmt: skip
        medians_ms = statistics.median(calm), statistics.median(hurried)
        print(f"another bot's median        {medians_ms[0]:6.0f} ms calm   {medians_ms[1]:6.0f} ms beside the flood"
              f"   ratio {medians_ms[1] / medians_ms[0]:.2f}")  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--flood", type=int, default=10_000, help="conversations that wait")
    asyncio.run(measure(options.parse_args().flood))


if __name__ == "__main__":
    main()
