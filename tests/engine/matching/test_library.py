"""A worker's indexes against real MariaDB and Redis: changes arrive, files are shared, outages do not silence a bot."""

from __future__ import annotations

import random
import secrets
import subprocess
import sys
import textwrap
import threading
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
from engine.matching import building, tending
from engine.matching import library as module
from engine.matching.index_file import NAME, open_index, verify
from engine.matching.library import Library
from engine.matching.normalise import normalise, phrase_hash
from engine.matching.tending import Tended, Tending


class Shelf:
    """One base with a way to change it, and to make MariaDB unreachable."""

    def __init__(self, client: redis.Redis, settings: Settings, home: Path) -> None:
        self.name = "b" + secrets.token_hex(6)
        self.client = client
        self.state = StateDir(home)
        BaseStore(client, settings).create(self.name)
        self.base = Base(self.name, settings)
        self.is_down = False

    @property
    def file(self) -> Path:
        return self.state.index(self.name) / NAME

    def open(self, name: str) -> Base:
        if self.is_down:
            raise StorageUnavailable("MariaDB is down")
        return self.base

    def library(self) -> Library:
        return Library(self.client, self.open, self.state)

    def tending(self) -> Tending:
        return Tending(self.library(), self.client, self.state)

    def add(self, rx: str, tx: str, *, told: bool = True) -> str:
        form = normalise(rx)
        with self.base.unit():
            row = Answer.create(rx=rx, rx_norm=form, rx_hash=phrase_hash(form), tx=tx)
        if not told:
            return delta.position(self.client, self.name)
        return delta.publish(self.client, self.name, [delta.Change("set", row.id, form, tx)])

    def by_hand(self, statement: str) -> None:
        with self.base.unit():
            self.base.database.execute_sql(statement)

    def texts(self, library: Library, phrase: str, wanted: str = "") -> list[str]:
        """Return the answers that a job is given which was handed out at ``wanted``, or now."""
        wanted = wanted or delta.position(self.client, self.name)
        return sorted(row.tx for row in library.index(self.name, wanted).answers_to(phrase, 7))


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


def test_a_reload_reads_what_has_changed(shelf: Shelf) -> None:
    library = shelf.library()
    assert shelf.texts(library, "привет", shelf.add("привет", "раз")) == ["раз"]
    shelf.add("привет", "два", told=False)
    wanted = delta.publish(shelf.client, shelf.name, [delta.Change("reload")])
    assert shelf.texts(library, "привет", wanted) == ["два", "раз"]
    shelf.by_hand("UPDATE answers SET deleted = UTC_TIMESTAMP() WHERE tx = 'раз'")
    wanted = delta.publish(shelf.client, shelf.name, [delta.Change("reload")])
    assert shelf.texts(library, "привет", wanted) == ["два"]


def test_after_more_changes_than_are_read_a_small_base_is_indexed_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shelf.library()
    assert shelf.texts(library, "привет", shelf.add("привет", "раз")) == ["раз"]
    before = shelf.file.stat().st_ino
    shelf.add("пока", "два", told=False)
    monkeypatch.setattr(module, "CHANGED_MAX", 1)
    delta.publish(shelf.client, shelf.name, [delta.Change("reload")])
    assert shelf.texts(library, "пока") == ["два"]
    assert shelf.file.stat().st_ino != before


