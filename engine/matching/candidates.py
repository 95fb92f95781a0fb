"""Which phrases of a segment may be meant: a dozen of a million, by shared words. Pure.

Two ways lead to a phrase. Sets of lemmas find what has the same words, or all but one, in any order and form. Lists of
the phrases of each lemma, the rarest first, find what shares any telling word. A misspelt, glued or split word goes the
same ways under every word it may stand for. What is found is weighed by how much of either side is shared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA, Indel

from engine.matching.build import ALL, CORE, LESS, WHOLE_MASK, Array, folded_number, mixed_number, spread, whole_numbers
from engine.matching.lexicon import Grammar
from engine.matching.query import Query
from engine.matching.segment import Segment
from engine.matching.spelling import GRAM_LENGTH_MIN, NEAR_LENGTH_MAX, gram_numbers, near_numbers

READ_MAX = 32  # of the heaviest, whose letters are compared
WEIGHED_MAX = 120  # phrases that are weighed exactly
POSTINGS_MAX = 30_000  # that are counted for one query
REST_MIN = 0.05  # of all that a phrase may gain; lists that give less together are not read
LIST_MAX = 5_000  # a longer list is read for phrases of about the query's length only
MEANT_MAX = 10  # words that one word of the query may stand for
NEAR_MAX = 300  # words that one number of a spelling may lead to
SET_MAX = 100  # phrases that one set of lemmas may lead to
_AS_SAID, _GLUED, _NEAR, _NEAR_KNOWN, _FAR = 1.0, 0.95, 0.8, 0.5, 0.1
_KNOWN, _CONTENT = int(Grammar.KNOWN), int(Grammar.CONTENT)
_FILLERS, _SOFT = int(Grammar.FILLER | Grammar.ADDRESS), int(Grammar.SOFT)

Meanings = list[dict[int, float]]  # by word of the query: lemmas of the segment that it may stand for, and weights
CLEAR = 0.85  # weight of a phrase beside which those that share less need not be sought
ALIKE = 0.8  # at least the weight of a phrase that is the same by letters, but for spaces or a slip
LIKENESS = 0.3  # what likeness by letters counts beside weight: it knows nothing of another word order
SPELT = 0.06  # more that a phrase gains by a word that is spelt as it was said, or as it may be meant
GRAMS_SHARED_MIN = 0.4  # of an unknown word's runs of three letters


@dataclass(frozen=True, slots=True)
class Candidates:
    """Phrases, and for each its weight and its likeness by letters (0 to 1), the best first.

    ``near``: by word of the query slips and lemmas of the words that it may be misspelt from; ``rarity``: of its words.
    """

    phrases: list[int]
    texts: list[str]
    scores: Array
    near: dict[int, list[tuple[float, int]]]
    rarity: list[float]


def find_candidates(segment: Segment, query: Query, most: int, *, is_quick: bool = False) -> Candidates:
    """Return up to ``most`` candidates. A quick search seeks no others beside one that shares nearly all."""
    if not query.words or not segment.phrases:
        return _none()
    found_words = meanings(segment, query)
    meant = found_words.meant
    gains = _gains(segment, meant)
    wholes = _by_letters(segment, query)
    total = _total(meant, gains)
    phrases = np.array(_by_sets(segment, query, meant) + wholes, np.int32)
    weights = _weigh(segment, gains, total, found_words.spelt, phrases)
    if not (is_quick and len(phrases) and weights.max() >= CLEAR):
        listed = _by_lists(segment, gains, len(query.words))
        phrases = np.concatenate((phrases, listed))
        weights = np.concatenate((weights, _weigh(segment, gains, total, found_words.spelt, listed)))
    if not len(phrases):
        return _none()
    order = np.argsort(-weights, kind="stable")[: 2 * READ_MAX].tolist()
    read = dict(zip(phrases[order].tolist(), weights[order].tolist(), strict=True))
    for phrase in wholes:
        read[phrase] = max(read.get(phrase, 0.0), ALIKE)
    if wholes:
        read = dict(sorted(read.items(), key=lambda item: -item[1]))
    best = list(read)[:READ_MAX]
    texts = segment.texts_of(best)
    likeness = process.cdist([query.form], texts, scorer=Indel.normalized_similarity, dtype=np.float32)[0]
    weights = np.array([read[phrase] for phrase in best], np.float32)
    order = np.argsort(-(weights + LIKENESS * likeness), kind="stable")[:most].tolist()
    scores = np.stack((weights, likeness), axis=1)[order]
    chosen = [best[place] for place in order], [texts[place] for place in order]
    return Candidates(*chosen, scores, found_words.near, found_words.rarity)


def _none() -> Candidates:
    return Candidates([], [], np.zeros((0, 2), np.float32), {}, [])


@dataclass(frozen=True, slots=True)
class Meant:
    """What the words of a query may stand for, words that are spelt so, and ``near`` and ``rarity`` of Candidates."""

    meant: Meanings
    spelt: list[int]
    near: dict[int, list[tuple[float, int]]]
    rarity: list[float]


def meanings(segment: Segment, query: Query) -> Meant:
    """Return what the words of ``query`` may stand for in ``segment``."""
    meant: Meanings = [{} for _ in query.words]
    rarity = [1.0] * len(query.words)
    for lemma, word in zip(*segment.find("lemma", query.lemmas), strict=True):
        meant[word][lemma] = _AS_SAID
        rarity[word] = float(segment.lemma_idf[lemma])
    near: dict[int, set[int]] = {}
    odd = _unexplained(query, meant)
    odder = [
        (place, code) for place in odd if query.grammar[place] & _KNOWN for code in near_numbers(query.words[place])
    ]
    for way, wanted in (("near", query.near + odder), ("sound", query.sounds)):
        found, which = segment.find(way, [code for _place, code in wanted], NEAR_MAX)
        for word, place in zip(found, which, strict=True):
            near.setdefault(wanted[place][0], set()).add(word)
    spelt: list[int] = []
    near_lemmas = {}
    for place in near.keys() | odd:
        likest = _likest(segment, query, place, near.get(place, ()))
        if not meant[place] and not likest:
            likest = _likest(segment, query, place, _by_grams(segment, query.words[place]))
        near_lemmas[place] = [(slips, segment.known_word(word).lemma) for slips, word in likest]
        _take_near(segment, query, place, likest, meant[place], spelt)
    _take_joined(segment, query, meant)
    return Meant(meant, spelt, near_lemmas, rarity)


def _unexplained(query: Query, meant: Meanings) -> set[int]:
    """Return the words that no phrase has and that may be misspelt."""
    return {place for place, lemmas in enumerate(meant) if not lemmas and query.allowed[place]}


def _likest(segment: Segment, query: Query, place: int, near: Iterable[int]) -> list[tuple[float, int]]:
    """Return the words that a word of the query may be misspelt from, with the slips: the likest first."""
    said, allowed = query.words[place], query.allowed[place]
    found = []
    for word in near:
        known = segment.known_word(word)
        slips = OSA.distance(said, known.text, score_cutoff=allowed)
        if slips <= allowed:
            found.append((slips - 0.5 * bool(known.grammar & _KNOWN), word))
    return sorted(found)[:MEANT_MAX]


def _by_grams(segment: Segment, said: str) -> list[int]:
    """Return words that share many runs of three letters with one that is spelt far from any."""
    if not GRAM_LENGTH_MIN <= len(said) <= NEAR_LENGTH_MAX:
        return []
    codes = gram_numbers(said)
    pieces = [segment.grams[int(segment.gram_at[code]) : int(segment.gram_at[code + 1])] for code in codes]
    shared = segment.of_words
    for piece in pieces:
        shared[piece] += 1
    found = np.concatenate(pieces)
    found = found[shared[found] >= max(len(codes) * GRAMS_SHARED_MIN, 2)]
    counts = shared[found]
    for piece in pieces:
        shared[piece] = 0
    order = np.argsort(-counts, kind="stable")[: MEANT_MAX * len(codes)]
    return list(dict.fromkeys(found[order].tolist()))[: 4 * MEANT_MAX]


def _take_near(
    segment: Segment,
    query: Query,
    place: int,
    likest: list[tuple[float, int]],
    meant: dict[int, float],
    spelt: list[int],
) -> None:
    """Add the words that a word of the query may be misspelt from."""
    usual = _NEAR_KNOWN if query.grammar[place] & _KNOWN else _NEAR
    for slips, word in likest:
        spelt.append(word)
        if slips <= 0 and segment.known_word(word).text == query.words[place]:
            continue  # it is the word itself
        lemma = segment.word_lemma[word].item()
        weight = usual - _FAR * max(slips - 1, 0)
        if weight > meant.get(lemma, 0.0):
            meant[lemma] = weight


def _take_joined(segment: Segment, query: Query, meant: Meanings) -> None:
    """Add words that the query has in two parts, and the two parts of one that it has glued."""
    joins, splits = query.joins, query.splits
    wanted = [code for _place, code in joins] + [split[1] for split in splits] + [split[2] for split in splits]
    lefts: dict[int, int] = {}
    for word, at in zip(*segment.find("word", wanted), strict=True):
        lemma = segment.word_lemma[word].item()
        if at < len(joins):
            place = joins[at][0]
            meant[place].setdefault(lemma, _GLUED)
            meant[place + 1].setdefault(lemma, _GLUED)
        elif at < len(joins) + len(splits):
            lefts[at - len(joins)] = lemma
        elif (left := lefts.get(at - len(joins) - len(splits))) is not None:
            place = splits[at - len(joins) - len(splits)][0]
            meant[place].setdefault(left, _GLUED)
            meant[place].setdefault(lemma, _GLUED)


def _by_sets(segment: Segment, query: Query, meant: Meanings) -> list[int]:
    """Return phrases that have the query's lemmas but for one, or what a word may stand for in its place."""
    bits = [mixed_number(lemma) for lemma in query.lemmas]
    whole = sum(bits)
    wanted = {whole, *(whole - bit for bit in bits)}
    for light in (_FILLERS, _FILLERS | _SOFT):  # words that a phrase means the same without
        wanted.add(sum(bit for bit, grammar in zip(bits, query.grammar, strict=True) if not grammar & light))
    likeliest = bits.copy()
    for place, lemmas in enumerate(meant):
        others = [(weight, lemma) for lemma, weight in lemmas.items() if weight < _AS_SAID]
        for _weight, lemma in others:
            wanted.add(whole - bits[place] + mixed_number(int(segment.lemma_number[lemma])))
        if others and not query.grammar[place] & _KNOWN:
            likeliest[place] = mixed_number(int(segment.lemma_number[max(others)[1]]))
    cores = {sum(bit for bit, grammar in zip(bits, query.grammar, strict=True) if grammar & _CONTENT)}
    if likeliest != bits:
        total = sum(likeliest)
        wanted.update((total, *(total - bit for bit in likeliest)))
        pairs = zip(likeliest, query.grammar, strict=True)
        cores.add(sum(bit for bit, grammar in pairs if grammar & _CONTENT))
    numbers = [folded_number(total, ALL) for total in wanted] + [folded_number(total, LESS) for total in wanted]
    numbers += [folded_number(core, CORE) for core in cores if core & WHOLE_MASK]
    return segment.find("set", numbers, SET_MAX)[0]


