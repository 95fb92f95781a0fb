"""Declarations and what follows from them: lookup, suggestions, typed values, usage."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import BadName
from engine.commands.bind import Arguments, bind_mapping, usage
from engine.commands.declare import Declaration, Face, Parameter
from engine.commands.errors import BadCommand, NotAllowed
from engine.commands.registry import Registry, registry
from engine.commands.roles import Role, require, role_of
from engine.commands.values import BASE, ID, NUMBER, choice

ADD = Declaration(
    "bot add",
    "adds",
    aliases=("бот добавь",),
    parameters=(
        Parameter("name", "", required=True, positional=True),
        Parameter("group-id", "", ID, required=True, aliases=("группа",)),
        Parameter("base", "", BASE),
        Parameter("threshold", "", NUMBER, default=0.5),
        Parameter("format", "", choice("tsv", "jsonl"), default="tsv"),
        Parameter("names", "", many=True),
        Parameter("force", "", flag=True),
        Parameter("token", "", secret=True),
    ),
)
SAY = Declaration("say", "says", parameters=(Parameter("text", "", positional=True, rest=True),))
BOT = Declaration("bot", "tells")
TABLE = Registry([ADD, SAY, BOT])


def bound(line: str) -> Arguments:
    return TABLE.find(line).arguments()


def test_longest_name_wins() -> None:
    assert TABLE.find("/bot add anna").declaration is ADD
    assert TABLE.find("/bot adds").declaration is BOT
    assert TABLE.find("/БОТ Добавь x").declaration is ADD


def test_values_are_typed_and_defaults_filled_in() -> None:
    args = bound("bot add anna -group-id 7 -threshold 0,9 --names Аня Анна -force")
    assert dict(args) == {
        "name": "anna", "group-id": 7, "base": None, "threshold": 0.9, "format": "tsv",
        "names": ["Аня", "Анна"], "force": True, "token": None,
    }  # fmt: skip
    assert (args.text("name"), args.integer("group-id"), args.optional("base")) == ("anna", 7, None)


def test_rest_of_the_words_is_one_text() -> None:
    assert bound("/say Анна Мария").text("text") == "Анна Мария"


def test_positional_may_be_given_by_key_and_alias_works() -> None:
    assert bound("bot add -name anna -группа 7")["name"] == "anna"
    assert bound("bot add --group-id 7 -- anna")["group-id"] == 7


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("/bot ad x", "too many"),
        ("/sey x", "did you mean /say"),
        ("/qwerty", "/help"),
        ("bot add", "NAME is missing; it is written: /bot add NAME -group-id N"),
        ("bot add a b -group-id 7", "“b” is one word too many"),
        ("bot add a -grup-id 7", "did you mean -group-id?"),
        ("bot add a -zzz 7", "has no -zzz"),
        ("bot add a -group-id", "-group-id needs a value"),
        ("bot add a -group-id 0", "-group-id = “0”: must be a whole number above 0"),
        ("bot add a -group-id " + "9" * 5000, "must be a whole number above 0"),
        ("bot add a -group-id 7 -threshold nan", "must be a number"),
        ("bot add a -group-id 7 -format csv", "must be one of: tsv|jsonl"),
        ("bot add a -group-id 7 --base b c", "-base takes one value, not 2"),
        ("bot add a -group-id 7 -группа 8", "-group-id is given twice"),
    ],
)
def test_error_names_what_is_wrong_and_the_way_out(line: str, part: str) -> None:
    with pytest.raises(BadCommand) as refused:
        bound(line)
    assert part in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_bad_name_says_the_rule_of_names() -> None:
    with pytest.raises(BadName):
        bound("bot add a -group-id 7 -base Main")


def test_values_by_name_bind_like_a_line() -> None:
    args = bind_mapping(ADD, {"name": "anna", "group_id": 7, "names": ["a b", "-c"], "force": True, "base": None})
    assert (args["name"], args["group-id"], args["names"], args["force"]) == ("anna", 7, ["a b", "-c"], True)


@pytest.mark.parametrize("values", [{"name": True}, {"zzz": 1}, {"zzz": True}, {"force": "yes"}, {"name": {"a": 1}}])
def test_wrong_values_by_name_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(BadCommand):
        bind_mapping(ADD, values)


@given(
    st.dictionaries(st.text(max_size=9), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()))
)
def test_any_values_by_name_are_bound_or_refused(values: dict[str, object]) -> None:
    with pytest.raises((BadCommand, BadName)):
        bind_mapping(ADD, {**values, "group-id": "none"})


@given(st.text(max_size=80))
def test_any_line_is_bound_or_refused(line: str) -> None:
    try:
        registry().find(line).arguments()
    except (BadCommand, BadName):
        return


def test_usage_shows_what_is_needed() -> None:
    assert usage(ADD).startswith("/bot add NAME -group-id N [-base BASE] [-threshold NUMBER] [-format tsv|jsonl]")
    assert "[--names TEXT…] [-force]" in usage(ADD)


def test_roles_grow() -> None:
    require(Role.OWNER, Role.MODERATOR, "x")
    with pytest.raises(NotAllowed):
        require(Role.USER, Role.MODERATOR, "x")
    assert role_of(5, "5", {"status": "user"}) is Role.OWNER
    assert role_of(5, "", {"status": "moderator"}) is Role.MODERATOR
    assert role_of(5, None, None) is Role.USER
    assert role_of(5, "6", {"status": "nonsense"}) is Role.USER


def test_every_declaration_keeps_the_rules() -> None:
    for item in registry().declarations:
        for name in (item.name, *item.aliases):
            assert re.fullmatch(r"[a-zа-яё_]+( [a-zа-яё_]+)?", name), name
        assert item.summary and item.faces, item.name
        keys = [key for parameter in item.parameters for key in parameter.keys]
        assert len(keys) == len(set(keys)), item.name
        greedy = [parameter.many or parameter.rest for parameter in item.positional]
        assert not any(greedy[:-1]), f"{item.name}: only the last positional parameter may take the rest"
        assert item.scope == "bot" or Face.CHAT not in item.faces or item.role >= Role.MODERATOR, item.name
        assert not (item.destructive and not item.changing), item.name
