"""What a query and a candidate have in common, word by word, as numbers for the forest. Pure.

Each word of the query goes with at most one of the candidate, the likest first: the same word, the same lemma,
misspelt (one of the two is no word of the dictionary), or near (both are, so that they may mean two things). What goes
with nothing is lost. Shares are weighed by rarity, so that common words count little in any base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA, Indel

from engine.matching.build import Array
from engine.matching.lexicon import PERSONS, Grammar
from engine.matching.query import WORDS_MAX, Query
from engine.matching.segment import KnownWord, Segment

NEAR, TYPO, GLUED, LEMMA, SAME = 1, 2, 3, 4, 5
_KNOWN, _CONTENT, _FILLER = int(Grammar.KNOWN), int(Grammar.CONTENT), int(Grammar.FILLER)
_PRONOUN, _NOMINATIVE, _QUESTION = int(Grammar.PRONOUN), int(Grammar.NOMINATIVE), int(Grammar.QUESTION)
_NEGATION, _NUMBER, _VERB, _PERSONS = int(Grammar.NEGATION), int(Grammar.NUMBER), int(Grammar.VERB), int(PERSONS)
_MOOD = int(Grammar.IMPERATIVE | Grammar.PAST)
_CHANGES = _PERSONS | _NOMINATIVE | _MOOD
_SPECIAL = _NEGATION | _QUESTION | _NUMBER | _VERB

NAMES = (
    "query_same",  # share of the query's rarity whose word stands in the candidate as it is
    "query_any",  # ... in any form, or misspelt
    "phrase_same",
    "phrase_any",
    "query_lost",  # rarity of the rarest word of the query that the candidate lacks
    "phrase_lost",
    "query_lost_content",  # how many words are missing: names of things
    "phrase_lost_content",
    "query_lost_filler",
    "phrase_lost_filler",
    "query_lost_subject",  # pronouns that say who does it
    "phrase_lost_subject",
    "query_lost_rest",
    "phrase_lost_rest",
    "subject_agrees",  # a lost subject and the person of the verbs: 1 the same, -1 another
    "query_lost_inside",  # lost words between two that are not
    "phrase_lost_inside",
    "typos",
    "typo_likeness",  # of the least like pair
    "near_pairs",
    "near_likeness",
    "lemma_pairs",
    "glued_pairs",
    "person_differs",
    "nominative_differs",
    "negation_differs",
    "question_differs",
    "number_differs",
    "mood_differs",
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
)


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

    def __init__(self, segment: Segment, query: Query, phrases: Sequence[int]) -> None:
        self._segment, self._query = segment, query
        tokens, at = segment.tokens, segment.token_at
        self._words_of = []
        for phrase in phrases:
            first, last = int(at[phrase]), int(at[phrase + 1])
            self._words_of.append(tokens[first : min(last, first + WORDS_MAX)].tolist())
        self._known = {word: segment.known_word(word) for words in self._words_of for word in words}
        self._grades = self._graded()
        found, which = segment.find("lemma", query.lemmas)
        self._rarity = [1.0] * len(query.words)
        for lemma, place in zip(found, which, strict=True):
            self._rarity[place] = float(segment.lemma_idf[lemma])

    def _graded(self) -> dict[int, list[tuple[int, int]]]:
        """Return for each word of the candidates its grade and slips with each word of the query."""
        query, known = self._query, self._known
        spelt = [word.text for word in known.values()]
        slips = process.cdist(query.words, spelt, scorer=OSA.distance, dtype=np.uint8, score_cutoff=3).T.tolist()
        said = list(zip(query.lemmas, query.grammar, query.allowed, strict=True))
        graded: dict[int, list[tuple[int, int]]] = {}
        for (word, other), row in zip(known.items(), slips, strict=True):
            is_known = other.grammar & _KNOWN
            graded[word] = [
                (SAME, 0)
                if slip == 0
                else (LEMMA, slip)
                if lemma == other.lemma
                else (0, slip)
                if slip > allowed
                else (NEAR if is_known and grammar & _KNOWN else TYPO, slip)
                for slip, (lemma, grammar, allowed) in zip(row, said, strict=True)
            ]
        return graded

    def align(self, place: int) -> Alignment:
        """Return how the words of a candidate go with the query's."""
        words = self._words_of[place]
        options = [
            (-grade, slips, abs(said - known), said, known)
            for known, word in enumerate(words)
            for said, (grade, slips) in enumerate(self._grades[word])
            if grade
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
        """Return a candidate's own features: ``NAMES`` without the last four."""
        query, aligned = self._query, self.align(place)
        words, pairs = aligned.words, aligned.pairs
        of_query, of_words = [0] * len(query.words), [0] * len(words)
        counts = [0] * (SAME + 1)
        worth = self._rarity
        typo_likeness, near_likeness = 1.0, 0.0
        person = nominative = mood = 0
        for pair in pairs:
            grade, said, known = pair.grade, pair.said, pair.known
            if grade > of_query[said]:
                of_query[said] = grade
            of_words[known] = grade
            counts[grade] += 1
            if grade == SAME:
                continue
            other = words[known]
            if grade == LEMMA:
                grammar = query.grammar[said]
                changed = grammar ^ other.grammar
                if changed & _CHANGES:
                    person += bool(changed & _PERSONS and grammar & _PERSONS and other.grammar & _PERSONS)
                    nominative += bool(grammar & _PRONOUN and changed & _NOMINATIVE)
                    mood += bool(changed & _MOOD)
            elif grade <= TYPO:
                likeness = 1 - pair.slips / max(len(query.words[said]), len(other.text))
                if grade == NEAR:
                    near_likeness = max(near_likeness, likeness)
                else:
                    typo_likeness = min(typo_likeness, likeness)
                    if worth is self._rarity:
                        worth = worth.copy()
                    worth[said] = other.rarity  # what is misspelt is as rare as what it stands for
        mine = _side(query.grammar, worth, of_query)
        theirs = _side([word.grammar for word in words], [word.rarity for word in words], of_words)
        query_total, phrase_total = max(mine.total, 1e-6), max(theirs.total, 1e-6)
        persons = mine.lost_persons | theirs.lost_persons
        return [
            mine.same / query_total,
            mine.found / query_total,
            theirs.same / phrase_total,
            theirs.found / phrase_total,
            mine.rarest_lost,
            theirs.rarest_lost,
            mine.lost_content,
            theirs.lost_content,
            mine.lost_filler,
            theirs.lost_filler,
            mine.lost_subjects,
            theirs.lost_subjects,
            mine.lost_rest,
            theirs.lost_rest,
            _agreement(persons, mine.verbs | theirs.verbs) if persons else 0,
            mine.inside,
            theirs.inside,
            counts[TYPO],
            typo_likeness,
            counts[NEAR],
            near_likeness,
            counts[LEMMA],
            counts[GLUED],
            person,
            nominative,
            abs(mine.negations - theirs.negations),
            abs(mine.questions - theirs.questions),
            abs(mine.numbers - theirs.numbers) + mine.lost_numbers + theirs.lost_numbers,
            mood,
            _inversions(pairs) if len(pairs) > 1 else 0.0,
            Indel.normalized_similarity(query.form, text),
            OSA.normalized_similarity(query.joined, text.replace(" ", "")),
            len(query.words),
            len(words),
            len(text) - len(query.form),
            mine.unknown,
            query_total,
            mine.found,
        ]


@dataclass(slots=True)
class _Side:
    """What is found and what is lost of one side's words; rarity is summed, the rest are numbers of words."""

    total: float = 0.0
    same: float = 0.0
    found: float = 0.0
    rarest_lost: float = 0.0
    lost_content: int = 0
    lost_filler: int = 0
    lost_subjects: int = 0
    lost_rest: int = 0
    lost_numbers: int = 0
    lost_persons: int = 0
    inside: int = 0
    negations: int = 0
    questions: int = 0
    numbers: int = 0
    verbs: int = 0
    unknown: int = 0


def _side(grammars: list[int], rarity: list[float], grades: list[int]) -> _Side:
    side = _Side()
    waiting, is_begun = 0, False
    for grammar, rare, grade in zip(grammars, rarity, grades, strict=True):
        side.total += rare
        if grammar & _SPECIAL:
            if grammar & _NEGATION:
                side.negations += 1
            if grammar & _QUESTION:
                side.questions += 1
            if grammar & _NUMBER:
                side.numbers += 1
            if grammar & _VERB:
                side.verbs |= grammar & _PERSONS
        if grade >= TYPO:
            side.found += rare
            if grade == SAME:
                side.same += rare
            side.inside += waiting
            waiting, is_begun = 0, True
            continue
        waiting += is_begun
        if rare > side.rarest_lost:
            side.rarest_lost = rare
        if grammar & _CONTENT:
            side.lost_content += 1
            side.lost_numbers += bool(grammar & _NUMBER)
        elif grammar & _FILLER:
            side.lost_filler += 1
        elif grammar & _NOMINATIVE:
            side.lost_subjects += 1
            side.lost_persons |= grammar & _PERSONS
        else:
            side.lost_rest += 1
        if not grade and not grammar & _KNOWN:
            side.unknown += 1
    return side


def _agreement(persons: int, verbs: int) -> int:
    """Say whether a lost "I" or "you" is in the verb anyway."""
    return 0 if not verbs else 1 if verbs & persons else -1


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


def compared(own: list[list[float]], found: Array) -> Array:
    """Return the features of all candidates of a query: their own, and what each is beside the others.

    ``found`` is what the search gave for each: weight and likeness.
    """
    features = np.empty((len(own), len(NAMES)), np.float32)
    features[:, :-4] = own
    both = found.sum(axis=1)
    features[:, -4] = found[:, 0]
    features[:, -3] = found[:, 0] - _best_of_others(found[:, 0])
    features[:, -2] = both - _best_of_others(both)
    features[np.argsort(-both, kind="stable"), -1] = np.arange(len(own))
    return features


def _best_of_others(values: Array) -> Array:
    if len(values) < 2:
        return np.zeros(len(values), np.float32)
    second, best = np.partition(values, -2)[-2:]
    others: Array = np.where(values == best, second, best)
    return others
