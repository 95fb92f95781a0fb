"""The grammar of command lines: the examples people type, and properties that hold for any line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.errors import BadCommand
from engine.commands.grammar import ParsedLine, Word, format, parse, quote, split

EXAMPLES = [
    ("/name Анна Мария", ParsedLine("name", ["Анна", "Мария"])),
    ("name x", ParsedLine("name", ["x"])),
    (":name x", ParsedLine("name", ["x"])),
    ("/add -base main слово", ParsedLine("add", ["слово"], {"base": "main"})),
    ("/add -Group_ID 5", ParsedLine("add", [], {"group-id": "5"})),
    ("/add --names a b c -base main", ParsedLine("add", [], {"base": "main"}, {"names": ["a", "b", "c"]})),
    ("/add --names a b -- rest", ParsedLine("add", ["rest"], {}, {"names": ["a", "b"]})),
    ("/add —names a b — rest", ParsedLine("add", ["rest"], {}, {"names": ["a", "b"]})),
    ("/add --names", ParsedLine("add", [], {}, {"names": []})),
    ("/set -5 -0.5", ParsedLine("set", ["-5", "-0.5"])),
    ("/set -level -5", ParsedLine("set", [], {"level": "-5"})),
    ("/set -level", ParsedLine("set", [], {"level": None})),
    ("/set -level -base b", ParsedLine("set", [], {"level": None, "base": "b"})),
    ('/set "-level" x', ParsedLine("set", ["-level", "x"])),
    ('/set -title "-x"', ParsedLine("set", [], {"title": "-x"})),
    ("/say «много слов» 'ещё раз' “и так”", ParsedLine("say", ["много слов", "ещё раз", "и так"])),
    (r'/say "a \"b\" \\ c"', ParsedLine("say", [r'a "b" \ c'])),
    ("/say a\\b д'Артаньян", ParsedLine("say", ["a\\b", "д'Артаньян"])),
    ('/say ""', ParsedLine("say", [""])),
    ("/say кот — это кот", ParsedLine("say", ["кот", "—", "это", "кот"])),
    ("/say -", ParsedLine("say", ["-"])),
    ("/help@anna name", ParsedLine("help", ["name"], target="anna")),
    ("/say a@b", ParsedLine("say", ["a@b"])),
]


@pytest.mark.parametrize(("line", "parsed"), EXAMPLES)
def test_line_is_taken_apart(line: str, parsed: ParsedLine) -> None:
    assert parse(line) == parsed


def test_declared_flag_takes_no_value() -> None:
    assert parse("/drop -force main", {"force"}) == ParsedLine("drop", ["main"], flags=frozenset({"force"}))
    assert parse("/drop --force main", {"force"}) == ParsedLine("drop", ["main"], flags=frozenset({"force"}))
    assert parse("/drop --names a -force b", {"force"}).positional == ["b"]


def test_name_may_have_two_words() -> None:
    assert parse("/bot add anna", name_words=2) == ParsedLine("bot add", ["anna"])


@pytest.mark.parametrize("line", ["", "  ", '/say "abc', "/say «abc", "/set -a 1 -a 2", "/set -a 1 --a 2", '/say "a\\'])
def test_broken_line_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(BadCommand) as refused:
        parse(line)
    assert str(refused.value) and "\n" not in str(refused.value)


_TEXT = st.text(max_size=12)
_TRICKY = st.text(alphabet="\"'«»“”\\-—/:@ aя5", max_size=10)
_VALUE = _TEXT | _TRICKY
_KEY = st.from_regex(r"[a-zа-яё][a-zа-яё0-9-]{0,8}", fullmatch=True)
_NAME_WORD = st.from_regex(r"[a-zа-яё][a-zа-яё0-9_]{0,8}", fullmatch=True)


@st.composite
def parsed_lines(draw: st.DrawFn) -> ParsedLine:
    keys = draw(st.lists(_KEY, max_size=6, unique=True))
    split_at = sorted(draw(st.lists(st.integers(0, len(keys)), min_size=2, max_size=2)))
    named, lists, flags = keys[: split_at[0]], keys[split_at[0] : split_at[1]], keys[split_at[1] :]
    return ParsedLine(
        " ".join(draw(st.lists(_NAME_WORD, min_size=1, max_size=2))),
        draw(st.lists(_VALUE, max_size=4)),
        {key: draw(st.none() | _VALUE) for key in named},
        {key: draw(st.lists(_VALUE, max_size=4)) for key in lists},
        frozenset(flags),
        draw(st.none() | _NAME_WORD),
    )


@given(parsed_lines())
def test_formatted_line_is_taken_apart_into_the_same(parsed: ParsedLine) -> None:
    assert parse(format(parsed), parsed.flags, parsed.name.count(" ") + 1) == parsed


@given(st.text(alphabet=st.characters() | st.sampled_from("\"'«»“”\\-—/: \n"), max_size=60))
def test_any_text_is_taken_apart_or_refused_and_its_parse_is_stable(line: str) -> None:
    try:
        parsed = parse(line)
    except BadCommand:
        return
    assert parse(format(parsed)) == parsed


@given(_VALUE)
def test_quoted_text_is_one_word(text: str) -> None:
    assert [word.text for word in split(quote(text))] == [text]


@given(st.lists(_TEXT.filter(lambda text: text.split() == [text] and text[0] not in "\"'«“"), max_size=6))
def test_words_without_quotes_are_those_between_the_spaces(words: list[str]) -> None:
    assert split("  ".join(words)) == [Word(word) for word in words]
