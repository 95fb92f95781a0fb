"""What poisoned messages cost other bots, and how soon their dead letters are seen: ``python -m benchmarks.poison``.

One platform and one emulator as real processes, as the demo sets them; the emulator takes 80 ms for each message.
Poison of all kinds comes to one bot, between good messages, while another is written to: calm and poisoned spans take
turns within one run, since CPUs differ and other work disturbs. A letter is seen when the terminal's subscription tells
of it, and when ``dead show`` shows it with its trace; counted is from the end of its last attempt, or where that is not
known, from its begin.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import server.demo.stage
import tests.system
from benchmarks.limit import FLOODED, GROUPS, QUIET, VK_MS, Scene, cpu, p99, scene
from salo_tui.client import Client
from tests.system.poisoned_zygote import POISONS

PLATFORM = Path(tests.system.__file__).with_name("poisoned_platform.py")
DEADLINE_S, ATTEMPTS = 3.0, 2
ENDLESS = ("loop", "print")  # these are ended at the deadline
SPANS, SPAN_S = 5, 8.0
PROBES_PER_S = 10
GOOD_EVERY, POISON_EVERY = 2, 5  # probes, for messages to the bot that is poisoned
LAST_S = 2.0  # of a span without new poison
TABLES = {
    "engine": {"deadline_s": DEADLINE_S, "worker_file_max_mb": 64},
    "lanes": {"attempts": ATTEMPTS, "conversation_max": 10_000},
}


class Poisoner:
    """Writes to one bot, each message from a person of its own. Without good ones its breaker would let it rest."""

    def __init__(self, play: Scene, kinds: Sequence[str]) -> None:
        self._play = play
        self._peer = 0
        self.kinds = kinds
        self._next = itertools.cycle(kinds)

    def poison(self) -> None:
        """Write one message of the next kind."""
        self._write(f"яд {next(self._next)}")

    def good(self) -> None:
        self._write("Hello!")

    def _write(self, text: str) -> None:
        self._peer = self._peer % 1000 + 1
        self._play.put(FLOODED, range(self._peer, self._peer + 1), text)

    def begun(self) -> dict[str, float]:
        """Return when the last attempt of each kind began, as Unix time."""
        lines = (self._play.stage.settings.home / "poisoned").read_text().splitlines()
        return {kind: float(at) for kind, at in (line.split() for line in lines)}


async def seen(play: Scene, poisoner: Poisoner) -> dict[str, tuple[float, float]]:
    """Return for each kind after how many seconds its letter was told of, and shown with its trace."""
    state, told, shown, seen_ids, every = play.stage.settings.state, {}, {}, set(), poisoner.kinds
    async with await Client.connect(state) as following, await Client.connect(state) as asking:
        await following.subscribe({"event"})

        async def follow() -> None:
            async for event in following.events():
                if event.data.get("step") == "buried":
                    told[str(event.data["event_id"])] = time.time()

        task = asyncio.ensure_future(follow())
        writing = asyncio.ensure_future(_write(poisoner))
        while len(shown) < len(every) or len(told) < len(every):
            for letter in (await asking.command("dead list")).data:
                if letter["id"] not in seen_ids:
                    whole: Any = (await asking.command(f"dead show {letter['id']}")).data
                    kind = whole["event"]["object"]["message"]["text"].split()[1]
                    assert whole["trace"] or kind == "fork", whole
                    seen_ids.add(letter["id"])
                    shown[kind] = (whole["event_id"], time.time())
            await asyncio.sleep(0.02)
        task.cancel()
        await writing
    begun = poisoner.begun()
    ended = {kind: at + (DEADLINE_S if kind in ENDLESS else 0) for kind, at in begun.items()}
    return {kind: (told[shown[kind][0]] - end, shown[kind][1] - end) for kind, end in ended.items()}


async def _write(poisoner: Poisoner) -> None:
    for _ in poisoner.kinds:
        await asyncio.to_thread(poisoner.poison)
        for _ in range(4):
            await asyncio.to_thread(poisoner.good)
            await asyncio.sleep(0.1)


async def span(play: Scene, poisoner: Poisoner, *, is_calm: bool = True) -> list[float]:
    """Return the latencies of messages to the quiet bot, in ms, while waves of poison come or not."""
    after, found, begun = await play.last(), {}, {}
    count = int(SPAN_S * PROBES_PER_S)

    async def listen() -> None:
        nonlocal after
        while len(found) < count:
            for one in await play.sent(after):
                after = one["n"]
                if one["group_id"] == GROUPS[QUIET]:
                    found[one["peer_id"]] = one["at_ms"] - begun[one["peer_id"]]

    listening = asyncio.ensure_future(listen())
    for number in range(count):
        if number % GOOD_EVERY == 0:
            await asyncio.to_thread(poisoner.good)
        if not is_calm and number % POISON_EVERY == 0 and number < (SPAN_S - LAST_S) * PROBES_PER_S:
            await asyncio.to_thread(poisoner.poison)
        begun[1 + number] = time.time() * 1000
        await asyncio.to_thread(play.put, QUIET, range(1 + number, 2 + number))
        await asyncio.sleep(1 / PROBES_PER_S)
    await asyncio.wait_for(listening, 60)
    return sorted(found.values())


async def calm_down(play: Scene) -> None:
    while play.client.xlen(f"inbox:{FLOODED}"):
        await asyncio.sleep(0.1)


async def measure(kinds: Sequence[str], spans: int) -> None:
    async with scene(1000, TABLES) as play:
        await play.vk_takes(VK_MS)
        poisoner = Poisoner(play, kinds)
        await span(play, poisoner)  # warms up
        print("dead letter of      told, s   shown with its trace, s")
        for kind, (told_s, shown_s) in (await seen(play, poisoner)).items():
            print(f"{kind:16}  {told_s:9.2f}   {shown_s:9.2f}", flush=True)
        await calm_down(play)
        calm: list[list[float]] = []
        hurt: list[list[float]] = []
        for _ in range(spans):
            calm.append(await span(play, poisoner))
            before, began = cpu(play), time.monotonic()
            hurt.append(await span(play, poisoner, is_calm=False))
            took = time.monotonic() - began
            used = {name: round((value - before.get(name, 0.0)) / took, 2) for name, value in cpu(play).items()}
            await calm_down(play)
            print(f"p99 {p99(calm[-1]):6.0f} ms calm   {p99(hurt[-1]):6.0f} ms poisoned   CPU {used}", flush=True)
        for name, figure in (("median", statistics.median), ("p99", p99)):
            one, other = (figure(sorted(itertools.chain(*spans))) for spans in (calm, hurt))
            print(f"another bot's {name:6}  {one:6.0f} ms calm   {other:6.0f} ms poisoned   ratio {other / one:.2f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--spans", type=int, default=SPANS, help="calm and poisoned ones each")
    options.add_argument("--kinds", nargs="+", choices=list(POISONS), default=list(POISONS), help="of poison")
    server.demo.stage.PLATFORM = (str(PLATFORM),)
    given = options.parse_args()
    asyncio.run(measure(given.kinds, given.spans))


if __name__ == "__main__":
    main()
