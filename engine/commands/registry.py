"""All commands in one table, found by name or alias, with a suggestion for a name that is nearly right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from db.texts import _
from engine.commands.bind import Arguments, bind
from engine.commands.declare import Declaration, Face
from engine.commands.errors import BadCommand
from engine.commands.grammar import arrange, read_name, split


@dataclass(frozen=True, slots=True)
class Found:
    """A command, the bot that ``/name@bot`` means, and the line after the name."""

    declaration: Declaration
    target: str | None
    rest: str

    def arguments(self) -> Arguments:
        """Return the typed values of the rest of the line. Raises ``BadCommand``."""
        words = split(self.rest)
        return bind(self.declaration, arrange(self.declaration.name, words, self.declaration.flag_keys, self.target))


class Registry:
    """A table of declarations; names and aliases are of one or two words and belong to one command each."""

    def __init__(self, declarations: Iterable[Declaration]) -> None:
        self.declarations = tuple(declarations)
        self._by_name: dict[str, Declaration] = {}
        for declaration in self.declarations:
            for name in (declaration.name, *declaration.aliases):
                assert fold(name) not in self._by_name, f"two commands are called {name}"
                self._by_name[fold(name)] = declaration
        self._words_most = max((name.count(" ") + 1 for name in self._by_name), default=1)

    def get(self, name: str) -> Declaration | None:
        """Return the command of exactly this name or alias."""
        return self._by_name.get(fold(name))

    def of_face(self, face: Face) -> list[Declaration]:
        """Return the commands of one face, in the order of declaration."""
        return [declaration for declaration in self.declarations if face in declaration.faces]

    def lookup(self, line: str) -> Found | None:
        """Return the command that a line begins with; the longest name wins: ``bot add`` before ``bot``."""
        for count in range(self._words_most, 0, -1):
            parts = line.split(maxsplit=count)
            if len(parts) >= count:
                name, target = read_name(parts[:count])
                declaration = self._by_name.get(fold(name))
                if declaration is not None:
                    return Found(declaration, target, " ".join(parts[count:]))
        return None

    def find(self, line: str) -> Found:
        """Return the command that a line begins with; ``BadCommand`` suggests the nearest name when there is none."""
        if not line.strip():
            raise BadCommand(_("the line is empty; /help lists the commands"))
        found = self.lookup(line)
        if found is None:
            raise BadCommand(self.unknown(line))
        return found

    def unknown(self, line: str, face: Face | None = None) -> str:
        """Return what to tell somebody whose command does not exist (on this face)."""
        name, _target = read_name(line.split(maxsplit=2)[:2])
        first = name.split(" ")[0]
        close = self.nearest(name, face) or self.nearest(first, face)
        if close:
            return _("there is no command /{name}; did you mean /{close}?").format(name=first[:40], close=close)
        return _("there is no command /{name}; /help lists the commands").format(name=first[:40])

    def nearest(self, name: str, face: Face | None = None) -> str | None:
        """Return the known name that is most like ``name``, or ``None`` when none is."""
        names = [known for known, item in self._by_name.items() if face is None or face in item.faces]
        close = difflib.get_close_matches(fold(name)[:64], names, n=1, cutoff=0.65)
        return close[0] if close else None


def fold(name: str) -> str:
    """Return the one spelling of a command's name: small letters, ``е`` for ``ё``."""
    return name.lower().replace("ё", "е")


@cache
def registry() -> Registry:
    """Return the table of all commands of this Salo."""
    from engine.commands.declared import ALL

    return Registry(ALL)
