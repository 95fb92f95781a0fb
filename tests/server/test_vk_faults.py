"""VK's faults through lanes and real workers: what becomes of each message, and what the bot does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from db import keys
from db.dead import DeadLetters
from db.links import redis_client
from server.dispatcher import handling
from server.dispatcher.pauses import Rules
from server.snapshots import bot_info
from tests.db.lanes import put
from tests.emulation import EmulatorClient, running_emulator
from tests.engine.bench import GROUP, TOKEN, Bench, Room, open_room
from tests.server.answering import Answering, answering, make_bot, publish, say, until, with_token

SEND = "messages.send"
SENDING = f"method:{SEND}"
LONG = "слово " * 500


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(GROUP, TOKEN)
        yield running


@pytest.fixture(scope="module")
def room(emulator: EmulatorClient, storage_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    tables = {"engine": "workers = 6\ndeadline_s = 5.0", "vk": "timeout_s = 0.5\nrequests_per_s = 900"}
    folder = tmp_path_factory.mktemp("room")
    with open_room(folder, storage_tables, emulator.url, **tables) as room:
        yield room


@pytest.fixture
def bench(room: Room, clean_redis: redis.Redis, emulator: EmulatorClient, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(handling, "OUTAGE_FIRST_S", 0.2)
    bench = room.bench(clean_redis)
    for peer in range(11, 40):
        bench.know(peer)
    bench.learn(("привет", "И тебе привет!"), ("длинно", LONG))
    emulator.clear_faults()
    return bench


@dataclass
class Case:
    """One fault, and what follows: the end of the message, what people saw, and for what the bot rested."""

    fault: dict[str, Any]
    end: str = "done"
    seen: int = 1
    rested: set[str] = field(default_factory=set)
    text: str = "привет"
    in_chat: bool = False
    closed: bytes | None = None
    attempt: int = 1


def error(code: int, **more: Any) -> dict[str, Any]:
    return {"kind": "error", "code": code, "method": SEND, **more}


CASES = {
    "too many requests": Case(error(6), rested={"rate"}),
    "internal error": Case(error(10), attempt=2),
    "flood": Case(error(9), end="retry", seen=0),
    "captcha with a redirect alone": Case({"kind": "captcha", "shape": "new", "method": SEND}, rested={SENDING}),
    "captcha of the old shape": Case({"kind": "captcha", "shape": "old", "method": SEND}, rested={SENDING}),
    "captcha with both": Case({"kind": "captcha", "shape": "both", "method": SEND}, rested={SENDING}),
    "quota of the method": Case(error(29), rested={SENDING}),
    "revoked": Case(error(5), rested={"token"}),
    "revoked, as communities are told": Case(error(27, tail="invalid access_token (4)."), rested={"token"}),
    "expired": Case(error(1117), rested={"token"}),
    "a method that is not for communities": Case(
        error(27, tail="method is unavailable with group auth."), end="buried", seen=0, rested={"notice:27"}
    ),
    "in the person's blacklist": Case(error(900), end="ignored", seen=0, closed=b"900"),
    "without permission": Case(error(901), end="ignored", seen=0, closed=b"901"),
    "against their privacy": Case(error(902), end="ignored", seen=0, closed=b"902"),
    "nobody there": Case(error(936), end="ignored", seen=0, closed=b"936"),
    "not in the chat": Case(error(917), end="ignored", seen=0, in_chat=True, closed=b"917"),
    "not an administrator": Case(error(925), end="ignored", seen=0, in_chat=True),
    "keyboard malformed though there is none": Case(error(911), end="buried", seen=0),
    "bot features are off": Case(error(912), end="buried", seen=0, rested={"notice:912"}),
    "too many forwards": Case(error(913), in_chat=True),
    "too long": Case(error(914), text="длинно", seen=2),
    "unknown": Case(error(4242), end="buried", seen=0, rested={"notice:4242"}),
    "502": Case({"kind": "http", "status": 502, "method": SEND, "count": 2}),
    "500 for long": Case({"kind": "http", "status": 500, "method": SEND, "count": 5}, rested={"vk"}),
    "HTML": Case({"kind": "http", "status": 200, "method": SEND}),
    "reset before": Case({"kind": "reset_before", "method": SEND, "count": 3}),
    "reset after": Case({"kind": "reset_after", "method": SEND, "count": 3}),
    "silence": Case({"kind": "hang", "method": SEND, "count": 3}, rested={SENDING}),
    "slow": Case({"kind": "slow", "ms": 200, "method": SEND}),
}


def test_each_fault_has_its_end(bench: Bench, emulator: EmulatorClient, clean_redis: redis.Redis) -> None:
    """Every case is a bot of its own, all at once: none is hurt by another's fault."""
    bots = {name: make_bot(emulator, bench, number) for number, name in enumerate(CASES)}
    for name, case in CASES.items():
        bot, _config = bots[name]
        emulator.fault(group_id=bot.group_id, **case.fault)
        chat = emulator.order("chats", {"communities": [bot.group_id], "users": [11]})["chat_id"] if case.in_chat else 0
        say(clean_redis, emulator, bot, f"Анна {case.text}" if chat else case.text, chat=chat)

    async def scene() -> Answering:
        async with answering(bench, bots.values()) as host:

            def is_over() -> bool:
                return all(host.steps(bots[name][0].name, case.end) for name, case in CASES.items())

            await until(is_over)
            return host

    host = asyncio.run(scene())
    sent = emulator.sent()
    found = {name: _outcome(host, bots[name][0], sent, bench) for name in CASES}
    expected = {name: (case.end, case.attempt, case.seen, case.rested, case.closed) for name, case in CASES.items()}
    assert found == expected
    assert DeadLetters(clean_redis).count() == sum(case.end == "buried" for case in CASES.values())
    (flood,) = host.steps(bots["flood"][0].name, "retry")
    assert flood["delay_ms"] == 180_000  # that conversation alone