def _by_letters(segment: Segment, query: Query) -> list[int]:
    """Return phrases that have the query's letters, whatever the spaces; short ones also with a slip."""
    found, _which = segment.find("whole", whole_numbers(query.joined), SET_MAX)
    return [
        phrase
        for phrase in dict.fromkeys(found)
        if OSA.distance(query.joined, segment.text(phrase).replace(" ", ""), score_cutoff=1) <= 1
    ]


@dataclass(frozen=True, slots=True)
class _Gains:
    """What a phrase gains by each lemma that the query may mean: parallel lists, the shortest list of phrases first."""

    lemmas: list[int]
    starts: list[int]
    lengths: list[int]
    rarity: list[float]
    gains: list[float]


def _gains(segment: Segment, meant: Meanings) -> _Gains:
    weights: dict[int, float] = {}
    for lemmas in meant:
        for lemma, weight in lemmas.items():
            if weight > weights.get(lemma, 0.0):
                weights[lemma] = weight
    listed = np.fromiter(weights, np.int64, len(weights))
    starts = segment.lemma_at[listed]
    lengths = segment.lemma_at[listed + 1] - starts
    order = np.argsort(lengths, kind="stable")
    listed = listed[order]
    rarity = segment.lemma_idf[listed].tolist()
    lemmas = listed.tolist()
    gains = [weights[lemma] * rare for lemma, rare in zip(lemmas, rarity, strict=True)]
    return _Gains(lemmas, starts[order].tolist(), lengths[order].tolist(), rarity, gains)


