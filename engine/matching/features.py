"""What a query and each candidate have in common, word by word, as numbers for the forest. Pure; all candidates at once.

Each pair of words gets a grade: the same, the same lemma, misspelt, near but both in the dictionary, or nothing. All
shares are weighed by rarity, so that "the" counts little in any base.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA, Indel

from engine.matching.build import Array, spread
from engine.matching.candidates import allowed_slips
from engine.matching.lexicon import PERSONS, Grammar
from engine.matching.query import WORDS_MAX, Query
from engine.matching.segment import Segment
from engine.matching.spelling import sound

NONE, NEAR, TYPO, LEMMA, SAME = 0, 1, 2, 3, 4
OWN_NAMES = (
    "query_same",  # share of the query's rarity whose word stands in the candidate as it is
    "query_any",  # ... in any form, or misspelt
    "phrase_same",
    "phrase_any",
    "query_lost",  # rarity of the rarest word of the query that the candidate lacks
    "phrase_lost",
    "query_lost_content",  # number of content words that are missing
    "phrase_lost_content",
    "query_lost_function",
    "phrase_lost_function",
    "query_lost_rest",  # pronouns, questions
    "phrase_lost_rest",
    "typos",
    "typo_likeness",  # of the least like pair
    "near_pairs",  # known words that differ by a slip
    "near_likeness",
    "lemma_pairs",
    "person_differs",
    "nominative_differs",
    "negation_differs",
    "question_differs",
    "number_differs",
    "mood_differs",
    "inversions",  # share of matched neighbours that stand in other order
    "likeness",  # of the whole, by letters
    "joined_likeness",  # without spaces
    "query_words",
    "phrase_words",
    "length_differs",
    "unknown_words",  # of the query, which nothing explains
    "query_rarity",
    "matched_rarity",
    "sound_same",
)
NAMES = (
    *OWN_NAMES,
    "weight",  # that the search gave
    "weight_gap",  # to the best of the others
    "rank",
)


@dataclass(slots=True)
class Alignment:
    """For each candidate, which of its words go with which of the query's: what the features are counted from."""

    grades: Array  # words of the query x candidates x words of the candidate
    words: list[str]  # of all candidates, each once
    places: Array  # candidates x words: index into ``words``; the last one stands for none
    rarity: Array  # of ``words``
    grammar: Array
    query_rarity: Array


def align(segment: Segment, query: Query, phrases: Array) -> Alignment:
    """Compare every word of the query with every word of the candidates."""
    starts = segment.token_at[phrases]
    counts = np.minimum(segment.token_at[phrases + 1] - starts, WORDS_MAX)
    tokens = segment.tokens[spread(starts, counts)]
    unique, inverse = np.unique(tokens, return_inverse=True)
    words = [segment.word(word) for word in unique.tolist()]
    lemmas = segment.word_lemma[unique]
    places = np.full((len(phrases), int(counts.max(initial=1))), len(unique))
    rows = np.repeat(np.arange(len(phrases)), counts)
    places[rows, spread(np.zeros(len(counts), np.int64), counts)] = inverse
    rarity = np.append(segment.lemma_idf[lemmas], 0.0)
    grammar = np.append(segment.word_grammar[unique].astype(np.int64), 0)
    grades = _grades(query, words, segment.lemma_number[lemmas], grammar)
    query_rarity = _rarity_of(segment, query)
    return Alignment(grades[:, places], words, places, rarity, grammar, query_rarity)


def _grades(query: Query, words: list[str], lemma_numbers: Array, grammar: Array) -> Array:
    """Return the grade of each pair: words of the query x (words + 1); the last column is of no word."""
    grades = np.zeros((len(query.words), len(words) + 1), np.int8)
    distances = process.cdist(query.words, words, scorer=OSA.distance, dtype=np.int32)
    allowed = np.array([allowed_slips(len(word)) if len(word) > 2 else 0 for word in query.words])
    near = distances <= allowed[:, None]
    known = (query.grammar & int(Grammar.KNOWN)) > 0
    both = known[:, None] & ((grammar[:-1] & int(Grammar.KNOWN)) > 0)[None, :]
    inside = grades[:, :-1]
    inside[near] = NEAR
    inside[near & ~both] = TYPO
    inside[query.lemma_numbers[:, None] == lemma_numbers[None, :]] = LEMMA
    inside[distances == 0] = SAME
    _grade_joined(query, words, inside)
    return grades


def _grade_joined(query: Query, words: list[str], grades: Array) -> None:
    """Let two words of the query go with the one that they make together, and one with the two parts of it."""
    place_of = {word: place for place, word in enumerate(words)}
    for place, (one, other) in enumerate(zip(query.words, query.words[1:], strict=False)):
        joined = place_of.get(one + other)
        if joined is not None:
            grades[place, joined] = grades[place + 1, joined] = LEMMA
    for place, said in enumerate(query.words):
        if query.grammar[place] & Grammar.KNOWN or len(said) > 24:
            continue
        for middle in range(1, len(said)):
            left = place_of.get(said[:middle])
            right = place_of.get(said[middle:]) if left is not None else None
            if left is not None and right is not None:
                grades[place, left] = grades[place, right] = LEMMA


def _rarity_of(segment: Segment, query: Query) -> Array:
    rarity = np.ones(len(query.words))
    lemmas, which = segment.find("lemma", query.lemma_numbers)
    rarity[which] = segment.lemma_idf[lemmas]
    return rarity


def compared(features: Array, weights: Array) -> Array:
    """Add to each candidate's own features what it is beside the others; all of one query."""
    order = np.argsort(-weights, kind="stable")
    ranks = np.empty(len(weights))
    ranks[order] = np.arange(len(weights))
    beside = np.stack((weights, weights - _best_of_others(weights), ranks), axis=1)
    return np.concatenate((features, beside.astype(np.float32)), axis=1)