def _outcome(host: Answering, bot: Any, sent: list[dict[str, Any]], bench: Bench) -> tuple[Any, ...]:
    last = host.steps(bot.name)[-1]
    seen = [one for one in sent if one["group_id"] == bot.group_id]
    closed = redis_client(bench.settings, bot.db).get(keys.closed(last["peer_id"]))
    return last["step"], last["attempt"], len(seen), host.pauses(bot.name), closed


def test_a_revoked_token_stops_its_bot_alone_and_another_one_lets_it_go_on_in_order(
    bench: Bench, emulator: EmulatorClient, clean_redis: redis.Redis
) -> None:
    """Nothing is lost, buried or counted; a restart keeps the pause; VK is asked at most once a minute."""
    dead, well = make_bot(emulator, bench, 60), make_bot(emulator, bench, 61)
    emulator.order("revoke", {"group_id": dead[0].group_id})
    said = [say(clean_redis, emulator, dead[0], "привет", 11 + number % 3) for number in range(9)]
    for number in range(5):
        say(clean_redis, emulator, well[0], "привет", 11 + number)

    async def scene() -> None:
        before = _refused(emulator)
        async with answering(bench, [dead, well], Rules()) as host:
            await until(lambda: host.rests("v60") == ["token"] and len(host.steps("v61", "done")) == 5)
            await until(lambda: host.dispatcher.lanes()["v60"].in_flight == 0)
            asked = _refused(emulator)
            assert asked - before <= 3  # those under way when it was found out
            info = bot_info(dead[0], host.dispatcher.lanes()["v60"], None, 0)
            assert info.pause == "token" and info.health is not None and info.health.state == "bad"
            assert "salo bot token v60" in info.health.text
        assert {value.split(b":")[0] for value in clean_redis.hvals(keys.state("v60"))} == {b"0"}
        async with answering(bench, [dead, well], Rules(), "heir") as host:
            await until(lambda: host.rests("v60") == ["token"])
            say(clean_redis, emulator, well[0], "привет", 12)
            await until(lambda: len(host.steps("v61", "done")) == 1)
            assert host.steps("v60") == [] and _refused(emulator) == asked
            emulator.community(dead[0].group_id, "token-renewed")
            host.bots[:] = [with_token(dead, "token-renewed"), well]
            publish(clean_redis)
            await until(lambda: len(host.steps("v60", "done")) == 9)
            assert all(step["attempt"] == 1 for step in host.steps("v60", "done"))
            assert host.rests("v60") == []
            for peer in (11, 12, 13):
                mine = [step["event_id"] for step in host.steps("v60", "done") if step["peer_id"] == peer]
                assert mine == said[peer - 11 :: 3]

    asyncio.run(scene())
    assert clean_redis.hlen(keys.pauses("v60")) == 0
    assert DeadLetters(clean_redis).count() == 0 == clean_redis.xlen(keys.inbox("v60"))


def _refused(emulator: EmulatorClient) -> int:
    return int(emulator.read("")["calls"].get(f"{SEND}:5", 0))


