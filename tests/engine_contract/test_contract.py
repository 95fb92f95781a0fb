"""What every engine keeps: ours, and a small one in Perl. Both send through the emulator."""

from __future__ import annotations

import time
from typing import Any

import pytest

from db import keys
from engine.vk.random_id import derive_random_id
from tests.emulation import EmulatorClient
from tests.engine.bench import CHAT, GROUP, Bench
from tests.engine_contract.conftest import start
from tests.engine_contract.players import OTHER_GROUP, TOLD, WHOLE, Asks, Player, new_peer, why_no_perl
from tests.services import wait_until


def shown(emulator: EmulatorClient, peer: int) -> list[dict[str, Any]]:
    """Return what a person sees from bots."""
    return [one for one in emulator.sent(limit=1000) if one["peer_id"] == peer]


def peer_of(job: dict[str, Any]) -> int:
    return int(job["event"]["object"]["message"]["peer_id"])


@pytest.fixture(autouse=True)
def no_faults(emulator: EmulatorClient) -> None:
    emulator.clear_faults()


def test_one_job_gets_one_verdict_and_one_message(player: Player, emulator: EmulatorClient) -> None:
    job = player.job("привет!")
    verdict = player.run(job)
    assert (verdict["verdict"], verdict["slots_used"]) == ("done", 1)
    assert verdict["match"]["phrase"] == "привет" and verdict["match"]["score"] == 1
    (sent,) = shown(emulator, peer_of(job))
    (part,) = verdict["reply"]["parts"]
    cmid = job["event"]["object"]["message"]["conversation_message_id"]
    assert sent["text"] == part["text"] == "И тебе привет!"
    assert sent["random_id"] == part["random_id"] == derive_random_id(GROUP, peer_of(job), cmid, 0)
    assert verdict["reply"]["peer_id"] == peer_of(job)


def test_jobs_of_other_bots_between_are_answered_with_their_tokens(player: Player, emulator: EmulatorClient) -> None:
    jobs = [player.job("привет"), player.other_job("привет"), player.job("привет"), player.other_job("привет")]
    assert [player.run(job)["verdict"] for job in jobs] == ["done"] * 4
    groups = [shown(emulator, peer_of(job))[0]["group_id"] for job in jobs]
    assert groups == [GROUP, OTHER_GROUP, GROUP, OTHER_GROUP]


def test_what_has_no_answer_is_unsolved_and_what_is_not_for_us_ignored(
    player: Player, emulator: EmulatorClient
) -> None:
    job = player.job("что делать с ежом")
    verdict = player.run(job)
    assert verdict["verdict"] == "unsolved" and verdict["match"]["rx"] == "что делать с ежом"
    assert player.run(player.job("привет", peer=CHAT))["verdict"] == "ignored"
    assert player.run(player.job("привет", out=1))["verdict"] == "ignored"
    banned = player.job("привет")
    banned["person"]["status"] = "banned"
    assert player.run(banned)["verdict"] == "ignored"
    assert shown(emulator, peer_of(job)) == shown(emulator, peer_of(banned)) == []


def test_a_vk_that_does_not_answer_gives_a_verdict_before_the_deadline(
    player: Player, emulator: EmulatorClient
) -> None:
    emulator.fault(kind="hang", method="messages.send")
    job = {**player.job("привет"), "deadline_ms": 2500}
    started = time.monotonic()
    verdict = player.run(job)
    assert time.monotonic() - started < 2.5
    assert (verdict["verdict"], verdict["outage"]) == ("retry", True) and verdict["reason"]
    again = player.bench.repeat(job, counted=False)
    assert player.run({**again, "deadline_ms": 10_000})["verdict"] == "done"
    assert len(shown(emulator, peer_of(job))) == 1


def test_it_ends_when_its_socket_closes(fresh: Player) -> None:
    fresh.worker.close()
    fresh.worker.wait_ended()


def test_a_broken_line_ends_it(fresh: Player) -> None:
    fresh.worker.connection.sendall(b'{"job": "1", "kind": \n')
    fresh.worker.wait_ended()


def test_an_unknown_kind_fails_and_the_next_job_is_done(player: Player) -> None:
    job = {**player.job("привет"), "kind": "dance"}
    verdict = player.run(job)
    assert verdict["verdict"] == "fail" and "dance" in verdict["reason"]
    assert player.run(player.job("привет"))["verdict"] == "done"


def test_fields_that_it_does_not_know_are_ignored(player: Player) -> None:
    job = player.job("привет", unheard_of=[{"of": None}])
    job |= {"weather": {"of": ["tomorrow"]}, "bot": {**job["bot"], "mood": 1.5}, "person": {**job["person"], "x": "y"}}
    assert player.run(job)["verdict"] == "done"


def test_a_line_of_a_mebibyte_is_taken(player: Player) -> None:
    assert player.run(player.job("привет", padding="x" * (1 << 20)))["verdict"] == "done"


def test_every_letter_arrives_as_it_was_written(player: Player, emulator: EmulatorClient) -> None:
    job = player.job("скажи всё")
    assert player.run(job)["reply"]["parts"][0]["text"] == WHOLE
    assert shown(emulator, peer_of(job))[0]["text"] == WHOLE
    strange = player.job(WHOLE)
    assert player.run(strange)["match"]["rx"] == WHOLE


