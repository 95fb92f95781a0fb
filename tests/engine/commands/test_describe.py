"""Declarations as the terminal gets them."""

from __future__ import annotations

import json

import pytest

from db.texts import use_language
from engine.commands.describe import describe
from engine.commands.registry import registry

KINDS = {
    "text", "integer", "id", "number", "path", "choice", "count",
    "bot", "base", "command", "process", "ticker", "dead", "entry", "unsolved",
}  # fmt: skip


def kinds(command: str) -> dict[str, str]:
    declaration = registry().get(command)
    assert declaration is not None
    return {item["name"]: item["kind"] for item in describe(declaration)["parameters"]}


def test_every_parameter_tells_its_kind_in_a_word_that_no_language_changes() -> None:
    for language in ("ru", "en"):
        with use_language(language):
            told = [describe(declaration) for declaration in registry().declarations]
        assert json.loads(json.dumps(told)) == told
        assert {item["kind"] for command in told for item in command["parameters"]} <= KINDS


@pytest.mark.parametrize(
    ("command", "parameter", "kind"),
    [("restart", "process", "process"), ("dead show", "id", "dead"), ("bot show", "name", "bot"),
     ("bot add", "name", "text"), ("bot add", "base", "base"), ("queue drop", "entry", "entry")],
)  # fmt: skip
def test_kind_says_whose_names_are_meant(command: str, parameter: str, kind: str) -> None:
    assert kinds(command)[parameter] == kind


def test_choice_tells_its_options() -> None:
    declaration = registry().get("export")
    assert declaration is not None
    told = {item["name"]: item["options"] for item in describe(declaration)["parameters"]}
    assert told["format"] == ["tsv", "jsonl"] and told["base"] == []
