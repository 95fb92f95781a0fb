"""Command lines as they are typed: which command they are, what they are about, and that no secret is shown."""

from __future__ import annotations

import pytest

from engine.commands.describe import describe
from engine.commands.registry import registry
from salo_tui.typed import HIDDEN, command_of, shown, subject_of

COMMANDS = [describe(item) for item in registry().declarations]
DANGEROUS = [item for item in COMMANDS if item["danger"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command["name"])
@pytest.mark.parametrize("sign", ["", "/", ":", " "])
def test_a_command_is_known_however_it_is_written(command: dict[str, object], sign: str) -> None:
    for name in (str(command["name"]), *command["aliases"]):  # type: ignore[misc]
        for spelling in (name, name.upper(), f"{name.split()[0]}@anna {' '.join(name.split()[1:])}".strip()):
            found = command_of(f"{sign}{spelling} word", COMMANDS)
            assert found is not None and found["name"] == registry().find(f"{sign}{spelling} word").declaration.name


def test_every_command_that_destroys_is_asked_about() -> None:
    assert all(item["danger"] >= 2 for item in COMMANDS if item["destructive"])
    assert {"stop", "restart", "bot disable"} <= {item["name"] for item in DANGEROUS}
    assert all(item["effect"] for item in DANGEROUS)


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("bot remove anna_shop", "anna_shop"),
        ("/bot remove anna_shop -base x", "anna_shop"),
        ("bot remove -name anna_shop", "bot remove"),
        ("stop", "stop"),
    ],
)
def test_what_must_be_typed_is_what_the_line_is_about(line: str, subject: str) -> None:
    command = command_of(line, COMMANDS)
    assert command is not None and subject_of(line, command) == subject


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bot token anna -token vk1.a.SECRET", f"bot token anna -token {HIDDEN}"),
        ("/BOT TOKEN anna —token vk1.a.SECRET", f"/BOT TOKEN anna —token {HIDDEN}"),
        ('bot add anna -token "vk1 SECRET" -base main', f"bot add anna -token {HIDDEN} -base main"),
        ("bot add anna -secret S3CRET -confirmation S3CRET", f"bot add anna -secret {HIDDEN} -confirmation {HIDDEN}"),
        ("bot show anna", "bot show anna"),
    ],
)
def test_no_secret_is_shown(line: str, expected: str) -> None:
    assert shown(line, COMMANDS) == expected
