"""What may be typed next in a command line: names of commands, keys, values. Pure.

Commands come as ``describe`` tells them; those of the terminal itself (``theme``, ``quit``) in the same form, of which
only ``name`` is required. Values come by the kind that a parameter has: ``{"bot": ["anna_shop", …], "process": […]}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from salo_tui.command_words import LIST_ENDS, Word, fold, quoted, words_of

CANDIDATES_MAX = 100
FACE = "terminal"

Command = Mapping[str, Any]
Parameter = Mapping[str, Any]
Values = Mapping[str, Sequence[str]]


class Candidate(NamedTuple):
    """What may stand in the line, and in a few words what it means."""

    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """What may stand in place of ``line[start:end]``; ``usage`` of the command that was recognised, without a sign.

    ``hint`` tells what is expected at the cursor: the help of the parameter, or of the command.
    """

    start: int
    end: int
    candidates: tuple[Candidate, ...] = ()
    usage: str = ""
    hint: str = ""

    def applied(self, line: str, candidate: Candidate) -> tuple[str, int]:
        """Return the line with a candidate in it, and where the cursor stands then."""
        return line[: self.start] + candidate.text + line[self.end :], self.start + len(candidate.text)

    def ghost(self, line: str, cursor: int) -> str:
        """Return what the first candidate adds to what is typed; only at the line's end, where it can be shown."""
        typed = line[self.start : cursor]
        first = self.candidates[0].text if self.candidates else ""
        fits = typed and cursor == self.end == len(line) and fold(first).startswith(fold(typed))
        return first[len(typed) :] if fits else ""


def complete(line: str, cursor: int, commands: Iterable[Command], values: Values) -> Completion:
    """Return what may be typed at the cursor. A line that makes no sense has no candidates; nothing is raised."""
    known = [command for command in commands if FACE in command.get("faces", (FACE,))]
    words = words_of(line)
    here = next((word for word in words if word.start <= cursor <= word.end), None)
    before = [word for word in words if word.end < cursor and word is not here]
    here = Word("", cursor, cursor) if here is None else here
    typed = here._replace(text=_typed(line, here, cursor))
    found = recognise([*before, here], known)
    names = _names(before, typed, known)
    if names:
        start = before[0].start if before else here.start
        command = found[0] if found else None
        return Completion(start, here.end, names[:CANDIDATES_MAX], _usage(command), _text(command, "summary"))
    if found is None or found[1] > len(before):
        return Completion(here.start, here.end)
    command, count = found
    return _arguments(command, before[count:], typed, known, values)


def recognise(words: Sequence[Word], commands: Iterable[Command]) -> tuple[Command, int] | None:
    """Return the command that words begin with and of how many of them its name is; the longest name wins."""
    best: tuple[Command, int] | None = None
    said = [fold(word.text) for word in words]
    if said:
        said[0] = said[0].partition("@")[0]
    for command in commands:
        for spelling in _spellings(command):
            name = fold(spelling).split()
            if said[: len(name)] == name and (best is None or len(name) > best[1]):
                best = command, len(name)
    return best


def _typed(line: str, word: Word, cursor: int) -> str:
    """Return what of a word stands before the cursor."""
    if cursor >= word.end:
        return word.text
    part = words_of(line[:cursor])
    return part[-1].text if part and part[-1].start == word.start else ""


# Names.


def _names(before: Sequence[Word], typed: Word, commands: Sequence[Command]) -> tuple[Candidate, ...]:
    """Return the commands whose name, or alias, goes on from what is typed; else those with such a second word."""
    if typed.quoted or any(word.quoted or word.key is not None for word in [*before, typed]):
        return ()
    said = " ".join(fold(word.text) for word in [*before, typed])
    found = [Candidate(name, _summary(command, name)) for command in commands if (name := _going_on(command, said))]
    if found or before or not said:
        return tuple(found)
    inside = [command for command in commands if any(word.startswith(said) for word in fold(command["name"]).split())]
    return tuple(Candidate(command["name"], _text(command, "summary")) for command in inside)


def _going_on(command: Command, said: str) -> str:
    """Return the first spelling of a command that begins with what is said and has more to it, or as much."""
    return next((name for name in _spellings(command) if fold(name).startswith(said)), "")


def _spellings(command: Command) -> tuple[str, ...]:
    return (command["name"], *command.get("aliases", ()))


def _summary(command: Command, name: str) -> str:
    summary = _text(command, "summary")
    return summary if name == command["name"] else f"{command['name']} · {summary}"


