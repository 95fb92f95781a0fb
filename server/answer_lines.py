r"""Answers as lines of text: TSV (``rx``, ``tx`` and perhaps ``weight``, with ``\t \n \r \\`` as in C) and JSONL.

Pure: what is written by ``format_answer`` is read back by ``parse_answer`` unchanged.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from db import codec
from db.errors import BadJson
from db.texts import _

Format = Literal["tsv", "jsonl"]

LINE_MAX = 1 << 20  # bytes
PHRASE_MAX, ANSWER_MAX, WEIGHT_MAX = 4096, 16_000, 1_000_000
HEADER = ("rx", "tx", "weight")

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_LETTERS = {escape: letter for letter, escape in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\[\\tnr]")
_ESCAPABLE = re.compile(r"[\\\t\n\r]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_WHOLE = re.compile(r"[0-9]{1,9}")


class BadLine(ValueError):
    """A line that holds no answer; the message says why, to people."""


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One answer to one phrase; of several answers the heavier is given more often."""

    rx: str
    tx: str
    weight: int = 1


def parse_answer(line: bytes, form: Format) -> AnswerLine | None:
    """Return the answer of one line, or ``None`` for an empty line; ``BadLine`` for anything else."""
    if len(line) > LINE_MAX:
        raise BadLine(_("is longer than {most} bytes").format(most=LINE_MAX))
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadLine(_("is not UTF-8")) from None
    if not text.strip():
        return None
    return _checked(*(_json_cells(text) if form == "jsonl" else _tsv_cells(text)))


def format_answer(answer: AnswerLine, form: Format) -> bytes:
    """Return the line of one answer, with its newline."""
    if form == "jsonl":
        return codec.dumps(asdict(answer)) + b"\n"
    cells = (_ESCAPABLE.sub(lambda found: _ESCAPES[found[0]], cell) for cell in (answer.rx, answer.tx))
    return "\t".join([*cells, str(answer.weight)]).encode() + b"\n"


def header(form: Format) -> bytes:
    """Return the first line of an export."""
    return b"" if form == "jsonl" else "\t".join(HEADER).encode() + b"\n"


def is_header(line: bytes, form: Format) -> bool:
    """Whether the first line of a file names the columns."""
    cells = tuple(line.decode("utf-8", "replace").strip().split("\t"))
    return form == "tsv" and cells in (HEADER, HEADER[:2])


def _tsv_cells(text: str) -> tuple[Any, Any, Any]:
    cells = text.split("\t")
    if len(cells) not in (2, 3):
        raise BadLine(_("has {count} columns, must be 2 or 3: phrase, answer, weight").format(count=len(cells)))
    rx, tx = (_ESCAPED.sub(lambda found: _LETTERS[found[0]], cell) for cell in cells[:2])
    weight = cells[2].strip() if len(cells) == 3 else ""
    return rx, tx, int(weight) if _WHOLE.fullmatch(weight) else weight or 1


def _json_cells(text: str) -> tuple[Any, Any, Any]:
    try:
        row = codec.loads(text)
    except BadJson as error:
        raise BadLine(str(error)) from None
    if not isinstance(row, dict):
        raise BadLine(_("is not a JSON object"))
    unknown = sorted(set(row) - set(HEADER))
    if unknown:
        raise BadLine(_("has the key {key!r}; known: {known}").format(key=unknown[0][:40], known=", ".join(HEADER)))
    return row.get("rx"), row.get("tx"), row.get("weight", 1)


def _checked(rx: Any, tx: Any, weight: Any) -> AnswerLine:
    for name, value, most in (("rx", rx, PHRASE_MAX), ("tx", tx, ANSWER_MAX)):
        if not isinstance(value, str) or not value.strip():
            raise BadLine(_("{name} is empty or no text").format(name=name))
        if len(value) > most:
            raise BadLine(_("{name} is longer than {most} letters").format(name=name, most=most))
        if _CONTROL.search(value):
            raise BadLine(_("{name} holds a control character").format(name=name))
    if not isinstance(weight, int) or isinstance(weight, bool) or not 1 <= weight <= WEIGHT_MAX:
        shown = str(weight)[:20]
        raise BadLine(_("weight = {value}, must be 1 to {most}").format(value=shown, most=WEIGHT_MAX))
    return AnswerLine(rx, tx, weight)
