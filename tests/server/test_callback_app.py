"""One contract, two ways in: the fast path and the Flask view give the same answers and keep the same events."""

from __future__ import annotations

import io
import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import Client

from db import keys
from db.bots import BotStore
from db.links import redis_client
from db.settings import Settings, load_settings
from server.callback import receiver as receiver_module
from server.callback.app import FastPath, Post, create_app
from server.callback.body import BodyWatch
from server.callback.doors import Doors
from server.callback.receiver import Receiver, is_memory_short
from server.callback.wire import Wire
from tests.bots import SEALER, add_bot, register_base
from tests.server.callback_samples import GROUP, IGNORED, KEPT, REFUSED, SECRET, body
from tests.services import PASSWORD, RedisService, start_redis, wait_until

CODES = {200, 400, 403, 404, 405, 413, 503}
INBOX = keys.inbox("anna")


def settings_for(service: RedisService, folder: Path) -> Settings:
    (folder / "password").write_text(PASSWORD)
    config = folder / "salo.toml"
    config.write_text(f'[storage]\nredis = "{service.url}"\nredis_password_file = "{folder / "password"}"\n')
    return load_settings(config, {"SALO_HOME": str(folder)})


class Door:
    """One way in, with what is behind it."""

    def __init__(self, settings: Settings, client: redis.Redis, fast: bool, inbox_max: int = 1000) -> None:
        self.links = redis_client(settings)
        self.store = BotStore(self.links, settings, SEALER)
        self.wire = Wire(settings)
        self.doors = Doors(self.store)
        self.receiver = Receiver(self.doors, self.wire, inbox_max)
        post = Post(self.receiver, BodyWatch(8), settings.callback.body_max_kb * 1024)
        self.app: Flask = create_app(post)
        self.client = Client(FastPath(self.app, post) if fast else self.app)
        self.redis = client

    def post(self, raw: bytes, group: object = GROUP) -> tuple[int, bytes]:
        response = self.client.post(f"/callback/{group}", data=raw)
        assert response.status_code != 503 or int(response.headers["Retry-After"]) > 0
        return response.status_code, response.data


@pytest.fixture(params=["fast path", "Flask view"])
def door(
    request: pytest.FixtureRequest, redis_service: RedisService, clean_redis: redis.Redis, tmp_path: Path
) -> Iterator[Door]:
    register_base(clean_redis)
    door = Door(settings_for(redis_service, tmp_path), clean_redis, request.param == "fast path")
    add_bot(door.store, "anna", GROUP)
    yield door
    door.wire.close()


@pytest.mark.parametrize("raw", KEPT.values(), ids=KEPT)
def test_event_gets_ok_and_lies_in_the_inbox(door: Door, raw: bytes) -> None:
    assert door.post(raw) == (200, b"ok")
    assert door.redis.xlen(INBOX) == 1


@pytest.mark.parametrize("raw", IGNORED.values(), ids=IGNORED)
def test_event_that_no_bot_handles_gets_ok_and_is_counted_only(door: Door, raw: bytes) -> None:
    assert door.post(raw) == (200, b"ok")
    assert door.redis.xlen(INBOX) == 0
    assert door.receiver.counters.total() == {"not_kept": 1}


@pytest.mark.parametrize(("status", "raw"), REFUSED.values(), ids=REFUSED)
def test_bad_body_is_refused_and_not_kept(door: Door, status: int, raw: bytes) -> None:
    code, text = door.post(raw)
    assert code == status
    assert text in (b"bad request", b"wrong secret", b"too large")
    assert door.redis.xlen(INBOX) == 0


def test_event_repeated_by_vk_gets_ok_and_is_kept_once(door: Door) -> None:
    raw = body()
    assert [door.post(raw), door.post(raw)] == [(200, b"ok")] * 2
    assert door.redis.xlen(INBOX) == 1
    assert door.receiver.counters.total() == {"accepted": 1, "repeated": 1}


@pytest.mark.parametrize("group", [102, 0, -101, "101x", "", "%D9%A1", "9" * 5000, "../101", "101/"])
def test_address_of_no_bot_is_unknown(door: Door, group: object) -> None:
    assert door.post(body(), group)[0] == 404


