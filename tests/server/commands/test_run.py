"""Platform commands below any face: all have bodies, rights are checked when they run, the audit holds no secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from db import audit, codec, keys
from db.errors import SaloError, StorageUnavailable
from db.settings import load_settings
from engine.commands.bind import Arguments, bind_mapping
from engine.commands.declare import Declaration, Face
from engine.commands.errors import NotAllowed, PlatformDown
from engine.commands.registry import registry
from engine.commands.roles import Role
from engine.commands.values import SCORE
from server.commands.context import Actor, PlatformContext, Resources
from server.commands.run import bodies, load_bodies, run_command, run_line, shown_line

OPERATOR = Actor(Role.OWNER, Face.TERMINAL, "local:root")
PLATFORM = [item for item in registry().declarations if item.scope == "platform"]


@pytest.fixture
def resources(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[Resources]:
    resources = Resources(load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))
    yield resources
    resources.close()


@pytest.fixture
def context(resources: Resources) -> PlatformContext:
    return PlatformContext(resources, OPERATOR)


def test_all_platform_commands_have_bodies() -> None:
    load_bodies()
    assert bodies.missing() == []


@pytest.mark.parametrize("declaration", PLATFORM, ids=lambda item: item.name)
def test_every_command_is_refused_to_a_lower_role(declaration: Declaration, resources: Resources) -> None:
    face = min(declaration.faces)
    actor = Actor(Role(declaration.role - 1), face, "somebody")
    empty = Arguments({item.name: None for item in declaration.parameters})
    with pytest.raises(NotAllowed):
        run_command(PlatformContext(resources, actor), declaration, empty)


def _any_value(draw: st.DrawFn, word: str) -> object:
    known = {"N": st.integers(1, 9), "BOT": st.just("anna"), "BASE": st.just("main"), "NUMBER": st.just("0.5")}
    return draw(known.get(word, st.text(min_size=1)))


@st.composite
def calls(draw: st.DrawFn) -> tuple[Declaration, Arguments]:
    declaration = draw(st.sampled_from(PLATFORM))
    values: dict[str, object] = {}
    for item in declaration.parameters:
        if item.secret:
            values[item.name] = "CANARY"
        elif item.flag:
            values[item.name] = draw(st.booleans())
        elif item.required or draw(st.booleans()):
            word = item.type.word
            values[item.name] = draw(st.sampled_from(word.split("|"))) if "|" in word else _any_value(draw, word)
            if item.type is SCORE:
                values[item.name] = draw(st.one_of(st.just("default"), st.sampled_from(["0", "0.25", "1"])))
            elif "…" in word:
                values[item.name] = draw(st.integers(1, 200))
            if item.many:
                values[item.name] = draw(st.lists(st.text(min_size=1), min_size=1, max_size=3))
    return declaration, bind_mapping(declaration, values)


@given(calls())
def test_audited_line_would_run_the_same_again_less_its_secrets(call: tuple[Declaration, Arguments]) -> None:
    declaration, args = call
    line = shown_line(declaration, args)
    assert "CANARY" not in line
    found = registry().find(line)
    again = found.arguments()
    secrets = {item.name: "***" for item in declaration.parameters if item.secret and args[item.name]}
    assert found.declaration is declaration and dict(again) == {**args, **secrets}


def test_command_that_needs_a_platform_says_there_is_none(context: PlatformContext) -> None:
    with pytest.raises(PlatformDown, match="salo run"):
        run_line(context, "status")


def test_redis_out_of_reach_is_told_as_storage_trouble(storage_settings: Path, tmp_path: Path) -> None:
    config = tmp_path / "gone.toml"
    config.write_text(f'[storage]\nredis = "unix://{tmp_path}/none.sock"\n')
    context = PlatformContext(Resources(load_settings(config, {"SALO_HOME": str(tmp_path / "home")})), OPERATOR)
    for line in ("bot list", "base create x"):
        with pytest.raises(StorageUnavailable):
            run_line(context, line)


def test_audit_is_paged_and_bounded(clean_redis: redis.Redis) -> None:
    for number in range(7):
        audit.write(clean_redis, audit.AuditRecord("who", "shell", f"/x {number}" + "y" * 900, 1, "\ud800"))
    newest = audit.page(clean_redis, size=3)
    assert [record.line[:4] for record in newest] == ["/x 6", "/x 5", "/x 4"]
    older = audit.page(clean_redis, newest[-1].id, 10)
    assert [record.line[:4] for record in older] == ["/x 3", "/x 2", "/x 1", "/x 0"]
    assert len(newest[0].line) == audit.TEXT_MAX and newest[0].at_ms > 0 and newest[0].exit_code == 1


EVENT = {"type": "message_new", "object": {"message": {"text": "привет", "peer_id": 9, "from_id": 9}}}


@pytest.fixture
def bots(context: PlatformContext) -> Iterator[None]:
    run_line(context, "base create queues")
    for number, name in enumerate(("anna", "vera"), 1):
        run_line(context, f"bot add {name} -group-id {number} -base queues -token t")
    yield
    for name in ("anna", "vera"):
        run_line(context, f"bot remove {name} -force")
    run_line(context, "base drop queues")


def accept(client: redis.Redis, bot: str) -> str:
    fields = {"e": codec.dumps(EVENT), "t": "message_new", "p": 9, "c": 1, "f": 9, "i": "e1", "a": 1000}
    entry: bytes = client.xadd(keys.inbox(bot), fields)  # type: ignore[assignment, arg-type]
    return entry.decode()


def bury(client: redis.Redis, bot: str) -> str:
    fields = {"bot": bot, "entry": "1-1", "i": "e1", "t": "message_new", "p": 9, "f": 9, "c": 1, "a": 1000,
              "attempts": 4, "reason": "worker died", "trace": "Traceback …", "at_ms": 1000,
              "e": codec.dumps(EVENT)}  # fmt: skip
    letter: bytes = client.xadd(keys.DEAD, fields)  # type: ignore[assignment, arg-type]
    return letter.decode()


@pytest.mark.usefixtures("bots")
def test_inbox_is_counted_shown_and_dropped(context: PlatformContext, clean_redis: redis.Redis) -> None:
    entry = accept(clean_redis, "anna")
    assert run_line(context, "queue list").data == {"anna": 1, "vera": 0}
    shown = run_line(context, "queue show anna")
    assert "привет" in shown.text and shown.data[0]["entry"] == entry
    run_line(context, f"queue drop anna {entry}")
    assert run_line(context, "queue show anna").data == []
    with pytest.raises(SaloError):
        run_line(context, f"queue drop anna {entry}")


@pytest.mark.usefixtures("bots")
def test_dead_letter_is_listed_shown_replayed_once_and_dropped(
    context: PlatformContext, clean_redis: redis.Redis
) -> None:
    first, second = bury(clean_redis, "anna"), bury(clean_redis, "vera")
    listed = run_line(context, "dead list")
    assert [item["id"] for item in listed.data] == [second, first] and "2 dead letters" in listed.text
    shown = run_line(context, f"dead show {first}").text
    assert "worker died" in shown and "Traceback" in shown and "привет" in shown
    run_line(context, f"dead replay {first}")
    assert run_line(context, "queue list").data["anna"] == 1
    for again in ("replay", "drop", "show"):
        with pytest.raises(SaloError):
            run_line(context, f"dead {again} {first}")
    run_line(context, f"dead drop {second}")
    assert run_line(context, "dead list").data == []


@pytest.mark.usefixtures("bots")
def test_buried_row_is_listed_by_its_base_shown_and_replayed(
    context: PlatformContext, clean_redis: redis.Redis
) -> None:
    row = codec.dumps({"op": "history", "peer_id": 9, "rx": "привет", "event_id": "e1"})
    fields = {"at_ms": 1000, "bot": "", "base": "queues", "t": "journal", "entry": "1-1", "attempts": 1,
              "reason": "DataError", "e": row}  # fmt: skip
    letter: bytes = clean_redis.xadd(keys.DEAD, fields)  # type: ignore[assignment, arg-type]
    listed = run_line(context, "dead list").text
    assert "base queues" in listed and "привет" in listed
    assert "DataError" in run_line(context, f"dead show {letter.decode()}").text
    assert "base queues" in run_line(context, f"dead replay {letter.decode()}").text
    assert clean_redis.xlen(keys.journal("queues")) == 1 and run_line(context, "dead list").data == []


@pytest.mark.usefixtures("bots")
def test_owner_in_a_chat_sees_only_that_bots_things(resources: Resources, clean_redis: redis.Redis) -> None:
    mine, other = bury(clean_redis, "anna"), bury(clean_redis, "vera")
    entry = accept(clean_redis, "vera")
    chat = PlatformContext(resources, Actor(Role.OWNER, Face.CHAT, "vk:5", "anna"))
    assert list(run_line(chat, "/queue").data) == ["anna"]
    listed = run_line(chat, "/dead")
    assert [item["id"] for item in listed.data] == [mine] and "vera" not in listed.text
    for line in (f"/dead show {other}", f"/dead replay {other}", f"/dead drop {other}", "/queue show vera",
                 f"/queue drop vera {entry}"):  # fmt: skip
        with pytest.raises(NotAllowed):
            run_line(chat, line)
    for line in ("/bot list", "/status", "/base drop queues", "/stop"):
        with pytest.raises(SaloError, match="not for here"):
            run_line(chat, line)
