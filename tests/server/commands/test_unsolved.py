"""Phrases without an answer as commands: lists of all bases, an answer that is live at once, rights, hostile texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from db import audit, delta, unsolved
from db.base import Base
from db.bases import BaseStore
from db.errors import EXIT_UNREACHABLE, NotFound, Refused, StorageUnavailable
from db.settings import load_settings
from db.unsolved import UnsolvedPhrase
from engine.commands.bind import bind_mapping
from engine.commands.declare import Face
from engine.commands.errors import BadCommand, NotAllowed
from engine.commands.registry import registry
from engine.commands.roles import Role
from engine.matching.library import Library
from engine.matching.tending import Tending
from server.commands.context import Actor, PlatformContext, Resources
from server.commands.run import run_command, run_line
from server.importing import import_answers
from tests.db.test_unsolved import AT_MS, ask, living

OPERATOR = Actor(Role.OWNER, Face.TERMINAL, "local:root")


@pytest.fixture
def resources(base: Base, base_store: BaseStore, storage_settings: Path, tmp_path: Path) -> Iterator[Resources]:
    """Bases ``main`` with the bots anna (1) and vera (2), and ``more`` with zoya (3)."""
    base_store.create("more")
    resources = Resources(load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))
    operator = PlatformContext(resources, OPERATOR)
    for number, (name, of) in enumerate((("anna", "main"), ("vera", "main"), ("zoya", "more")), 1):
        run_line(operator, f"bot add {name} -group-id {number} -base {of} -token t")
    yield resources
    resources.close()


@pytest.fixture
def context(resources: Resources) -> PlatformContext:
    return PlatformContext(resources, OPERATOR)


@pytest.fixture
def more(base_store: BaseStore, resources: Resources) -> Iterator[Base]:
    opened = base_store.open("more")
    yield opened
    opened.close()


def chat(resources: Resources, bot: str = "anna", role: Role = Role.MODERATOR) -> PlatformContext:
    return PlatformContext(resources, Actor(role, Face.CHAT, "vk:5", bot))


def answer(context: PlatformContext, phrase: UnsolvedPhrase, text: str) -> Any:
    """Give an answer as the terminal does: by name, so that the text stays as it is."""
    declaration = registry().get("unsolved answer")
    assert declaration is not None
    return run_command(context, declaration, bind_mapping(declaration, {"id": phrase.name, "text": text}))


def ids(context: PlatformContext, line: str) -> list[str]:
    return [row["id"] for row in run_line(context, line).data["rows"]]


def test_list_merges_all_bases_newest_first_and_is_paged(context: PlatformContext, base: Base, more: Base) -> None:
    phrases = [ask(base, "раз", 1, AT_MS), ask(more, "два", 3, AT_MS + 1), ask(base, "три", 2, AT_MS + 2)]
    names = [phrase.name for phrase in reversed(phrases)]
    listed = run_line(context, "unsolved list")
    assert listed.data["total"] == 3 and listed.data["failed"] == []
    assert listed.data["rows"][0] == {
        "id": names[0], "base": "main", "bot": "vera", "phrase": "три", "times": 1, "first_ms": AT_MS + 2,
        "last_ms": AT_MS + 2, "status": "open", "editor": "", "answer": None,
    }  # fmt: skip
    assert "vera" in listed.text and "3 phrases in all" in listed.text
    assert ids(context, "unsolved") == names
    assert ids(context, "unsolved -count 1 -offset 1") == names[1:2]
    assert ids(context, "неотвеченное -бот anna") == [phrases[0].name]
    assert ids(context, "unsolved -base more") == [phrases[1].name]
    assert ids(context, "unsolved -bot zoya -base main") == []
    assert run_line(context, "unsolved -offset 3").data == {"total": 3, "rows": [], "failed": []}
    for wrong in ("-base none", "-bot none"):
        with pytest.raises(NotFound):
            run_line(context, f"unsolved {wrong}")
    for wrong in ("-count 201", "-offset -1", "-offset 10001", "-status new"):
        with pytest.raises(BadCommand):
            run_line(context, f"unsolved {wrong}")


def test_list_tells_what_became_of_phrases(context: PlatformContext, base: Base) -> None:
    first, second = ask(base, "раз", at_ms=AT_MS), ask(base, "два", at_ms=AT_MS + 1)
    answer(context, first, "Два")
    run_line(context, f"unsolved reject {second.name}")
    assert ids(context, "unsolved") == []
    assert ids(context, "unsolved -status answered") == [first.name]
    everything = run_line(context, "unsolved -status all")
    assert [(row["status"], row["editor"], row["answer"]) for row in everything.data["rows"]] == [
        ("rejected", "root", None), ("answered", "root", "Два"),
    ]  # fmt: skip
    assert "rejected" in everything.text


def test_phrase_of_a_removed_bot_is_listed_without_one_and_answered_for_all(
    context: PlatformContext, base: Base
) -> None:
    phrase = ask(base, "раз", 99)
    assert run_line(context, "unsolved list").data["rows"][0]["bot"] == ""
    with pytest.raises(BadCommand, match="removed"):
        run_line(context, f"unsolved answer {phrase.name} Два -own")
    run_line(context, f"unsolved answer {phrase.name} Два")
    assert [bot for *_rest, bot in living(base)] == [0]


def test_base_that_fails_is_said_and_the_others_are_listed(
    context: PlatformContext, base: Base, more: Base, caplog: pytest.LogCaptureFixture
) -> None:
    phrase = ask(base, "раз")
    with more.unit():
        more.database.execute_sql("RENAME TABLE unsolved TO hidden")
    listed = run_line(context, "unsolved list")
    assert (listed.data["failed"], listed.exit_code) == (["more"], 0)
    assert phrase.name in listed.text and "base more cannot be read now" in listed.text
    alone = run_line(context, "unsolved list -base more")
    assert (alone.data["rows"], alone.exit_code) == ([], EXIT_UNREACHABLE)


def test_mariadb_that_is_away_is_asked_once(
    context: PlatformContext, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def away(of: Base, wanted: object) -> int:
        asked.append(of.name)
        raise StorageUnavailable("away")

    monkeypatch.setattr(unsolved, "count", away)
    listed = run_line(context, "unsolved list")
    assert (listed.data["failed"], listed.exit_code) == (["main", "more"], EXIT_UNREACHABLE) and asked == ["main"]


def test_answer_is_told_to_workers_and_written_down(
    context: PlatformContext, base: Base, clean_redis: redis.Redis
) -> None:
    phrase, before = ask(base, "Когда?"), delta.position(clean_redis, "main")
    done = run_line(context, f"unsolved answer {phrase.name} Да, можно")
    assert (done.data["status"], done.data["answer"]) == ("answered", "Да, можно") and "every bot" in done.text
    ((at, change),) = delta.read_since(clean_redis, "main", before) or []
    assert (change.op, change.rx_norm, change.tx, change.bot_id) == ("set", "когда", "Да, можно", 0)
    record = audit.page(clean_redis)[0]
    assert (record.line, record.who) == (f'/unsolved answer {phrase.name} "Да, можно"', "local:root")
    back = run_line(context, f"unsolved reopen {phrase.name}")
    assert "taken back: Да, можно" in back.text and back.data["status"] == "open"
    ((_at, change),) = delta.read_since(clean_redis, "main", at) or []
    assert (change.op, change.id) == ("del", 1)


def test_phrase_of_two_bots_is_answered_for_both(context: PlatformContext, base: Base) -> None:
    first, second = ask(base, "когда", 1), ask(base, "когда", 2)
    assert "1 other bot" in run_line(context, f"unsolved answer {first.name} Завтра").text
    assert run_line(context, f"unsolved show {second.name}").data["status"] == "answered"


@pytest.mark.parametrize(
    "text",
    ["[club1|@all] *b* <script>", "'; DROP TABLE answers; -- \\' %s {0}", "я" * 10_000, "две\nстроки", '{"text": "Да"}',
     "-own", "😀 ¯\\_(ツ)_/¯"],
)  # fmt: skip
def test_hostile_answer_is_kept_as_it_is(context: PlatformContext, base: Base, text: str) -> None:
    phrase = ask(base, "'; DROP TABLE unsolved; -- [id1|x] {user_name}")
    assert answer(context, phrase, text).data["answer"] == text
    assert [tx for _rx, tx, _author, _bot in living(base)] == [text]
    assert ids(context, "unsolved -status all") == [phrase.name]
    run_line(context, f"unsolved show {phrase.name}")


@pytest.mark.parametrize("text", ["", " ", "\u200b", "а\ud800", "а\x00", "я" * 16_001, '{"text": 1}', "{"])
def test_bad_answer_is_refused_and_the_phrase_waits(context: PlatformContext, base: Base, text: str) -> None:
    phrase = ask(base, "когда")
    with pytest.raises(BadCommand):
        answer(context, phrase, text)
    assert ids(context, "unsolved") == [phrase.name] and living(base) == []


@pytest.mark.parametrize("name", ["12", "main/x", "main/", "/1", "main/-1", "main/1/2", "main/" + "9" * 19, "main/²"])
def test_wrong_id_is_refused(context: PlatformContext, name: str) -> None:
    with pytest.raises(BadCommand, match="main/12"):
        run_line(context, f"unsolved show {name}")


def test_unknown_id_is_told(context: PlatformContext) -> None:
    for name in ("main/12", "none/1", "main/" + "9" * 18):
        with pytest.raises(NotFound):
            run_line(context, f"unsolved show {name}")


def test_show_tells_nearest_phrases_and_an_answer_from_elsewhere(context: PlatformContext, base: Base) -> None:
    phrase = ask(base, "Когда будет доставка?")
    import_answers(base, ["Когда доставка\tЗавтра\n".encode(), "Привет\tИ тебе\n".encode()], "tsv")
    shown = run_line(context, f"unsolved show {phrase.name}")
    near = shown.data["nearest"][0]
    assert (near["rx"], near["tx"]) == ("Когда доставка", "Завтра") and 0 < near["score"] < 1
    assert all(other["score"] <= near["score"] for other in shown.data["nearest"])
    assert shown.data["known"] == []
    import_answers(base, ["когда будет доставка\tВ среду\n".encode()], "tsv")
    shown = run_line(context, f"unsolved show {phrase.name}")
    assert shown.data["known"] == [{"tx": "В среду", "bot": ""}] and "it has an answer by now: В среду" in shown.text


def test_moderator_in_a_chat_sees_and_answers_that_bots_phrases_only(resources: Resources, base: Base) -> None:
    mine, other = ask(base, "когда", 1), ask(base, "когда", 2)
    assert ids(chat(resources), "/неотвеченное") == [mine.name]
    assert "bot anna" in run_line(chat(resources), f"/unsolved answer {mine.name} Завтра").text
    assert living(base) == [("когда", "Завтра", "vk:5", 1)]
    for line in (f"show {other.name}", f"answer {other.name} Да", f"reject {other.name}", f"reopen {other.name}",
                 "list -bot vera"):  # fmt: skip
        with pytest.raises(NotAllowed):
            run_line(chat(resources), f"/unsolved {line}")
    with pytest.raises(NotAllowed):
        run_line(chat(resources, role=Role.USER), "/unsolved")
    run_line(chat(resources), f"/unsolved reopen {mine.name}")
    run_line(PlatformContext(resources, OPERATOR), f"unsolved answer {mine.name} Всем")
    with pytest.raises(Refused, match="every bot"):
        run_line(chat(resources), f"/unsolved reopen {mine.name}")


@pytest.mark.parametrize("undo", [False, True], ids=["answered", "reopened"])
def test_workers_that_could_not_be_told_find_a_change_themselves(
    context: PlatformContext, base: Base, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch, undo: bool
) -> None:
    phrase = ask(base, "когда")
    if undo:
        answer(context, phrase, "Завтра")
    library = Library(clean_redis, lambda name: base, context.settings.state)

    def said() -> list[str]:
        return [row.tx for row in library.index("main", delta.position(clean_redis, "main")).answers_to("когда", 1)]

    assert said() == (["Завтра"] if undo else [])

    def away(*_: object) -> str:
        raise redis.ConnectionError("away")

    with monkeypatch.context() as patch:
        patch.setattr(delta, "publish", away)
        with pytest.raises(StorageUnavailable, match="within a minute"):
            run_line(context, f"unsolved reopen {phrase.name}" if undo else f"unsolved answer {phrase.name} Завтра")
    Tending(library, clean_redis, context.settings.state).tend(base)
    assert said() == ([] if undo else ["Завтра"])


def test_answer_repeated_after_an_outage_is_told(
    context: PlatformContext, base: Base, clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    phrase = ask(base, "когда")
    answer(context, phrase, "Завтра")
    clean_redis.delete("delta:main")
    answer(context, phrase, "Завтра")
    ((_at, change),) = delta.read_since(clean_redis, "main", delta.START) or []
    assert change.tx == "Завтра" and len(living(base)) == 1


def test_base_that_an_older_salo_made_is_brought_up_to_date(context: PlatformContext, base: Base) -> None:
    """The shell may run before the first start of a platform of this version."""
    phrase = ask(base, "когда")
    with base.unit():
        base.database.execute_sql("ALTER TABLE unsolved DROP COLUMN answer_id, DROP COLUMN edited")
        base.database.execute_sql("DELETE FROM schema_migration WHERE name = '0007_unsolved_edits'")
    run_line(context, f"unsolved answer {phrase.name} Завтра")
    assert len(living(base)) == 1
