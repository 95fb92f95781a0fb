"""The Russian catalogue is whole, right and compiled; ``python -m tests.catalogue`` makes it so."""

from __future__ import annotations

import gettext
import threading

import pytest
from babel.messages.catalog import Catalog

from db.texts import LANGUAGES, _, current_language, ngettext, use_language
from tests.catalogue import MO, is_translated, messages, same_places, stored, texts

REMEDY = "run: python -m tests.catalogue, and translate what it names in db/locale/ru/LC_MESSAGES/salo.po"


@pytest.fixture(scope="module")
def russian() -> Catalog:
    return stored()


def test_every_text_of_the_sources_is_in_the_catalogue_and_no_other(russian: Catalog) -> None:
    wanted = {message.id for message in messages(texts())}
    known = {message.id for message in messages(russian)}
    assert wanted == known, f"missing {wanted - known}, gone {known - wanted}; {REMEDY}"


def test_every_text_is_translated(russian: Catalog) -> None:
    left = [message.id for message in messages(russian) if not is_translated(message)]
    assert left == [], REMEDY


def test_translations_keep_the_places_of_their_texts(russian: Catalog) -> None:
    assert [message.id for message in messages(russian) if not same_places(message)] == []


def test_compiled_catalogue_is_fresh(russian: Catalog) -> None:
    with MO.open("rb") as source:
        compiled = gettext.GNUTranslations(source)
    for message in messages(russian):
        if isinstance(message.id, str):
            assert compiled.gettext(message.id) == message.string, REMEDY
        else:
            one, many = message.id
            forms = tuple(compiled.ngettext(one, many, count) for count in (1, 2, 5))
            assert forms == tuple(message.string), REMEDY


def test_language_is_of_the_block_and_of_the_thread() -> None:
    assert _("nothing was done") == "nothing was done"
    with use_language("ru"):
        assert _("nothing was done") == "ничего не сделано"
        assert ngettext("{count} dead letter in all", "{count} dead letters in all", 22).startswith("всего")
        seen: list[str] = []
        with use_language("en"):
            thread = threading.Thread(target=lambda: seen.append(current_language()))
            thread.start()
            thread.join()
        assert seen == ["ru"], "a new thread begins with the default"
    assert current_language() == "en" and set(LANGUAGES) == {"ru", "en"}
