"""Which phrases of a segment may be meant: a few dozen of a million, by shared words. Pure.

Three ways lead to a phrase. Sets of lemmas find what has the same words, or all but one, in any order and form. Lists
of the phrases of each lemma, the rarest first, find what shares any telling word. A misspelt, glued or split word goes
the same ways under every word it may stand for. What is found is weighed by how much of either side is shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import OSA

from engine.matching.build import Array, folded, mixed, spread
from engine.matching.lexicon import Grammar
from engine.matching.query import Query
from engine.matching.segment import Segment

WEIGHED_MAX = 400  # phrases that are weighed exactly
POSTINGS_MAX = 40_000  # that are counted for one query
LIST_MAX = 12_000  # a longer list is read for phrases of about the query's length only
MEANT_MAX = 12  # words that one word of the query may stand for
SET_MAX = 200  # phrases that one set of lemmas may lead to
_AS_SAID, _GLUED, _NEAR, _NEAR_KNOWN = 1.0, 0.95, 0.8, 0.5


@dataclass(slots=True)
class Meanings:
    """Which lemmas of a segment each word of the query may stand for: parallel arrays, and their weights."""

    word: Array
    lemma: Array
    weight: Array


def find_candidates(segment: Segment, query: Query, most: int) -> tuple[Array, Array]:
    """Return up to ``most`` phrases and their weights (0 to 1), the heaviest first."""
    if not query.words or not segment.phrases:
        return np.zeros(0, np.int64), np.zeros(0)
    meant = meanings(segment, query)
    phrases = _by_sets(segment, query, meant)
    listed = _by_lists(segment, meant, len(query.words))
    phrases = np.unique(np.concatenate((phrases, listed)))
    if not len(phrases):
        return phrases, np.zeros(0)
    weights = _weigh(segment, query, meant, phrases)
    if len(phrases) > most:
        best = np.argpartition(weights, -most)[-most:]
        phrases, weights = phrases[best], weights[best]
    order = np.lexsort((phrases, -weights))
    return phrases[order], weights[order]


def meanings(segment: Segment, query: Query) -> Meanings:
    """Return what the words of ``query`` may stand for in ``segment``."""
    found: dict[tuple[int, int], float] = {}
    own, which = segment.find("lemma", query.lemma_numbers)
    for lemma, word in zip(own.tolist(), which.tolist(), strict=True):
        found[word, lemma] = _AS_SAID
    near, near_which = segment.find("near", query.near)
    sounds, sounds_which = segment.find("sound", query.sounds)
    words = np.concatenate((near, sounds))
    owners = np.concatenate((query.near_of[near_which], query.sounds_of[sounds_which]))
    if len(words):
        pairs = np.unique(owners * len(segment.word_lemma) + words)
        _take_near(segment, query, pairs // len(segment.word_lemma), pairs % len(segment.word_lemma), found)
    _take_joined(segment, query, found)
    if not found:
        return Meanings(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    keys = np.array(list(found), np.int64)
    return Meanings(keys[:, 0], keys[:, 1], np.array(list(found.values())))


def _take_near(
    segment: Segment, query: Query, owners: Array, words: Array, found: dict[tuple[int, int], float]
) -> None:
    """Add the words that a word of the query may be misspelt from: the likest, no more than ``MEANT_MAX`` each."""
    likest: dict[int, list[tuple[float, int]]] = {}
    lemmas, grammars = segment.word_lemma[words].tolist(), segment.word_grammar[words].tolist()
    for owner, word, lemma, grammar in zip(owners.tolist(), words.tolist(), lemmas, grammars, strict=True):
        said = query.words[owner]
        distance = OSA.distance(said, segment.word(word), score_cutoff=3)
        if distance == 0 or distance > allowed_slips(len(said)):
            continue
        likest.setdefault(owner, []).append((distance - 0.5 * bool(grammar & Grammar.KNOWN), lemma))
    for owner, pairs in likest.items():
        is_known = bool(query.grammar[owner] & Grammar.KNOWN)
        for distance, lemma in sorted(pairs)[:MEANT_MAX]:
            weight = (_NEAR_KNOWN if is_known else _NEAR) - 0.1 * max(distance - 1, 0)
            if weight > found.get((owner, lemma), 0.0):
                found[owner, lemma] = weight


def allowed_slips(length: int) -> int:
    """Return how many slips may part two words that are the same."""
    return 1 if length < 5 else 2 if length < 9 else 3


def _take_joined(segment: Segment, query: Query, found: dict[tuple[int, int], float]) -> None:
    """Add words that the query has in two parts, and the two parts of one that it has glued."""
    joined, which = segment.find("word", query.joins)
    for word, place in zip(joined.tolist(), which.tolist(), strict=True):
        if segment.word(word) == query.words[place] + query.words[place + 1]:
            lemma = int(segment.word_lemma[word])
            found.setdefault((place, lemma), _GLUED)
            found.setdefault((place + 1, lemma), _GLUED)
    if not query.splits:
        return
    parts = np.array(query.splits, np.int64)
    left, left_which = segment.find("word", parts[:, 1].astype(np.uint32))
    right, right_which = segment.find("word", parts[:, 2].astype(np.uint32))
    rights = dict(zip(right_which.tolist(), right.tolist(), strict=True))
    for word, split in zip(left.tolist(), left_which.tolist(), strict=True):
        other = rights.get(split)
        if other is None:
            continue
        owner = int(parts[split, 0])
        for part in (word, other):
            found.setdefault((owner, int(segment.word_lemma[part])), _GLUED)


def _by_sets(segment: Segment, query: Query, meant: Meanings) -> Array:
    """Return phrases that have the query's lemmas but for one, or what a word may stand for in its place."""
    bits = query.lemma_bits
    whole = bits.sum(keepdims=True)
    other = meant.weight < _AS_SAID
    owners, lemmas = meant.word[other], meant.lemma[other]
    replaced = whole - bits[owners] + mixed(segment.lemma_number[lemmas])
    less = whole - bits
    bases = [whole, replaced]
    best = _corrected(query, meant, segment)
    if best is not None:
        total = best.sum(keepdims=True)
        bases += [total, total - best]
    found = [
        segment.find("all", folded(np.concatenate((*bases, less))), SET_MAX)[0],
        segment.find("less", folded(np.concatenate((*bases, less))), SET_MAX)[0],
    ]
    content = (query.grammar & int(Grammar.CONTENT)) > 0
    cores = [bits[content].sum(keepdims=True)] if content.any() else []
    if best is not None and content.any():
        cores.append(best[content].sum(keepdims=True))
    if cores:
        found.append(segment.find("core", folded(np.concatenate(cores)), SET_MAX)[0])
    return np.concatenate(found)


