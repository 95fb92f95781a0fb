"""Texts for people, in Russian and English, through gettext. Logs stay English and do not pass here.

Write ``_("{count} phrases").format(count=n)`` where a text is shown, ``N_("…")`` where it is only declared.
The sources are English; ``db/locale/ru/LC_MESSAGES/salo.po`` holds the Russian.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("ru", "en")
_LOCALE = Path(__file__).parent / "locale"
_language: ContextVar[str] = ContextVar("salo_language", default="ru")


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("salo", _LOCALE, [language], fallback=True)


def _(text: str) -> str:
    """Return ``text`` in the language in use."""
    return _catalogue(_language.get()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form of a counted text that fits ``count`` in the language in use."""
    return _catalogue(_language.get()).ngettext(one, many, count)


def N_(text: str) -> str:
    """Mark ``text`` for the catalogue and leave its translation to whoever shows it."""
    return text


def current_language() -> str:
    """Return the language in use here: ``ru`` or ``en``."""
    return _language.get()


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Show texts in ``language`` within the block; an unknown one means the source texts, English."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)
