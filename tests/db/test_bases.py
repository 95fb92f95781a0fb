"""Bases are made, migrated, listed and dropped; a unit is all or nothing, and outlives a killed MariaDB."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import redis
from peewee import IntegrityError, InterfaceError, OperationalError

from db import keys
from db.base import QUERY_LIMIT_S
from db.bases import Base, BaseStore
from db.errors import BadName, NotFound, Refused, StorageUnavailable
from db.migrate import STEPS, migrate
from db.models import MODELS, Answer, Attachment, AttachmentType, Person, PersonData, PersonStatus
from db.settings import load_settings
from tests.bots import add_bot, bot_store
from tests.services import MariaService, start_maria


def columns(service: MariaService, base: str) -> dict[str, dict[str, tuple[str, bool, str | None]]]:
    """Return table -> column -> type, nullable, collation, as MariaDB has them."""
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, column_type, is_nullable = 'YES', collation_name "
            "FROM information_schema.columns WHERE table_schema = %s",
            [f"salo_{base}"],
        )
        found: dict[str, dict[str, tuple[str, bool, str | None]]] = {}
        for table, name, kind, nullable, collation in cursor.fetchall():
            found.setdefault(table, {})[name] = (kind, bool(nullable), collation)
        return found


def test_models_and_schema_name_the_same_columns(base: Base, maria_service: MariaService) -> None:
    schema = columns(maria_service, "main")
    schema.pop("schema_migration")
    assert set(schema) == {model._meta.table_name for model in MODELS}
    for model in MODELS:
        table = schema[model._meta.table_name]
        assert set(table) == set(model._meta.columns), model
        for name, field in model._meta.columns.items():
            kind, nullable, _collation = table[name]
            assert nullable == field.null or name == "tx_hash", (model, name)
            if field.field_type == "ENUM":
                assert kind == "enum(" + ",".join(f"'{member}'" for member in field.members) + ")"
            if field.field_type == "VARCHAR" and not kind.startswith("char"):
                assert kind == f"varchar({field.max_length})", (model, name)


def test_every_table_keeps_what_a_model_writes(base: Base) -> None:
    with base.unit():
        Answer.create(rx="Привет", rx_norm="привет", rx_hash="0" * 32, tx="И тебе")
        Attachment.create(type=AttachmentType.PHOTO, answer={"id": "photo1_2", "размер": [1, 2]})
        Person.create(account_id="1", fi_name="Аня", user_name="Аня", status=PersonStatus.MODERATOR)
        PersonData.create(account_id="1", data_structure={"очки": 5})
    with base.unit():
        assert Attachment.get().answer == {"id": "photo1_2", "размер": [1, 2]}
        assert Person.get().status is PersonStatus.MODERATOR
        assert PersonData.get().data_structure == {"очки": 5}
        assert len(Answer.get().tx_hash) == 16


def test_phrases_that_the_default_collation_confuses_are_different(base: Base) -> None:
    with base.unit():
        for norm in ("🐶", "🐱", "еж", "ёж", "еж "):
            Answer.create(rx=norm, rx_norm=norm, rx_hash=None, tx="x")
        for norm in ("🐶", "🐱", "еж", "ёж", "еж "):
            assert [row.rx for row in Answer.select().where(Answer.rx_norm == norm)] == [norm]


def test_one_answer_of_one_bot_to_one_phrase_is_one_row(base: Base) -> None:
    with base.unit():
        Answer.create(rx="a", rx_norm="a", rx_hash="0" * 32, tx="x")
        Answer.create(rx="a", rx_norm="a", rx_hash="0" * 32, tx="X")
        Answer.create(rx="a", rx_norm="a", rx_hash="0" * 32, tx="x", bot_id=7)
    with pytest.raises(IntegrityError), base.unit():
        Answer.create(rx="a", rx_norm="a", rx_hash="0" * 32, tx="x")


def test_failed_unit_leaves_nothing_and_the_next_one_works(base: Base) -> None:
    with pytest.raises(ZeroDivisionError), base.unit():
        Person.create(account_id="1")
        raise ZeroDivisionError
    with base.unit():
        assert Person.select().count() == 0


def test_inner_unit_is_a_savepoint(base: Base) -> None:
    with base.unit():
        Person.create(account_id="1")
        with pytest.raises(ZeroDivisionError), base.unit():
            Person.create(account_id="2")
            raise ZeroDivisionError
    with base.unit():
        assert [person.account_id for person in Person.select()] == ["1"]


def test_too_long_and_unknown_values_are_refused_not_cut(base: Base) -> None:
    with pytest.raises(Exception, match="too long"), base.unit():
        Person.create(account_id="1", fi_name="x" * 300)
    with pytest.raises(ValueError, match="tsar"), base.unit():
        Person.create(account_id="1", status="tsar")


def test_models_mean_nothing_outside_a_unit(base: Base) -> None:
    with base.unit():
        Person.create(account_id="1")
    with pytest.raises(InterfaceError):
        Person.select().count()


def test_threads_use_different_bases_at_the_same_time(base_store: BaseStore) -> None:
    for name in ("first", "second"):
        base_store.create(name)
    turn = threading.Barrier(2)
    failed: list[Exception] = []

    def write(name: str) -> None:
        base = base_store.open(name)
        try:
            for number in range(20):
                turn.wait(10)
                with base.unit():
                    turn.wait(10)
                    PersonData.create(account_id=f"{name}{number}", data_structure={"of": name})
        except Exception as error:
            failed.append(error)
            turn.abort()
        finally:
            base.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for name in ("first", "second"):
        with base_store.open(name).unit():
            assert {row.data_structure["of"] for row in PersonData.select()} == {name}
            assert PersonData.select().count() == 20


def test_query_over_the_limit_is_stopped_and_the_connection_stays(base: Base) -> None:
    with base.unit():
        assert base.database.execute_sql("SELECT @@max_statement_time").fetchone()[0] == QUERY_LIMIT_S
        base.database.execute_sql("SET SESSION max_statement_time=0.2")
        with pytest.raises(OperationalError) as caught:
            base.database.execute_sql("SELECT COUNT(*) FROM seq_1_to_1000000000 WHERE SQRT(seq) < 0")
        assert caught.value.args[0] == 1969
        assert base.database.execute_sql("SELECT 1").fetchone()[0] == 1


def test_a_locked_table_is_given_up_within_the_limit_and_not_waited_for_twice(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.base.REPEAT_WITHIN_S", 0.5)
    outcomes: list[bool] = []
    other = Base(base.name, base.settings, 1, hurried=True, on_outcome=outcomes.append)
    with base.unit():
        base.database.execute_sql("LOCK TABLES user WRITE")
        with pytest.raises(StorageUnavailable):
            other.run(lambda: Person.select().count())
        base.database.execute_sql("UNLOCK TABLES")
    assert other.run(lambda: Person.select().count()) == 0
    assert outcomes == [False, True]
    other.close()


def test_a_unit_of_a_host_that_is_gone_keeps_its_locks_from_nobody_for_long(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection stays open at the server: no end of it comes from a host that is cut off or frozen."""
    monkeypatch.setattr("db.base.SILENCE_MIN_S", 1)
    gone = Base(base.name, base.settings, 1)
    with pytest.raises(StorageUnavailable), gone.unit():
        Person.create(account_id="1", fi_name="gone")
        with base.unit():
            Person.create(account_id="1", fi_name="here")
    with base.unit():
        assert [person.fi_name for person in Person.select()] == ["here"]
    gone.close()


