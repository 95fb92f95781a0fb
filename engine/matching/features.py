"""What a query and a candidate have in common, word by word, as numbers for the forest. Pure.

Each word of the query goes with at most one of the candidate, the likest first: the same word, the same lemma,
misspelt (one of the two is no word of the dictionary), or near (both are, so that they may mean two things). What goes
with nothing is lost. Shares are weighed by rarity, so that common words count little in any base.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA, Indel

from engine.matching.build import Array
from engine.matching.candidates import LIKENESS
from engine.matching.lexicon import KINDS, PERSONS, Grammar
from engine.matching.query import WORDS_MAX, Query
from engine.matching.segment import KnownWord, Segment
from engine.matching.spelling import sound

NEAR, TYPO, GLUED, LEMMA, SAME = 1, 2, 3, 4, 5
_KNOWN, _VERB, _PERSONS = int(Grammar.KNOWN), int(Grammar.VERB), int(PERSONS)
_PRONOUN, _NOMINATIVE = int(Grammar.PRONOUN), int(Grammar.NOMINATIVE)
# What two forms of a lemma may differ in, and the name of the feature.
_CHANGES = {
    "mood_differs": int(Grammar.IMPERATIVE | Grammar.PAST),
    "past_differs": int(Grammar.PAST),
    "future_differs": int(Grammar.FUTURE),
    "infinitive_differs": int(Grammar.INFINITIVE),
    "plural_differs": int(Grammar.PLURAL),
    "gender_differs": int(Grammar.GENDER),
    "case_differs": int(Grammar.OBLIQUE),
}
_CHANGE_BITS = tuple(enumerate(_CHANGES.values()))
_CHANGE = sum(_CHANGES.values()) | _PERSONS | _NOMINATIVE
_SUBJECT, _NEGATION, _QUESTION, _NUMBER = map(list(KINDS).index, ("subject", "negation", "question", "number"))

NAMES = (
    "query_same",  # share of the query's rarity whose word stands in the candidate as it is
    "query_any",  # ... in any form, or misspelt
    "query_lost",  # rarity of the rarest word of the query that the candidate lacks
    "query_lost_before",  # lost words before any that is not
    "query_lost_inside",  # ... between two that are not
    "query_lost_after",
    *(f"query_lost_{kind}" for kind in KINDS),  # how many words are missing
    "phrase_same",
    "phrase_any",
    "phrase_lost",
    "phrase_lost_before",
    "phrase_lost_inside",
    "phrase_lost_after",
    *(f"phrase_lost_{kind}" for kind in KINDS),
    "subject_agrees",  # a lost subject and the person of the verbs: 1 the same, -1 another
    "typos",  # words that no dictionary has, for one of the base that it has
    "odd_typos",  # the other way round, or neither is known
    "typo_likeness",  # of the least like pair
    "typo_slips",
    "typo_rarity",  # of the rarest word that was meant
    "typo_rivals",  # other words that may be meant as well
    "typo_sounds",  # pairs that do not sound the same
    "typo_begins",  # pairs that do not begin with the same letter
    "near_pairs",
    "near_likeness",
    "near_said_rarity",  # of the likest pair
    "near_known_rarity",
    "near_sounds",
    "lemma_pairs",
    "glued_pairs",
    "person_differs",
    "nominative_differs",
    *_CHANGES,
    "negation_differs",
    "question_differs",
    "number_differs",
    "inversions",  # share of neighbours that stand in another order
    "likeness",  # of the whole, by letters
    "joined_likeness",  # without spaces
    "query_words",
    "phrase_words",
    "length_differs",
    "unknown_words",  # of the query, which nothing explains
    "query_rarity",
    "matched_rarity",
    "weight",  # that the search gave
    "weight_gap",  # to the best of the others
    "gap",  # of weight and likeness together
    "rank",
    "base",  # how many phrases there are: the decimal logarithm
)
OWN_NAMES = NAMES[: NAMES.index("weight")]  # of a candidate by itself
_OWN = len(OWN_NAMES)


Near = Mapping[
    int, list[tuple[float, int]]
]  # by word of the query: slips and lemmas of words that it may be misspelt from


@dataclass(slots=True)
class Pair:
    """A word of the query and the word of the candidate that it goes with: places, grade, letters that differ."""

    said: int
    known: int
    grade: int
    slips: int = 0


@dataclass(slots=True)
class Alignment:
    """Which words of a candidate go with which of the query's."""

    words: list[KnownWord]
    pairs: list[Pair]


