"""The terminal's driver in a real pty: it ends when the terminal goes away, whoever tells it, and sleeps and wakes."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from tests.salo_tui.terminal import Terminal
from tests.services import wait_until

APP = "tests.salo_tui.driver_app"
CPU_S = 0.3  # that the end may cost; reading on and on would take as much in 0.3 s


def is_gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def test_hung_up_app_ends_by_the_signal() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("keys: 0")
        terminal.hang_up()
        assert terminal.process.wait(5) == -signal.SIGHUP


@pytest.mark.parametrize("is_stalled", [False, True], ids=["idle", "with its output blocked"])
def test_app_that_no_signal_reaches_ends_too(is_stalled: bool) -> None:
    """In a session of its own the kernel tells it nothing: it has to see the end, also while it waits to write."""
    with Terminal(APP, wrap=("setsid", "--wait")) as terminal:
        terminal.wait_for("keys: 0")
        (app,) = psutil.Process(terminal.process.pid).children()
        if is_stalled:
            terminal.press("f")
            terminal.wait_for("1111")
            terminal.stall()
            wait_until(lambda: rests(app))
        before = cpu_s(app)
        terminal.hang_up()
        try:
            wait_until(lambda: is_gone(app) or cpu_s(app) - before > CPU_S, timeout_s=5)
            assert is_gone(app)
        finally:
            if not is_gone(app):
                app.kill()


def rests(app: psutil.Process) -> bool:
    """Return whether an app that has always something to write does nothing for a while: all its threads wait."""
    before = cpu_s(app)
    time.sleep(0.4)
    return cpu_s(app) - before <= 0.01


def test_app_that_was_stopped_takes_each_key_once() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("keys: 0")
        app = psutil.Process(terminal.process.pid)
        threads = app.num_threads()
        for count in (1, 2, 3):
            app.send_signal(signal.SIGSTOP)
            wait_until(lambda: app.status() == psutil.STATUS_STOPPED)
            app.send_signal(signal.SIGCONT)
            terminal.press("x")
            terminal.wait_for(f"keys: {count}")
        assert app.num_threads() == threads


def test_screen_is_drawn_again_after_a_stop() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("keys: 0")
        terminal.settle()
        terminal.process.send_signal(signal.SIGSTOP)
        terminal.screen.feed("\x1b[2J")  # what a shell wrote meanwhile
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for("keys: 0")


def test_terminal_that_a_shell_had_meanwhile_is_set_again() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("keys: 0")
        terminal.settle()
        assert terminal.is_raw
        terminal.process.send_signal(signal.SIGSTOP)
        terminal.cook()
        before = terminal.tail.count(b"\x1b[?2004h")
        terminal.process.send_signal(signal.SIGCONT)
        wait_until(lambda: terminal.is_raw)
        wait_until(lambda: terminal.tail.count(b"\x1b[?2004h") > before)
        terminal.press("x")
        terminal.wait_for("keys: 1")
        terminal.process.terminate()
        assert terminal.process.wait(5) == 0
        assert not terminal.is_raw, "it is given back as it was found"


def test_keys_go_on_after_bytes_that_are_no_utf_8() -> None:
    """PuTTY set to CP1251 sends these for two Russian letters."""
    with Terminal(APP) as terminal:
        terminal.wait_for("keys: 0")
        terminal.send("фы".encode("cp1251"))
        terminal.wait_for("keys: 2")
        terminal.press("b", "я")
        terminal.wait_for("keys: 4")


def test_reader_that_fails_ends_the_app_and_says_why() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("keys: 0")
        terminal.press("!")
        terminal.process.wait(10)
        wait_until(lambda: b"the reader failed" in terminal.tail)
        assert b"\x1b[?1049l" in terminal.tail, "the terminal was given back"


def test_terminated_app_gives_the_terminal_back() -> None:
    with Terminal(APP) as terminal:
        terminal.wait_for("keys: 0")
        terminal.process.terminate()
        assert terminal.process.wait(5) == 0
        wait_until(lambda: b"\x1b[?1049l" in terminal.tail)
