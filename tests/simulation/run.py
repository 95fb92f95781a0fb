"""Plays schedules by their seeds, makes one that fails smaller, and tells it so that it can be played again."""

from __future__ import annotations

from db.settings import Settings
from tests.simulation.checks import faults_of
from tests.simulation.schedule import Schedule, make_schedule
from tests.simulation.stage import Stage

SHRINK_MOST = 300  # schedules played to make one smaller


def play(schedule: Schedule, settings: Settings) -> tuple[Stage, list[str]]:
    """Return a schedule's stage and what went wrong in it."""
    stage = Stage(schedule, settings).play()
    return stage, faults_of(stage)


def shrunk(schedule: Schedule, settings: Settings) -> Schedule:
    """Return a schedule that still fails, without the things that are not needed for it."""
    left = SHRINK_MOST
    while True:
        for smaller in schedule.smaller():
            left -= 1
            if left < 0:
                return schedule
            if smaller.said and play(smaller, settings)[1]:
                schedule = smaller
                break
        else:
            return schedule


def told(seed: int, settings: Settings) -> str:
    """Return what is to be read about a seed that failed."""
    whole = make_schedule(seed)
    small = shrunk(whole, settings)
    stage, faults = play(small, settings)
    lines = [f"SALO_SIM_SEED={seed}", *play(whole, settings)[1]]
    lines += ["", "made smaller, it is:", *small.lines(), "", "its story:", *stage.story, "", "what is wrong:", *faults]
    return "\n".join(lines)
