"""What the demo's people say next, and to whom. Pure: the same dice say the same things."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from engine.commands.registry import registry
from server.demo.cast import HUMANS, ROLES, ROOMS, Human, Role, Room

LINES = Path(__file__).parent / "chatter_ru.tsv"
KINDS = ("known", "typo", "unknown", "command")
_CHANCES = {"known": 55, "typo": 22, "unknown": 13, "command": 10}  # percent of what is said
RIDDLE_EVERY = 6  # messages, where somebody watches: who has answered one is not to wait on the dice
_IN_CHATS = 0.35  # share of what is said in group chats
_ASIDE = 0.3  # share of that which is not meant for any bot


@dataclass(frozen=True, slots=True)
class Line:
    """Something a person may say. ``kind`` is one of ``KINDS``."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Speech:
    """One message to be said: by whom, to which bot, in which room (``None`` = in private)."""

    human: Human
    role: Role
    room: Room | None
    kind: str  # of KINDS, or "aside"
    text: str


def read_lines(path: Path = LINES) -> list[Line]:
    """Return what people may say, from a file of ``kind<TAB>text`` lines."""
    rows = (row.split("\t", 1) for row in path.read_text(encoding="utf-8").splitlines() if row)
    return [Line(kind, text) for kind, text in rows]


class Chatter:
    """Draws speeches from ``lines`` with its own dice."""

    def __init__(self, lines: Sequence[Line], dice: random.Random, unknown_max: int | None = None) -> None:
        """With ``unknown_max`` people ask so few things that nobody can answer, again and again, each of one bot.

        Then somebody watches: first each bot is greeted, and one is asked what it cannot answer.
        """
        self._by_kind = {kind: [line.text for line in lines if line.kind == kind] for kind in KINDS}
        self._by_kind["unknown"] = self._by_kind["unknown"][:unknown_max]
        self._riddles = cycle(list(zip(self._by_kind["unknown"], cycle(ROLES)))) if unknown_max else None
        self._beat = cycle(reversed(range(RIDDLE_EVERY)))
        self._opening = self._first_words() if unknown_max else iter(())
        self._dice = dice

    def next(self) -> Speech:
        """Return what is said next."""
        first = next(self._opening, None)
        if first is not None:
            return first
        human, kind = self._dice.choice(HUMANS), self._kind()
        if kind == "unknown" and self._riddles is not None:
            text, role = next(self._riddles)
            return Speech(human, role, None, kind, text)
        text = self._dice.choice(self._by_kind[kind])
        if self._dice.random() > _IN_CHATS:
            return Speech(human, self._dice.choice(ROLES), None, kind, text)
        room = self._dice.choice(ROOMS)
        role = self._dice.choice(room.bots)
        if self._dice.random() < _ASIDE:
            return Speech(human, role, room, "aside", self._dice.choice(self._by_kind["unknown"]))
        if kind == "command" and len(room.bots) > 1:
            kind, text = "known", self._dice.choice(self._by_kind["known"])
        return Speech(human, role, room, kind, self._addressed(role, kind, text))

    def _first_words(self) -> Iterator[Speech]:
        """Greet each bot, then ask one what it cannot answer."""
        for role in ROLES:
            yield Speech(self._dice.choice(HUMANS), role, None, "known", self._dice.choice(self._by_kind["known"]))
        assert self._riddles is not None
        text, role = next(self._riddles)
        yield Speech(self._dice.choice(HUMANS), role, None, "unknown", text)

    def _kind(self) -> str:
        kind = self._dice.choices(list(_CHANCES), list(_CHANCES.values()))[0]
        if self._riddles is None:
            return kind
        if next(self._beat) == 0:
            return "unknown"
        return "known" if kind == "unknown" else kind

    def _addressed(self, role: Role, kind: str, text: str) -> str:
        """Return ``text`` as people call a bot in a chat: by its name, by a mention; a known command needs neither."""
        if kind == "command" and registry().lookup(text) is not None:
            return text
        if kind == "command":  # a slip: a bot that was not called leaves it to other bots
            return f"@{role.screen_name} {text}"
        if self._dice.random() < 0.5:
            return f"@{role.screen_name} {text}"
        return f"{self._dice.choice(role.names).capitalize()}, {text}"
