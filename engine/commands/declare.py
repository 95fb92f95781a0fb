"""What a command is, apart from what it does: name, words for people, parameters, who may run it and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from engine.commands.roles import Role
from engine.commands.values import TEXT, ValueType


class Face(StrEnum):
    """Where a command may be typed: ``/…`` in a chat, ``:…`` in the terminal, ``salo …`` in a shell."""

    CHAT = "chat"
    TERMINAL = "terminal"
    SHELL = "shell"


Danger = Literal[0, 1, 2, 3]
OPERATOR = frozenset({Face.TERMINAL, Face.SHELL})
EVERYWHERE = frozenset(Face)


class Needs(StrEnum):
    """What must be there for a platform-scope command: nothing but the settings, the storage, a running platform."""

    SETTINGS = "settings"
    STORAGE = "storage"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing a command takes. Texts are sources for the catalogue.

    ``positional`` ones may be given without their key, in the order of declaration; the last of them may take the
    ``rest`` of the words as one text, or ``many`` as a list. A ``flag`` takes no value. A ``secret`` is shown nowhere;
    ``from_file`` makes the shell take a file (``-`` is stdin) instead, since others can read a command line. With a
    ``local`` one given the shell runs the command itself: it reads standard input.
    """

    name: str
    help: str
    type: ValueType = TEXT
    required: bool = False
    default: Any = None
    positional: bool = False
    many: bool = False
    rest: bool = False
    flag: bool = False
    secret: bool = False
    from_file: bool = False
    local: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All spellings of its key."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One command. ``name`` may be of two words; ``changing`` ones are audited, ``destructive`` ones asked about.

    ``danger`` says how the terminal asks: 0 not at all, 1 in one line, 2 in a box with the ``effect``, 3 by having the
    name typed.
    """

    name: str
    summary: str
    scope: Literal["bot", "platform"] = "platform"
    role: Role = Role.OWNER
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    help: str = ""
    changing: bool = False
    destructive: bool = False
    danger: Danger = 0
    effect: str = ""  # what will happen, for the question
    faces: frozenset[Face] = OPERATOR
    needs: Needs = Needs.STORAGE

    @property
    def positional(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.positional)

    @property
    def flag_keys(self) -> frozenset[str]:
        """Keys that take no value, which the grammar must know before it reads the line."""
        return frozenset(key for parameter in self.parameters if parameter.flag for key in parameter.keys)

    def by_key(self, key: str) -> Parameter | None:
        """Return the parameter of this key, or ``None``."""
        return next((parameter for parameter in self.parameters if key in parameter.keys), None)