def _total(meant: Meanings, gains: _Gains) -> float:
    """Return the rarity of all words of the query; one that no phrase has is as rare as can be."""
    rarity = dict(zip(gains.lemmas, gains.rarity, strict=True))
    return sum(max((rarity[lemma] for lemma in known), default=1.0) for known in meant)


def _by_lists(segment: Segment, gains: _Gains, words: int) -> Array:
    """Return the phrases that share the most weight of words with the query."""
    longest = len(segment.length_at) - 1
    low, high = (int(segment.length_at[min(max(length, 0), longest)]) for length in (words - 2, words + 3))
    pieces: list[Array] = []
    left, shared = POSTINGS_MAX, segment.of_phrases
    rest, enough = sum(gains.gains), sum(gains.gains) * REST_MIN
    for start, length, gain in zip(gains.starts, gains.lengths, gains.gains, strict=True):
        piece = segment.postings[start : start + length]
        if length > LIST_MAX:
            piece = piece[piece.searchsorted(low) : piece.searchsorted(high)]
        if len(piece) > left or (rest < enough and pieces):
            break
        left -= len(piece)
        rest -= gain
        pieces.append(piece)
        shared[piece] += gain
    if not pieces:
        return np.zeros(0, np.int32)
    found = np.concatenate(pieces)
    values = shared[found]
    shared[found] = 0
    if len(found) > WEIGHED_MAX:
        # By what is shared of the phrase too: else long phrases would crowd out short ones.
        values = values * values / segment.phrase_idf[found]
        found = found[np.argpartition(values, -WEIGHED_MAX)[-WEIGHED_MAX:]]
    return found


def _weigh(segment: Segment, gains: _Gains, total: float, spelt: list[int], phrases: Array) -> Array:
    """Return for each phrase how much of its words and of the query's are shared, by rarity: 0 to 1."""
    if not len(phrases):
        return np.zeros(0, np.float32)
    starts = segment.token_at[phrases]
    counts = segment.token_at[phrases + 1] - starts
    tokens = segment.tokens[spread(starts, counts)]
    of_lemmas, of_words = segment.of_lemmas, segment.of_words
    of_lemmas[gains.lemmas] = gains.gains
    of_words[spelt] = SPELT
    gained = of_lemmas[segment.word_lemma[tokens]]
    gained += gained * of_words[tokens]
    shared = np.add.reduceat(gained, np.cumsum(counts) - counts)
    of_lemmas[gains.lemmas] = 0
    of_words[spelt] = 0
    of_query, of_phrase = shared / max(total, 1e-6), shared / segment.phrase_idf[phrases]
    weights: Array = np.sqrt(np.minimum(of_query, 1.0) * np.minimum(of_phrase, 1.0))
    return weights
