"""The code of an ``execute``: whatever anybody says in it stays a text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.vk.script import CALLS_MAX, calls_code, literal
from server.emulator.script import Machine, parse

NASTY = [
    '"});API.messages.delete({"x":"',
    "\\",
    '\\"',
    "\n",
    "\u2028//",
    "*/",
    "';",
    "\x00",
    "😀",
    "</script>",
    "\\u0022",
]
texts = st.text() | st.lists(st.sampled_from(NASTY) | st.text(max_size=3)).map("".join)


def ran(code: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls that a script makes."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def call(method: str, values: dict[str, Any]) -> int:
        calls.append((method, values))
        return len(calls)

    assert Machine(call).run(parse(code)) == list(range(1, len(calls) + 1))
    return calls


@given(
    st.lists(st.fixed_dictionaries({"peer_id": st.integers(-(2**53), 2**53), "message": texts}), min_size=1, max_size=5)
)
def test_a_script_makes_the_calls_it_was_made_of_whatever_they_say(calls: list[dict[str, Any]]) -> None:
    assert ran(calls_code("messages.send", calls)) == [("messages.send", values) for values in calls]


@given(texts)
def test_a_text_becomes_one_string_for_any_reader_of_javascript(text: str) -> None:
    made = literal(text)
    assert json.loads(made) == text
    assert made.isprintable() or not any(letter < " " or letter in "\x7f\u0085\u2028\u2029" for letter in made)


def test_half_characters_numbers_and_signs_are_written_as_values() -> None:
    assert literal("a\ud800b") == '"a\ufffdb"' and literal(-5) == "-5" and literal(True) == "1"
    with pytest.raises(AssertionError):
        calls_code("messages.send", [{"a": 1}] * (CALLS_MAX + 1))
    with pytest.raises(AssertionError):
        calls_code("messages.send", [{'a":1,"b': 1}])
