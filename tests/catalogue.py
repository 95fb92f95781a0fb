"""Keeps the Russian catalogue in step with the sources: ``python -m tests.catalogue`` after a text has changed.

It collects the texts of all rooms into ``db/locale/ru/LC_MESSAGES/salo.po``, keeps what is translated, drops what is
gone, names what is left to translate, and compiles ``salo.mo``. A text that changed by a letter is a new text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "db" / "locale" / "ru" / "LC_MESSAGES" / "salo.po"
MO = PO.with_suffix(".mo")
ROOMS = ("db", "engine", "server", "salo_tui")
_KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
_HEADER = "# The texts of Salo-G2 for people, in Russian."
_BEGUN = datetime(2026, 11, 22, tzinfo=UTC)  # a date of its own at each run would change the files for nothing
_EMPTY_FIELDS = (b"Report-Msgid-Bugs-To", b"PO-Revision-Date", b"Last-Translator", b"Language-Team", b"POT-Creation")


def texts() -> Catalog:
    """Return all texts of the sources, untranslated, in the order of the files."""
    found = Catalog(locale="ru", project="Salo-G2", header_comment=_HEADER, creation_date=_BEGUN, fuzzy=False)
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            place = (file.relative_to(ROOT).as_posix(), 0)
            for _line, text, _comments, _context in extract_from_file("python", file, keywords=_KEYWORDS):
                found.add(text, locations=[place])
    return found


def stored() -> Catalog:
    """Return the catalogue as it is kept."""
    with PO.open("rb") as source:
        return read_po(source, locale="ru")


def messages(catalogue: Catalog) -> Iterator[Message]:
    """Yield what a catalogue holds, less its header."""
    return (message for message in catalogue if message.id)


def is_translated(message: Message) -> bool:
    """Return whether every form of a text has its translation."""
    forms = message.string if isinstance(message.string, list | tuple) else [message.string]
    return all(forms) and not message.fuzzy


def same_places(message: Message) -> bool:
    """Return whether the translation has the same ``{places}`` as the text."""
    ids = message.id if isinstance(message.id, list | tuple) else [message.id]
    forms = message.string if isinstance(message.string, list | tuple) else [message.string]
    wanted = {place for text in ids for place in _places(text)}
    return all(set(_places(form)) <= wanted and (len(ids) > 1 or set(_places(form)) == wanted) for form in forms)


def _places(text: str) -> Iterator[str]:
    return (f"{name}!{conversion}" for _text, name, _form, conversion in Formatter().parse(text) if name is not None)


def update() -> list[str]:
    """Bring the catalogue up to date and return the texts that are left to translate."""
    fresh = texts()
    if PO.exists():
        old = stored()
        for message in messages(fresh):
            known = old.get(message.id)
            if known is not None and is_translated(known):
                message.string = known.string
    PO.parent.mkdir(parents=True, exist_ok=True)
    buffer = BytesIO()
    write_po(buffer, fresh, width=120, include_lineno=False)
    lines = buffer.getvalue().splitlines(keepends=True)
    PO.write_bytes(b"".join(line for line in lines if not line.lstrip(b'"').startswith(_EMPTY_FIELDS)))
    with MO.open("wb") as target:
        write_mo(target, fresh)
    return [str(message.id) for message in messages(fresh) if not is_translated(message)]


if __name__ == "__main__":
    left = update()
    print(*left, sep="\n")
    sys.exit(bool(left))
