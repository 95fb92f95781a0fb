"""A phrase book as a file, one a base and host: replaced at once, never half-written for its readers."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from db import codec
from db.errors import BadJson
from engine.matching.book import AnswerRow, PhraseBook
from engine.matching.normalise import NORMALISER_VERSION

_FORM = 1
_NAME = "book.json"

log = logging.getLogger(__name__)


def save(folder: Path, book: PhraseBook, life: str) -> None:
    """Write the book of the base's ``life``. A disk that refuses is logged: the book in memory is what counts."""
    rows = [[row.id, row.rx_norm, row.tx, row.weight, row.bot_id] for row in book.rows()]
    head = {"form": _FORM, "normaliser": NORMALISER_VERSION, "life": life}
    draft = folder / f".{_NAME}.{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(codec.dumps({**head, "position": book.position, "look": book.look, "rows": rows}))
        draft.replace(folder / _NAME)
    except OSError as error:
        log.warning("book not saved folder=%s error=%s", folder, error)
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def load(folder: Path, life: str, age_max_s: float | None = None) -> PhraseBook | None:
    """Return the saved book, or None when there is none of this life, form and age, or it is broken."""
    file = folder / _NAME
    try:
        if age_max_s is not None and abs(time.time() - file.stat().st_mtime) > age_max_s:
            return None
        saved = codec.loads(file.read_bytes())
        if (saved["form"], saved["normaliser"], saved["life"]) != (_FORM, NORMALISER_VERSION, life):
            return None
        return PhraseBook((AnswerRow(*row) for row in saved["rows"]), str(saved["position"]), str(saved["look"]))
    except FileNotFoundError:
        return None
    except (OSError, BadJson, KeyError, TypeError, ValueError) as error:
        log.warning("saved book not usable file=%s error=%s", file, error)
        return None
