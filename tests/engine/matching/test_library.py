"""A worker's books against real MariaDB and Redis: changes arrive, outages do not silence a bot."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from db import delta
from db.bases import Base, BaseStore
from db.errors import StorageUnavailable
from db.models import Answer
from db.settings import Settings, load_settings
from db.state import StateDir
from engine.errors import BaseUnavailable
from engine.matching import library as module
from engine.matching.library import Library
from engine.matching.normalise import normalise, phrase_hash


class Shelf:
    """One base with a way to change it, and to make MariaDB unreachable."""

    def __init__(self, client: redis.Redis, settings: Settings, home: Path) -> None:
        self.name = "b" + secrets.token_hex(6)
        self.client = client
        self.state = StateDir(home)
        BaseStore(client, settings).create(self.name)
        self.base = Base(self.name, settings)
        self.is_down = False

    def open(self, name: str) -> Base:
        if self.is_down:
            raise StorageUnavailable("MariaDB is down")
        return self.base

    def library(self) -> Library:
        return Library(self.client, self.open, self.state)

    def add(self, rx: str, tx: str, *, told: bool = True) -> str:
        form = normalise(rx)
        with self.base.unit():
            row = Answer.create(rx=rx, rx_norm=form, rx_hash=phrase_hash(form), tx=tx)
        if not told:
            return delta.position(self.client, self.name)
        return delta.publish(self.client, self.name, [delta.Change("set", row.id, form, tx)])

    def texts(self, library: Library, phrase: str, wanted: str) -> list[str]:
        return sorted(row.tx for row in library.book(self.name, wanted).answers_to(phrase, 7))


@pytest.fixture
def shelf(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Shelf:
    settings = load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")})
    return Shelf(clean_redis, settings, tmp_path / "home")


def test_a_change_is_seen_by_the_job_that_names_it(shelf: Shelf) -> None:
    library = shelf.library()
    first = shelf.add("Привет!", "раз")
    assert shelf.texts(library, "привет", first) == ["раз"]
    second = shelf.add("привет", "два")
    assert shelf.texts(library, "привет", first) == ["раз"]  # nobody asked for more
    assert shelf.texts(library, "привет", second) == ["два", "раз"]
    with shelf.base.unit():
        row = Answer.get(Answer.tx == "раз")
        row.delete_instance()
    third = delta.publish(shelf.client, shelf.name, [delta.Change("del", row.id)])
    assert shelf.texts(library, "привет", third) == ["два"]


def test_a_reload_reads_the_base_anew(shelf: Shelf) -> None:
    library = shelf.library()
    assert shelf.texts(library, "привет", shelf.add("привет", "раз")) == ["раз"]
    shelf.add("привет", "два", told=False)
    wanted = delta.publish(shelf.client, shelf.name, [delta.Change("reload")])
    assert shelf.texts(library, "привет", wanted) == ["два", "раз"]


def test_a_row_written_by_hand_is_normalised_and_found_in_an_idle_moment(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shelf.library()
    position = shelf.add("привет", "раз")
    assert shelf.texts(library, "пока", position) == []
    with shelf.base.unit():
        shelf.base.database.execute_sql("INSERT INTO answers (rx, tx) VALUES ('Пока!!', 'до встречи')")
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0)
    library.look_for_unknown_changes()
    assert shelf.texts(library, "пока", position) == ["до встречи"]


def test_while_mariadb_is_down_the_saved_book_answers_with_all_that_redis_tells(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.texts(shelf.library(), "привет", shelf.add("привет", "раз"))
    newest = shelf.add("привет", "два")
    shelf.is_down = True
    monkeypatch.setattr(module, "FRESH_S", -1)  # as if it were an old one
    assert shelf.texts(shelf.library(), "привет", newest) == ["два", "раз"]


def test_a_book_that_cannot_be_brought_up_to_date_still_answers(shelf: Shelf) -> None:
    library = shelf.library()
    shelf.texts(library, "привет", shelf.add("привет", "раз"))
    wanted = delta.publish(shelf.client, shelf.name, [delta.Change("reload")])
    shelf.is_down = True
    assert shelf.texts(library, "привет", wanted) == ["раз"]


def test_a_fresh_saved_book_spares_mariadb(shelf: Shelf) -> None:
    position = shelf.add("привет", "раз")
    shelf.texts(shelf.library(), "привет", position)
    shelf.is_down = True
    assert shelf.texts(shelf.library(), "привет", position) == ["раз"]


def test_nothing_to_read_from_is_said(shelf: Shelf) -> None:
    shelf.is_down = True
    with pytest.raises(BaseUnavailable):
        shelf.library().book(shelf.name, delta.START)


def _garbage(file: Path) -> None:
    file.write_bytes(b'{"form": 1')


def _other_form(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"normaliser":2', b'"normaliser":0'))


@pytest.mark.parametrize("spoil", [_garbage, _other_form, Path.unlink])
def test_a_spoilt_saved_book_is_not_used(shelf: Shelf, spoil: Callable[[Path], None]) -> None:
    position = shelf.add("привет", "раз")
    shelf.texts(shelf.library(), "привет", position)
    spoil(shelf.state.index(shelf.name) / "book.json")
    assert shelf.texts(shelf.library(), "привет", position) == ["раз"]
    shelf.is_down = True
    assert shelf.texts(shelf.library(), "привет", position) == ["раз"]  # saved again by the reader


def test_a_base_made_anew_does_not_inherit_answers(shelf: Shelf, storage_settings: Path, tmp_path: Path) -> None:
    library = shelf.library()
    shelf.texts(library, "привет", shelf.add("привет", "раз"))
    store = BaseStore(shelf.client, load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))
    store.drop(shelf.name)
    store.create(shelf.name)
    assert shelf.texts(library, "привет", delta.START) == []
    assert shelf.texts(shelf.library(), "привет", delta.START) == []
