"""Dead letters as the terminal knows them: read from what ``dead list`` gives, shown as rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.texts import _
from salo_tui.ages import age
from salo_tui.sheets import fact
from salo_tui.widgets.rows import Cell, Row
from salo_tui.widgets.table_lines import Column, Piece


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. ``owner`` is the bot, or of a row of a journal its base."""

    id: str
    owner: str
    at_ms: int
    attempts: int
    peer_id: int
    reason: str
    text: str
    trace: str


def letter_of(data: Mapping[str, Any]) -> Letter:
    """Return a letter from what the platform gives; events may be of any shape."""
    bot, base, event = str(data.get("bot") or ""), str(data.get("base") or ""), data.get("event")
    return Letter(
        str(data["id"]),
        bot or _("base {name}").format(name=base),
        int(data["at_ms"]),
        int(data["attempts"]),
        int(data.get("peer_id") or 0),
        str(data["reason"]),
        _text(event),
        str(data.get("trace") or ""),
    )


def _text(event: Any) -> str:
    """Return what was said: in a message, or in a row of the history."""
    try:
        return str(event["rx"]) if "rx" in event else str(event["object"]["message"]["text"])
    except (KeyError, TypeError):
        return ""


def columns() -> tuple[Column, ...]:
    """Return the columns, in the language in use."""
    return (
        Column(_("AGE"), 7, "right"),
        Column(_("BOT"), 14),
        Column(_("ATTEMPTS"), 8, "right"),
        Column(_("REASON"), 24),
        Column(_("TEXT"), 18, fill=True),
    )


def row_of(letter: Letter, now_ms: int) -> Row:
    """Return a letter's row."""
    when = Cell(age(letter.at_ms, now_ms), "dim")
    return Row(letter.id, (when, letter.owner, str(letter.attempts), Cell(letter.reason, "bad"), letter.text))


def sheet(letter: Letter, width: int, rows: int) -> list[list[Piece]]:
    """Return what is known of a letter in at most ``rows`` lines, of its trace as much as fits."""
    lines = fact(_("reason"), letter.reason, width, rows=2, tone="bad")
    lines += fact(_("text"), letter.text, width, rows=2)
    lines += fact(_("peer"), f"{letter.peer_id} · {letter.owner} · {letter.id}", width)
    for place, part in enumerate(letter.trace.splitlines()[: max(rows - len(lines), 0)]):
        lines += fact("" if place else _("trace"), part, width, tone="dim")
    return lines[:rows]
