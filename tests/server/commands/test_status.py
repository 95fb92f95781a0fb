"""What ``salo status`` says of a snapshot."""

from __future__ import annotations

from db.protocol import BotInfo, Health, PlatformSnapshot, ProcessInfo
from server.commands.platform import status_text
from server.dispatcher.hosts import HostInfo
from server.snapshots import host_info

BOT = BotInfo("anna", 1, 77, "main", True, "running", 3, 1, {"done": 5, "unsolved": 9}, title="Кофейня «Зёрна» на углу")


def test_status_has_titles_and_what_is_wrong() -> None:
    ill = BotInfo(
        "vera", 2, 78, "main", True, "running", 0, 0, title="т" * 60, unsolved=4, health=Health("bad", "token revoked")
    )
    lamps = {"redis": Health("ok"), "mariadb": Health("warn", "mariadb is starting")}
    redis = ProcessInfo("redis", "redis", 7, "running", 0, 60.0, 12 << 20)
    text = status_text(PlatformSnapshot({"state": "running", "dead": 2, "lamps": lamps}, [BOT, ill], [redis]))
    facts, bots, processes = text.split("\n\n")
    assert facts.splitlines() == ["state: running", "dead letters: 2", "mariadb: warns: mariadb is starting"]
    _heads, anna, vera = bots.splitlines()
    assert anna.split("  ")[-1] == "--" and "Кофейня «Зёрна» на углу" in anna and " 9 " not in anna
    assert vera.endswith("broken: token revoked") and "т" * 23 + "…" in vera and "1 min" in processes


def test_status_says_which_host_is_gone_and_which_is_this_one() -> None:
    told = [
        HostInfo("a", 2, 0, is_own=True),
        HostInfo("b", 1, 0),
        HostInfo("c", 1, 3 * 60_000 + 1),
        HostInfo("d", 1, 7),
    ]
    text = status_text(PlatformSnapshot({"state": "running", "hosts": [host_info(host) for host in told]}, [BOT], []))
    _facts, hosts, *_rest = text.split("\n\n")
    states = [line.split(maxsplit=2)[2] for line in hosts.splitlines()[1:]]
    assert states == ["running, this one", "running", "gone for 3 min", "gone for 0 s"]