def test_a_token_that_vk_takes_again_is_found_by_a_probe(
    bench: Bench, emulator: EmulatorClient, clean_redis: redis.Redis
) -> None:
    bot = make_bot(emulator, bench, 62)
    emulator.order("revoke", {"group_id": bot[0].group_id})
    for number in range(6):
        say(clean_redis, emulator, bot[0], "привет", 11 + number)

    async def scene() -> None:
        async with answering(bench, [bot]) as host:
            before = _refused(emulator)
            await until(lambda: [one for one in host.told if one.get("pause", {}).get("kind") == "token"][2:])
            assert _refused(emulator) - before <= 3 + 3  # under way, then one probe each
            emulator.community(bot[0].group_id, "token-of-62")
            await until(lambda: len(host.steps("v62", "done")) == 6)

    asyncio.run(scene())


def test_an_outage_is_waited_out_with_few_calls_and_its_backlog_answered_once_and_in_order(
    bench: Bench, emulator: EmulatorClient, clean_redis: redis.Redis
) -> None:
    bot = make_bot(emulator, bench, 63)
    peers = range(11, 31)
    for kind, chance in (("reset_before", 0.4), ("http", 1.0)):
        emulator.fault(kind=kind, group_id=bot[0].group_id, count=0, probability=chance, status=500)
    bench.learn(*((f"вопрос номер {number}", f"ответ {number}") for number in range(100)))
    old = [say(clean_redis, emulator, bot[0], "привет", 31 + number, age_s=1801) for number in range(3)]

    async def scene() -> None:
        async with answering(bench, [bot]) as host:
            for number in range(100):
                say(clean_redis, emulator, bot[0], f"вопрос номер {number}", peers[number % len(peers)])
                await asyncio.sleep(0.02)
            await until(lambda: host.rests("v63") == ["vk"])
            tried = len(host.steps("v63", "handed out"))
            opened = [one for one in host.told if one.get("pause", {}).get("kind") == "vk"]
            assert tried <= 3 + 4 + len(opened), "it hammered"
            info = bot_info(bot[0], host.dispatcher.lanes()["v63"], None, 0)
            assert info.pause == "vk" and info.health is not None and "does not answer" in info.health.text
            emulator.clear_faults()
            await until(lambda: len(host.steps("v63", "done")) == 100)
            assert host.rests("v63") == []
            assert {step["event_id"] for step in host.steps("v63", "ignored") if step["reason"] == "stale"} == set(old)

    after = len(emulator.sent())
    asyncio.run(scene())
    for peer in peers:
        seen = [one["text"] for one in emulator.sent(after) if one["peer_id"] == peer]
        assert seen == [f"ответ {number}" for number in range(100) if peers[number % len(peers)] == peer]
    assert DeadLetters(clean_redis).count() == 0


def test_buttons_consent_and_members_pass_through_the_lane(
    bench: Bench, emulator: EmulatorClient, clean_redis: redis.Redis
) -> None:
    """A button is answered once and a late one left; what nobody answers is settled in its place."""
    bot = make_bot(emulator, bench, 64)[0]
    say(clean_redis, emulator, bot, "привет")
    place = {"user_id": 11, "peer_id": 11, "conversation_message_id": 1}
    pressed = emulator.order("press", {"from_id": 11, "group_id": bot.group_id, "peer": "private", "payload": {"a": 1}})
    events = [
        ("message_event", {**place, "event_id": pressed["press_id"], "payload": {"a": 1}}),
        ("message_event", {**place, "event_id": pressed["press_id"], "payload": {"a": 1}}),
        ("message_deny", {"user_id": 11}),
        ("group_leave", {"user_id": 11, "self": 1}),
        ("message_allow", {"user_id": 11, "key": ""}),
        ("group_join", {"user_id": 11, "join_type": "join"}),
    ]
    for number, (kind, thing) in enumerate(events):
        put(clean_redis, {"type": kind, "event_id": f"x{number}", "group_id": bot.group_id, "object": thing}, bot.name)

    async def scene() -> None:
        async with answering(bench, [make_bot(emulator, bench, 64)]) as host:
            await until(lambda: len(host.steps("v64", "done", "ignored")) == 7)
            ends = {step["event_id"]: (step["step"], step["reason"]) for step in host.steps("v64", "done", "ignored")}
            assert ends["x0"][0] == "done"
            assert ends["x1"] == ("ignored", "the button was answered already, or too late")
            assert [ends[f"x{number}"][1] for number in range(2, 6)] == [f"{kind}: noted" for kind, _ in events[2:]]
            assert host.rests("v64") == []

    asyncio.run(scene())
    assert len(emulator.read("answers", after=0)["answers"]) == 1
