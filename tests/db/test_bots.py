"""Bots are added, changed and removed all or nothing, and their secrets lie sealed."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
import redis

from db import keys
from db.bots import BotStore, generate_secret
from db.errors import BadName, BadValue, NotFound, Refused
from db.seal import Sealer
from db.settings import load_settings
from tests.bots import SEALER, add_bot, bot_store, register_base
from tests.services import RedisService, start_redis


@pytest.fixture
def store(clean_redis: redis.Redis, storage_settings: Path) -> BotStore:
    register_base(clean_redis)
    return bot_store(clean_redis, storage_settings)


def test_added_bot_is_found_by_name_and_by_community(store: BotStore) -> None:
    bot = add_bot(store, "anna", 101)
    assert store.get("anna") == store.by_group(101) == bot
    assert store.list() == [bot]
    assert (bot.bot_id, bot.db, bot.enabled, bot.title) == (1, 1, True, "Anna")
    assert store.by_group(102) is None


def test_config_opens_again_and_lies_sealed(
    store: BotStore, redis_service: RedisService, storage_settings: Path
) -> None:
    bot = add_bot(store)
    config = store.config(bot)
    assert [config.token.reveal(), config.secret.reveal(), config.confirmation.reveal()] == [
        "token-anna", "secret-anna", "code-anna"
    ]  # fmt: skip
    assert config.version == 1 and config.names == ("anna",)
    assert "anna" not in repr(config).replace("names=('anna',)", "")
    own = redis_service.client(bot.db)
    assert b"token-anna" not in b"".join(own.hgetall(keys.CONFIG).values())
    other = BotStore(redis_service.client(), load_settings(storage_settings), Sealer(bytes(32)))
    assert other.with_configs() == []  # one bot that does not open keeps the others from nothing


def test_each_bot_has_its_own_database_and_an_id_never_used_again(store: BotStore) -> None:
    first, second = add_bot(store, "anna", 101), add_bot(store, "boris", 102)
    assert first.db != second.db
    store.remove("boris")
    assert add_bot(store, "boris", 102).bot_id == 3


def test_removed_bots_number_rests_before_it_is_used_again(store: BotStore) -> None:
    used = add_bot(store, "anna", 101).db
    store.remove("anna")
    assert add_bot(store, "anna", 101).db != used


def test_database_with_foreign_keys_is_passed_over(store: BotStore, redis_service: RedisService) -> None:
    redis_service.client(1).set("foreign", "data")
    assert add_bot(store).db == 2


def test_databases_run_out_with_a_clear_refusal(
    clean_redis: redis.Redis, storage_settings: Path, store: BotStore
) -> None:
    storage_settings.write_text(storage_settings.read_text() + "redis_databases = 3\n")
    small = bot_store(clean_redis, storage_settings)
    add_bot(small, "anna", 101)
    add_bot(small, "boris", 102)
    with pytest.raises(Refused, match="redis_databases"):
        add_bot(small, "clara", 103)
    small.remove("anna")
    assert add_bot(small, "clara", 103).db == 1


def test_taken_names_and_communities_and_missing_bases_are_refused(store: BotStore) -> None:
    add_bot(store, "anna", 101)
    before = store.version()
    for refused, name, group_id, base in [
        (Refused, "anna", 102, "main"),
        (Refused, "boris", 101, "main"),
        (Refused, "boris", 0, "main"),
        (NotFound, "boris", 102, "other"),
        (BadName, "Boris", 102, "main"),
        (BadName, "boris", 102, "main; drop"),
    ]:
        with pytest.raises(refused):
            add_bot(store, name, group_id, base)
    assert store.version() == before and len(store.list()) == 1


def test_bots_added_at_the_same_time_do_not_share_anything(
    redis_service: RedisService, store: BotStore, storage_settings: Path
) -> None:
    start = threading.Barrier(6)
    refused: list[Exception] = []

    def add(number: int) -> None:
        own = bot_store(redis_service.client(), storage_settings)
        start.wait()
        try:
            add_bot(own, f"bot{number}", 200 + number // 2)  # two by two on the same community
        except Refused as error:
            refused.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bots = store.list()
    assert len(refused) == 3
    assert sorted(bot.group_id for bot in bots) == [200, 201, 202]
    assert len({bot.db for bot in bots}) == len({bot.bot_id for bot in bots}) == 3


def test_every_change_raises_the_version_and_is_told(store: BotStore, redis_service: RedisService) -> None:
    bot = add_bot(store)
    listener = redis_service.client().pubsub(ignore_subscribe_messages=True)
    listener.subscribe(keys.BOTS_CHANGED)
    listener.get_message(timeout=1)
    versions = [store.version()]
    for change in (
        lambda: store.set_enabled("anna", False),
        lambda: store.set_config(bot, threshold=0.9, names=["Аня", "  Анна  Петровна "]),
        lambda: store.remove("anna"),
    ):
        change()
        versions.append(store.version())
        message = listener.get_message(timeout=5)
        assert message is not None and message["data"] == b"anna"
    assert versions == sorted(set(versions))
    listener.close()


def test_settings_change_and_the_rest_stays(store: BotStore) -> None:
    bot = add_bot(store)
    changed = store.set_config(bot, names=["Аня", "  Анна  Петровна ", "Аня"], threshold=0.9, secret="new")
    assert changed == store.config(bot)
    assert changed.names == ("Аня", "Анна Петровна")
    assert (changed.version, changed.threshold, changed.secret.reveal()) == (2, 0.9, "new")
    assert changed.token.reveal() == "token-anna"
    assert store.set_config(bot, threshold=None).threshold is None


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"version": 7},
        {"token": ""},
        {"token": "tok en-sicret"},
        {"secret": "s" * 51},
        {"threshold": 1.5},
        {"threshold": True},
        {"per_bot": 1.5},
        {"language": "de"},
        {"names": "anna"},
        {"names": ["x" * 65]},
        {"unsolved_text": "x" * 5000},
        {"threshold": 0.9, "per_bot": 0},
    ],
)
def test_wrong_setting_changes_nothing(store: BotStore, changes: dict[str, object]) -> None:
    bot = add_bot(store)
    with pytest.raises(BadValue) as caught:
        store.set_config(bot, **changes)
    assert "sicret" not in str(caught.value)
    assert store.config(bot).version == 1


def test_bot_with_waiting_messages_is_removed_by_force_only(store: BotStore, redis_service: RedisService) -> None:
    bot, client = add_bot(store), redis_service.client()
    client.xadd(keys.inbox("anna"), {"e": "{}"})
    client.set(keys.lease("anna"), "host:token")
    with pytest.raises(Refused, match="anna"):
        store.remove("anna")
    assert store.get("anna") == bot and client.xlen(keys.inbox("anna")) == 1
    store.remove("anna", force=True)
    assert not client.exists(keys.inbox("anna"), keys.lease("anna"))
    assert redis_service.client(bot.db).dbsize() == 0
    with pytest.raises(NotFound):
        store.config(bot)
    with pytest.raises(NotFound):
        store.set_enabled("anna", True)


def test_bots_survive_a_killed_redis(tmp_path: Path, storage_settings: Path) -> None:
    """Commands of a script that selects another database are written to the AOF with that database."""
    service = start_redis(tmp_path / "own")
    register_base(service.client())
    store = bot_store(service.client(), storage_settings)
    bot = add_bot(store)
    add_bot(store, "boris", 102)
    store.remove("boris")
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    service = start_redis(tmp_path / "own")
    try:
        again = BotStore(service.client(), load_settings(storage_settings), SEALER)
        assert [found for found, _config in again.with_configs()] == [bot]
        assert again.config(bot).token.reveal() == "token-anna"
        assert service.client(2).dbsize() == 0
    finally:
        service.stop()


def test_generated_secrets_fit_vk_and_differ() -> None:
    made = {generate_secret() for _ in range(100)}
    assert len(made) == 100 and all(len(secret) == 32 for secret in made)