@pytest.mark.parametrize("code", [1040, 1114, 1203, 1205, 1290, 1969])
def test_a_server_that_is_full_or_busy_counts_as_one_that_is_away(base: Base, code: int) -> None:
    with pytest.raises(StorageUnavailable), base.unit():
        raise OperationalError(code, "not now")


@pytest.fixture
def own_maria(tmp_path: Path) -> Iterator[list[MariaService]]:
    """A MariaDB that a test may kill."""
    services = [start_maria(tmp_path / "own")]
    yield services
    services[0].stop()


def test_unit_is_run_again_after_mariadb_was_killed(
    own_maria: list[MariaService], storage_settings: Path, clean_redis: redis.Redis, maria_service: MariaService
) -> None:
    own = storage_settings.read_text().replace(str(maria_service.socket), str(own_maria[0].socket))
    storage_settings.write_text(own)
    store = BaseStore(clean_redis, load_settings(storage_settings))
    store.create("main")
    base = store.open("main")
    with base.unit():
        Person.create(account_id="1")
    tries = []

    def work() -> int:
        if not tries:
            own_maria[0].stop()  # the connection is held: the unit must lose it
            own_maria[0] = start_maria(own_maria[0].directory)
        tries.append(1)
        Person.create(account_id="2")
        return int(Person.select().count())

    assert base.run(work) == 2
    assert len(tries) == 2
    own_maria[0].stop()
    with pytest.raises(StorageUnavailable, match="main"):
        base.run(lambda: Person.select().count())
    assert [counts.answers for _info, counts in store.with_counts()] == [None]
    own_maria[0] = start_maria(own_maria[0].directory)
    assert base.run(lambda: Person.select().count()) == 2


