"""Several hosts and one Redis under random kills and freezes: nothing lost, nothing doubled, everything in order.

``SALO_CHAOS_S`` makes it longer, ``SALO_SEED`` repeats a run's dice (processes still race).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest
import redis

from db import codec, keys
from db.dead import DeadLetters
from db.settings import Settings
from tests.db.lanes import message
from tests.server.lanes import journal_rows, lane_settings, read_deeds
from tests.services import RedisService, start_redis, wait_until

ROOT = Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("SALO_CHAOS_S", "10"))
BOTS = 2
TEXTS = ["hi"] * 12 + ["sleep:0.02"] * 4 + ["ignore", "unsolved", "once die", "once retry", "fail"]
PUT_ONCE = """
if redis.call('SET', KEYS[1], '', 'NX', 'EX', 3600) then
  redis.call('XADD', KEYS[2], '*', 'e', ARGV[1], 't', 'message_new', 'p', ARGV[2], 'c', ARGV[3], 'f', ARGV[2],
    'i', ARGV[4], 'a', ARGV[5])
  redis.call('PUBLISH', KEYS[3], '')
end
"""


class Feeder(threading.Thread):
    """People who write, each in order; an event counts as accepted once Redis said so."""

    def __init__(self, stage: Stage, dice: random.Random, peers: int) -> None:
        super().__init__()
        self._stage, self._dice, self._peers = stage, dice, peers
        self.accepted: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        numbers: dict[tuple[int, int], int] = defaultdict(int)
        while not self.stop.wait(0.004):
            bot, peer_id = self._dice.randrange(BOTS), 1 + self._dice.randrange(self._peers)
            numbers[bot, peer_id] += 1
            self._say(f"b{bot}", peer_id, numbers[bot, peer_id], self._dice.choice(TEXTS))

    def _say(self, bot: str, peer_id: int, cmid: int, text: str) -> None:
        event_id = f"{bot}-{peer_id}-{cmid}"
        body = codec.dumps(message(peer_id=peer_id, cmid=cmid, text=text, event_id=event_id))
        names = [f"seen:{event_id}", keys.inbox(bot), keys.wake(bot)]
        while True:
            try:
                self._stage.client().eval(PUT_ONCE, 3, *names, body, peer_id, cmid, event_id, int(time.time() * 1000))
            except (redis.RedisError, OSError):
                time.sleep(0.02)  # unknown: VK would repeat it
                continue
            self.accepted.append(event_id)
            return


class Stage:
    """The processes, and what is done to them."""

    def __init__(self, directory: Path, dice: random.Random, per_second: int) -> None:
        self.dice = dice
        self.directory = directory
        self.service: RedisService = start_redis(directory / "redis")
        self.settings: Settings = lane_settings(
            self.service,
            directory,
            vk={"requests_per_s": per_second},
            lanes={"lease_s": 0.9, "attempts": 6, "per_bot": 6},
            engine={"workers": 4, "deadline_s": 5.0},
        )
        self.log = directory / "deeds"
        self.hosts = {name: self._start(name) for name in ("h1", "h2")}
        self.faults: list[str] = []

    def client(self) -> redis.Redis:
        return self.service.client()

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "tests.server.lane_host", str(self.settings.source), name, str(BOTS)]
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen([*argv, str(self.log)], cwd=ROOT, stderr=log)

    def hurt(self) -> None:
        """Do one harm, and undo it."""
        name = self.dice.choice(list(self.hosts))
        kind = self.dice.choice(["kill host", "freeze host", "kill redis", "freeze redis", "cut connections"])
        self.faults.append(kind)
        pause_s = self.dice.uniform(0.05, 1.6)
        match kind:
            case "kill host":
                self.hosts[name].kill()
                self.hosts[name].wait()
                self.hosts[name] = self._start(name)
            case "freeze host":
                os.kill(self.hosts[name].pid, signal.SIGSTOP)
                time.sleep(pause_s)
                os.kill(self.hosts[name].pid, signal.SIGCONT)
            case "kill redis":
                self.service.stop()
                self.service = start_redis(self.directory / "redis")
            case "freeze redis":
                os.kill(self.service.process.pid, signal.SIGSTOP)
                time.sleep(pause_s / 4)
                os.kill(self.service.process.pid, signal.SIGCONT)
            case "cut connections":
                self.client().client_kill_filter(_type=self.dice.choice(["normal", "pubsub"]), skipme=True)

    def close(self) -> None:
        for host in self.hosts.values():
            host.kill()
            host.wait()
        self.service.stop()


@pytest.mark.parametrize(("peers", "per_second"), [(12, 200), (200, 10)], ids=["slots enough", "packed"])
def test_nothing_is_lost_doubled_or_out_of_order(tmp_path: Path, peers: int, per_second: int) -> None:
    seed = int(os.environ.get("SALO_SEED") or time.time_ns() % 1_000_000)
    print(f"SALO_SEED={seed}")
    dice = random.Random(seed)
    stage = Stage(tmp_path, dice, per_second)
    feeder = Feeder(stage, random.Random(seed + 1), peers)
    try:
        feeder.start()
        end = time.monotonic() + SECONDS * (0.6 if per_second == 10 else 1)
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.1, 0.7))
            stage.hurt()
        feeder.stop.set()
        feeder.join()
        inboxes = [keys.inbox(f"b{number}") for number in range(BOTS)]
        wait_until(lambda: sum(stage.client().xlen(name) for name in inboxes) == 0, timeout_s=60, step_s=0.1)
        check(stage, feeder.accepted)
    finally:
        feeder.stop.set()
        stage.close()
    batches = [deed.peer_id for deed in read_deeds(stage.log, "batch")]
    assert (sum(batches) > len(feeder.accepted) / 3) == (per_second == 10), "packed under backlog, and then only"
    print(f"batches={len(batches)} events={len(feeder.accepted)} faults={stage.faults}")


def check(stage: Stage, accepted: list[str]) -> None:
    client = stage.client()
    settled: list[str] = []
    for row in journal_rows(client):
        if row["op"] in ("history", "ignored"):
            settled.append(row["event_id"])
    page = dead = DeadLetters(client).page(size=200)
    while page:
        page = DeadLetters(client).page(before=page[-1].id, size=200)
        dead = dead + page
    settled += [letter.event_id for letter in dead]
    assert sorted(settled) == sorted(accepted), "each event is settled exactly once"
    assert not client.keys("state:*") and not client.keys("reply:*")
    buried = {letter.event_id for letter in dead}
    assert {letter.reason for letter in dead} <= {"told to fail"}, "nothing innocent is buried"
    first_sent: dict[tuple[str, int], list[int]] = defaultdict(list)
    for deed in sorted(read_deeds(stage.log, "sent"), key=lambda deed: deed.at_ns):
        number = int(deed.event_id.split("-")[2])
        if number not in first_sent[deed.bot, deed.peer_id]:
            first_sent[deed.bot, deed.peer_id].append(number)
        assert deed.event_id not in buried, "answered and dead"
    for numbers in first_sent.values():
        assert numbers == sorted(numbers), "out of order"
