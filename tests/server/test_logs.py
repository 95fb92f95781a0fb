"""Children's output is cut, cleaned and bounded on its way to files and listeners."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.settings import PlatformSettings, Settings
from server.lines import LINE_MAX, LineCutter, clean
from server.logs import LINES_PER_S, TAIL_LINES, ChildLog, RotatedFile, open_log


def cut(*chunks: bytes) -> list[str]:
    cutter = LineCutter()
    return [line for chunk in chunks for line in cutter.feed(chunk)] + list(cutter.close())


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cf"]))), st.data())
def test_lines_do_not_depend_on_how_they_arrive(lines: list[str], data: st.DataObject) -> None:
    whole = "".join(line + "\n" for line in lines).encode()
    at = data.draw(st.integers(0, len(whole)))
    assert cut(whole[:at], whole[at:]) == lines


def test_long_line_is_cut_and_holds_no_more_than_its_bound() -> None:
    cutter = LineCutter()
    for _ in range(100):
        assert list(cutter.feed(b"x" * 1000)) == []
        assert len(cutter._rest) <= LINE_MAX
    assert list(cutter.feed(b"\nnext\n")) == ["x" * LINE_MAX + " …", "next"]


def test_last_line_needs_no_newline() -> None:
    assert cut(b"a\r\nb") == ["a", "b"]
    assert cut(b"\n") == [""]
    assert cut() == []


@pytest.mark.parametrize("evil", [b"\x1b[2J", b"\x9b2J\xc2\x9b2J", b"\x07", "‮gnp".encode(), b"\xff"])
def test_nothing_in_a_line_moves_the_readers_cursor(evil: bytes) -> None:
    assert not [letter for letter in clean(b"hi " + evil) if ord(letter) < 32 or letter in "\x7f\x9b\u202e"]


def test_tab_and_russian_stay() -> None:
    assert clean("имя\tПётр 🙂".encode()) == "имя\tПётр 🙂"


def test_full_file_moves_on_and_the_oldest_goes(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "x.log", bytes_max=100, files_max=3)
    for number in range(50):
        file.write(b"%09d\n" % number)
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    kept = b"".join((tmp_path / name).read_bytes() for name in ("x.log.2", "x.log.1", "x.log"))
    assert kept == b"".join(b"%09d\n" % number for number in range(20, 50))


def test_file_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    for _ in range(2):
        file = RotatedFile(tmp_path / "x.log", bytes_max=30, files_max=1)
        file.write(b"0123456789\n")
        file.close()
    assert (tmp_path / "x.log").read_bytes() == b"0123456789\n" * 2
    RotatedFile(tmp_path / "x.log", bytes_max=30, files_max=1).write(b"0123456789\n")
    assert (tmp_path / "x.log").read_bytes() == b"0123456789\n"


def test_disk_that_takes_nothing_loses_the_file_and_nothing_else(tmp_path: Path) -> None:
    said: list[str] = []
    log = ChildLog("x", RotatedFile(tmp_path / "no" / "x.log", 100, 1), lambda _name, line: said.append(line))
    log.write("one")
    assert said == ["one"] == log.tail()


def test_chatterbox_is_bounded_and_what_was_dropped_is_told(tmp_path: Path) -> None:
    now, said = [10.0], []
    log = ChildLog(
        "x", RotatedFile(tmp_path / "x.log", 1 << 20, 1), lambda _name, line: said.append(line), lambda: now[0]
    )
    for number in range(LINES_PER_S + 7):
        log.write(str(number))
    assert len(said) == LINES_PER_S
    now[0] += 1
    log.write("calm")
    assert said[-2:] == [f"(7 lines dropped: more than {LINES_PER_S} in a second)", "calm"]
    assert len(log.tail()) == TAIL_LINES
    log.close()
    assert (tmp_path / "x.log").read_text().count("\n") == LINES_PER_S + 2


def test_log_is_bounded_as_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, platform=PlatformSettings(log_file_mb=1, log_files=2))
    settings.state.prepare()
    now = [0.0]
    log = open_log(settings, "x", lambda _name, _line: None)
    log._clock = lambda: now[0]
    for _ in range(4 * 300):
        now[0] += 1
        log.write("y" * LINE_MAX)
    log.close()
    sizes = {path.name: path.stat().st_size for path in settings.state.logs.iterdir()}
    assert sizes.keys() == {"x.log", "x.log.1"}
    assert max(sizes.values()) <= 1 << 20
