"""Completion of command lines: what is offered where, and that the commands themselves understand what is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.texts import use_language
from engine.commands.describe import describe
from engine.commands.errors import BadCommand
from engine.commands.grammar import quote, split
from engine.commands.registry import registry
from salo_tui.command_words import QUOTES, words_of
from salo_tui.complete import CANDIDATES_MAX, Completion, complete

with use_language("en"):
    COMMANDS = [describe(declaration) for declaration in registry().declarations]
LOCAL: list[dict[str, Any]] = [
    {"name": "quit", "aliases": ["выход"], "summary": "leaves", "usage": "quit"},
    {
        "name": "theme",
        "summary": "other colours",
        "usage": "theme NAME",
        "parameters": [{"name": "name", "positional": True, "kind": "theme", "help": "its name"}],
    },
    {"name": "mark", "parameters": [{"name": "bots", "positional": True, "many": True, "kind": "bot"}]},
    {"name": "tell", "parameters": [{"name": "command", "positional": True, "rest": True, "kind": "command"}]},
    {"name": "log", "parameters": [{"name": "bots", "many": True, "kind": "bot"}, {"name": "wrap", "flag": True}]},
]
VALUES = {
    "bot": ["anna_shop", "bingo_club", "cafe_rose"],
    "base": ["main", "cafe"],
    "process": ["zygote", "engine-1", "engine-2", "callback-1"],
    "dead": ["1795348800000-0"],
    "theme": ["ansi-dark", "nord", "my theme"],
}


def completed(line: str, cursor: int | None = None) -> Completion:
    return complete(line, len(line) if cursor is None else cursor, [*COMMANDS, *LOCAL], VALUES)


def offered(line: str, cursor: int | None = None) -> list[str]:
    return [candidate.text for candidate in completed(line, cursor).candidates]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("rest", ["restart"]),
        ("queue", ["queue list", "queue show", "queue drop"]),
        ("queue ", ["queue list", "queue show", "queue drop"]),
        ("dead  re", ["dead replay"]),
        ("/bot sh", ["bot show"]),
        (":bot sh", ["bot show"]),
        ("перез", ["перезапусти"]),
        ("очередь п", ["очередь покажи"]),
        ("REST", ["restart"]),
        ("вых", ["выход"]),
        ("replay", ["dead replay"]),
        ("restart", ["restart"]),
        ("nonsense", []),
        ("import", []),
    ],
)
def test_names_go_on_from_what_is_typed(line: str, names: list[str]) -> None:
    """One spelling of each command; those of chats and of the shell are no commands here."""
    assert offered(line) == names


def test_empty_line_offers_everything_once() -> None:
    names = offered("")
    assert {"restart", "bot list", "quit"} < set(names) and len(names) == len(set(names))
    assert not {"help", "import", "перезапусти"} & set(names)


def test_alias_says_what_it_stands_for() -> None:
    candidate = completed("перез").candidates[0]
    assert candidate.hint == "restart · restarts one process of the platform"


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("restart ", ["zygote", "engine-1", "engine-2", "callback-1"]),
        ("restart en", ["engine-1", "engine-2"]),
        ("перезапусти ZY", ["zygote"]),
        ("bot show ROSE", ["cafe_rose"]),
        ("bot add ", []),
        ("bot add x -base c", ["cafe"]),
        ("bot add x -base cafe -gr", ["-group-id"]),
        ("bot add x -token ", []),
        ("queue show -bot b", ["bingo_club"]),
        ("queue show anna_shop -c", ["-count"]),
        ("queue show anna_shop ", ["-count"]),
        ("dead list ", ["-count", "-before"]),
        ("dead list -before ", ["1795348800000-0"]),
        ("dead show 17", ["1795348800000-0"]),
        ("restart zygote ", []),
        ("theme m", ['"my theme"']),
        ('theme "my', ['"my theme"']),
        ("mark anna_shop ", ["bingo_club", "cafe_rose"]),
        ("log --bots anna_shop ", ["bingo_club", "cafe_rose"]),
        ("log --bots anna_shop -", ["-wrap"]),
        ("log -", ["--bots", "-wrap"]),
        ("log -wrap ", ["--bots"]),
        ("log —b", ["--bots"]),
        ("tell bot sh", ["bot show"]),
        ("unknown ", []),
    ],
)
def test_keys_and_values_follow_the_name(line: str, values: list[str]) -> None:
    assert offered(line) == values


def test_usage_and_hint_tell_what_is_expected() -> None:
    assert completed("restart ").usage == "restart PROCESS"
    assert completed("restart zy").hint == "its name, as in /ps"
    assert completed("bot remove anna_shop -f").hint == "removes a bot with its settings; its base stays"
    assert completed("rest").usage == completed("").usage == ""


def test_word_under_the_cursor_is_replaced_whole() -> None:
    line = "bot show anna -x"
    found = completed(line, 11)
    assert found.applied(line, found.candidates[0]) == ("bot show anna_shop -x", 18)
    assert found.ghost(line, 11) == ""


def test_ghost_adds_to_what_is_typed() -> None:
    assert completed("bot show an").ghost("bot show an", 11) == "na_shop"
    assert completed("bot show rose").ghost("bot show rose", 13) == ""
    assert completed("").ghost("", 0) == ""


def test_long_lists_are_cut() -> None:
    values = {"bot": [f"bot_{number}" for number in range(1000)]}
    assert len(complete("bot show ", 9, COMMANDS, values).candidates) == CANDIDATES_MAX


_WORDS = [
    "bot",
    "show",
    "add",
    "бот",
    "-base",
    "--names",
    "—",
    "--",
    "-5",
    '"a b"',
    "«",
    "rest",
    "ё",
    "'x",
    "\\",
    ":",
    "@",
]
_LINE = st.one_of(st.lists(st.sampled_from(_WORDS), max_size=8).map(" ".join), st.text(max_size=30))


@given(_LINE, st.integers(0, 40))
def test_any_line_is_completed_within_itself(line: str, at: int) -> None:
    cursor = min(at, len(line))
    found = completed(line, cursor)
    assert 0 <= found.start <= cursor <= found.end <= len(line) or not found.candidates
    for candidate in found.candidates:
        changed, place = found.applied(line, candidate)
        assert changed[found.start : place] == candidate.text
    ghost = found.ghost(line, cursor)
    assert not ghost or (cursor == len(line) and found.candidates[0].text.endswith(ghost))


_VALUE = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and "\n" not in text)


@given(st.lists(_VALUE, min_size=1, max_size=4, unique=True), st.integers(0, 3))
def test_commands_read_a_value_as_it_was_offered(values: list[str], pick: int) -> None:
    found = complete("bot show ", 9, COMMANDS, {"bot": values})
    line, _cursor = found.applied("bot show ", found.candidates[pick % len(found.candidates)])
    assert registry().find(line).rest.strip()
    assert split(line)[2].text == values[pick % len(values)]


_PLAIN = st.text(alphabet="ab ё-—5\"'«»“”\\", max_size=20)


@given(_PLAIN)
def test_words_are_those_of_the_grammar(line: str) -> None:
    """A quote that is not closed is an error there and open to the end here."""
    text = f"x {line}"
    try:
        theirs = [(word.text, word.quoted) for word in split(text)]
    except BadCommand:
        assert any(sign in line for sign in QUOTES)
        return
    assert [(word.text, word.quoted) for word in words_of(text)] == theirs


@given(_VALUE)
def test_offered_words_are_quoted_as_the_grammar_quotes(text: str) -> None:
    assert split(quote(text))[0].text == split(completed_word(text))[0].text == text


def completed_word(text: str) -> str:
    return complete("theme ", 6, LOCAL, {"theme": [text]}).candidates[0].text
