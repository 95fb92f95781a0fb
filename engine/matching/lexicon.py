"""What a dictionary knows about a word: its lemma, whether it is a word at all, and the grammar that changes a meaning.

The dictionary is OpenCorpora's, read by pymorphy3. A word it does not hold is its own lemma, in any language.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from functools import cache, lru_cache
from typing import Any

from engine.matching.spelling import number

LEXICON_VERSION = 2  # an index built with another one is stale
WORDS_MAX = 50_000  # that are remembered
WORD_LENGTH_MAX = 40  # letters; what is longer is no word of a language


class Grammar(IntFlag):
    """What is told of a word in 32 bits. ``PERSON_1`` to ``PERSON_3`` are those of verbs and of pronouns."""

    KNOWN = 1  # in the dictionary
    CONTENT = 2  # names something: no pronoun, particle, conjunction, preposition
    PRONOUN = 4
    VERB = 8
    NEGATION = 16
    NUMBER = 32  # written in digits
    NOMINATIVE = 64  # of pronouns: the one who does it
    PERSON_1 = 128
    PERSON_2 = 256
    PERSON_3 = 512
    QUESTION = 1024  # who, what, where
    FILLER = 2048  # "ну", "же": a phrase means the same without it
    IMPERATIVE = 4096
    PAST = 8192
    INFINITIVE = 16384
    FUTURE = 32768
    PLURAL = 65536
    GENDER = 131072  # feminine or neuter
    OBLIQUE = 262144  # of names of things: no nominative
    NOUN = 524288
    ADVERB = 1048576
    SOFT = 2097152  # "тут", "сейчас": a phrase mostly means the same without it
    PREPOSITION = 4194304
    ADDRESS = 8388608  # "привет", "бот", "скажи": to whom or how politely it is said


PERSONS = Grammar.PERSON_1 | Grammar.PERSON_2 | Grammar.PERSON_3

# What a word does in a phrase, and the grammar that tells it: the first that fits.
KINDS = {
    "number": Grammar.NUMBER,
    "negation": Grammar.NEGATION,
    "address": Grammar.ADDRESS,
    "filler": Grammar.FILLER,
    "soft": Grammar.SOFT,
    "question": Grammar.QUESTION,
    "subject": Grammar.NOMINATIVE,
    "pronoun": Grammar.PRONOUN,
    "verb": Grammar.VERB | Grammar.INFINITIVE,
    "noun": Grammar.NOUN,
    "content": Grammar.CONTENT,
    "rest": Grammar.KNOWN,
}
_KIND_BITS = tuple(int(bits) for bits in KINDS.values())


@dataclass(frozen=True, slots=True)
class Word:
    """A word's lemma, the number that stands for it, its ``Grammar``, as a number, and the place of its kind."""

    lemma: str
    number: int
    grammar: int
    kind: int


@cache
def kind_of(grammar: int) -> int:
    """Return the place in ``KINDS`` of what a word of such a grammar does."""
    return next((kind for kind, bits in enumerate(_KIND_BITS) if grammar & bits), len(KINDS) - 1)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Everyday spellings and the words they stand for; they are lemmas of each other, not the same word.
_COLLOQUIAL = {
    "че": "что", "чо": "что", "шо": "что", "што": "что", "чево": "что",
    "щас": "сейчас", "ща": "сейчас", "счас": "сейчас", "сичас": "сейчас",
    "тя": "ты", "мя": "я", "ваще": "вообще", "воще": "вообще", "вобще": "вообще",
    "инет": "интернет", "комп": "компьютер", "телек": "телевизор", "чел": "человек",
    "спс": "спасибо", "спасиб": "спасибо", "пасиб": "спасибо", "пасибо": "спасибо",
    "пж": "пожалуйста", "пжл": "пожалуйста", "пжлст": "пожалуйста", "пожалуста": "пожалуйста", "плиз": "пожалуйста",
    "прив": "привет", "дарова": "здорово", "норм": "нормально", "ок": "окей", "тож": "тоже", "скок": "сколько",
    "скока": "сколько", "када": "когда", "тока": "только", "токо": "только", "кста": "кстати", "оч": "очень",
    "пачиму": "почему", "нету": "нет", "неа": "нет", "ага": "да", "угу": "да",
    "вы": "ты", "ваш": "твой",
}  # fmt: skip
_QUESTIONS = _words("кто что где куда откуда когда почему зачем как какой чей сколько насколько")
_NEGATIONS = _words("не ни нет нельзя без never not no none")
_FILLERS = _words(
    "ну а и да же ж ведь вот ли ль бы б уж просто вообще типа короче блин пожалуйста плиз слушай скажи эй ой ах эх "
    "хоть кстати значит прям прямо ладно тогда привет давай разве неужели наверное реально конечно бот брат братан "
    "бро чувак please well so hey oh"
)
_ADDRESSES = _words(
    "пожалуйста плиз слушай скажи эй привет ладно давай бот брат братан бро чувак друг дружище слышь please "
    "well so hey oh"
)
_SOFT = _words(
    "тут там здесь сейчас так тогда уже еще очень сегодня теперь то вроде тоже сам вот это потом опять снова "
    "друг дружище чел товарищ дорогой кстати такой совсем правда точно"
)
_FUNCTION = _words("PREP CONJ PRCL INTJ")


