"""What all parts of one emulator share, and the call that a method gets."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from server.emulator.faults import Faults
from server.emulator.log import Log
from server.emulator.params import Params
from server.emulator.rate import Meter
from server.emulator.tuning import Tuning
from server.emulator.world import CallbackServer, Community, World


class Sender(Protocol):
    """Brings events to the communities."""

    def emit(self, community: Community, kind: str, content: Any, copies: int = 1) -> str: ...

    def confirm_later(self, community: Community, server: CallbackServer) -> None: ...


@dataclass(slots=True)
class Core:
    """One emulated VK. Everything in it belongs to one event loop."""

    world: World = field(default_factory=World)
    tuning: Tuning = field(default_factory=Tuning)
    dice: random.Random = field(default_factory=random.Random)
    sent: Log = field(default_factory=Log)
    answers: Log = field(default_factory=lambda: Log(10_000))  # of pressed buttons
    meters: dict[str, Meter] = field(default_factory=dict)  # by token
    calls: Counter[str] = field(default_factory=Counter)  # "method" and "method:error code"
    suppressed: int = 0  # sends that a random_id swallowed
    faults: Faults = field(default_factory=Faults)
    url: str = ""  # the emulator's own, once it listens
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted method call."""

    core: Core
    sender: Sender
    community: Community
    params: Params
    v: tuple[int, int]