def test_a_large_base_is_asked_phrase_by_phrase_until_its_file_is_made(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL_MAX", 1)
    shelf.add("привет", "раз")
    shelf.add("пока", "два")
    library = shelf.library()
    assert shelf.texts(library, "привет") == ["раз"] and not shelf.file.exists()
    shelf.add("привет", "три")
    assert shelf.texts(library, "привет") == ["раз", "три"]
    monkeypatch.setattr(tending, "CHANGED_MAX", 1)
    before = delta.position(shelf.client, shelf.name)
    assert shelf.tending().tend(shelf.base) == Tended("missing")
    assert delta.position(shelf.client, shelf.name) == before, "what the new file holds is told to nobody"
    index = library.index(shelf.name, delta.position(shelf.client, shelf.name))
    assert index.ask is None and len(index) == 3


def test_a_large_base_that_changed_much_answers_right_until_its_file_is_made(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.add("привет", "раз")
    shelf.add("пока", "два")
    library = shelf.library()
    assert shelf.texts(library, "пока") == ["два"]
    monkeypatch.setattr(module, "SMALL_MAX", 1)
    monkeypatch.setattr(module, "CHANGED_MAX", 1)
    shelf.by_hand("UPDATE answers SET tx = CONCAT(tx, '!')")
    delta.publish(shelf.client, shelf.name, [delta.Change("reload")])
    assert shelf.texts(library, "пока") == ["два!"]
    tended = shelf.tending()
    assert tended.tend(shelf.base).made == "much has changed at once"
    assert shelf.texts(library, "пока") == ["два!"]
    assert library.index(shelf.name, delta.position(shelf.client, shelf.name)).ask is None


@pytest.mark.parametrize(
    ("statement", "phrase", "texts"),
    [
        ("INSERT INTO answers (rx, tx) VALUES ('Пока!!', 'до встречи')", "пока", ["до встречи"]),
        ("INSERT INTO answers (rx, tx, updated) VALUES ('Пока', 'давно', '2001-01-01')", "пока", ["давно"]),
        ("UPDATE answers SET tx = 'другое' WHERE tx = 'раз'", "привет", ["другое"]),
        ("UPDATE answers SET deleted = UTC_TIMESTAMP() WHERE tx = 'раз'", "привет", []),
        ("DELETE FROM answers WHERE tx = 'раз'", "привет", []),
    ],
    ids=["insert", "insert with an old date", "update", "set aside", "delete"],
)
def test_what_is_written_by_hand_is_found_and_told(shelf: Shelf, statement: str, phrase: str, texts: list[str]) -> None:
    library, tended = shelf.library(), shelf.tending()
    shelf.add("привет", "раз")
    shelf.add("ничего", "нет")
    shelf.by_hand("INSERT INTO answers (rx, tx) VALUES ('', 'to nothing visible')")
    shelf.texts(library, "привет")
    tended.tend(shelf.base)
    assert tended.tend(shelf.base).untold == 0
    shelf.by_hand(statement)
    assert tended.tend(shelf.base).untold == 1
    assert shelf.texts(library, phrase) == texts
    assert tended.tend(shelf.base).untold == 0


def test_what_was_told_is_not_told_again(shelf: Shelf) -> None:
    tended = shelf.tending()
    shelf.add("привет", "раз")
    tended.tend(shelf.base)
    shelf.add("привет", "два")
    position = delta.position(shelf.client, shelf.name)
    assert tended.tend(shelf.base).untold == 0 and delta.position(shelf.client, shelf.name) == position


def test_an_index_with_many_changes_is_made_anew_and_taken_by_all(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, tended = shelf.library(), shelf.tending()
    shelf.add("привет", "раз")
    shelf.texts(library, "привет")
    tended.tend(shelf.base)
    shelf.add("привет", "два")
    shelf.add("пока", "три")
    shelf.texts(library, "привет")
    monkeypatch.setattr(tending, "CHANGES_MIN", 1)
    assert tended.tend(shelf.base).made == "2 changes"
    index = library.index(shelf.name, delta.position(shelf.client, shelf.name))
    assert index.changes == 0 and len(index) == 3


def test_one_worker_indexes_a_small_base_for_all(shelf: Shelf) -> None:
    shelf.add("привет", "раз")
    assert shelf.texts(shelf.library(), "привет") == ["раз"]
    shelf.is_down = True
    assert shelf.texts(shelf.library(), "привет") == ["раз"]


def test_while_mariadb_is_down_the_file_answers_with_all_that_redis_tells(shelf: Shelf) -> None:
    shelf.texts(shelf.library(), "привет", shelf.add("привет", "раз"))
    newest = shelf.add("привет", "два")
    shelf.is_down = True
    assert shelf.texts(shelf.library(), "привет", newest) == ["два", "раз"]


def test_an_index_that_cannot_be_brought_up_to_date_still_answers(shelf: Shelf) -> None:
    library = shelf.library()
    shelf.texts(library, "привет", shelf.add("привет", "раз"))
    wanted = delta.publish(shelf.client, shelf.name, [delta.Change("reload")])
    shelf.is_down = True
    assert shelf.texts(library, "привет", wanted) == ["раз"]
    assert shelf.texts(shelf.library(), "привет", wanted) == ["раз"]


def test_nothing_to_read_from_is_said(shelf: Shelf) -> None:
    shelf.is_down = True
    with pytest.raises(BaseUnavailable):
        shelf.library().index(shelf.name, delta.START)


def _garbage(file: Path) -> None:
    file.write_bytes(b'{"form": 1')


def _cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def _other_version(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"versions":[', b'"versions":[9'))


@pytest.mark.parametrize("spoil", [_garbage, _cut, _other_version, Path.unlink])
def test_a_spoilt_file_is_not_used_and_made_anew(shelf: Shelf, spoil: Callable[[Path], None]) -> None:
    library = shelf.library()
    position = shelf.add("привет", "раз")
    shelf.texts(library, "привет", position)
    spoil(shelf.file)
    assert shelf.texts(library, "привет", position) == ["раз"]  # a worker that had it open
    assert shelf.texts(shelf.library(), "привет", position) == ["раз"]
    assert len(open_index(shelf.state.index(shelf.name))[0]["row_id"]) == 1


def test_a_byte_that_changed_is_found_and_the_index_made_anew(shelf: Shelf) -> None:
    tended = shelf.tending()
    shelf.texts(shelf.library(), "привет", shelf.add("привет", "раз"))
    assert tended.tend(shelf.base).made == ""
    place = shelf.file.read_bytes().rindex("раз".encode())
    with shelf.file.open("r+b") as opened:
        opened.seek(place)
        opened.write("рак".encode())
    assert "not as it was written" in shelf.tending().tend(shelf.base).made
    assert shelf.texts(shelf.library(), "привет") == ["раз"]


def test_what_a_killed_builder_left_is_swept_and_its_lock_is_free(shelf: Shelf) -> None:
    folder = shelf.state.index(shelf.name)
    folder.mkdir(parents=True)
    draft = folder / f".{NAME}.12345"
    draft.write_bytes(b"half")
    shelf.add("привет", "раз")
    with building.builder(folder) as is_ours:
        assert is_ours and building.progress(folder) == (0, 0)
        assert shelf.tending().tend(shelf.base).made == ""  # another one is at it
    assert building.progress(folder) is None
    assert shelf.tending().tend(shelf.base).made == "missing"
    assert not draft.exists() and shelf.file.exists()


def test_a_base_made_anew_does_not_inherit_answers(shelf: Shelf, storage_settings: Path, tmp_path: Path) -> None:
    library = shelf.library()
    shelf.texts(library, "привет", shelf.add("привет", "раз"))
    store = BaseStore(shelf.client, load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))
    store.drop(shelf.name)
    store.create(shelf.name)
    assert shelf.texts(library, "привет", delta.START) == []
    shelf.texts(shelf.library(), "привет", shelf.add("пока", "раз"))
    assert shelf.texts(shelf.library(), "привет") == [] and shelf.texts(library, "привет") == []


_BUILDER = """
    import sys
    from pathlib import Path
    from db.base import Base
    from db.links import redis_client
    from db.settings import load_settings
    from engine.matching.building import build

    config, home, name = sys.argv[1:]
    settings = load_settings(Path(config), {"SALO_HOME": home})
    base, client = Base(name, settings), redis_client(settings)
    while True:
        build(base, client, settings.state.index(name))
        print("made", flush=True)
"""


def test_a_builder_that_is_killed_leaves_a_whole_index_and_a_free_lock(
    shelf: Shelf, storage_settings: Path, tmp_path: Path
) -> None:
    dice = random.Random(7)
    rows = [{"rx": f"фраза {at}", "rx_norm": f"фраза {at}", "rx_hash": f"{at:032}", "tx": "Да"} for at in range(3000)]
    with shelf.base.unit():
        Answer.insert_many(rows).execute()
    folder = shelf.state.index(shelf.name)
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(_BUILDER),
        str(storage_settings),
        str(tmp_path / "home"),
        shelf.name,
    ]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as builder:
            assert builder.stdout is not None and builder.stdout.readline() == b"made\n"
            threading.Event().wait(dice.uniform(0, 0.3))  # any moment of the next one
            builder.kill()
        verify(folder)
        assert len(shelf.library().index(shelf.name, delta.START)) == 3000
        with building.builder(folder) as is_ours:
            assert is_ours and not list(folder.glob(f".{NAME}.*"))
