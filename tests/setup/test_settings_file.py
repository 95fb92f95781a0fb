"""The ``salo.toml`` that ships documents every key, and what it says is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from db.settings import SHIPPED, Settings, load_settings

TABLES = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
KEYS = [(table, key) for table, model in TABLES.items() for key in model.model_fields]


def _documented() -> dict[tuple[str, str], str]:
    """Return the words before each key of the file, by table and key."""
    found, table, words = {}, "", ""
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"\[(\w+)]", line):
            table = heading[1]
        elif setting := re.fullmatch(r"#(\w+) = .+", line):
            found[table, setting[1]] = words
        words = f"{words} {line[1:].strip()}" if line.startswith("# ") else ""
    return found


def _with_all_keys_set() -> str:
    return re.sub(r"^#(\w+ = )", r"\1", SHIPPED.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_file_and_settings_know_the_same_keys() -> None:
    assert sorted(_documented()) == sorted(KEYS)


def test_file_as_it_ships_changes_nothing() -> None:
    assert {key for table in tomllib.loads(SHIPPED.read_text()).values() for key in table} == set()
    assert load_settings(SHIPPED, {}).model_dump() == Settings().model_dump()


def test_each_value_in_the_file_is_the_default(tmp_path: Path) -> None:
    config = tmp_path / "salo.toml"
    config.write_text(_with_all_keys_set(), encoding="utf-8")
    assert load_settings(config, {}).model_dump() == Settings().model_dump()
    assert {(table, key) for table, keys in tomllib.loads(config.read_text()).items() for key in keys} == set(KEYS)


@pytest.mark.parametrize(("table", "key"), KEYS)
def test_key_has_words_and_its_true_range(table: str, key: str) -> None:
    words = _documented()[table, key]
    assert len(words) > 20
    bounds: dict[str, Any] = {}
    for item in TABLES[table].model_fields[key].metadata:
        bounds |= {name: getattr(item, name) for name in ("ge", "le") if hasattr(item, name)}
    if bounds:
        assert f"({bounds['ge']} to {bounds['le']})" in words