def test_forked_child_leaves_its_parents_connections_alone(base: Base) -> None:
    with base.unit():
        number = base.database.execute_sql("SELECT CONNECTION_ID()").fetchone()[0]
    child = os.fork()
    if child == 0:
        try:
            base.forget_connections()
            with base.unit():
                own = base.database.execute_sql("SELECT CONNECTION_ID()").fetchone()[0]
            os._exit(0 if own != number else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    with base.unit():
        assert base.database.execute_sql("SELECT CONNECTION_ID()").fetchone()[0] == number


def test_bases_are_listed_with_what_is_in_them(
    base: Base, base_store: BaseStore, clean_redis: redis.Redis, storage_settings: Path
) -> None:
    base_store.create("other", "Другая")
    add_bot(bot_store(clean_redis, storage_settings))
    with base.unit():
        Person.create(account_id="1")
        Answer.create(rx="a", tx="x")
        Answer.create(rx="a", tx="y", deleted="2020-01-01")
    listed = {info.name: (info.title, counts) for info, counts in base_store.with_counts()}
    assert listed["main"][0] == "Main"
    assert (listed["main"][1].answers, listed["main"][1].people, listed["main"][1].bots) == (1, 1, 1)
    assert listed["other"][0] == "Другая" and listed["other"][1].bots == 0


def test_bad_and_taken_names_make_no_base(base: Base, base_store: BaseStore) -> None:
    with pytest.raises(Refused):
        base_store.create("main")
    for name in ("Main", "a`; drop database mysql; --", "", "x" * 33):
        with pytest.raises(BadName):
            base_store.create(name)
    with pytest.raises(NotFound):
        base_store.open("missing")


def test_dropped_base_leaves_nothing(base: Base, base_store: BaseStore, clean_redis: redis.Redis) -> None:
    clean_redis.xadd(keys.journal("main"), {"ops": "[]"})
    clean_redis.hset(keys.person("main", "vk", 1), "status", "user")
    clean_redis.hset(keys.person("main2", "vk", 1), "status", "user")
    base.close()
    base_store.drop("main")
    assert set(clean_redis.keys()) == {b"person:main2:vk:1", keys.BOTS_VERSION.encode()}
    with pytest.raises(NotFound):
        base_store.drop("main")
    base_store.create("main")  # the name is free again


def test_base_in_use_is_not_dropped(
    base: Base, base_store: BaseStore, clean_redis: redis.Redis, storage_settings: Path
) -> None:
    bots = bot_store(clean_redis, storage_settings)
    add_bot(bots)
    with pytest.raises(Refused, match="anna"):
        base_store.drop("main")
    with base.unit():
        assert Answer.select().count() == 0


def test_interrupted_drop_takes_no_bot_and_is_finished_by_the_next(
    base: Base,
    base_store: BaseStore,
    clean_redis: redis.Redis,
    storage_settings: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("db.bases._server", killed)
        with pytest.raises(KeyboardInterrupt):
            base_store.drop("main")
    with pytest.raises(NotFound):
        add_bot(bot_store(clean_redis, storage_settings))
    with pytest.raises(Refused, match="dropped"):
        base_store.create("main")
    assert base_store.list() == []
    base_store.drop("main")
    base_store.create("main")


def test_database_that_redis_lost_is_taken_over_with_its_rows(
    base: Base, base_store: BaseStore, clean_redis: redis.Redis
) -> None:
    with base.unit():
        Person.create(account_id="1")
    first = base_store.list()[0]
    clean_redis.flushall()
    assert base_store.create("main").journal != first.journal
    with base.unit():
        assert Person.select().count() == 1


def test_migrations_run_once_and_again_after_a_kill_between_steps(base: Base, base_store: BaseStore) -> None:
    assert base_store.migrate_all() == {"main": []}
    with base.unit():
        Person.create(account_id="1")
        base.database.execute_sql("DELETE FROM schema_migration WHERE name > '0002'")
    assert base_store.migrate("main")[0] == "0002_people"
    assert base_store.migrate("main") == []
    with base.unit():
        assert Person.select().count() == 1


def test_hosts_that_migrate_at_the_same_time_take_turns(
    base_store: BaseStore, maria_service: MariaService, storage_settings: Path
) -> None:
    with maria_service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS salo_turns CHARACTER SET utf8mb4")
    start = threading.Barrier(4)
    applied: list[list[str]] = []

    def run() -> None:
        start.wait()
        applied.append(base_store.migrate("turns"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, applied)) == [0, 0, 0, len(list(STEPS.glob("0*.py")))]
    base_store.create("turns")


def test_base_of_a_newer_salo_is_left_alone(base: Base, base_store: BaseStore) -> None:
    with base.unit():
        base.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', NOW())")
    with pytest.raises(Refused, match="9999_future"):
        base_store.migrate("main")


def test_base_that_cannot_be_migrated_keeps_no_other_from_it(base: Base, base_store: BaseStore) -> None:
    base_store.create("other")
    with base.unit():
        base.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', NOW())")
    assert base_store.migrate_all() == {"other": []}


def test_failing_step_is_tried_again(base: Base, tmp_path: Path) -> None:
    (tmp_path / "0001_first.py").write_text("def up(migrator, db):\n    db.execute_sql('SELECT nothing')\n")
    with base.unit():
        base.database.execute_sql("DROP TABLE schema_migration")
        with pytest.raises(OperationalError):
            migrate(base.database, tmp_path)
        (tmp_path / "0001_first.py").write_text("def up(migrator, db):\n    db.execute_sql('SELECT 1')\n")
        assert migrate(base.database, tmp_path) == ["0001_first"]


def test_password_is_in_no_error(base: Base, storage_settings: Path, maria_service: MariaService) -> None:
    wrong = storage_settings.parent / "wrong"
    wrong.write_text("sicret-password")
    text = storage_settings.read_text().replace("mariadb_password_file", "#").replace("#", "mariadb_password_file", 1)
    lines = [f'mariadb_password_file = "{wrong}"' if "mariadb_password" in line else line for line in text.splitlines()]
    storage_settings.write_text("\n".join(lines))
    with (
        pytest.raises(Exception, match="Access denied") as caught,
        Base("main", load_settings(storage_settings)).unit(),
    ):
        pass
    assert "sicret" not in repr(caught.value)
    assert isinstance(caught.value.__cause__ or caught.value, (pymysql.Error, OperationalError))
