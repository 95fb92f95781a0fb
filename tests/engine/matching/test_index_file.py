"""The index as a file: what is written is read, and what was harmed is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.matching import index_file
from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.index_file import NAME, About, IndexDamaged, open_index, verify, write_index

ABOUT = About("life", "17-3", "2 now", 1_700_000_000_000, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_index(tmp_path, build_arrays([AnswerRow(1, "как дела", "so so"), AnswerRow(2, "привет", "hi")]), ABOUT)
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    arrays, about = open_index(folder)
    expected = build_arrays([AnswerRow(1, "как дела", "so so"), AnswerRow(2, "привет", "hi")])
    assert about == ABOUT
    assert arrays.keys() == expected.keys()
    assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
    assert not any(values.flags.writeable for values in arrays.values())
    verify(folder)


def test_an_empty_base_has_an_index_too(tmp_path: Path) -> None:
    write_index(tmp_path, build_arrays([]), About())
    verify(tmp_path)


def test_a_file_that_is_cut_is_refused_at_any_length(folder: Path) -> None:
    whole = (folder / NAME).read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        (folder / NAME).write_bytes(whole[:length])
        with pytest.raises(IndexDamaged):
            open_index(folder)


def test_a_changed_byte_is_found(folder: Path) -> None:
    whole = (folder / NAME).read_bytes()
    arrays, _about = open_index(folder)
    used = bytes(arrays["texts"])
    place = whole.index(used)
    (folder / NAME).write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
    open_index(folder)  # opening reads the head alone
    with pytest.raises(IndexDamaged, match="texts"):
        verify(folder)
    (folder / NAME).write_bytes(whole[:40] + b"\xff" + whole[41:])
    with pytest.raises(IndexDamaged, match="head"):
        open_index(folder)


def test_another_version_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "LEXICON_VERSION", 99)
    with pytest.raises(IndexDamaged, match="version"):
        open_index(folder)


def test_readers_keep_the_index_that_they_opened(folder: Path) -> None:
    arrays, _about = open_index(folder)
    write_index(folder, build_arrays([AnswerRow(3, "пока", "bye")]), About())
    assert sorted(arrays["row_id"].tolist()) == [1, 2]
    assert open_index(folder)[0]["row_id"].tolist() == [3]
    assert [file.name for file in folder.iterdir()] == [NAME]


def test_no_file_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_index(tmp_path)
