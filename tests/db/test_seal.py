"""Seals hold for one key and one owner, and secrets do not show."""

from __future__ import annotations

import copy
import json
import pickle
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import SealBroken
from db.seal import Sealer
from db.secret import Secret

KEY = bytes(range(32))


@given(st.text(max_size=300))
def test_what_is_sealed_opens_for_its_owner(value: str) -> None:
    sealed = Sealer(KEY).seal("bot:anna", value)
    assert sealed.isascii()
    assert Sealer(KEY).open("bot:anna", sealed) == value


def test_another_owner_or_key_or_a_changed_text_does_not_open() -> None:
    sealed = Sealer(KEY).seal("bot:anna", "vk1.a.token")
    changed = sealed[:-4] + ("AAAA" if sealed[-4:] != "AAAA" else "BBBB")
    for owner, text, key in [
        ("bot:boris", sealed, KEY),
        ("bot:anna", sealed, bytes(32)),
        ("bot:anna", changed, KEY),
        ("bot:anna", "vk1.a.token", KEY),
        ("bot:anna", "1:жжж", KEY),
        ("bot:anna", "1:", KEY),
    ]:
        with pytest.raises(SealBroken) as caught:
            Sealer(key).open(owner, text)
        assert "vk1.a.token" not in str(caught.value)


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert len({Sealer(KEY).seal("bot:anna", "token") for _ in range(50)}) == 50


def test_key_file_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    sealed = Sealer.from_file(path).seal("bot:anna", "token")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Sealer.from_file(path).open("bot:anna", sealed) == "token"
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_makers_of_a_key_at_the_same_time_agree(tmp_path: Path) -> None:
    path = tmp_path / "key"
    start = threading.Barrier(8)
    sealed: list[str] = []

    def make() -> None:
        start.wait()
        sealed.append(Sealer.from_file(path).seal("bot:anna", "token"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Sealer.from_file(path).open("bot:anna", item) for item in sealed] == ["token"] * 8


@pytest.mark.parametrize("content", ["", "zz" * 32, "00" * 31, "ключ"])
def test_broken_key_file_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(SealBroken):
        Sealer.from_file(path)
    assert path.read_text() == content


def test_secret_does_not_show_itself() -> None:
    secret = Secret("vk1.a.token")
    shown = f"{secret} {secret!r} {secret:>10} {[secret]} %s" % secret
    assert "token" not in shown and shown.count("***") == 5
    assert secret.reveal() == "vk1.a.token"
    for leak in (lambda: json.dumps(secret), lambda: pickle.dumps(secret), lambda: copy.deepcopy(secret)):
        with pytest.raises(TypeError):
            leak()


def test_secrets_are_equal_to_secrets_only() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert bool(Secret("a")) and not Secret("")
