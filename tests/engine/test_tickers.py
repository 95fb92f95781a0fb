"""Ticks in real workers: what is found of a bot by the emulated VK, and of real servers that hang, fail or are well."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis

from db import delta, keys
from db.bases import BaseStore
from db.links import redis_client
from db.models import Answer
from db.settings import Settings
from engine.tickers.bot_health import own_group, token_refused
from engine.tickers.desk import TickDesk
from engine.tickers.finding import Finding, report, rounded_ms
from engine.tickers.storage_health import check, disk_state, journal_state, maria_state, redis_state
from engine.vk.errors import VkError
from tests.emulation import EmulatorClient, running_emulator
from tests.engine.bench import GROUP, LEASE, TOKEN, Bench, Room, Worker, open_room
from tests.services import PASSWORD, MariaService, RedisService, start_maria, start_redis

PUBLIC = "https://bots.example.org"
OUR_URL = f"{PUBLIC}/callback/{GROUP}"
SECRET = "secret-of-anna"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=20) as running:
        yield running


@pytest.fixture(scope="module")
def room(emulator: EmulatorClient, storage_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    lines = {"callback": f'public_url = "{PUBLIC}/"', "platform": 'language = "en"'}
    with open_room(folder, storage_tables, emulator.url, **lines) as room:
        yield room


@pytest.fixture
def bench(room: Room, clean_redis: redis.Redis, emulator: EmulatorClient) -> Bench:
    emulator.clear_faults()
    emulator.community(GROUP, TOKEN, screen_name="anna_bot")
    serve(emulator, "ok")
    return room.bench(clean_redis)


@pytest.fixture
def worker(bench: Bench) -> Iterator[Worker]:
    worker = bench.zygote.fork()
    yield worker
    worker.close()


def serve(emulator: EmulatorClient, status: str) -> None:
    emulator.order(
        "callback", {"group_id": GROUP, "url": OUR_URL, "secret": SECRET, "confirm": False, "status": status}
    )


def tick(ticker: str = "bot_health", deadline_ms: int = 10_000, **changes: Any) -> dict[str, Any]:
    entry = f"tick-{next(_numbers)}"
    bot = {"name": "anna", "bot_id": 7, "group_id": GROUP, "base": "main", "db": 3}
    own = {"bot": bot, "token": TOKEN, "secret": SECRET, "lease": {"key": keys.lease("anna"), "value": LEASE}}
    job = {"job": entry, "kind": "tick", "ticker": ticker, "entry": entry, "deadline_ms": deadline_ms}
    return {**job, **(own if ticker == "bot_health" else {}), **changes}


def found(worker: Worker, job: dict[str, Any]) -> tuple[str, str]:
    """Return the state and the text that a tick came to."""
    verdict = worker.run(job)
    assert verdict["verdict"] == "done", verdict
    return verdict["tick"]["state"], verdict["tick"]["text"]


def test_a_bot_that_is_well_costs_three_calls_and_says_so(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    bench.client.xadd(keys.inbox("anna"), {"e": "{}"})
    before = emulator.read("rate")["tokens"].get(str(GROUP), {"total": 0})["total"]
    verdict = worker.run(tick())
    assert (verdict["tick"]["state"], verdict["tick"]["text"]) == ("ok", "")
    assert verdict["slots_used"] == 3
    assert emulator.read("rate")["tokens"][str(GROUP)]["total"] == before + 3
    assert 0 < verdict["tick"]["ms"] < 5000
    assert bench.client.zcard("rate") == 0, "the slots are the bot's database's"


def test_a_bot_that_never_heard_anything_is_well_and_says_so(bench: Bench, worker: Worker) -> None:
    assert found(worker, tick()) == ("ok", "no event has come yet")


def test_a_revoked_token_is_bad_and_the_way_out_is_named(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    emulator.order("revoke", {"group_id": GROUP, "token": TOKEN})
    state, text = found(worker, tick())
    assert state == "bad"
    assert "error 5" in text and "salo bot token anna" in text and TOKEN not in text


def test_a_token_of_another_community_is_bad(bench: Bench, worker: Worker, emulator: EmulatorClient) -> None:
    emulator.community(GROUP + 1, "token-of-another")
    state, text = found(worker, tick(token="token-of-another"))
    assert state == "bad"
    assert str(GROUP) in text and str(GROUP + 1) in text and "salo bot token anna" in text


@pytest.mark.parametrize("status", ["failed", "wait", "unconfigured"])
def test_a_callback_server_that_is_not_well_is_a_warning(
    bench: Bench, worker: Worker, emulator: EmulatorClient, status: str
) -> None:
    serve(emulator, status)
    state, text = found(worker, tick(wrong=3))  # a look that leaves it alone
    assert state == "warn" and f"(status: {status})" in text and OUR_URL in text


def test_a_vk_that_is_down_is_a_warning_and_leaves_no_slot_behind(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    emulator.fault(kind="http", status=502, method="groups.getById")
    state, text = found(worker, tick())
    assert state == "warn" and "VK does not answer" in text


def test_a_vk_that_hangs_ends_the_tick_before_its_deadline(
    bench: Bench, worker: Worker, emulator: EmulatorClient
) -> None:
    emulator.fault(kind="hang", method="groups.getById")
    state, text = found(worker, tick(deadline_ms=1500))
    assert state == "warn" and "VK does not answer" in text


def test_no_slot_means_no_call(bench: Bench, worker: Worker, emulator: EmulatorClient) -> None:
    before = emulator.read("")["calls"].get("groups.getById", 0)
    bot_redis = redis_client(bench.settings, 3)
    bot_redis.zadd(keys.RATE, {f"other:{number}": (time.time() + 600) * 1e6 for number in range(20)})
    try:
        state, text = found(worker, tick(deadline_ms=1500))
    finally:
        bot_redis.delete(keys.RATE)
    assert state == "warn" and "rate limit" in text
    assert emulator.read("")["calls"].get("groups.getById", 0) == before


def test_a_lost_lease_tells_nothing(bench: Bench, worker: Worker) -> None:
    bench.client.set(keys.lease("anna"), "another")
    verdict = worker.run(tick())
    assert (verdict["verdict"], verdict["outage"], verdict["tick"]) == ("retry", True, None)


def test_an_unknown_ticker_fails_and_the_worker_goes_on(bench: Bench, worker: Worker) -> None:
    assert worker.run(tick("dance"))["verdict"] == "fail"
    assert found(worker, tick())[0] == "ok"


def test_healthy_storage_lights_three_lamps(bench: Bench, worker: Worker) -> None:
    verdict = worker.run(tick("storage_health"))
    parts = verdict["tick"]["parts"]
    assert set(parts) == {"redis", "mariadb", "disk"}
    assert parts["redis"]["state"] == parts["mariadb"]["state"] == "ok", parts
    assert 0 < parts["redis"]["ms"] < 1000 and 0 < parts["mariadb"]["ms"] < 1000
    assert "memory" in parts["redis"]["text"] and "connections" in parts["mariadb"]["text"]


def test_stored_phrases_of_an_older_form_are_normalised_and_the_work_goes_on_in_the_next_tick(
    bench: Bench, worker: Worker
) -> None:
    base = BaseStore(bench.client, bench.settings).open(bench.base)
    rows = [
        {"rx": f"фраза {at} :D", "rx_norm": f"фраза {at} d", "rx_hash": f"{at:032}", "tx": "Да"} for at in range(2000)
    ]
    with base.unit():
        Answer.insert_many(rows).execute()
        stored = Answer.select(Answer.rx_norm).where(Answer.rx_norm.endswith(" d"))
    verdict = worker.run(tick("normalise", deadline_ms=12_600))  # a tenth of a second to work in
    assert verdict["verdict"] == "done" and verdict["tick"]["state"] == "ok", verdict
    ticks = 1
    while verdict["tick"]["has_more"]:
        assert bench.base in verdict["tick"]["text"] and "%" in verdict["tick"]["text"]
        verdict = worker.run(tick("normalise", deadline_ms=30_000))
        ticks += 1
    assert ticks > 1 and verdict["tick"]["text"] == ""
    with base.unit():
        assert stored.count() == 0
    base.close()


def test_answers_written_by_hand_are_told_to_all_workers_by_a_tick(bench: Bench, worker: Worker) -> None:
    def said(phrase: str) -> str | None:
        job = bench.job(phrase)
        job |= {"kind": "find", "text": phrase, "names": {}, "event_id": "e"}
        verdict = worker.run({**job, "base_delta": delta.position(bench.client, bench.base)})
        return verdict["reply"]["parts"][0]["text"] if verdict["reply"] else None

    bench.learn(("привет", "И тебе"))
    base = BaseStore(bench.client, bench.settings).open(bench.base)
    assert said("привет") is not None
    with base.unit():
        base.database.execute_sql("INSERT INTO answers (rx, tx) VALUES ('Как твоё здоровье', 'По руке')")
    assert said("как твое здоровье") is None
    verdict = worker.run(tick("match_index", deadline_ms=30_000))
    assert (verdict["verdict"], verdict["tick"]["state"]) == ("done", "ok"), verdict
    assert said("как твое здоровье") == "По руке"
    base.close()


@pytest.fixture
def own_room(tmp_path: Path) -> Iterator[tuple[Room, RedisService, MariaService]]:
    """A room with servers that may be hurt."""
    redis_service, maria_service = start_redis(tmp_path / "redis"), start_maria(tmp_path / "maria")
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    storage = (
        f'[storage]\nredis = "{redis_service.url}"\nredis_password_file = "{password}"\n'
        f'mariadb = "{maria_service.url}"\nmariadb_password_file = "{password}"\n'
    )
    try:
        with open_room(tmp_path, storage, platform='language = "en"') as room:
            (tmp_path / "home").mkdir(exist_ok=True)
            yield room, redis_service, maria_service
    finally:
        redis_service.stop()
        maria_service.stop()


def test_servers_that_hang_are_bad_within_the_deadline_and_good_again(
    own_room: tuple[Room, RedisService, MariaService],
) -> None:
    room, redis_service, maria_service = own_room
    services: list[RedisService | MariaService] = [redis_service, maria_service]
    worker = room.zygote.fork()
    assert found(worker, tick("storage_health"))[0] == "ok"
    for name, service in zip(("redis", "mariadb"), services, strict=True):
        os.kill(service.process.pid, signal.SIGSTOP)
        verdict = worker.run(tick("storage_health", deadline_ms=5000))
        parts = verdict["tick"]["parts"]
        assert {part for part, told in parts.items() if told["state"] == "bad"} == {name}, parts
        assert verdict["tick"]["text"] == f"{name}: does not answer"
        os.kill(service.process.pid, signal.SIGCONT)
        assert found(worker, tick("storage_health"))[0] == "ok"
    for service in services:
        service.stop()
    state, text = found(worker, tick("storage_health"))
    assert state == "bad" and text.count("cannot be reached") == 2
    worker.close()


# What is decided from values.


@pytest.mark.parametrize(
    ("code", "state"), [(5, "bad"), (27, "bad"), (1117, "bad"), (100, "bad"), (42, "bad"), (10, "warn"), (6, "warn")]
)
def test_what_an_error_says_of_the_token(code: int, state: str) -> None:
    assert token_refused(VkError(code, "text"), "anna").state == state


def test_own_group_is_read_in_every_form() -> None:
    assert own_group({"groups": [{"id": 7}], "profiles": []}) == own_group([{"id": 7}]) == 7
    assert own_group({}) == own_group([]) == own_group(None) == own_group([7]) == own_group([{"id": "7"}]) == 0


@pytest.mark.parametrize(("used", "state"), [(59, "ok"), (60, "warn"), (79, "warn"), (80, "bad")])
def test_memory_of_redis_is_told_before_events_are_refused(used: int, state: str) -> None:
    memory = {"used_memory": used << 20, "maxmemory": 100 << 20}
    assert redis_state(memory, {}, 0.1).state == state
    assert redis_state({"used_memory": used << 20, "maxmemory": 0}, {}, 0.1).state == "ok"
    assert redis_state(memory, {"aof_last_write_status": "err"}, 0.1).state == "bad"
    assert redis_state({"used_memory": used, "maxmemory": 100}, {}, 0.1).state == state


@pytest.mark.parametrize(("oldest_s", "state"), [(0.0, "ok"), (9.9, "ok"), (10.0, "warn"), (3600.0, "warn")])
def test_rows_that_mariadb_does_not_take_are_told(oldest_s: float, state: str) -> None:
    found = journal_state(Finding("ok", "well", {}, 0.5), 7, oldest_s)
    assert (found.state, found.ms) == (state, 0.5)
    assert found.text == "well" or "7 rows" in found.logged()


def test_connections_and_disk_are_told_before_they_end() -> None:
    assert [maria_state(used, 100, 0.1).state for used in (89, 90)] == ["ok", "warn"]
    assert [disk_state(free, "/").state for free in (1024, 1023, 256, 255)] == ["ok", "warn", "warn", "bad"]


def test_a_directory_that_is_gone_is_the_disks_fault_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "gone")
    desk = SimpleNamespace(stores=SimpleNamespace(settings=settings), left_s=lambda: 1.0)
    found = check(cast(TickDesk, desk))
    assert set(found) == {"redis", "mariadb", "disk"} and found["disk"].state == "bad"
    assert "gone" in found["disk"].told()


def test_a_report_is_as_bad_as_its_worst_part_and_names_what_is_wrong() -> None:
    told = report({"a": Finding("ok", "fine"), "b": Finding("bad", "gone"), "c": Finding("warn", "{n} left", {"n": 2})})
    assert (told["state"], told["text"]) == ("bad", "b: gone; c: 2 left")
    assert report({"a": Finding("ok", "fine", ms=3.0)}) | {"parts": {}} == {
        "state": "ok", "text": "fine", "reason": "fine", "ms": 3.0, "has_more": False, "parts": {}
    }  # fmt: skip


def test_shown_milliseconds_have_two_digits() -> None:
    assert [rounded_ms(seconds) for seconds in (0.00012345, 0.0049, 0.1234, 1.26)] == [0.12, 4.9, 120.0, 1300.0]
