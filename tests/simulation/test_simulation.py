"""Thousands of schedules of lanes, leases, retries, reply marks and settles, in virtual time, from seeds.

``SALO_SIM_SEED=N`` plays that one schedule again and tells its story; ``SALO_SIM_COUNT`` plays more or fewer,
``SALO_SIM_FIRST`` others. In most of them replies are packed, since few requests are allowed.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.settings import Settings, load_settings
from tests.simulation.run import play, told
from tests.simulation.schedule import make_schedule

COUNT = int(os.environ.get("SALO_SIM_COUNT", "2000"))
FIRST = int(os.environ.get("SALO_SIM_FIRST", "0"))
ONE = os.environ.get("SALO_SIM_SEED")
COLLECT_EVERY = 25  # schedules: their garbage is looked for by nobody before

Played = tuple[int, Counter[str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"SALO_HOME": str(tmp_path)})


@pytest.fixture(autouse=True)
def little_garbage() -> Iterator[None]:
    """The collector would look through all that pytest keeps, several times in each schedule."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.timeout(600)
def test_nothing_is_lost_doubled_or_out_of_order(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = [int(ONE)] if ONE else range(FIRST, FIRST + COUNT)
    counts: Counter[str] = Counter()
    started_s = time.monotonic()
    for number, seed in enumerate(seeds):
        if number % COLLECT_EVERY == 0:
            gc.collect()
        stage, faults = play(make_schedule(seed), settings)
        if faults:
            pytest.fail(told(seed, settings), pytrace=False)
        counts.update(
            schedules=1,
            events=len(stage.said),
            faults=sum(len(said.troubles) for said in stage.schedule.said) + len(stage.schedule.faults),
            jobs=stage.starts.total(),
            batches=stage.batches,
            hidden=stage.vk.repeats,
            virtual_s=int(stage.world.now_s),
        )
    with capsys.disabled():
        said = " ".join(f"{name}={count}" for name, count in counts.items())
        print(f"\nsimulation: seeds from {seeds[0]}: {said} in {time.monotonic() - started_s:.1f} s")
    if ONE:
        print("\n".join([*make_schedule(int(ONE)).lines(), *stage.story]))


def test_a_seed_tells_the_same_story_again(settings: Settings) -> None:
    """Else a seed that failed could not be played again."""
    for seed in range(10):
        first, second = (play(make_schedule(seed), settings)[0] for _ in range(2))
        assert first.story == second.story
        assert (first.world.now_s, first.world.turns) == (second.world.now_s, second.world.turns)


def test_what_is_wrong_is_found_and_told_small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A settle that journals what another settled before doubles history; the seed's report holds one such fault."""
    from tests.simulation import server

    text = server.Script("lane_settle").text.replace("if settled then", "if true then")
    load = server.MemoryRedis.load_script

    def load_broken(memory: server.MemoryRedis, script: str) -> None:
        load(memory, script)
        if script == server.Script("lane_settle").text:
            memory.replace_script(script, text)

    monkeypatch.setattr(server.MemoryRedis, "load_script", load_broken)
    for seed in range(200):
        if play(make_schedule(seed), settings)[1]:
            break
    report = told(seed, settings)
    assert f"SALO_SIM_SEED={seed}" in report
    assert "settled 2 times: ['history', 'history']" in report
    assert report.count("Said(") == 1 and report.count("Fault(") == 1, report
