"""One message through a real worker: what is sent, what is reported, and what a kill at any point leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from db import keys
from db.bases import Base
from db.models import Person
from tests.engine.bench import CHAT, GROUP, LEASE, TOKEN, Bench, Room, Worker, open_room
from tests.services import wait_until


@pytest.fixture(scope="module")
def room(storage_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with open_room(tmp_path_factory.mktemp("room"), storage_tables) as room:
        yield room


@pytest.fixture
def bench(room: Room, clean_redis: redis.Redis) -> Bench:
    bench = room.bench(clean_redis)
    bench.know()
    bench.learn(("Привет", "И тебе привет!"), ("кто ты", "Я {bot_name}, а ты {user_name}"))
    return bench


@pytest.fixture
def worker(bench: Bench) -> Iterator[Worker]:
    worker = bench.zygote.fork()
    yield worker
    worker.close()


def test_a_private_message_is_answered_and_reported(bench: Bench, worker: Worker) -> None:
    job = bench.job("привет!!")
    verdict = worker.run(job)
    assert (verdict["job"], verdict["verdict"], verdict["slots_used"]) == (job["job"], "done", 1)
    assert verdict["match"].pop("answer_id") > 0
    assert verdict["match"] == {"rx": "привет!!", "phrase": "привет", "score": 1.0, "suggested": []}
    (call,) = bench.vk.calls
    (part,) = verdict["reply"]["parts"]
    assert (call.values["peer_id"], call.values["message"]) == ("11", "И тебе привет!")
    assert call.values["random_id"] == str(part["random_id"]) and part["message_id"] == 1
    assert "forward" not in call.values


def test_a_chat_message_is_answered_as_a_reply_and_its_number_is_learned(bench: Bench, worker: Worker) -> None:
    verdict = worker.run(bench.job("Анна, превет", peer_id=CHAT, conversation_message_id=40))
    assert verdict["verdict"] == "done" and 0.86 <= verdict["match"]["score"] < 1
    (call,) = bench.vk.calls
    assert "peer_id" not in call.values and call.values["peer_ids"] == str(CHAT)
    forward = json.loads(call.values["forward"])
    assert forward == {"peer_id": CHAT, "conversation_message_ids": [40], "is_reply": True}
    assert verdict["reply"]["parts"][0]["message_id"] == 1


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("привет", {"peer_id": CHAT}),
        ("привет", {"out": 1}),
        ("Анна привет", {"peer_id": CHAT, "from_id": -5}),
        ("привет", {"peer_id": -5, "from_id": -5}),
        ("", {"action": {"type": "chat_invite_user", "member_id": -GROUP}}),
    ],
)
def test_what_is_not_for_us_is_left_alone(bench: Bench, worker: Worker, text: str, more: dict[str, Any]) -> None:
    verdict = worker.run(bench.job(text, **more))
    assert verdict["verdict"] == "ignored" and verdict["slots_used"] == 0
    assert bench.vk.calls == []


def test_a_banned_person_gets_silence_even_for_a_command(bench: Bench, worker: Worker) -> None:
    bench.know(status="banned")
    assert worker.run(bench.job("привет"))["reason"] == "banned"
    assert worker.run(bench.job("/help"))["reason"] == "banned"
    assert bench.vk.calls == []


def test_an_unknown_phrase_is_unsolved_and_silent_unless_the_bot_has_words_for_it(bench: Bench, worker: Worker) -> None:
    verdict = worker.run(bench.job("Анна, что делать с ежом"))
    assert (verdict["verdict"], verdict["match"]["rx"]) == ("unsolved", "что делать с ежом")
    assert bench.vk.calls == [] and verdict["reply"] is None
    bench.unsolved_text = "Пока не знаю"
    assert worker.run(bench.job("что делать"))["reply"]["parts"][0]["text"] == "Пока не знаю"
    assert worker.run(bench.job("Анна, что делать", peer_id=CHAT))["reply"] is None
    assert bench.vk.texts == ["Пока не знаю"]


def test_commands_are_answered(bench: Bench, worker: Worker) -> None:
    worker.run(bench.job("привет"))
    verdict = worker.run(bench.job("[club77|@anna] /why", peer_id=CHAT))
    assert verdict["verdict"] == "done"
    worker.run(bench.job("/why"))
    assert "привет" in bench.vk.texts[-1]
    worker.run(bench.job("/почему превет"))
    assert "привет (опечатка в «превет» (привет))" in bench.vk.texts[-1]
    worker.run(bench.job("/name Вася"))
    worker.run(bench.job("кто ты"))
    assert bench.vk.texts[-1] == "Я Анна, а ты Вася"


def test_a_command_of_the_platform_is_asked_for_as_a_line(bench: Bench, worker: Worker) -> None:
    bench.owner = "11"
    job = bench.job("/dead list")
    worker.give(job)
    assert worker.take() == {"job": job["job"], "ask": {"id": 1, "line": "/dead list"}}
    worker.give({"answer": {"id": 1, "text": "there are no dead letters", "data": [], "exit_code": 0}})
    assert worker.take()["verdict"] == "done"
    assert bench.vk.texts == ["there are no dead letters"]


def test_somebody_new_is_asked_for_once_and_known_to_the_base_next_time(bench: Bench, worker: Worker) -> None:
    bench.client.delete(keys.person(bench.base, "vk", 11))
    verdict = worker.run(bench.job("кто ты"))
    assert verdict["person"] == {"fi_name": "Иван", "la_name": "Петров"}
    assert verdict["slots_used"] == 2
    assert bench.vk.texts == ["Я Анна, а ты Иван"]
    assert worker.run(bench.job("кто ты"))["person"] is None
    assert [call.method for call in bench.vk.calls] == ["users.get", "messages.send", "messages.send"]


def test_names_that_no_answer_needs_are_asked_for_after_the_reply(bench: Bench, worker: Worker) -> None:
    bench.client.delete(keys.person(bench.base, "vk", 11))
    assert worker.run(bench.job("привет"))["person"] == {"fi_name": "Иван", "la_name": "Петров"}
    assert [call.method for call in bench.vk.calls] == ["messages.send", "users.get"]


def test_a_person_of_the_base_is_not_asked_for_and_keeps_their_ban(bench: Bench, worker: Worker) -> None:
    bench.client.delete(keys.person(bench.base, "vk", 11))
    base = Base(bench.base, bench.settings)
    with base.unit():
        Person.create(account_id="11", fi_name="Пётр", status="banned")
    base.close()
    assert worker.run(bench.job("привет"))["reason"] == "banned"
    assert bench.job("привет")["person"]["status"] == "banned"  # the next job carries it
    assert bench.vk.calls == []


def test_an_old_copy_of_a_ban_is_read_again_and_counts_while_mariadb_is_away(bench: Bench, worker: Worker) -> None:
    bench.know(status="banned", read_s="1000000000")
    base = Base(bench.base, bench.settings)
    base.database.connect()
    base.database.execute_sql(f"RENAME TABLE salo_{bench.base}.user TO salo_{bench.base}.hidden")
    try:
        assert worker.run(bench.job("привет"))["reason"] == "banned"
    finally:
        base.database.execute_sql(f"RENAME TABLE salo_{bench.base}.hidden TO salo_{bench.base}.user")
    with base.unit():
        Person.create(account_id="11", fi_name="Пётр", status="user")
    base.close()
    assert bench.zygote.fork().run(bench.job("привет"))["verdict"] == "done"
    assert bench.job("привет")["person"]["status"] == "user"


def test_a_ban_is_remembered_for_longer_than_it_is_believed(bench: Bench, worker: Worker) -> None:
    bench.client.delete(keys.person(bench.base, "vk", 11))
    base = Base(bench.base, bench.settings)
    with base.unit():
        Person.create(account_id="11", fi_name="Пётр", status="banned")
        Person.create(account_id="12", fi_name="Анна")
    base.close()
    for account in (11, 12):
        worker.run(bench.job("привет", peer_id=account, from_id=account))
    lives_s = [bench.client.ttl(keys.person(bench.base, "vk", account)) for account in (11, 12)]
    assert lives_s[1] <= 6 * 3600 < 20 * 24 * 3600 < lives_s[0]


def test_a_name_chosen_in_the_first_message_stands(bench: Bench, worker: Worker) -> None:
    bench.client.delete(keys.person(bench.base, "vk", 11))
    assert worker.run(bench.job("/name Вася"))["person"] == {"fi_name": "Иван", "la_name": "Петров"}
    worker.run(bench.job("кто ты"))
    assert bench.vk.texts[-1] == "Я Анна, а ты Вася"


def test_somebody_whom_the_base_knows_without_names_is_asked_for(bench: Bench, worker: Worker) -> None:
    """VK did not tell them at the first message, and the journal put its author into the base."""
    bench.client.delete(keys.person(bench.base, "vk", 11))
    base = Base(bench.base, bench.settings)
    with base.unit():
        Person.create(account_id="11", status="moderator")
    base.close()
    worker.run(bench.job("кто ты"))
    assert bench.vk.texts == ["Я Анна, а ты Иван"]
    assert bench.job("привет")["person"]["status"] == "moderator"


def test_half_a_character_in_a_name_hurts_nobody(bench: Bench, worker: Worker) -> None:
    bench.client.delete(keys.person(bench.base, "vk", 11))
    bench.vk.script("fine", {"response": [{"id": 11, "first_name": "И\ud83d", "last_name": "П"}]})
    verdict = worker.run(bench.job("привет"))
    assert (verdict["verdict"], verdict["person"]["fi_name"]) == ("done", "И\ufffd")


def test_a_worker_killed_before_vk_took_the_message_sends_it_at_the_next_try(bench: Bench, worker: Worker) -> None:
    bench.vk.script("stall")
    job = bench.job("привет")
    worker.give(job)
    wait_until(lambda: len(bench.vk.calls) == 1)
    assert bench.mark(job) and bench.vk.texts == []
    worker.kill()
    verdict = bench.zygote.fork().run(bench.repeat(job))
    assert verdict["verdict"] == "done" and verdict["match"]["answer_id"] > 0
    assert bench.vk.texts == ["И тебе привет!"]


def test_a_worker_killed_after_vk_took_the_message_sends_nothing_anybody_sees_twice(
    bench: Bench, worker: Worker
) -> None:
    bench.vk.script("hang")
    job = bench.job("привет")
    worker.give(job)
    wait_until(lambda: len(bench.vk.visible) == 1)
    worker.kill()
    assert bench.zygote.fork().run(bench.repeat(job))["verdict"] == "done"
    assert bench.vk.texts == ["И тебе привет!"] and len(bench.vk.calls) == 2


def test_a_worker_killed_between_two_parts_sends_only_the_second(bench: Bench, worker: Worker) -> None:
    bench.learn(("длинно", "а" * 4096 + "б" * 100))
    bench.vk.script("fine", "stall")
    job = bench.job("длинно")
    worker.give(job)
    wait_until(lambda: len(bench.vk.calls) == 2)
    worker.kill()
    verdict = bench.zygote.fork().run(bench.repeat(job))
    assert [part["message_id"] for part in verdict["reply"]["parts"]] == [1, 2]
    assert bench.vk.texts == ["а" * 4096, "б" * 100] and len(bench.vk.calls) == 3


def test_a_repeat_sends_what_was_written_down_though_the_answer_has_changed(bench: Bench, worker: Worker) -> None:
    bench.vk.script(502)
    job = bench.job("привет")
    first = worker.run(job)
    assert (first["verdict"], first["outage"]) == ("retry", True)
    bench.learn(*(("привет", f"другое {number}") for number in range(50)))
    for repeat in (bench.repeat(job), bench.repeat(job, counted=False)):  # an outage does not count as a try
        assert worker.run(repeat)["reply"]["parts"][0]["text"] == "И тебе привет!"
    assert bench.vk.texts == ["И тебе привет!"]


def test_a_repeat_after_an_outage_sends_what_was_written_down_though_nothing_answers_any_more(
    bench: Bench, worker: Worker
) -> None:
    """The first of two parts was seen; whatever the base or the bot's settings say now, the second follows."""
    bench.unsolved_text = "а" * 4096 + " " + "б" * 100
    bench.vk.script("fine", 502)
    job = bench.job("что делать с ежом")
    assert worker.run(job)["outage"] is True
    job["bot"]["unsolved_text"] = ""
    assert worker.run(bench.repeat(job, counted=False))["reply"]["parts"][1]["text"] == "б" * 100
    assert bench.vk.texts == ["а" * 4096, "б" * 100]