class Comparison:
    """One query, compared with the candidates of one index: each pair of words is looked at once."""

    def __init__(
        self,
        segment: Segment,
        query: Query,
        phrases: Sequence[int],
        near: Near | None = None,
        rarity: list[float] | None = None,
    ) -> None:
        self._segment, self._query, self._near = segment, query, near or {}
        tokens, at = segment.tokens, segment.token_at
        self._words_of = []
        for phrase in phrases:
            first, last = int(at[phrase]), int(at[phrase + 1])
            self._words_of.append(tokens[first : min(last, first + WORDS_MAX)].tolist())
        self._known = {word: segment.known_word(word) for words in self._words_of for word in words}
        self._grades = self._graded()
        self._rarity = rarity or segment.rarities(query.lemmas)

    def _graded(self) -> dict[int, list[tuple[int, int, int]]]:
        """Return for each word of the candidates the words of the query that it goes with: place, grade, slips."""
        query, known = self._query, self._known
        spelt = [word.text for word in known.values()]
        slips = process.cdist(query.words, spelt, scorer=OSA.distance, dtype=np.uint8, score_cutoff=3).T.tolist()
        said = list(zip(range(len(query.words)), query.lemmas, query.grammar, query.allowed, strict=True))
        return {
            word: [
                (place, _grade(slip, lemma == other.lemma, grammar & other.grammar & _KNOWN), slip)
                for slip, (place, lemma, grammar, allowed) in zip(row, said, strict=True)
                if slip <= allowed or lemma == other.lemma
            ]
            for (word, other), row in zip(known.items(), slips, strict=True)
        }

    def align(self, place: int) -> Alignment:
        """Return how the words of a candidate go with the query's."""
        words = self._words_of[place]
        options = [
            (-grade, slips, abs(said - known), said, known)
            for known, word in enumerate(words)
            for said, grade, slips in self._grades[word]
        ]
        options.sort()
        pairs, taken, used = [], set(), set()
        for grade, slips, _far, said, known in options:
            if said not in taken and known not in used:
                taken.add(said)
                used.add(known)
                pairs.append(Pair(said, known, -grade, slips))
        listed = [self._known[word] for word in words]
        if len(taken) < len(self._query.words) and len(used) < len(words):
            _pair_glued(self._query, listed, pairs)
        return Alignment(listed, pairs)

    def count(self, place: int, text: str) -> list[float]:
        """Return a candidate's own features: ``OWN_NAMES``."""
        query, aligned = self._query, self.align(place)
        words, pairs = aligned.words, aligned.pairs
        of_query, of_words = [0] * len(query.words), [0] * len(words)
        worth = self._rarity
        typos = nears = forms = None
        for pair in pairs:
            grade, said, known = pair.grade, pair.said, pair.known
            if grade > of_query[said]:
                of_query[said] = grade
            of_words[known] = grade
            if grade == LEMMA:
                forms = forms or _Forms()
                forms.add(query.grammar[said], words[known].grammar)
            elif grade == GLUED:
                forms = forms or _Forms()
                forms.glued += 1
            elif grade == NEAR:
                nears = nears or _Nears()
                nears.add(query.words[said], self._rarity[said], words[known], pair.slips)
            elif grade == TYPO:
                other = words[known]
                typos = typos or _Typos()
                typos.add(query.words[said], query.grammar[said], other, pair.slips, self._rivals(said, other))
                if worth is self._rarity:
                    worth = worth.copy()
                worth[said] = other.rarity  # what is misspelt is as rare as what it stands for
        mine = _side(query.kinds, worth, of_query)
        theirs = _side([word.kind for word in words], [word.rarity for word in words], of_words)
        unknown = sum(
            [not grade and not grammar & _KNOWN for grade, grammar in zip(of_query, query.grammar, strict=True)]
        )
        return [
            *mine.features(),
            *theirs.features(),
            self._agreement(words, of_query, of_words) if mine.lost[_SUBJECT] or theirs.lost[_SUBJECT] else 0,
            *(typos.features() if typos else _NO_TYPOS),
            *(nears.features() if nears else _NO_NEARS),
            *(forms.features() if forms else _NO_FORMS),
            abs(mine.lost[_NEGATION] - theirs.lost[_NEGATION]),
            abs(mine.lost[_QUESTION] - theirs.lost[_QUESTION]),
            mine.lost[_NUMBER] + theirs.lost[_NUMBER],
            _inversions(pairs) if len(pairs) > 1 else 0.0,
            Indel.normalized_similarity(query.form, text),
            OSA.normalized_similarity(query.joined, text.replace(" ", "")),
            len(query.words),
            len(words),
            len(text) - len(query.form),
            unknown,
            mine.total,
            mine.found,
        ]

    def _rivals(self, said: int, other: KnownWord) -> int:
        """Return how many other words a misspelt one is as near to."""
        options = self._near.get(said)
        if options is None:
            return 0
        own = next((slips for slips, lemma in options if lemma == other.lemma), None)
        if own is None:
            return len(options)
        return len({lemma for slips, lemma in options if slips <= own and lemma != other.lemma})

    def _agreement(self, words: list[KnownWord], of_query: list[int], of_words: list[int]) -> int:
        """Say whether a lost "I" or "you" is in the verb anyway."""
        persons = verbs = 0
        both = (
            zip(self._query.kinds, self._query.grammar, of_query, strict=True),
            zip([word.kind for word in words], [word.grammar for word in words], of_words, strict=True),
        )
        for side in both:
            for kind, grammar, grade in side:
                if kind == _SUBJECT and grade < TYPO:
                    persons |= grammar & _PERSONS
                elif grammar & _VERB:
                    verbs |= grammar & _PERSONS
        return 0 if not persons or not verbs else 1 if verbs & persons else -1


