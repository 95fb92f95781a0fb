"""The control socket: its door, its protocol, its subscribers, all on a real socket with real storage."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import audit
from db.protocol import LINE_MAX
from server.control import CLIENTS_MAX
from server.control_client import ControlClient, RemoteRefusal
from tests.server.control_desk import Desk, Wire, control_desk
from tests.services import wait_until


@pytest.fixture
def desk(clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(storage_settings, tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def wire(desk: Desk) -> Iterator[Wire]:
    wire = desk.connect()
    yield wire
    wire.close()


def test_socket_is_for_its_owner_alone(desk: Desk) -> None:
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600


def test_socket_of_a_dead_platform_is_replaced_and_ours_is_taken_away(
    clean_redis: redis.Redis, storage_settings: Path, tmp_path: Path
) -> None:
    home = tmp_path / ("deep" * 40)  # longer than a socket's path may be
    home.mkdir()
    (home / "control.sock").write_text("stale")
    with control_desk(storage_settings, home) as desk, ControlClient.connect(desk.settings.state) as client:
        assert client.platform_pid() == os.getpid()
        assert client.call("snapshot", {})["platform"]["pid"] == 1
    assert not (home / "control.sock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.path.chmod(0o666)
    for directory in [desk.path.parent, *desk.path.parent.parents]:
        if directory.stat().st_uid == os.geteuid() and str(directory).startswith("/tmp/"):
            directory.chmod(0o755)
    program = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.settimeout(5); "
        "s.connect(sys.argv[1]); print(s.makefile().readline())"
    )
    answer = subprocess.run([sys.executable, "-c", program, str(desk.path)], capture_output=True, check=True)
    assert b"only the platform's own user" in answer.stdout


def test_describe_tells_every_command(wire: Wire) -> None:
    commands = {item["name"]: item for item in wire.call("describe", language="en")["result"]["commands"]}
    assert commands["bot add"]["parameters"][0]["name"] == "name"
    assert commands["base drop"]["destructive"] and commands["base drop"]["role"] == "owner"
    assert commands["help"]["summary"] == "what I can do"


def test_command_comes_as_a_line_or_by_name(wire: Wire) -> None:
    by_line = wire.call("command", line="status", language="en")["result"]
    by_name = wire.call("command", name="status", args={}, language="en")["result"]
    assert by_line == by_name and by_line["exit_code"] == 0
    assert by_line["data"]["processes"][0]["name"] == "redis" and "1 min 1 s" in by_line["text"]


def test_changing_command_is_audited_without_its_secrets(wire: Wire, clean_redis: redis.Redis) -> None:
    assert "result" in wire.call("command", line="base create audited")
    line = "bot add anna -group-id 77 -base audited -token vk1.canary -secret canary2"
    answer = wire.call("command", line=line, language="en")
    assert "result" in answer, answer
    assert "canary" not in json.dumps(answer)
    answer_again = wire.call("command", line=line)
    wire.call("command", line="bot list")
    records = audit.page(clean_redis)
    assert [record.exit_code for record in records] == [1, 0, 0]
    assert records[0].line == "/bot add anna -group-id 77 -base audited -token *** -secret ***"
    assert records[0].who.startswith("local:") and records[0].face == "terminal"
    assert records[0].error == answer_again["error"]["message"] and "anna" in records[0].error
    wire.call("command", line="bot remove anna")
    wire.call("command", line="base drop audited")


def test_stop_is_answered_before_redis_has_its_password(tmp_path: Path) -> None:
    config = tmp_path / "salo.toml"
    config.write_text("")  # Redis is embedded, and was never started
    with control_desk(config, tmp_path / "home") as desk:
        wire = desk.connect()
        assert wire.call("command", line="stop", language="en")["result"]["text"] == "the platform is stopping"
        assert desk.platform.stopped.is_set()
        wire.close()


def test_generated_secret_is_told_once_and_not_written_down(wire: Wire, clean_redis: redis.Redis) -> None:
    wire.call("command", line="base create b1")
    result = wire.call("command", line="bot add vera -group-id 78 -base b1 -token t")["result"]
    secret = result["data"]["secret"]
    assert secret in result["text"] and len(secret) >= 20
    assert all(secret not in record.line + record.error for record in audit.page(clean_redis))
    assert secret not in json.dumps(wire.call("command", line="bot show vera"))
    wire.call("command", line="bot remove vera")
    wire.call("command", line="base drop b1")


@pytest.mark.parametrize(
    ("params", "exit_code", "part"),
    [
        ({"line": "bot ad"}, 2, "did you mean /bot add"),
        ({"line": "bot show nobody"}, 1, "nobody"),
        ({"line": "bot show Anna"}, 2, "small Latin letter"),
        ({"line": "base create x", "role": "moderator"}, 4, "owner"),
        ({"line": "base create x", "role": "nonsense"}, 2, "moderator, admin, owner"),
        ({"line": "import main x.tsv"}, 1, "not for here"),
        ({"line": "help"}, 1, "not for here"),
        ({"line": "restart nothing"}, 1, "no process"),
    ],
)
def test_refused_command_says_why(wire: Wire, params: dict[str, str], exit_code: int, part: str) -> None:
    error = wire.call("command", language="en", **params)["error"]
    assert error["data"]["exit_code"] == exit_code and part in error["message"]


def test_role_can_only_be_lowered(wire: Wire) -> None:
    assert "result" in wire.call("command", line="bot list", role="owner")
    assert "error" in wire.call("command", line="bot list", role="user")


def test_commands_reach_the_platform_in_its_loop(desk: Desk, wire: Wire) -> None:
    wire.call("command", line="restart redis")
    assert desk.platform.restarted == ["redis"]
    wire.call("command", line="stop")
    assert desk.platform.stopped.is_set()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 5000, -32700),
        (b"[]", -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"snapshot"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"snapshot","params":[]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"nothing"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"command"}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"command","params":{"name":"x","args":5}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topics":"log"}}', -32602),
    ],
)
def test_broken_request_gets_an_error_and_the_next_one_an_answer(wire: Wire, line: bytes, code: int) -> None:
    wire.send(line)
    assert wire.read()["error"]["code"] == code
    assert "result" in wire.call("snapshot")


def test_notification_gets_no_answer(wire: Wire) -> None:
    wire.send(b'{"jsonrpc":"2.0","method":"nothing"}')
    wire.send(b'{"jsonrpc":"2.0","method":"snapshot"}')
    assert wire.call("snapshot")["id"] == 1


def test_line_of_a_mebibyte_is_the_limit(desk: Desk, wire: Wire) -> None:
    wire.send(b'{"jsonrpc":"2.0","id":1,"method":"snapshot","params":{"a":"' + b"a" * (LINE_MAX - 100) + b'"}}')
    assert "result" in wire.read()
    wire.send(b"a" * (LINE_MAX + 10))
    assert "error" in wire.read() and wire.is_closed()


def test_clients_above_the_limit_are_told_so(desk: Desk) -> None:
    wires = [desk.connect() for _ in range(CLIENTS_MAX)]
    assert all("result" in wire.call("snapshot") for wire in wires)
    refused = desk.connect()
    assert "clients are connected" in refused.read()["error"]["message"] and refused.is_closed()
    wires.pop().close()

    def served() -> bool:
        again = desk.connect()
        try:
            return "result" in again.call("snapshot")
        except (BrokenPipeError, ConnectionResetError):
            return False
        finally:
            again.close()

    wait_until(served)
    for wire in [*wires, refused]:
        wire.close()


@pytest.mark.parametrize("ask", [{"line": "restart redis"}, {"name": "restart", "args": {"process": "redis"}}])
def test_reader_is_refused_what_changes_something(desk: Desk, wire: Wire, ask: dict[str, Any]) -> None:
    error = wire.call("command", read_only=True, language="en", **ask)["error"]
    assert error["data"]["exit_code"] == 4
    assert error["message"] == "/restart changes something, and this terminal is for reading only"
    assert desk.platform.restarted == []
    assert "result" in wire.call("command", read_only=True, line="ps")
    assert "result" in wire.call("command", **ask)


def test_status_waits_for_fresh_counts_and_snapshots_for_nothing(desk: Desk, wire: Wire) -> None:
    wire.call("snapshot")
    wire.call("command", line="ps")
    assert desk.platform.measured == 0
    wire.call("command", line="status")
    assert desk.platform.measured == 1


def test_plain_client_speaks_it(desk: Desk) -> None:
    with ControlClient.connect(desk.settings.state) as client:
        assert client.command("ps", {}).data[0]["pid"] == 4711
        with pytest.raises(RemoteRefusal) as refused:
            client.command("bot show", {"name": "nobody"})
        assert refused.value.exit_code == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60).filter(lambda text: text.strip()))
def test_any_line_is_answered_by_one_line(wire: Wire, line: str) -> None:
    answer = wire.call("command", line=line, role="user")
    assert ("error" in answer) != ("result" in answer)
