"""Phrases without an answer as the terminal knows them: read from what commands give, shown as rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from db.texts import N_, _
from salo_tui.ages import age
from salo_tui.command_words import quoted
from salo_tui.widgets.rows import Cell, Row
from salo_tui.widgets.table_lines import Column

OPEN, ANSWERED, REJECTED = "open", "answered", "rejected"
STATUSES = (OPEN, ANSWERED, REJECTED)
ANSWER_MAX = 16_000  # letters; the platform takes no more
_PLACEHOLDERS = ("user_name", "fi_name", "la_name", "bot_name")
_COUNTED = {OPEN: N_("{count} open"), ANSWERED: N_("{count} answered"), REJECTED: N_("{count} rejected")}


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase. ``bot`` is empty when the bot that was asked is removed."""

    id: str
    base: str
    bot: str
    phrase: str
    times: int
    first_ms: int
    last_ms: int
    status: str
    editor: str = ""
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that is not saved: its text, and whether it is for the bot that was asked alone."""

    text: str = ""
    own: bool = False


def phrase_of(data: Mapping[str, Any]) -> Phrase:
    """Return a phrase from a row of ``unsolved list``; fields that we do not know are left out."""
    return Phrase(**{item.name: data[item.name] for item in fields(Phrase) if item.name in data})


def columns() -> tuple[Column, ...]:
    """Return the columns, in the language in use."""
    return (
        Column(_("BOT"), 14),
        Column(_("AGE"), 7, "right"),
        Column(_("TIMES"), 5, "right"),
        Column(_("PHRASE"), 20, fill=True),
    )


def row_of(phrase: Phrase, now_ms: int, *, has_draft: bool = False) -> Row:
    """Return a phrase's row; of one that is not open with what became of it."""
    said = phrase.phrase
    if phrase.status == ANSWERED:
        said = f"{said} → {phrase.answer or ''}"
    elif has_draft:
        said = f"✎ {said}"
    times = f"×{phrase.times}"
    bot = phrase.bot or Cell(_("removed"), "dim")
    return Row(phrase.id, (bot, Cell(age(phrase.last_ms, now_ms), "dim"), times, said))


def counted(status: str, count: int) -> str:
    """Return how many phrases of a status there are, in words."""
    return _(_COUNTED[status]).format(count=count)


def list_line(bot: str, status: str, first: int, count: int) -> str:
    """Return the command that reads a page of the list."""
    line = f"unsolved list -status {status} -count {count} -offset {first}"
    return f"{line} -bot {bot}" if bot else line


def answer_line(phrase: Phrase, draft: Draft) -> str:
    """Return the command that gives a phrase its answer."""
    own = " -own" if draft.own else ""
    return f"unsolved answer {phrase.id} {quoted(draft.text)}{own}"


def fault(text: str) -> str:
    """Return what is wrong with an answer before anybody else is asked, or nothing."""
    if not text.strip():
        return _("the answer is empty")
    if len(text) > ANSWER_MAX:
        return _("the answer has {count} letters, {most} are allowed").format(count=len(text), most=ANSWER_MAX)
    return ""


def preview(text: str, bot_title: str) -> str:
    """Return what a person will read, with a name in the place of theirs."""
    names = {"user_name": _("Anna Ivanova"), "fi_name": _("Anna"), "la_name": _("Ivanova"), "bot_name": bot_title}
    for name in _PLACEHOLDERS:
        text = text.replace("{" + name + "}", names[name])
    return text.strip()
