"""An index as a file: written whole, checked, put in place at once, mapped by every reader.

Layout: eight letters, the length and the checksum of the head, the head (JSON), then each array at a multiple of 64
bytes. The head names every array with its type, place, length and checksum. A reader checks the head and the size;
``verify`` checks every array, which reads the whole file.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import orjson

from engine.matching.build import Array
from engine.matching.lexicon import LEXICON_VERSION
from engine.matching.normalise import NORMALISER_VERSION

NAME = "answers.index"
FORMAT = 1
_MAGIC = b"SALO-IDX"
_START = struct.Struct("<8sII")
_ALIGNED = 64
_HEAD_MAX = 1 << 20


class IndexDamaged(Exception):
    """The file is no index, not whole, or of another version."""


@dataclass(frozen=True, slots=True)
class About:
    """What an index was made of: which life of the base, up to which change, how its table looked, and when."""

    life: str = ""
    position: str = "0-0"
    look: str = ""
    made_ms: int = 0
    rows: int = 0


def versions() -> list[int]:
    """Return what makes an index of another version stale."""
    return [FORMAT, NORMALISER_VERSION, LEXICON_VERSION]


def write_index(folder: Path, arrays: Mapping[str, Array], about: About) -> Path:
    """Write an index and put it in place of the one before. Raises ``OSError``; then nothing has changed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file, draft = folder / NAME, folder / f".{NAME}.{os.getpid()}"
    listed: dict[str, tuple[str, int, int, int]] = {}
    place = 0
    for name, values in arrays.items():
        place = -(-place // _ALIGNED) * _ALIGNED
        listed[name] = (values.dtype.str, place, len(values), crc32(_bytes(values)))
        place += values.nbytes
    head = orjson.dumps(
        {
            "versions": versions(),
            "arrays": listed,
            "bytes": place,
            "life": about.life,
            "position": about.position,
            "look": about.look,
            "made_ms": about.made_ms,
            "rows": about.rows,
        }
    )
    try:
        with draft.open("wb") as target:
            target.write(_START.pack(_MAGIC, len(head), crc32(head)) + head)
            first = _first(len(head))
            for name, values in arrays.items():
                target.seek(first + listed[name][1])
                target.write(_bytes(values))
            target.truncate(first + place)
            target.flush()
            os.fsync(target.fileno())
        draft.replace(file)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return file


def open_index(folder: Path) -> tuple[dict[str, Array], About]:
    """Map the index of ``folder``. Raises ``FileNotFoundError``, and ``IndexDamaged`` for what is not to be used."""
    with (folder / NAME).open("rb") as source:
        head, first = _head(source)
        if head["versions"] != versions():
            raise IndexDamaged("an index of another version")
        if os.fstat(source.fileno()).st_size != first + head["bytes"]:
            raise IndexDamaged("an index that is not whole")
        mapped = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        arrays = {
            name: np.frombuffer(mapped, np.dtype(kind), count, first + place)
            for name, (kind, place, count, _sum) in head["arrays"].items()
        }
    except (ValueError, TypeError) as error:
        raise IndexDamaged(f"an array that does not fit: {error}") from None
    about = About(head["life"], head["position"], head["look"], int(head["made_ms"]), int(head["rows"]))
    return arrays, about


def verify(folder: Path) -> None:
    """Read the whole index. Raises ``IndexDamaged`` when a byte is not as it was written."""
    arrays, _about = open_index(folder)
    with (folder / NAME).open("rb") as source:
        head, _first_byte = _head(source)
    for name, (_kind, _place, _count, checksum) in head["arrays"].items():
        if crc32(_bytes(arrays[name])) != checksum:
            raise IndexDamaged(f"the array {name} is not as it was written")


def _head(source: Any) -> tuple[dict[str, Any], int]:
    start = source.read(_START.size)
    if len(start) < _START.size:
        raise IndexDamaged("an index that is not whole")
    magic, length, checksum = _START.unpack(start)
    if magic != _MAGIC or length > _HEAD_MAX:
        raise IndexDamaged("no index")
    raw = source.read(length)
    if len(raw) < length or crc32(raw) != checksum:
        raise IndexDamaged("an index whose head is not as it was written")
    return orjson.loads(raw), _first(length)


def _first(head_length: int) -> int:
    return -(-(_START.size + head_length) // _ALIGNED) * _ALIGNED


def _bytes(values: Array) -> bytes:
    return np.ascontiguousarray(values).tobytes()
