"""The front door as a real process: verbs, exit codes, words; with a platform's socket and without."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from db import audit
from db.settings import load_settings
from server.cli import main
from tests.server.control_desk import Desk, control_desk

Shell = Callable[..., subprocess.CompletedProcess[str]]
TOKEN = "vk1.a.canary-of-the-shell"


def shell_on(home: Path, config: Path | None) -> Shell:
    """Return what runs ``salo`` words on a state directory, its input given as text."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home.parent), "SALO_HOME": str(home)}

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        door = [sys.executable, "-I", "-m", "server.cli", *(["--config", str(config)] if config else [])]
        return subprocess.run([*door, *words], input=stdin, capture_output=True, text=True, timeout=60, env=environment)

    return run


@pytest.fixture
def english(storage_settings: Path) -> Path:
    storage_settings.write_text(storage_settings.read_text() + '[platform]\nlanguage = "en"\n')
    return storage_settings


@pytest.fixture
def process(clean_redis: redis.Redis, english: Path, tmp_path: Path) -> Shell:
    """``salo`` as a process of its own, which costs half a second each time."""
    return shell_on(tmp_path / "home", english)


@pytest.fixture
def salo(
    clean_redis: redis.Redis,
    english: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Shell:
    """``salo`` in this process, by its front door."""
    monkeypatch.setenv("SALO_HOME", str(tmp_path / "home"))

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfd.readouterr()
        code = main(["--config", str(english), *words])
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(words, code, out, err)

    return run


def test_base_and_bot_live_their_life_with_no_platform(salo: Shell, clean_redis: redis.Redis) -> None:
    assert salo("base", "create", "shell1", "--title", "Первая").returncode == 0
    again = salo("base", "create", "shell1")
    assert (again.returncode, again.stdout) == (1, "") and "exists already" in again.stderr
    added = salo("bot", "add", "anna", "--group-id", "77", "--base", "shell1", "--token-file", "-", "--owner", "5",
                 "--names", "Аня", "--names", "Анюта", stdin=TOKEN + "\n")  # fmt: skip
    assert added.returncode == 0 and "/callback/77" in added.stdout, added.stderr
    shown = json.loads(salo("bot", "show", "anna", "--json").stdout)
    assert shown["config"]["names"] == ["Аня", "Анюта"] and shown["owner"] == "5" and shown["config"]["token"] is True
    assert salo("bot", "disable", "anna").returncode == 0
    assert json.loads(salo("bot", "list", "--json").stdout)[0]["enabled"] is False
    assert salo("bot", "enable", "anna").returncode == 0
    assert "shell1" in salo("base", "list").stdout
    used = salo("base", "drop", "shell1")
    assert used.returncode == 1 and "anna" in used.stderr
    assert salo("bot", "remove", "anna", "-y").returncode == 0
    assert salo("base", "drop", "shell1").returncode == 0
    records = audit.page(clean_redis)
    lines = [record.line for record in records]
    assert "/bot add anna -group-id 77 -base shell1 -token *** -owner 5 --names Аня Анюта" in lines
    assert lines[-1] == "/base create shell1 -title Первая"
    assert all(record.face == "shell" and TOKEN not in record.line for record in records)


def test_list_option_takes_words_up_to_the_next_option(salo: Shell, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    assert salo("base", "create", "shell9").returncode == 0
    options = ["--names", "Лиза", "Лизонька", "--group-id", "909", "--base", "shell9"]
    added = salo("bot", "add", *options, "--token-file", str(tmp_path / "token"), "liza")
    assert added.returncode == 0, added.stderr
    assert json.loads(salo("bot", "show", "liza", "--json").stdout)["config"]["names"] == ["Лиза", "Лизонька"]
    assert salo("bot", "remove", "liza").returncode == 0
    assert salo("base", "drop", "shell9").returncode == 0


def test_verb_runs_as_a_process(process: Shell) -> None:
    listed = process("base", "list", "--json")
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "[]\n", "")
    refused = process("bot", "show", "nobody")
    assert (refused.returncode, refused.stdout) == (1, "") and refused.stderr.startswith("salo: ")


def test_token_file_is_read_and_judged(salo: Shell, tmp_path: Path) -> None:
    words = ("bot", "add", "anna", "--group-id", "77", "--base", "nowhere", "--token-file")
    missing = salo(*words, str(tmp_path / "none"))
    assert missing.returncode == 2 and "No such file" in missing.stderr
    empty = salo(*words, "-")
    assert empty.returncode == 2 and "token" in empty.stderr
    token = tmp_path / "token"
    token.write_text(TOKEN)
    refused = salo(*words, str(token))
    assert refused.returncode == 1 and "no base nowhere" in refused.stderr and TOKEN not in refused.stderr


def test_answers_go_in_and_come_out_again(salo: Shell, tmp_path: Path) -> None:
    salo("base", "create", "shell2")
    file = tmp_path / "answers.tsv"
    file.write_text("привет\tздравствуй\t2\nнет ответа\nпока\tпока-пока\n")
    would = salo("import", "shell2", str(file), "--dry-run")
    assert "would import 2, update 0, refuse 1" in would.stdout and "line 2:" in would.stdout
    assert json.loads(salo("import", "shell2", str(file), "--dry-run", "--strict", "--json").stdout)["dry_run"]
    done = salo("import", "shell2", str(file))
    assert done.returncode == 0 and "imported 2, updated 0, refused 1" in done.stdout and "line 2:" in done.stdout
    strict = salo("import", "shell2", str(file), "--strict", "--json")
    assert strict.returncode == 1 and json.loads(strict.stdout)["lines"][0]["line"] == 2
    lines = salo("export", "shell2").stdout.splitlines()
    assert {"привет\tздравствуй\t2", "пока\tпока-пока\t1"} <= set(lines)
    out = tmp_path / "out.jsonl"
    assert salo("export", "shell2", str(out)).returncode == 0
    assert salo("import", "shell2", "-", "--format", "jsonl", stdin=out.read_text()).returncode == 0
    assert len(out.read_text().splitlines()) == 2
    assert salo("import", "shell2", str(tmp_path / "answers.csv")).returncode == 2
    assert salo("import", "nowhere", str(file)).returncode == 1
    assert list(tmp_path.glob("*.part")) == []
    salo("base", "drop", "shell2")


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["stauts"], 2, "did you mean status"),
        (["bot", "add"], 2, "Missing"),
        (["bot", "show", "Anna"], 2, "small Latin letter"),
        (["bot", "show", "nobody"], 1, "nobody"),
        (["dead", "list", "--count", "x"], 2, "--count = “x”: must be 1…200; see: salo dead list --help"),
        (["dead", "list", "--count", "0"], 2, "must be 1…200"),
        (["status"], 3, "no platform runs"),
        (["ps"], 3, "salo run"),
        (["stop"], 3, "no platform runs"),
        (["restart", "redis"], 3, "no platform runs"),
        (["ctl", "bot", "list"], 3, "no platform runs"),
        (["--config", "/no/such.toml", "status"], 2, "/no/such.toml"),
        (["run", "what"], 2, "what"),
    ],
)
def test_refusal_is_one_line_and_an_exit_code(salo: Shell, words: list[str], code: int, part: str) -> None:
    done = salo(*words)
    assert done.returncode == code and part in done.stderr and done.stdout == "", done
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 or "Usage:" in done.stderr


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--help"], ["Пишется так: salo [КЛЮЧИ] КОМАНДА [СЛОВА]...", "Ключи:", "показать эту справку"]),
        (["bot", "add", "--help"], ["salo bot add [КЛЮЧИ] ИМЯ", "--base БАЗА", "[обязательно]"]),
        (["bot", "add"], ["Ошибка: Не хватает: 'ИМЯ'", "Справка: salo bot add --help"]),
        (["bot", "ad"], ["Команды 'ad' нет. Может быть, 'add'?"]),
        (["status", "--jsn"], ["Ключа '--jsn' нет. Может быть, '--json'?"]),
        (["base", "create", "a", "b"], ["Лишнее слово: b"]),
        (["demo", "--seconds", "x"], ["'--seconds': 'x' — это не число"]),
        (["bot", "show", "Anna"], ["бот 'Anna': имя — это"]),
    ],
)
def test_usage_and_its_errors_are_in_the_language_of_the_settings(
    capfd: pytest.CaptureFixture[str], words: list[str], parts: list[str]
) -> None:
    """click's own words too, wherever the environment's language is another."""
    main(words)
    told = "".join(capfd.readouterr())
    assert all(part in told for part in parts), told
    assert not [word for word in ("Usage", "Error", "Options", "Missing", "No such", "invalid") if word in told]