def measure(aligned: Alignment, query: Query, texts: list[str]) -> Array:
    """Return each candidate's own features, candidates x ``OWN_NAMES``."""
    grades, places = aligned.grades, aligned.places
    of_query = grades.max(axis=2)  # words of the query x candidates
    of_phrase = grades.max(axis=0)  # candidates x words
    exists = places < len(aligned.words)
    rarity, phrase_grammar = aligned.rarity[places], aligned.grammar[places]
    query_rarity, query_grammar = aligned.query_rarity[:, None], query.grammar[:, None]
    counterpart = np.take_along_axis(phrase_grammar, grades.argmax(axis=2).T, axis=1).T
    counterpart = np.where(of_query >= TYPO, counterpart, 0)
    # what an unknown word is worth is what it stands for
    worth_place = np.take_along_axis(rarity, grades.argmax(axis=2).T, axis=1).T
    is_typo = of_query == TYPO
    query_worth = np.where(is_typo, worth_place, query_rarity)
    query_total = np.maximum(query_worth.sum(axis=0), 1e-6)
    phrase_total = np.maximum(rarity.sum(axis=1), 1e-6)
    query_lost, phrase_lost = of_query < TYPO, (of_phrase < TYPO) & exists
    is_content = (query_grammar & int(Grammar.CONTENT)) > 0
    is_filler = (query_grammar & int(Grammar.FILLER)) > 0
    content = (phrase_grammar & int(Grammar.CONTENT)) > 0
    filler = (phrase_grammar & int(Grammar.FILLER)) > 0
    matched = of_query >= TYPO
    differs = matched & (query_grammar != counterpart)
    changed = query_grammar ^ counterpart
    query_persons, persons = query_grammar & int(PERSONS), counterpart & int(PERSONS)
    person = differs & (query_persons != persons) & (query_persons > 0) & (persons > 0)
    nominative = differs & ((changed & int(Grammar.NOMINATIVE)) > 0) & ((query_grammar & int(Grammar.PRONOUN)) > 0)
    mood = differs & ((changed & int(Grammar.IMPERATIVE | Grammar.PAST)) > 0)
    likeness = _likeness(query.words, aligned.words)
    pair_likeness = np.take_along_axis(
        likeness[:, places], grades.argmax(axis=2)[:, :, None], axis=2
    )[:, :, 0]
    near = of_query == NEAR
    order = grades.argmax(axis=2)
    both = matched[1:] & matched[:-1]
    inverted = (both & (order[1:] <= order[:-1])).sum(axis=0) / np.maximum(both.sum(axis=0), 1)
    joined = "".join(query.words)
    columns = [
        (np.where(of_query == SAME, query_worth, 0)).sum(axis=0) / query_total,
        (np.where(matched, query_worth, 0)).sum(axis=0) / query_total,
        (np.where(of_phrase == SAME, rarity, 0)).sum(axis=1) / phrase_total,
        (np.where(of_phrase >= TYPO, rarity, 0)).sum(axis=1) / phrase_total,
        np.where(query_lost, query_worth, 0).max(axis=0),
        np.where(phrase_lost, rarity, 0).max(axis=1),
        (query_lost & is_content).sum(axis=0),
        (phrase_lost & content).sum(axis=1),
        (query_lost & is_filler).sum(axis=0),
        (phrase_lost & filler).sum(axis=1),
        (query_lost & ~is_content & ~is_filler).sum(axis=0),
        (phrase_lost & ~content & ~filler).sum(axis=1),
        is_typo.sum(axis=0),
        np.where(is_typo, pair_likeness, 1).min(axis=0),
        near.sum(axis=0),
        np.where(near, pair_likeness, 0).max(axis=0),
        (of_query == LEMMA).sum(axis=0),
        person.sum(axis=0),
        nominative.sum(axis=0),
        _parity(query_grammar, phrase_grammar, Grammar.NEGATION),
        _parity(query_grammar, phrase_grammar, Grammar.QUESTION),
        _parity(query_grammar, phrase_grammar, Grammar.NUMBER)
        + ((query_lost & ((query_grammar & int(Grammar.NUMBER)) > 0)).sum(axis=0)),
        mood.sum(axis=0),
        inverted,
        [Indel.normalized_similarity(query.form, text) for text in texts],
        [OSA.normalized_similarity(joined, text.replace(" ", "")) for text in texts],
        np.full(len(texts), len(query.words)),
        exists.sum(axis=1),
        [len(text) - len(query.form) for text in texts],
        ((query_lost) & ((query_grammar & int(Grammar.KNOWN)) == 0)).sum(axis=0),
        np.full(len(texts), query_rarity.sum()),
        (np.where(matched, query_worth, 0)).sum(axis=0),
        [sound(joined) == sound(text.replace(" ", "")) for text in texts],
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _likeness(words: list[str], others: list[str]) -> Array:
    found = np.zeros((len(words), len(others) + 1), np.float32)
    found[:, :-1] = process.cdist(words, others, scorer=OSA.normalized_similarity, dtype=np.float32)
    return found


def _parity(of_query: Array, of_phrase: Array, flag: Grammar) -> Array:
    mine = ((of_query & int(flag)) > 0).sum()
    return np.abs(((of_phrase & int(flag)) > 0).sum(axis=1) - mine)


def _best_of_others(weights: Array) -> Array:
    if len(weights) < 2:
        return np.zeros(len(weights))
    ordered = np.sort(weights)
    return np.where(weights == ordered[-1], ordered[-2], ordered[-1])