@pytest.mark.parametrize("path", ["/", "/callback", "//callback/101", "/callback//101", "/x", "/health/x"])
def test_other_addresses_do_not_exist(door: Door, path: str) -> None:
    for answer in (door.client.get(path), door.client.post(path, data=body())):
        assert answer.status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_only_post_is_allowed(door: Door, method: str) -> None:
    answer = door.client.open(f"/callback/{GROUP}", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_confirmation_gets_the_code(door: Door) -> None:
    assert door.post(body("confirmation")) == (200, b"code-anna")


def test_new_code_and_secret_count_from_the_next_request(door: Door) -> None:
    door.post(body())
    door.store.set_config(door.store.get("anna"), confirmation="new-code", secret="new-secret")
    assert door.post(body("confirmation", secret="new-secret")) == (200, b"new-code")
    assert door.post(body(secret="new-secret")) == (200, b"ok")
    assert door.post(body())[0] == 403


def test_old_secret_is_refused_though_it_was_just_good(door: Door) -> None:
    door.post(body())
    door.store.set_config(door.store.get("anna"), secret="new-secret")
    assert door.post(body())[0] == 403
    assert door.redis.xlen(INBOX) == 1


def test_bot_added_while_we_run_is_known_at_once(door: Door) -> None:
    assert door.post(body(group_id=102), 102)[0] == 404
    add_bot(door.store, "boris", 102)
    assert door.post(body(group_id=102, secret="secret-boris"), 102) == (200, b"ok")
    door.store.remove("boris", force=True)
    assert door.post(body(group_id=102, secret="secret-boris"), 102)[0] == 404


def test_disabled_bots_events_wait_in_its_inbox(door: Door) -> None:
    door.store.set_enabled("anna", False)
    assert door.post(body()) == (200, b"ok")
    assert door.redis.xlen(INBOX) == 1


def test_bot_without_a_secret_takes_no_callbacks(door: Door) -> None:
    door.store.set_config(door.store.get("anna"), secret="")
    assert door.post(body(secret=""))[0] == 403


def test_bot_sealed_with_another_key_puts_vk_off_and_harms_no_other(door: Door, redis_service: RedisService) -> None:
    boris = add_bot(door.store, "boris", 102)
    redis_service.client(boris.db).hset(keys.CONFIG, "secret", "1:AAAA")
    assert door.post(body(group_id=102), 102)[0] == 503
    assert door.post(body()) == (200, b"ok")


def test_full_inbox_puts_vk_off(redis_service: RedisService, clean_redis: redis.Redis, tmp_path: Path) -> None:
    register_base(clean_redis)
    door = Door(settings_for(redis_service, tmp_path), clean_redis, True, inbox_max=2)
    add_bot(door.store, "anna", GROUP)
    assert [door.post(body())[0] for _ in range(3)] == [200, 200, 503]
    assert clean_redis.xlen(INBOX) == 2
    assert door.receiver.is_ready(), "one bot's full inbox is not the server's illness"


def test_redis_above_its_memory_share_puts_vk_off(door: Door) -> None:
    door.redis.config_set("maxmemory", int(door.redis.info("memory")["used_memory"] / 0.9))
    try:
        assert door.post(body())[0] == 503
        assert door.receiver.counters.total() == {"memory_short": 1}
        assert door.redis.xlen(INBOX) == 0
    finally:
        door.redis.config_set("maxmemory", 0)


def test_redis_out_of_memory_puts_vk_off(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when it filled up since the last look at it."""
    monkeypatch.setattr(receiver_module, "MEMORY_SHARE", 1e9)
    door.redis.config_set("maxmemory", 1)
    try:
        assert door.post(body())[0] == 503
        assert door.receiver.counters.total() == {"no_storage": 1}
    finally:
        door.redis.config_set("maxmemory", 0)
    assert door.post(body()) == (200, b"ok")


def test_memory_is_short_above_four_fifths_of_a_limit() -> None:
    assert is_memory_short(b"# Memory\r\nused_memory:81\r\nused_memory_human:81B\r\nmaxmemory:100\r\n")
    assert not is_memory_short(b"used_memory:80\r\nmaxmemory:100\r\n")
    assert not is_memory_short(b"used_memory:80\r\nmaxmemory:0\r\n")


def test_redis_that_dies_puts_vk_off_and_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    service = start_redis(tmp_path / "redis")
    client = service.client()
    register_base(client)
    door = Door(settings_for(service, tmp_path), client, True)
    add_bot(door.store, "anna", GROUP)
    assert door.post(body())[0] == 200
    service.stop()
    service = start_redis(tmp_path / "redis")
    assert door.post(body()) == (200, b"ok"), "no request may be spent on finding out that old connections are dead"
    service.stop()
    assert door.post(body())[0] == 503
    assert door.client.get("/health/ready").status_code == 503
    assert door.client.get("/health/live").status_code == 200
    again = start_redis(tmp_path / "redis")
    try:
        assert door.post(body()) == (200, b"ok")
        assert again.client().xlen(INBOX) == 3
    finally:
        again.stop()


@pytest.mark.parametrize("bots_are_known", [True, False])
def test_redis_that_hangs_costs_one_request_its_wait_and_the_next_nothing(
    door: Door, redis_service: RedisService, monkeypatch: pytest.MonkeyPatch, bots_are_known: bool
) -> None:
    now = [0.0]
    monkeypatch.setattr(door.wire, "_clock", lambda: now[0])
    monkeypatch.setattr(door.doors, "_clock", lambda: now[0])
    monkeypatch.setattr("server.callback.wire.ANSWER_S", 0.2)
    door.links.connection_pool.connection_kwargs["socket_timeout"] = 0.2
    door.links.connection_pool.reset()
    if bots_are_known:
        door.post(body())
    redis_service.process.send_signal(signal.SIGSTOP)
    try:
        assert door.post(body())[0] == 503
        asked: list[object] = []
        monkeypatch.setattr(door.store, "version", lambda: asked.append("bots") or 0)
        monkeypatch.setattr(door.wire, "_take", lambda: asked.append("wire"))
        assert door.post(body())[0] == 503
        assert asked == [], "the next would wait as long, and all after it in a row"
    finally:
        redis_service.process.send_signal(signal.SIGCONT)
        monkeypatch.undo()
    wait_until(lambda: door.post(body()) == (200, b"ok"))


def test_body_that_ends_too_early_is_refused(door: Door) -> None:
    raw = body()
    environ = {"CONTENT_LENGTH": str(len(raw) + 10), "wsgi.input": io.BytesIO(raw), "wsgi.input_terminated": True}
    answer = door.client.open(f"/callback/{GROUP}", method="POST", environ_overrides=environ)
    assert answer.status_code == 400


def test_body_of_unknown_length_is_bounded_too(door: Door) -> None:
    for size, status in ((10, 400), (300_000, 413)):
        environ = {"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(b"x" * size), "wsgi.input_terminated": True}
        answer = door.client.open(f"/callback/{GROUP}", method="POST", environ_overrides=environ)
        assert answer.status_code == status


def test_failure_of_our_own_is_a_503_that_keeps_the_event_with_vk(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(door.receiver, "_receive", lambda *_: 1 / 0)
    assert door.post(body()) == (503, b"not now")
    assert "ZeroDivisionError" in caplog.text


def test_health_tells_counters_and_is_live_and_ready(door: Door) -> None:
    door.post(body())
    health = door.client.get("/health")
    assert health.status_code == 200
    assert health.json is not None and health.json["ready"] and health.json["counters"] == {"accepted": 1}
    assert [door.client.get(f"/health/{part}").status_code for part in ("live", "ready")] == [200, 200]


def test_refusals_are_logged_at_a_bounded_rate_and_without_secrets(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in range(50):
            door.post(body(secret="guessed-secret"))
        door.post(body("confirmation"))
        door.post(b'{"secret": "' + SECRET.encode() + b'"}')
    refusals = [record for record in caplog.records if "wrong_secret" in record.getMessage()]
    assert len(refusals) == 1
    for hidden in (SECRET, "guessed-secret", "code-anna", "token-anna"):
        assert hidden not in caplog.text


@given(
    method=st.sampled_from(["POST", "POST", "GET", "PUT", "OPTIONS", "HEAD"]),
    path=st.sampled_from([f"/callback/{GROUP}", "/health", "/callback/"]) | st.text(max_size=20).map("/".__add__),
    raw=st.binary(max_size=50) | st.sampled_from([*KEPT.values(), *(raw for _, raw in REFUSED.values())]),
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "Host", "X-Retry-Counter", "Accept", "Cookie", "Content-Encoding"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        max_size=3,
    ),
)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_but_our_few_codes_comes_out(
    door: Door, method: str, path: str, raw: bytes, headers: dict[str, str]
) -> None:
    answer = door.client.open(path=path, method=method, data=raw, headers=headers)
    assert answer.status_code in CODES
    assert b"Traceback" not in answer.data


def test_wire_refills_a_redis_that_forgot_the_script(door: Door) -> None:
    door.post(body())
    door.redis.script_flush()
    assert door.post(body()) == (200, b"ok")
    wait_until(lambda: door.redis.xlen(INBOX) == 2)