@lru_cache(WORDS_MAX)
def look_up(word: str) -> Word:
    """Return what is known of a normalised word."""
    if word.isdigit():
        grammar = Grammar.NUMBER | Grammar.CONTENT | Grammar.KNOWN
        return Word(word, number(word), int(grammar), kind_of(int(grammar)))
    parse = _parse(word) if len(word) <= WORD_LENGTH_MAX else None
    lemma = parse[0] if parse else word
    lemma = _COLLOQUIAL.get(word) or _COLLOQUIAL.get(lemma, lemma)
    grammar = _grammar(word, lemma, parse[1]) if parse else _plain_grammar(word, lemma)
    return Word(lemma, number(lemma), int(grammar), kind_of(int(grammar)))


def _parse(word: str) -> tuple[str, Any] | None:
    """Return the likeliest lemma of a dictionary word and its tag, or None for what is no such word."""
    morph = _morph()
    dictionary = morph.dictionary
    parses = [
        (fixed, para, index)
        for fixed, places in dictionary.words.similar_items(word, morph.char_substitutes)
        for para, index in places
    ]
    if not parses:
        return None
    best = parses[0]
    if len(parses) > 1:
        probability = morph.prob_estimator.p_t_given_w.prob
        best = max(parses, key=lambda parse: probability(word, dictionary.build_tag_info(parse[1], parse[2])))
    fixed, para, index = best
    return dictionary.build_normal_form(para, index, fixed), dictionary.build_tag_info(para, index)


def _grammar(word: str, lemma: str, tag: Any) -> Grammar:
    grammar = Grammar.KNOWN
    pos, grammemes = tag.POS, tag.grammemes
    if pos == "NPRO" or "Apro" in grammemes:
        grammar |= Grammar.PRONOUN
    elif pos not in _FUNCTION:
        grammar |= Grammar.CONTENT
    grammar |= _PARTS_OF_SPEECH.get(pos, Grammar(0))
    if pos == "NPRO" and "nomn" in grammemes:
        grammar |= Grammar.NOMINATIVE
    if pos in _NAMES and "nomn" not in grammemes:
        grammar |= Grammar.OBLIQUE
    for name, flag in _FLAGS:
        if name in grammemes:
            grammar |= flag
    return _of_lists(word, lemma, grammar)


_FLAGS = (
    ("1per", Grammar.PERSON_1),
    ("2per", Grammar.PERSON_2),
    ("3per", Grammar.PERSON_3),
    ("impr", Grammar.IMPERATIVE),
    ("past", Grammar.PAST),
    ("futr", Grammar.FUTURE),
    ("plur", Grammar.PLURAL),
    ("femn", Grammar.GENDER),
    ("neut", Grammar.GENDER),
)
_PARTS_OF_SPEECH = {
    "VERB": Grammar.VERB,
    "INFN": Grammar.INFINITIVE,
    "NOUN": Grammar.NOUN,
    "ADVB": Grammar.ADVERB,
    "PREP": Grammar.PREPOSITION,
}
_NAMES = _words("NOUN ADJF PRTF NUMR")


def _plain_grammar(word: str, lemma: str) -> Grammar:
    return _of_lists(word, lemma, Grammar.KNOWN if lemma != word else Grammar.CONTENT)


def _of_lists(word: str, lemma: str, grammar: Grammar) -> Grammar:
    if word in _NEGATIONS or lemma in _NEGATIONS:
        grammar = (grammar | Grammar.NEGATION) & ~Grammar.CONTENT
    if lemma in _QUESTIONS:
        grammar |= Grammar.QUESTION
    if word in _FILLERS:
        grammar = (grammar | Grammar.FILLER) & ~Grammar.CONTENT
    if word in _ADDRESSES:
        grammar |= Grammar.ADDRESS
    if word in _SOFT or lemma in _SOFT:
        grammar |= Grammar.SOFT
    return grammar


@cache
def _morph() -> Any:
    import pymorphy3  # takes 0.2 s and 25 MB: once in the process that the workers are forked from

    return pymorphy3.MorphAnalyzer()