def test_a_reply_begun_long_ago_is_left_to_a_human(bench: Bench, worker: Worker) -> None:
    bench.vk.script(502)
    job = bench.job("привет")
    worker.run(job)
    bench.client.hincrby(keys.reply_mark(GROUP, job["entry"]), "begun_ms", -31 * 60 * 1000)
    verdict = worker.run(bench.repeat(job))
    assert verdict["verdict"] == "fail" and "may have been sent" in verdict["reason"]
    assert bench.vk.texts == []


def test_a_reply_that_fifty_messages_followed_is_left_to_a_human(bench: Bench, worker: Worker) -> None:
    bench.vk.script(502)
    job = bench.job("привет")
    worker.run(job)
    verdict = worker.run(bench.repeat(job) | {"later": 50})
    assert (verdict["verdict"], verdict["outage"]) == ("fail", True)  # and the bot is not to blame
    assert bench.vk.texts == []


def test_a_lane_that_was_taken_over_sends_nothing(bench: Bench, worker: Worker) -> None:
    bench.client.set(keys.lease("anna"), "another:host")
    verdict = worker.run(bench.job("привет"))
    assert (verdict["verdict"], verdict["outage"], verdict["slots_used"]) == ("retry", True, 0)
    assert bench.vk.calls == []


@pytest.mark.parametrize(
    ("answer", "outcome", "outage"),
    [
        ({"error": {"error_code": 6, "error_msg": "Too many requests per second"}}, "retry", True),
        ({"error": {"error_code": 10, "error_msg": "Internal server error"}}, "retry", False),
        ({"error": {"error_code": 9, "error_msg": "Flood control"}}, "retry", False),
        (
            {"error": {"error_code": 901, "error_msg": "Can't send messages for users without permission"}},
            "ignored",
            False,
        ),
        ({"error": {"error_code": 5, "error_msg": f"invalid access_token {TOKEN}"}}, "retry", True),
        ({"error": {"error_code": 14, "error_msg": "Captcha needed"}}, "retry", True),
        ({"error": {"error_code": 100, "error_msg": f"bad {TOKEN}"}}, "fail", False),
        (b"<html>", "retry", True),
        ("hang", "retry", True),
    ],
)
def test_what_vk_says_decides_what_becomes_of_the_event(
    bench: Bench, worker: Worker, answer: Any, outcome: str, outage: bool
) -> None:
    bench.vk.script(answer)
    verdict = worker.run(bench.job("привет"))
    assert (verdict["verdict"], verdict["outage"], verdict["slots_used"]) == (outcome, outage, 1)
    assert verdict["reason"] and "canary" not in json.dumps(verdict)


