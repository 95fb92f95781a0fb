"""Nearest phrases: what is meant is found though it is misspelt, glued, turned round or typed in the other layout."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import codec
from engine.matching.book import AnswerRow
from engine.matching.build import LESS, build_arrays, folded, folded_number, mixed, mixed_number
from engine.matching.candidates import READ_MAX
from engine.matching.features import NAMES
from engine.matching.forest import load_forests
from engine.matching.layers import FRESH_MAX, LayeredIndex
from engine.matching.normalise import normalise
from engine.matching.readings import readings
from engine.matching.search import compare, find_nearest, nearest_others
from engine.matching.segment import Segment

PHRASES = (
    "привет", "как дела", "как тебя зовут", "что ты делаешь сегодня вечером", "я люблю тебя", "ты любишь меня",
    "доброе утро", "не знаю", "расскажи анекдот", "сколько тебе лет", "где находится библиотека",
    "посоветуй хорошую книгу", "я не люблю котов", "мне очень грустно", "столица франции", "купи слона",
    "what is your name", "good morning", "спокойной ночи", "иди спать",
)  # fmt: skip
DATA = Path(__file__).resolve().parents[4] / "shared" / "match"


def index_of(*phrases: str) -> LayeredIndex:
    rows = [AnswerRow(number, normalise(phrase), f"answer {number}") for number, phrase in enumerate(phrases, 1)]
    return LayeredIndex(Segment(build_arrays(rows)))


@pytest.fixture(scope="module")
def index() -> LayeredIndex:
    return index_of(*PHRASES)


def nearest(index: LayeredIndex, text: str, bot_id: int = 0) -> str | None:
    found = find_nearest(readings(text), index, bot_id, 1)
    return found[0].phrase if found else None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Привет!!!", "привет"),
        ("превет", "привет"),
        ("прветт", "привет"),
        ("ghbdtn", "привет"),
        ("privet", "привет"),
        ("тебя как зовут?", "как тебя зовут"),
        ("как вас зовут", "как тебя зовут"),
        ("доброеутро", "доброе утро"),
        ("незнаю", "не знаю"),
        ("раскажи онекдот", "расскажи анекдот"),
        ("где библеотека находиться", "где находится библиотека"),
        ("ну расскажи же анекдот", "расскажи анекдот"),
        ("good mornin", "good morning"),
        ("пщщв ьщктштп", "good morning"),
        ("what's your nane", "what is your name"),
    ],
)
def test_what_is_meant_is_the_nearest(index: LayeredIndex, said: str, meant: str) -> None:
    assert nearest(index, said) == meant


def test_the_same_phrase_is_certain_and_is_told_with_its_answers(index: LayeredIndex) -> None:
    (found,) = find_nearest(readings("КАК ДЕЛА?"), index, 0, 1)
    assert (found.phrase, found.score, [row.tx for row in found.rows]) == ("как дела", 1.0, ["answer 2"])


def test_who_does_it_counts(index: LayeredIndex) -> None:
    scores = {found.phrase: found.score for found in find_nearest(["любишь ли ты меня"], index, 0, 5)}
    assert scores["ты любишь меня"] > scores["я люблю тебя"]


def test_another_word_order_is_found_among_many_that_are_alike_by_letters() -> None:
    alike = [f"{first} на кого учишься" for first in ("ты", "а ты", "вы", "он", "она", "ну", "и", "так", "эй", "сам")]
    longer = [f"на кого учишься {last}" for last in ("там", "тут", "сейчас", "теперь", "ты", "вы", "он", "она", "сам")]
    index = index_of("учишься на кого", *alike, *longer)
    assert nearest(index, "на кого учишься") == "учишься на кого"


def test_the_same_letters_are_found_whatever_the_spaces() -> None:
    index = index_of("да да да", *(f"дадад {number}" for number in range(READ_MAX + 10)))  # all of them nearer by words
    assert nearest(index, "дадада") == "да да да"


def test_words_that_say_nothing_may_all_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.matching.candidates.POSTINGS_MAX", 0)  # as when all of its words are common
    common = ("и", "а", "но", "к", "с", "в", "у", "о", "на", "за", "по")
    index = index_of("как ты это сделаешь", *(f"{one} {two} сделаешь" for one in common for two in common))
    assert nearest(index, "ну и как же ты это сделаешь") == "как ты это сделаешь"


def test_scores_fall_from_the_first_to_the_last(index: LayeredIndex) -> None:
    scores = [found.score for found in find_nearest(["как тибя завут сегодня"], index, 0, 5)]
    assert len(scores) > 2 and scores == sorted(scores, reverse=True)


def features_of(index: LayeredIndex, said: str, phrase: str) -> dict[str, float]:
    places, features = compare(said, index, 5)
    row = next(at for at, (layer, known) in enumerate(places) if layer.segment.text(known) == phrase)
    return dict(zip(NAMES, features[row].tolist(), strict=True))


def test_a_misspelt_word_tells_which_side_is_odd_and_what_else_may_be_meant() -> None:
    index = index_of("купи слона", "купи слово", "купи столь", "купи слонна")
    told = features_of(index, "купи слоно", "купи слона")
    assert (told["typos"], told["odd_typos"], told["typo_slips"]) == (1, 0, 1)
    assert told["typo_rivals"] >= 1
    assert features_of(index, "купи слона", "купи слонна")["odd_typos"] == 1


def test_lost_words_are_told_by_kind_and_place() -> None:
    index = index_of("как дела", "ну как дела сегодня")
    told = features_of(index, "бот как дела", "как дела")
    assert (told["query_lost_address"], told["query_lost_before"], told["query_lost_after"]) == (1, 1, 0)
    told = features_of(index_of("ну как дела сегодня"), "как дела", "ну как дела сегодня")
    assert (told["phrase_lost_filler"], told["phrase_lost_before"], told["phrase_lost_after"]) == (1, 1, 1)


def test_beside_a_clear_find_others_are_sought_for_whoever_wants_more() -> None:
    names = ("самолет", "автобус", "концерт")
    index = index_of("где купить билет на поезд", *(f"купить билет на {name}" for name in names))
    said = "где купить билет на поезд пожалуйста"
    assert nearest(index, said) == "где купить билет на поезд"
    assert len(find_nearest(readings(said), index, 0, 4)) == 4
    others = nearest_others("где купить билет на поезд", index, 0, 4)
    assert len(others) == 3 and all(found.phrase != "где купить билет на поезд" for found in others)


def test_nothing_is_like_nothing(index: LayeredIndex) -> None:
    assert nearest(index, "ъъъ щщщ") is None
    assert nearest(index_of(), "привет") is None
    assert nearest(index, "") is None


def test_answers_of_a_bot_win_over_those_of_all_and_others_do_not_see_them() -> None:
    rows = [
        AnswerRow(1, "привет", "of all"),
        AnswerRow(2, "привет", "of seven", bot_id=7),
        AnswerRow(3, "пока пока", "of seven", bot_id=7),
    ]
    index = LayeredIndex(Segment(build_arrays(rows)))
    assert [row.tx for row in find_nearest(["превет"], index, 7, 1)[0].rows] == ["of seven"]
    assert [row.tx for row in find_nearest(["превет"], index, 8, 1)[0].rows] == ["of all"]
    assert nearest(index, "пака пака", 7) == "пока пока"
    assert nearest(index, "пака пака", 8) is None


def test_a_change_is_found_by_the_next_search_and_a_deleted_answer_by_none() -> None:
    index = index_of(*PHRASES)
    index.put(AnswerRow(100, "включи музыку", "la"))
    assert nearest(index, "включи музику") == "включи музыку"
    index.put(AnswerRow(100, "выключи свет", "dark"))  # the same answer to another phrase
    assert nearest(index, "включи музику") != "включи музыку"
    assert nearest(index, "выключы свет") == "выключи свет"
    index.remove(100)
    assert nearest(index, "выключи свет") != "выключи свет"
    index.remove(1)  # of the index itself
    assert nearest(index, "привет") != "привет"
    index.put(AnswerRow(1, "привет", "again"))
    assert [row.tx for row in find_nearest(["привет"], index, 0, 1)[0].rows] == ["again"]


def test_many_changes_are_found_and_counted() -> None:
    index, words = index_of(*PHRASES), ("дом", "лес", "море", "гора", "река", "поле", "сад", "луг", "снег", "дождь")
    phrases = [f"{one} и {two} {three}" for one in words for two in words[:4] for three in words[:5]]
    for number, phrase in enumerate(phrases, 1000):
        index.put(AnswerRow(number, phrase, phrase))
    assert len(phrases) > 2 * FRESH_MAX
    assert index.changes == len(phrases) and len(index) == len(phrases) + len(PHRASES)
    assert all(nearest(index, phrase) == phrase for phrase in phrases)
    index.remove(1000)
    index.remove(1000 + len(phrases) - 1)
    assert len(index) == len(phrases) + len(PHRASES) - 2
    assert not index.answers_to(phrases[0], 0) and not index.answers_to(phrases[-1], 0)


@given(st.text(max_size=300))
def test_no_text_is_too_much(text: str) -> None:
    found = find_nearest(readings(text), _SHARED, 0, 3)
    assert all(0 <= candidate.score <= 1 for candidate in found)


@pytest.mark.parametrize("text", ["а" * 10_000, "привет " * 1_000, "\u200b\u202e", "🙂" * 500, "?" * 300, "7" * 400])
def test_long_and_odd_texts_have_an_end(text: str) -> None:
    assert len(find_nearest(readings(text), _SHARED, 0, 1)) <= 1


def test_labelled_phrases_are_found_as_often_as_measured() -> None:
    if not DATA.is_dir():
        pytest.skip("the labelled phrases are not here")
    with gzip.open(DATA / "base_core.tsv.gz", "rt", encoding="utf-8") as lines:
        parts = [line.rstrip("\n").split("\t") for line in lines]
    index = LayeredIndex(Segment(build_arrays(AnswerRow(int(part[0]), normalise(part[1]), part[2]) for part in parts)))
    with gzip.open(DATA / "queries_dev.jsonl.gz") as lines:
        asked = [query for query in map(codec.loads, lines) if query["cls"] in ("typo", "variant")][::4]
    found = [find_nearest(readings(query["q"]), index, 0, 1) for query in asked]
    right = sum(
        bool(best) and any(row.id in query["ok"] for row in best[0].rows)
        for best, query in zip(found, asked, strict=True)
    )
    assert right >= 0.98 * len(asked)


_SHARED = index_of(*PHRASES)


def test_the_forests_were_trained_on_these_features() -> None:
    assert load_forests().names == NAMES


@given(st.integers(0, 2**32 - 1))
def test_sets_have_the_same_number_one_by_one_as_all_at_once(number: int) -> None:
    (bits,) = mixed(np.array([number], np.uint32))
    assert int(bits) == mixed_number(number)
    assert int(folded(np.array([bits]), LESS)[0]) == folded_number(mixed_number(number), LESS)