def _grade(slips: int, is_form: bool, both_known: int) -> int:
    return SAME if not slips else LEMMA if is_form else NEAR if both_known else TYPO


@dataclass(slots=True)
class _Typos:
    """The misspelt words: how many, and the worst of them."""

    usual: int = 0
    odd: int = 0
    likeness: float = 1.0
    slips: int = 0
    rarity: float = 0.0
    rivals: int = 0
    sounds: int = 0
    begins: int = 0

    def add(self, said: str, grammar: int, other: KnownWord, slips: int, rivals: int) -> None:
        if other.grammar & _KNOWN and not grammar & _KNOWN:
            self.usual += 1
        else:
            self.odd += 1
        self.likeness = min(self.likeness, 1 - slips / max(len(said), len(other.text)))
        self.slips = max(self.slips, slips)
        self.rarity = max(self.rarity, other.rarity)
        self.rivals = max(self.rivals, rivals)
        self.sounds += _sound(said) != _sound(other.text)
        self.begins += said[0] != other.text[0]

    def features(self) -> tuple[float, ...]:
        return (
            self.usual,
            self.odd,
            self.likeness,
            self.slips,
            self.rarity,
            self.rivals,
            self.sounds,
            self.begins,
        )


@dataclass(slots=True)
class _Nears:
    """Words of the dictionary that are spelt nearly alike: how many, and the likest."""

    pairs: int = 0
    likeness: float = 0.0
    said_rarity: float = 0.0
    known_rarity: float = 0.0
    sounds: bool = False

    def add(self, said: str, rarity: float, other: KnownWord, slips: int) -> None:
        self.pairs += 1
        likeness = 1 - slips / max(len(said), len(other.text))
        if likeness > self.likeness:
            self.likeness, self.said_rarity, self.known_rarity = likeness, rarity, other.rarity
            self.sounds = _sound(said) == _sound(other.text)

    def features(self) -> tuple[float, ...]:
        return self.pairs, self.likeness, self.said_rarity, self.known_rarity, self.sounds


class _Forms:
    """Words in another form, by what differs."""

    def __init__(self) -> None:
        self.lemmas = self.glued = self.person = self.nominative = 0
        self.changes = [0] * len(_CHANGES)

    def add(self, grammar: int, other: int) -> None:
        self.lemmas += 1
        changed = grammar ^ other
        if not changed & _CHANGE:
            return
        self.person += bool(changed & _PERSONS and grammar & _PERSONS and other & _PERSONS)
        self.nominative += bool(grammar & _PRONOUN and changed & _NOMINATIVE)
        for place, bits in _CHANGE_BITS:
            if changed & bits:
                self.changes[place] += 1

    def features(self) -> tuple[int, ...]:
        return self.lemmas, self.glued, self.person, self.nominative, *self.changes