def test_an_error_of_the_recipient_is_found_in_a_successful_answer(bench: Bench, worker: Worker) -> None:
    error = {"code": 917, "description": "You don't have access to this chat"}
    bench.vk.script({"response": [{"peer_id": CHAT, "message_id": 0, "error": error}]})
    verdict = worker.run(bench.job("Анна привет", peer_id=CHAT))
    assert verdict["verdict"] == "ignored" and "917" in verdict["reason"]


def test_a_quotation_that_vk_refuses_is_left_out(bench: Bench, worker: Worker) -> None:
    bench.vk.script({"error": {"error_code": 921, "error_msg": "Can't forward these messages"}})
    verdict = worker.run(bench.job("Анна привет", peer_id=CHAT))
    assert (verdict["verdict"], verdict["slots_used"]) == ("done", 2)
    assert "forward" not in bench.vk.visible[0].values


def test_a_connection_that_vk_cut_is_opened_again_at_once(bench: Bench, worker: Worker) -> None:
    bench.vk.script("close")
    verdict = worker.run(bench.job("привет"))
    assert (verdict["verdict"], verdict["slots_used"]) == ("done", 2)
    assert bench.vk.texts == ["И тебе привет!"]


def test_a_button_is_answered_so_that_it_stops_waiting(bench: Bench, worker: Worker) -> None:
    body = {"event_id": "b483a4d72f40", "user_id": 11, "peer_id": 11, "payload": {}, "conversation_message_id": 4}
    event = {"type": "message_event", "event_id": "e", "group_id": GROUP, "object": body}
    bench.vk.script("fine", {"error": {"error_code": 100, "error_msg": "invalid event_id"}})
    assert worker.run(bench.job_of(event))["verdict"] == "done"
    assert worker.run(bench.job_of(event))["verdict"] == "ignored"
    assert bench.vk.calls[0].method == "messages.sendMessageEventAnswer"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_allow", "object": {"user_id": 5}},
        {"type": "message_new", "object": {"warning": "You are using a deprecated API version"}},
        {"type": "message_event", "object": None},
        {},
    ],
)
def test_odd_events_are_ignored(bench: Bench, worker: Worker, event: dict[str, Any]) -> None:
    assert worker.run(bench.job_of(event))["verdict"] == "ignored"