def test_status_without_a_platform_is_json_all_the_same(salo: Shell) -> None:
    done = salo("status", "--json")
    assert done.returncode == 3 and json.loads(done.stdout)["platform"]["state"] == "down"


def test_bad_settings_stop_every_verb_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "bad.toml"
    config.write_text("[engine]\nworkers = 0\n")
    for verb in (["run"], ["base", "list"]):
        done = shell_on(tmp_path / "home", config)(*verb)
        assert done.returncode == 2 and "[engine] workers = 0" in done.stderr and done.stderr.count("\n") == 1
    assert shell_on(tmp_path / "home", config)("--help").returncode == 0
    assert not (tmp_path / "home").exists()


def test_check_tells_what_the_settings_lead_to(salo: Shell, english: Path, tmp_path: Path) -> None:
    done = salo("check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["settings"] == str(english)
    gone = tmp_path / "gone.toml"
    gone.write_text(f'[storage]\nredis = "unix://{tmp_path}/none.sock"\n')
    assert shell_on(tmp_path / "home", gone)("check").returncode == 3


@pytest.fixture
def desk(clean_redis: redis.Redis, english: Path, tmp_path: Path) -> Iterator[Desk]:
    with control_desk(english, tmp_path / "home") as desk:
        yield desk


def test_running_platform_is_asked_over_its_socket(desk: Desk, salo: Shell, clean_redis: redis.Redis) -> None:
    status = salo("status", "--json")
    assert status.returncode == 0 and set(json.loads(status.stdout)) >= {"platform", "bots", "processes"}
    assert "anna" in salo("status").stdout
    assert salo("base", "create", "shell3").returncode == 0
    assert audit.page(clean_redis)[0].who.startswith("local:"), "the platform ran it, not the shell"
    refused = salo("bot", "show", "nobody")
    assert refused.returncode == 1 and "nobody" in refused.stderr
    assert salo("restart", "redis").returncode == 0 and desk.platform.restarted == ["redis"]
    salo("base", "drop", "shell3")


def test_platform_that_starts_lets_commands_wait_for_its_storage(desk: Desk, salo: Shell) -> None:
    desk.in_loop(desk.platform.storage.clear)
    opened = threading.Event()

    def open_it() -> None:
        opened.set()
        desk.in_loop(desk.platform.storage.set)

    opening = threading.Timer(1.5, open_it)
    opening.start()
    assert salo("status").returncode == 0
    assert not opened.is_set(), "what needs no storage does not wait for it"
    assert salo("base", "list").returncode == 0
    assert opened.is_set()


def test_ctl_tells_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    told = {}
    for words in ("stop --help", "unsolved answer main/1 -h", "bot --help", "--help"):
        assert main(["ctl", *words.split()]) == 0
        told[words] = capsys.readouterr().out
    assert told["stop --help"].startswith("stop") and told["unsolved answer main/1 -h"].startswith("unsolved answer")
    assert "/bot add" in told["bot --help"] and "--role" in told["--help"]
    assert main(["ctl", "stpo", "--help"]) == 2


def test_ctl_takes_the_terminals_lines(desk: Desk, salo: Shell) -> None:
    assert json.loads(salo("ctl", "--json", "ps").stdout)[0]["name"] == "redis"
    assert salo("ctl", "base", "create", "shell4", "-title", "два слова").returncode == 0
    assert "два слова" in salo("ctl", "base", "list").stdout
    assert salo("ctl", "--role", "moderator", "bot", "list").returncode == 4
    assert salo("ctl", "bot", "ad").returncode == 2
    salo("ctl", "base", "drop", "shell4")


def test_stop_waits_until_the_platform_is_gone(clean_redis: redis.Redis, english: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.server.control_desk import control_desk\n"
        "with control_desk(Path(sys.argv[1]), Path(sys.argv[2])) as desk:\n"
        "    print('up', flush=True)\n    desk.platform.stopped.wait()\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program, str(english), str(tmp_path / "home")], cwd=root, stdout=subprocess.PIPE
    ) as platform:
        assert platform.stdout is not None and platform.stdout.readline() == b"up\n"
        done = shell_on(tmp_path / "home", english)("stop")
        assert done.returncode == 0 and "stopped" in done.stdout
        assert platform.wait(1) == 0, "it was gone before stop came back"


def test_a_person_is_asked_before_a_base_is_dropped(salo: Shell, english: Path, tmp_path: Path) -> None:
    salo("base", "create", "shell5")
    master, slave = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "SALO_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-I", "-m", "server.cli", "--config", str(english), "base", "drop", "shell5"]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as asked:
        os.close(slave)
        os.write(master, b"n\n")
        assert asked.wait(30) == 1
    os.close(master)
    assert "shell5" in salo("base", "list").stdout
    salo("base", "drop", "shell5")


def test_shell_keeps_the_embedded_storage_only_as_long_as_it_needs(tmp_path: Path) -> None:
    salo = shell_on(tmp_path / "own", None)
    assert salo("base", "create", "own").returncode == 0
    listed = json.loads(salo("base", "list", "--json").stdout)
    assert [item["name"] for item in listed] == ["own"]
    settings = load_settings(None, {"SALO_HOME": str(tmp_path / "own")})
    with pytest.raises(redis.ConnectionError):
        redis.Redis(unix_socket_path=str(settings.state.redis / "redis.sock")).ping()