_NO_TYPOS, _NO_NEARS, _NO_FORMS = _Typos().features(), _Nears().features(), _Forms().features()


@dataclass(slots=True)
class _Side:
    """What is found and what is lost of one side's words; rarity is summed, ``lost`` counts words by kind."""

    total: float
    same: float
    found: float
    rarest: float
    before: int
    inside: int
    after: int
    lost: list[int]

    def features(self) -> tuple[float, ...]:
        total = max(self.total, 1e-6)
        return self.same / total, self.found / total, self.rarest, self.before, self.inside, self.after, *self.lost


def _side(kinds: list[int], rarity: list[float], grades: list[int]) -> _Side:
    total = same = found = rarest = 0.0
    before = inside = waiting = 0
    is_begun = False
    lost = [0] * len(KINDS)
    for kind, rare, grade in zip(kinds, rarity, grades, strict=True):
        total += rare
        if grade < TYPO:
            waiting += 1
            lost[kind] += 1
            if rare > rarest:
                rarest = rare
            continue
        found += rare
        if grade == SAME:
            same += rare
        if is_begun:
            inside += waiting
        else:
            before, is_begun = waiting, True
        waiting = 0
    return _Side(total, same, found, rarest, before, inside, waiting, lost)


@lru_cache(20_000)
def _sound(word: str) -> str:
    return sound(word)


def _inversions(pairs: list[Pair]) -> float:
    """Return the share of neighbours whose counterparts stand the other way round."""
    order = [known for _said, known in sorted([(pair.said, pair.known) for pair in pairs])]
    return sum([one > other for one, other in pairwise(order)]) / (len(order) - 1)


def _pair_glued(query: Query, words: list[KnownWord], pairs: list[Pair]) -> None:
    """Let two words of the query go with the one that they make together, and one with the two parts of it."""
    strong_said = {pair.said for pair in pairs if pair.grade >= LEMMA}
    strong_known = {pair.known for pair in pairs if pair.grade >= LEMMA}
    texts = {word.text: place for place, word in enumerate(words) if place not in strong_known}
    for place in range(len(query.words) - 1):
        if place not in strong_said and place + 1 not in strong_said:
            known = texts.get(query.words[place] + query.words[place + 1])
            if known is not None:
                _replace(pairs, [Pair(place, known, GLUED), Pair(place + 1, known, GLUED)])
    said = {word: place for place, word in enumerate(query.words) if place not in strong_said}
    for known in range(len(words) - 1):
        if known not in strong_known and known + 1 not in strong_known:
            place_said = said.get(words[known].text + words[known + 1].text)
            if place_said is not None:
                _replace(pairs, [Pair(place_said, known, GLUED), Pair(place_said, known + 1, GLUED)])


def _replace(pairs: list[Pair], glued: list[Pair]) -> None:
    said, known = {pair.said for pair in glued}, {pair.known for pair in glued}
    pairs[:] = [pair for pair in pairs if pair.said not in said and pair.known not in known] + glued


def compared(own: list[list[float]], found: Array, phrases: int) -> Array:
    """Return the features of all candidates of a query: their own, and what each is beside the others.

    ``found`` is what the search gave for each: weight and likeness; ``phrases`` is how many the base has.
    """
    weights = found[:, 0].tolist()
    both = (found[:, 0] + LIKENESS * found[:, 1]).tolist()
    order = sorted(range(len(both)), key=lambda place: -both[place])
    ranks = dict(zip(order, range(len(both)), strict=True))
    base = math.log10(phrases)
    rows = zip(own, weights, _gaps(weights), _gaps(both), strict=True)
    return np.array(
        [
            [*mine, weight, gap, gap_of_both, ranks[place], base]
            for place, (mine, weight, gap, gap_of_both) in enumerate(rows)
        ],
        np.float32,
    )


def _gaps(values: list[float]) -> list[float]:
    """Return how much each is more than the best of the others; alone, more than nothing."""
    if len(values) < 2:
        return values
    *_rest, second, best = sorted(values)
    return [value - (second if value == best else best) for value in values]
