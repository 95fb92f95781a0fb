"""Exports the answers of a base as lines that ``importing`` reads back, page by page in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from db.base import Base
from db.models import EVERY_BOT, Answer
from server.answer_lines import AnswerLine, Format, format_answer, header

PAGE = 1000


def count_answers(base: Base, bot_id: int = EVERY_BOT) -> int:
    """Return how many answers an export will have, for a progress bar."""
    return int(base.run(lambda: Answer.select().where(*_exported(bot_id)).count()))


def export_answers(base: Base, form: Format, bot_id: int = EVERY_BOT) -> Iterator[bytes]:
    """Yield the lines of an export: the answers for all bots of the base, or one bot's own, oldest first.

    Each page is a short query of its own, so that an export of any size blocks nobody; answers that change
    meanwhile come out old or new.
    """
    first = header(form)
    if first:
        yield first
    last = 0
    while page := base.run(partial(_page, last, bot_id)):
        for _answer_id, rx, tx, weight in page:
            yield format_answer(AnswerLine(rx, tx, weight), form)
        last = page[-1][0]


def _page(after: int, bot_id: int) -> list[tuple[Any, ...]]:
    columns = (Answer.id, Answer.rx, Answer.tx, Answer.weight)
    page: Any = Answer.select(*columns).where(Answer.id > after, *_exported(bot_id)).order_by(Answer.id).limit(PAGE)
    return list(page.tuples())


def _exported(bot_id: int) -> tuple[Any, ...]:
    return Answer.bot_id == bot_id, Answer.deleted.is_null()
