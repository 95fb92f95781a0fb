"""What is held for the snapshot: lamps over the processes, tickers, health of bots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from db.protocol import Health, ProcessInfo, TickerInfo
from server.board import Board

RUNS = ProcessInfo("redis", "redis", 7, "running", 0, 1.0, 1)
TICKER = TickerInfo("bot_health", "anna", 300.0, "waiting")


def board() -> tuple[Board, list[tuple[str, dict[str, Any]]]]:
    told: list[tuple[str, dict[str, Any]]] = []
    return Board(lambda topic, data: told.append((topic, data))), told


def test_lamp_is_of_the_process_until_a_check_says_more() -> None:
    lamps, _told = board()
    assert lamps.lamps([RUNS, ProcessInfo("worker", "worker-1", 8, "running", 0, 1.0, 1)]) == {"redis": Health("ok")}
    checked = Health("warn", "slow", 300.0, 5)
    lamps.set_lamp("redis", checked)
    lamps.set_lamp("mariadb", Health("ok", "", 2.0, 5))
    assert lamps.lamps([RUNS]) == {"redis": checked, "mariadb": Health("ok", "", 2.0, 5)}


def test_process_that_is_down_wins_over_an_older_check() -> None:
    lamps, _told = board()
    lamps.set_lamp("redis", Health("ok", "", 0.3, 5))
    down = replace(RUNS, state="backoff", pid=None, restarts=3, reason="exited with 1")
    lamp = lamps.lamps([down])["redis"]
    assert lamp.state == "bad" and "exited with 1" in lamp.text and "logs/redis.log" in lamp.text
    again = lamps.lamps([replace(down, state="starting")])["redis"]
    assert again.state == "bad", "it was started again, and is not up yet"
    assert lamps.lamps([replace(RUNS, state="starting")])["redis"] == Health("warn", "redis is starting")
    assert lamps.lamps([replace(RUNS, state="stopping")])["redis"].state == "warn"


def test_one_callback_server_of_two_is_a_warning() -> None:
    lamps, _told = board()
    one, other = (ProcessInfo("callback", f"callback-{n}", n, "running", 0, 1.0, 1) for n in (1, 2))
    broken = replace(other, state="failed", reason="killed by SIGKILL")
    lamp = lamps.lamps([one, broken])["callback"]
    assert lamp.state == "warn" and "callback-2" in lamp.text
    assert lamps.lamps([replace(one, state="stopped"), broken])["callback"].state == "bad"


def test_ticker_is_told_when_it_changes() -> None:
    held, told = board()
    held.set_ticker(TICKER)
    held.set_tickers([TICKER, replace(TICKER, bot="vera")])
    assert [(topic, data["bot"]) for topic, data in told] == [("ticker", "anna"), ("ticker", "vera")]
    held.set_tickers([replace(TICKER, bot="vera", state="running")])
    assert [(info.bot, info.state) for info in held.tickers()] == [("vera", "running")]
    assert told[-1] == ("ticker", {**told[1][1], "state": "running"}) and len(told) == 3


def test_health_of_a_bot_is_held_until_it_is_forgotten() -> None:
    held, _told = board()
    held.set_bot_health("anna", Health("bad", "revoked"))
    assert held.bot_health("anna") == Health("bad", "revoked") and held.bot_health("vera") is None
    held.set_bot_health("anna", None)
    held.set_bot_health("vera", None)
    assert held.bot_health("anna") is None


def test_who_asked_is_told_of_each_check_of_a_bot() -> None:
    checked: list[tuple[str, str]] = []
    held = Board(lambda topic, data: None, lambda bot, health: checked.append((bot, health.state)))
    held.set_bot_health("anna", Health("ok"))
    held.set_bot_health("anna", None)
    assert checked == [("anna", "ok")]