# What comes after the name.


def _arguments(
    command: Command, given: Sequence[Word], typed: Word, commands: Sequence[Command], values: Values
) -> Completion:
    parameters: Sequence[Parameter] = command.get("parameters", ())
    place = _place(parameters, given)
    wanted = place.parameter
    if typed.key is not None or wanted is None:
        found = tuple(_keys(parameters, place.seen, typed))
        return Completion(typed.start, typed.end, found[:CANDIDATES_MAX], _usage(command), _text(command, "summary"))
    if wanted.get("rest") and place.taken:  # the words so far and this one are one text
        said = " ".join([*(word.text for word in place.taken), typed.text])
        typed, place = Word(said, place.taken[0].start, typed.end), place._replace(taken=())
    found = tuple(_values(wanted, place.taken, typed, commands, values))
    if not found and not typed.text and not wanted.get("required"):
        found = tuple(_keys(parameters, place.seen, typed))
    return Completion(typed.start, typed.end, found[:CANDIDATES_MAX], _usage(command), _text(wanted, "help"))


class _Place(NamedTuple):
    """What stands at the cursor: the parameter whose value it is, the values it has, and the parameters given."""

    parameter: Parameter | None
    taken: tuple[Word, ...]
    seen: frozenset[str]


def _place(parameters: Sequence[Parameter], given: Sequence[Word]) -> _Place:
    seen: set[str] = set()
    positional: list[Word] = []
    taken: list[Word] = []
    at: Parameter | None = None  # whose values come now; None: positional ones
    many = False
    for word in given:
        if key := word.key:
            at = next((item for item in parameters if key in map(fold, _keys_of(item))), None)
            seen |= {at["name"]} if at else set()
            at = None if at is None or at.get("flag") else at
            many, taken = word.is_list_key, []
        elif at is None:
            positional.append(word)
        elif many and (word.quoted or word.text not in LIST_ENDS):
            taken.append(word)
        else:
            at = None
    return _positional(parameters, positional, seen) if at is None else _Place(at, tuple(taken), frozenset(seen))


def _positional(parameters: Sequence[Parameter], words: Sequence[Word], seen: set[str]) -> _Place:
    """Return the parameter of the next word without a key. The last one may take many."""
    left = list(words)
    for item in parameters:
        if item.get("positional") and item["name"] not in seen:
            if item.get("many") or item.get("rest") or not left:
                return _Place(item, tuple(left), frozenset(seen))
            left.pop(0)
            seen = seen | {item["name"]}
    return _Place(None, (), frozenset(seen))


def _keys(parameters: Sequence[Parameter], seen: frozenset[str], typed: Word) -> Iterator[Candidate]:
    """Yield the keys that are not given yet and begin as typed; required ones first, positional ones only if typed."""
    said = typed.key or ""
    for item in sorted(parameters, key=lambda item: not item.get("required")):
        if item["name"] in seen or (item.get("positional") and not typed.text):
            continue
        spelling = next((key for key in _keys_of(item) if fold(key).startswith(said)), None)
        if spelling is not None:
            yield Candidate(("--" if item.get("many") else "-") + spelling, _text(item, "help"))


def _keys_of(parameter: Parameter) -> tuple[str, ...]:
    return (parameter["name"], *parameter.get("aliases", ()))


def _values(
    parameter: Parameter, taken: Sequence[Word], typed: Word, commands: Sequence[Command], values: Values
) -> Iterator[Candidate]:
    """Yield the values that begin as typed, or else those that hold it."""
    if parameter.get("secret"):
        return
    there = {word.text for word in taken}
    options = [option for option in _options(parameter, commands, values) if option not in there]
    said = fold(typed.text)
    found = [option for option in options if fold(option).startswith(said)]
    for option in found or [option for option in options if said in fold(option)]:
        yield Candidate(option if parameter.get("rest") else quoted(option))


def _options(parameter: Parameter, commands: Sequence[Command], values: Values) -> Sequence[str]:
    kind = str(parameter.get("kind", "text"))
    if parameter.get("options"):
        return list(parameter["options"])
    return [command["name"] for command in commands] if kind == "command" else values.get(kind, ())


def _usage(command: Command | None) -> str:
    return _text(command, "usage").removeprefix("/")


def _text(thing: Mapping[str, Any] | None, name: str) -> str:
    return str(thing.get(name) or "") if thing else ""