def test_names_are_put_into_answers(player: Player, emulator: EmulatorClient) -> None:
    job = player.job("как меня зовут")
    player.run(job)
    assert shown(emulator, peer_of(job))[0]["text"] == "Ваня"


def test_a_command_is_asked_of_the_platform(player: Player, asks: Asks, emulator: EmulatorClient) -> None:
    job = player.job("/dead list")
    job["bot"]["owner"] = str(peer_of(job))
    assert player.run(job)["verdict"] == "done"
    assert asks.lines[-1] == "/dead list"
    assert shown(emulator, peer_of(job))[0]["text"] == TOLD


def test_a_second_part_takes_a_slot_and_both_are_told(player: Player, bench: Bench, emulator: EmulatorClient) -> None:
    job = player.job("длинно")
    verdict = player.run(job)
    assert verdict["slots_used"] == 2
    texts = [one["text"] for one in shown(emulator, peer_of(job))]
    assert texts == [part["text"] for part in verdict["reply"]["parts"]] == ["а" * 4096, "б" * 100]
    assert b"sent:0" in bench.mark(job) and b"sent:1" not in bench.mark(job)


def test_what_vk_says_decides_what_becomes_of_the_event(player: Player, emulator: EmulatorClient) -> None:
    for code, outcome, outage in (
        (901, "ignored", False),
        (10, "retry", False),
        (6, "retry", True),
        (5, "retry", True),
        (100, "fail", False),
    ):
        emulator.fault(kind="error", method="messages.send", code=code)
        verdict = player.run(player.job("привет"))
        assert (verdict["verdict"], bool(verdict.get("outage"))) == (outcome, outage), code
        assert [(told["method"], told["code"]) for told in verdict["vk_errors"]] == [("messages.send", code)]
        assert "canary" not in str(verdict)


@pytest.mark.parametrize("fault", ["reset_after", "reset_before"])
def test_a_worker_killed_at_its_call_leaves_one_message(
    fresh: Player, engine: str, bench: Bench, asks: Asks, emulator: EmulatorClient, fault: str
) -> None:
    """Whether VK took it or not, nobody can tell: the repeat has the number that makes it harmless."""
    emulator.fault(kind=fault, method="messages.send")
    emulator.fault(kind="hang", method="messages.send")  # an engine may try again at once
    job = fresh.job("привет")
    fresh.worker.give(job)
    if engine == "ours":
        wait_until(lambda: bench.mark(job))
        time.sleep(0.05)  # any moment around the call
    else:
        assert fresh.go_on(job)["verdict"] == "retry"
    fresh.worker.kill()
    emulator.clear_faults()
    with start(engine, bench, asks) as other:
        assert other.run(bench.repeat(job))["verdict"] == "done"
    assert len(shown(emulator, peer_of(job))) == 1


def test_a_repeat_sends_what_was_written_down_and_only_what_is_missing(
    player: Player, bench: Bench, emulator: EmulatorClient
) -> None:
    emulator.fault(kind="http", method="messages.send", nth=2, count=1)
    phrase = f"снова длинно {new_peer()}"
    bench.learn((phrase, "а" * 4096 + "б" * 100))
    job = player.job(phrase)
    assert player.run(job)["verdict"] == "retry"
    bench.learn(*((phrase, f"другое {number}") for number in range(50)))
    verdict = player.run(bench.repeat(job))
    assert [one["text"][:3] for one in shown(emulator, peer_of(job))] == ["ааа", "ббб"]
    assert [part["text"][:3] for part in verdict["reply"]["parts"]] == ["ааа", "ббб"]
    bench.client.hset(keys.reply_mark(GROUP, job["entry"]), "begun_ms", 1)
    too_late = player.run(bench.repeat(job))
    assert too_late["verdict"] == "fail" and "may have been sent" in too_late["reason"]


def test_a_lane_that_was_taken_over_sends_nothing(player: Player, bench: Bench, emulator: EmulatorClient) -> None:
    job = player.job("привет")
    job["lease"] = {**job["lease"], "value": "of another host"}
    assert player.run(job)["verdict"] == "retry"
    assert shown(emulator, peer_of(job)) == []


def test_each_engine_goes_on_with_what_the_other_began(bench: Bench, asks: Asks, emulator: EmulatorClient) -> None:
    """As after another command was set."""
    if reason := why_no_perl():
        pytest.skip(reason)
    for first, second in (("ours", "perl"), ("perl", "ours")):
        emulator.clear_faults()
        emulator.fault(kind="http", method="messages.send", nth=2, count=1)
        with start(first, bench, asks) as one, start(second, bench, asks) as other:
            job = one.job("длинно", new_peer())
            job["bot"]["threshold"] = 1.0
            assert one.run(job)["verdict"] == "retry"
            verdict = other.run(bench.repeat(job))
        kept = [part["text"] for part in verdict["reply"]["parts"]]
        assert verdict["verdict"] == "done" and [one["text"] for one in shown(emulator, peer_of(job))] == kept
