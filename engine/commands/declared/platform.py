"""The platform as a whole: how it is, its processes, its end."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import Declaration, Face, Needs, Parameter
from engine.commands.values import PROCESS

_PROCESS = Parameter("process", N_("its name, as in /ps"), PROCESS, required=True, positional=True)

DECLARATIONS = (
    Declaration(
        name="status",
        aliases=("состояние",),
        summary=N_("shows how the platform, its bots and its processes are"),
        needs=Needs.PLATFORM,
    ),
    Declaration(
        name="ps",
        aliases=("процессы",),
        summary=N_("lists the processes of the platform"),
        needs=Needs.PLATFORM,
    ),
    Declaration(
        name="restart",
        aliases=("перезапусти",),
        summary=N_("restarts one process of the platform"),
        parameters=(_PROCESS,),
        changing=True,
        danger=1,
        effect=N_("It finishes what it has begun and starts anew; what comes meanwhile waits."),
        needs=Needs.PLATFORM,
    ),
    Declaration(
        name="stop",
        aliases=("останови",),
        summary=N_("stops the platform: finishes what is begun, keeps what waits"),
        changing=True,
        danger=3,
        effect=N_("All bots fall silent; VK keeps new messages for 1 h 44 min, and they are answered after a start."),
        needs=Needs.PLATFORM,
    ),
    Declaration(
        name="check",
        aliases=("проверь",),
        summary=N_("checks the settings and what they lead to, and starts nothing"),
        faces=frozenset({Face.SHELL}),
        needs=Needs.SETTINGS,
    ),
)