def _corrected(query: Query, meant: Meanings, segment: Segment) -> Array | None:
    """Return the lemmas' bits with every unknown word replaced by the likeliest one, or None without such words."""
    unknown = [
        place
        for place, grammar in enumerate(query.grammar.tolist())
        if not grammar & Grammar.KNOWN
    ]
    if not unknown:
        return None
    bits = query.lemma_bits.copy()
    for place in unknown:
        mine = np.flatnonzero((meant.word == place) & (meant.weight < _AS_SAID))
        if len(mine):
            lemma = meant.lemma[mine[meant.weight[mine].argmax()]]
            bits[place] = mixed(segment.lemma_number[lemma : lemma + 1])[0]
    return bits


def _by_lists(segment: Segment, meant: Meanings, words: int) -> Array:
    """Return the phrases that share the most weight of words with the query."""
    if not len(meant.lemma):
        return np.zeros(0, np.int64)
    weights = np.zeros(0)
    lemmas, inverse = np.unique(meant.lemma, return_inverse=True)
    weights = np.zeros(len(lemmas))
    np.maximum.at(weights, inverse, meant.weight)
    starts, ends = segment.lemma_at[lemmas], segment.lemma_at[lemmas + 1]
    counts = ends - starts
    gains = weights * segment.lemma_idf[lemmas]
    longest = len(segment.length_at) - 2
    low, high = (int(segment.length_at[min(max(length, 0), longest + 1)]) for length in (words - 2, words + 3))
    pieces, values, left = [], [], POSTINGS_MAX
    for place in np.argsort(counts).tolist():
        piece = segment.postings[starts[place] : ends[place]]
        if len(piece) > LIST_MAX:
            piece = piece[piece.searchsorted(low) : piece.searchsorted(high)]
        if len(piece) > left:
            break
        left -= len(piece)
        pieces.append(piece)
        values.append(np.full(len(piece), gains[place], np.float32))
    if not pieces:
        return np.zeros(0, np.int64)
    return _heaviest(np.concatenate(pieces), np.concatenate(values))


def _heaviest(phrases: Array, gains: Array) -> Array:
    """Return up to ``WEIGHED_MAX`` phrases by the sum of their gains."""
    order = np.argsort(phrases, kind="stable")
    phrases, gains = phrases[order], gains[order]
    first = np.flatnonzero(np.concatenate(([True], phrases[1:] != phrases[:-1])))
    sums = np.add.reduceat(gains, first)
    phrases = phrases[first]
    if len(phrases) > WEIGHED_MAX:
        best = np.argpartition(sums, -WEIGHED_MAX)[-WEIGHED_MAX:]
        phrases = phrases[best]
    return phrases


def _weigh(segment: Segment, query: Query, meant: Meanings, phrases: Array) -> Array:
    """Return for each phrase how much of its words and of the query's are shared, by rarity: 0 to 1."""
    starts = segment.token_at[phrases]
    counts = segment.token_at[phrases + 1] - starts
    lemmas = segment.word_lemma[segment.tokens[spread(starts, counts)]]
    known, inverse = np.unique(meant.lemma, return_inverse=True)
    gains = np.zeros(len(known) + 1)
    if len(known):
        np.maximum.at(gains, inverse, meant.weight)
        gains[:-1] *= segment.lemma_idf[known]
        place = known.searchsorted(lemmas)
        place[place == len(known)] = 0
        place[known[place] != lemmas] = len(known)
    else:
        place = np.zeros(len(lemmas), np.int64)
    shared = np.add.reduceat(gains[place], np.concatenate(([0], np.cumsum(counts)[:-1])))
    rare = np.ones(len(query.words))  # a word that no phrase has is as rare as can be
    if len(meant.word):
        rare[meant.word] = 0
        np.maximum.at(rare, meant.word, segment.lemma_idf[meant.lemma])
    of_query = np.minimum(shared / rare.sum(), 1.0)
    of_phrase = np.minimum(shared / np.maximum(segment.phrase_idf[phrases], 1e-6), 1.0)
    return np.sqrt(of_query * of_phrase)