def test_answers_go_on_while_mariadb_is_away(bench: Bench, worker: Worker, tmp_path: Path) -> None:
    """A worker that starts during the outage reads the saved book, and misses no change that Redis tells of."""
    assert worker.run(bench.job("привет"))["verdict"] == "done"
    bench.learn(("пока", "До встречи!"))
    broken = bench.job("пока")
    base = Base(bench.base, bench.settings)
    base.database.connect()
    base.database.execute_sql(f"RENAME TABLE salo_{bench.base}.answers TO salo_{bench.base}.hidden")
    try:
        assert bench.zygote.fork().run(broken)["reply"]["parts"][0]["text"] == "До встречи!"
    finally:
        base.database.execute_sql(f"RENAME TABLE salo_{bench.base}.hidden TO salo_{bench.base}.answers")
        base.close()


def test_no_log_line_holds_the_token(bench: Bench, worker: Worker) -> None:
    bench.vk.script({"error": {"error_code": 100, "error_msg": f"bad {TOKEN}"}}, 502, "close", "close")
    for _ in range(4):
        worker.run(bench.job("привет"))
    worker.give({"job": "1", "kind": "answer", "token": TOKEN})
    worker.wait_ended()
    wait_until(lambda: "job line of" in bench.zygote.log.read_text())
    assert "canary" not in bench.zygote.log.read_text()
    assert LEASE not in bench.zygote.log.read_text()


def test_a_slot_is_waited_for_and_told_of(bench: Bench, worker: Worker) -> None:
    verdict = worker.run({**bench.job("привет"), "slot_in_ms": 120.0})
    ((method, sent_ms, answered_ms),) = verdict["calls_ms"]
    assert method == "messages.send" and sent_ms >= answered_ms >= 0
    assert verdict["timings_ms"]["total"] >= 100


@pytest.mark.parametrize("late", ["lease", "deadline"])
def test_who_comes_late_sends_nothing(bench: Bench, worker: Worker, late: str) -> None:
    """A worker that was stopped for a while: its lane has an heir by then, or its slot has ended."""
    job = {**bench.job("привет"), "slot_in_ms": 600.0, **({"deadline_ms": 400} if late == "deadline" else {})}
    worker.give(job)
    wait_until(lambda: bench.mark(job))
    if late == "lease":
        bench.client.set(keys.lease("anna"), "host:heir")
    verdict = worker.take()
    assert (verdict["verdict"], verdict["outage"]) == ("retry", True)
    assert bench.vk.calls == []
