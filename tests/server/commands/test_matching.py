"""Commands about matching: what a phrase is taken for, how well queries are understood, thresholds, indexes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.bases import Base, BaseStore
from db.errors import NotFound
from db.settings import load_settings
from engine.commands.declare import Face
from engine.commands.errors import BadCommand, CommandError, NotAllowed
from engine.commands.roles import Role
from engine.matching.building import builder
from engine.matching.index_file import NAME
from server.commands.context import Actor, PlatformContext, Resources
from server.commands.run import run_line
from server.dispatcher.jobs import thresholds
from server.importing import import_answers
from server.platform import bots_as_their_bases_have_them

THINGS = ("музыку", "свет", "телевизор", "чайник", "утюг", "радио", "кондиционер", "пылесос")
PHRASES = [f"{verb} {thing}" for thing in THINGS for verb in ("включи", "выключи", "почини")]


@pytest.fixture
def context(base: Base, base_store: BaseStore, storage_settings: Path, tmp_path: Path) -> Iterator[PlatformContext]:
    """The base ``main`` with phrases and the bot anna, and an empty base."""
    base_store.create("more")
    import_answers(base, [f"{phrase}\tответ {phrase}\n".encode() for phrase in PHRASES], "tsv")
    resources = Resources(load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))
    shell = PlatformContext(resources, Actor(Role.OWNER, Face.SHELL, "shell:root"))
    run_line(shell, "bot add anna -group-id 1 -base main -token t")
    yield shell
    resources.close()


def queries(monkeypatch: pytest.MonkeyPatch, *lines: object) -> None:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_phrase_is_taken_for_another_and_the_reason_is_told(context: PlatformContext) -> None:
    found = run_line(context, "match -base main включи музку -explain")
    assert found.data["decision"] == "answer" and found.data["rx"] == "включи музыку"
    assert 'typo in "музку" (музыку)' in found.text and "выключи музыку" in found.text
    assert found.data["candidates"][0]["why"] == ['typo in "музку" (музыку)']
    assert run_line(context, "match -base main включи музку -threshold 1").data["decision"] == "suggest"
    assert run_line(context, "match -bot anna сколько времени").data["decision"] == "unsolved"
    assert run_line(context, "match -base more включи музыку").data["candidates"] == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("match включи", "-base NAME or -bot NAME"),
        ("match -base main", "say the phrase"),
        ("match -base main включи -threshold 2", "from 0 to 1"),
        ("match -base main включи -jsonl", "standard input of a shell"),
        ("base calibrate main -accept 1", "between 0 and 1"),
        ("base calibrate more", "too few phrases"),
        ("eval {file} -base main", "there are no queries"),
        ("eval nowhere.jsonl -base main", "No such file"),
    ],
)
def test_what_is_wrong_is_told(context: PlatformContext, tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(CommandError, match=words):
        run_line(context, line.format(file=tmp_path / "empty.jsonl"))
    with pytest.raises(NotFound):
        run_line(context, "match -base nowhere включи")


def test_each_line_of_queries_gets_a_line(
    context: PlatformContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queries(monkeypatch, {"id": 1, "q": "включи музку"}, "\n", {"id": "b", "q": "сколько времени"}, {"q": "😀" * 9000})
    assert run_line(context, "match -base main -jsonl").text == ""
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["id"], first["decision"], first["rx"]) == (1, "answer", "включи музыку")
    assert first["ms"] > 0 and first["candidates"][0]["score"] == first["score"]
    assert (second["id"], second["decision"], third["id"], third["decision"]) == ("b", "unsolved", None, "unsolved")
    for bad in ("{", "[]\n", {"id": 5}, {"q": 5}):
        queries(monkeypatch, bad)
        with pytest.raises(CommandError, match="line 1"):
            run_line(context, "match -base main -jsonl")


def test_labelled_queries_are_measured(context: PlatformContext, tmp_path: Path) -> None:
    file = tmp_path / "queries.jsonl"
    labelled = [
        {"id": number, "q": phrase, "cls": "exact", "sub": "", "ok": [number]}
        for number, phrase in enumerate(PHRASES, 1)
    ]
    labelled.append({"id": "wrong", "q": "включи музыку", "cls": "typo", "sub": "x", "ok": [5]})
    labelled.append({"id": "n", "q": "сколько времени", "cls": "negative", "sub": "in-domain", "ok": []})
    file.write_text("\n".join(json.dumps(query) for query in labelled))
    found = run_line(context, f"eval {file} -base main")
    lines: dict[str, Any] = {line["name"]: line for line in found.data["lines"]}
    assert (lines["exact"]["right"], lines["exact"]["count"], lines["typo/x"]["right"]) == (1.0, len(PHRASES), 0.0)
    assert lines["typo"]["answered"] == 1.0 and lines["typo"]["answered_right"] == 0.0
    assert lines["negative"]["answered"] == 0.0 and found.data["accepted_negatives"] == []
    assert "100.00 %" in found.text and "rapidfuzz" in found.text
    (accepted,) = run_line(context, f"eval {file} -base main -threshold 0").data["accepted_negatives"]
    assert accepted["id"] == "n"


def test_a_bases_thresholds_are_found_and_used_by_bots_without_their_own(context: PlatformContext) -> None:
    def used() -> dict[str, float]:
        ((_bot, config),) = bots_as_their_bases_have_them(context.resources)
        return thresholds(context.settings, config)

    before = used()
    said = run_line(context, "base calibrate main")
    assert "to use them" in said.text and used() == before
    applied = run_line(context, "base calibrate main -accept 0.1 -apply")
    assert applied.data["foreign"] <= 0.1 and "in use now" in applied.text
    assert used() == {
        "threshold": pytest.approx(applied.data["threshold"], abs=1e-4),
        "suggest_threshold": pytest.approx(applied.data["suggest_threshold"], abs=1e-4),
    }
    assert run_line(context, "match -bot anna включи музку").text.count(f"{used()['threshold']:.3f}") == 1
    run_line(context, "bot set anna -threshold 0.5")
    assert used()["threshold"] == 0.5
    run_line(context, "bot set anna -threshold default")
    run_line(context, "base calibrate main -reset")
    assert used() == before


def test_an_owner_sets_thresholds_in_the_chat_of_that_bot(context: PlatformContext) -> None:
    run_line(context, "bot add vera -group-id 2 -base main -token t")
    chat = PlatformContext(context.resources, Actor(Role.OWNER, Face.CHAT, "vk:5", "anna"))
    assert run_line(chat, "/set -threshold 0,9 -suggest-threshold 0.4").data == {
        "bot": "anna", "threshold": 0.9, "suggest_threshold": 0.4,
    }  # fmt: skip
    with pytest.raises(NotAllowed):
        run_line(chat, "/set vera -threshold 0.9")
    for line, words in (("bot set", "which bot"), ("bot set anna -threshold 2", "from 0 to 1")):
        with pytest.raises(BadCommand, match=words):
            run_line(context, line)


def test_indexes_are_shown_and_made(context: PlatformContext) -> None:
    def state(name: str = "main") -> Any:
        return next(item for item in run_line(context, "index show").data if item["base"] == name)

    assert state()["state"] == "missing"
    assert "24 answers" in run_line(context, "index build main").text
    assert (state()["state"], state()["rows"]) == ("ready", len(PHRASES)) and state()["bytes"] > 1000
    folder = context.settings.state.index("main")
    with builder(folder):
        assert (state()["state"], state()["done"]) == ("building", 0)
        with pytest.raises(CommandError, match="already"):
            run_line(context, "index build main")
    (folder / NAME).write_bytes(b"no index")
    assert state()["state"] == "damaged" and "made anew" not in run_line(context, "index show").text.split("\n")[0]
