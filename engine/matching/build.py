"""From the answers of a base to the arrays of its index. Pure: rows in, numpy arrays out.

Phrases are numbered by how many words they have, so that a run of numbers is a run of lengths. Words, lemmas and
phrases are numbers here; texts lie in one row of bytes with the places where each begins.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from engine.matching.book import AnswerRow
from engine.matching.lexicon import Grammar, look_up
from engine.matching.spelling import GRAM_LENGTH_MIN, GRAMS, NEAR_LENGTH_MAX, gram_numbers, near_numbers, number, sound

Array = np.ndarray[Any, np.dtype[Any]]
LESS_WORDS_MAX = 10  # of phrases that are also found with one word taken out
ALL, LESS, CORE = 0x00000000, 0x5BD1E995, 0x27D4EB2F  # tell three kinds of sets apart
JOINED_MAX = 12  # letters of phrases that are also found by their spelling as a whole, slips included
WHOLE_MASK = (1 << 64) - 1
_MIX, _MIX_MORE = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9


def build_arrays(rows: Iterable[AnswerRow], idf_of: Callable[[int], float] | None = None) -> dict[str, Array]:
    """Return the arrays of an index over ``rows``. ``idf_of`` weighs lemmas as another index does, 0 for unknown."""
    phrases: dict[str, int] = {}
    row_id, row_bot, row_weight, row_phrase = array("q"), array("q"), array("i"), array("i")
    answers, ends = bytearray(), array("q", [0])  # one row of bytes: a million texts by themselves weigh far more
    for row in rows:
        row_phrase.append(phrases.setdefault(row.rx_norm, len(phrases)))
        row_id.append(row.id)
        row_bot.append(row.bot_id)
        row_weight.append(row.weight)
        answers += row.tx.encode("utf-8", "surrogatepass")
        ends.append(len(answers))
    texts = list(phrases)
    phrases.clear()
    arrays = _words_of(texts)
    order = np.argsort(np.diff(arrays["token_at"]), kind="stable").astype(np.int32)  # by number of words
    arrays.update(_reordered(arrays, order))
    texts = [texts[place] for place in order]
    arrays.update(_rows(row_id, row_bot, row_weight, row_phrase, order))
    arrays["answer_at"], arrays["answers"] = _gathered(answers, ends, arrays.pop("by_phrase"))
    arrays["text_at"], arrays["texts"] = _packed([text.encode("utf-8", "surrogatepass") for text in texts])
    arrays.update(_sorted_pairs("exact", np.array([phrase_number(text) for text in texts], np.uint64)))
    arrays.update(_postings(arrays, idf_of))
    arrays.update(_multisets(arrays))
    arrays.update(_wholes(texts))
    return arrays


def phrase_number(rx_norm: str) -> int:
    """Return the 64 bits that stand for a normalised phrase."""
    return int.from_bytes(hashlib.blake2b(rx_norm.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def mixed(numbers: Array) -> Array:
    """Return 64 well-mixed bits for each number; sums of them stand for sets of words, in any order."""
    value = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(_MIX)
    value ^= value >> np.uint64(29)
    value *= np.uint64(_MIX_MORE)
    value ^= value >> np.uint64(32)
    return value


def mixed_number(number: int) -> int:
    """Return what ``mixed`` returns, for one number."""
    value = (number + 1) * _MIX & WHOLE_MASK
    value = (value ^ value >> 29) * _MIX_MORE & WHOLE_MASK
    return value ^ value >> 32


def folded(bits: Array, kind: int) -> Array:
    """Return 64 bits as 32: those of sets of words, whose finds are looked at anyway."""
    short: Array = (bits ^ (bits >> np.uint64(32)) ^ np.uint64(kind)) & np.uint64(0xFFFFFFFF)
    return short.astype(np.uint32)


def folded_number(total: int, kind: int) -> int:
    """Return what ``folded`` returns, for one sum."""
    total &= WHOLE_MASK
    return (total ^ total >> 32 ^ kind) & 0xFFFFFFFF


def _words_of(texts: list[str]) -> dict[str, Array]:
    """Return the words that occur, what is known of each, and the words of each phrase."""
    vocabulary: dict[str, int] = {}
    tokens, ends = array("i"), array("i", [0])
    known = vocabulary.setdefault
    for text in texts:
        tokens.extend([known(word, len(vocabulary)) for word in text.split()])
        ends.append(len(tokens))
    words = list(vocabulary)
    lemmas: dict[str, int] = {}
    word_lemma, grammar = array("i"), array("I")
    for word in words:
        found = look_up(word)
        word_lemma.append(lemmas.setdefault(found.lemma, len(lemmas)))
        grammar.append(found.grammar)
    word_at, word_bytes = _packed([word.encode("utf-8", "surrogatepass") for word in words])
    return {
        "tokens": _int32(tokens),
        "token_at": _int32(ends),
        "word_lemma": _int32(word_lemma),
        "word_grammar": np.frombuffer(grammar, np.uint32).copy() if grammar else np.zeros(0, np.uint32),
        "word_at": word_at,
        "words": word_bytes,
        "lemma_number": (numbers := np.array([number(lemma) for lemma in lemmas], np.uint32)),
        **_sorted_pairs("lemma", numbers),
        **_spellings(words),
    }


def _spellings(words: list[str]) -> dict[str, Array]:
    """Return the ways to a word: by itself, nearly, by its sound."""
    near, near_word = array("I"), array("i")
    for place, word in enumerate(words):
        found = near_numbers(word)
        near.extend(found)
        near_word.extend([place] * len(found))
    sounds = [number(sound(word)) for word in words]
    return {
        **_sorted_pairs("word", np.array([number(word) for word in words], np.uint32)),
        **_sorted_pairs("near", np.frombuffer(near, np.uint32) if near else np.zeros(0, np.uint32), _int32(near_word)),
        **_sorted_pairs("sound", np.array(sounds, np.uint32)),
        **_grams(words),
    }


def _grams(words: list[str]) -> dict[str, Array]:
    """Return the words of each run of three letters."""
    codes, owners = array("i"), array("i")
    for place, word in enumerate(words):
        if GRAM_LENGTH_MIN <= len(word) <= NEAR_LENGTH_MAX:
            found = gram_numbers(word)
            codes.extend(found)
            owners.extend([place] * len(found))
    code = _int32(codes)
    order = np.argsort(code, kind="stable")
    return {
        "gram_at": np.searchsorted(code[order], np.arange(GRAMS + 1)).astype(np.int32),
        "grams": _int32(owners)[order],
    }


def _wholes(texts: list[str]) -> dict[str, Array]:
    """Return the ways to a phrase by its letters without the spaces; to a short one also without one letter."""
    codes, owners = array("I"), array("i")
    for place, text in enumerate(texts):
        found = whole_numbers(text.replace(" ", ""))
        codes.extend(found)
        owners.extend([place] * len(found))
    return _sorted_pairs("whole", np.frombuffer(codes, np.uint32) if codes else np.zeros(0, np.uint32), _int32(owners))


def whole_numbers(joined: str) -> list[int]:
    """Return the numbers of a phrase without spaces."""
    return near_numbers(joined) if len(joined) <= JOINED_MAX else [number(joined)]


def _reordered(arrays: Mapping[str, Array], order: Array) -> dict[str, Array]:
    """Return the tokens of the phrases in ``order``, and where each number of words begins."""
    at = arrays["token_at"]
    lengths = np.diff(at)[order]
    token_at = np.zeros(len(order) + 1, np.int32)
    np.cumsum(lengths, out=token_at[1:])
    picks = spread(at[:-1][order], lengths)
    longest = int(lengths[-1]) if len(lengths) else 0
    length_at = np.searchsorted(lengths, np.arange(longest + 2)).astype(np.int32)
    return {"tokens": arrays["tokens"][picks], "token_at": token_at, "length_at": length_at}


def _rows(row_id: Any, row_bot: Any, row_weight: Any, row_phrase: Any, order: Array) -> dict[str, Array]:
    """Return the answers grouped by phrase, within a phrase by id; ``by_phrase`` is that order."""
    place_of = np.empty(len(order), np.int32)
    place_of[order] = np.arange(len(order), dtype=np.int32)
    ids = np.frombuffer(row_id, np.int64) if row_id else np.zeros(0, np.int64)
    of_phrase = place_of[_int32(row_phrase)]
    by_phrase = np.lexsort((ids, of_phrase))
    row_at = np.searchsorted(of_phrase[by_phrase], np.arange(len(order) + 1)).astype(np.int32)
    bots = np.frombuffer(row_bot, np.int64) if row_bot else np.zeros(0, np.int64)
    return {
        "row_at": row_at,
        "row_id": ids[by_phrase],
        "row_bot": bots[by_phrase],
        "row_weight": _int32(row_weight)[by_phrase],
        "by_phrase": by_phrase,
        **_sorted_pairs("id", ids[by_phrase]),
    }


def _postings(arrays: Mapping[str, Array], idf_of: Callable[[int], float] | None) -> dict[str, Array]:
    """Return the phrases of each lemma, in order of their numbers, and how rare lemmas are: 0 all phrases, 1 one."""
    lemma_of, at = arrays["word_lemma"], arrays["token_at"]
    phrases, lemmas = len(at) - 1, len(arrays["lemma_number"])
    of_token = lemma_of[arrays["tokens"]]
    phrase_of = np.repeat(np.arange(phrases, dtype=np.int32), np.diff(at))
    by_lemma = np.argsort(of_token, kind="stable")
    postings, sorted_lemma = phrase_of[by_lemma], of_token[by_lemma]
    first = np.ones(len(postings), bool)
    first[1:] = (postings[1:] != postings[:-1]) | (sorted_lemma[1:] != sorted_lemma[:-1])
    postings, sorted_lemma = postings[first], sorted_lemma[first]
    lemma_at = np.searchsorted(sorted_lemma, np.arange(lemmas + 1)).astype(np.int32)
    if idf_of is None:
        idf = rarity(np.diff(lemma_at), phrases)
    else:
        idf = np.array([idf_of(int(code)) for code in arrays["lemma_number"]], np.float32)
    return {
        "lemma_at": lemma_at,
        "postings": postings,
        "lemma_idf": idf,
        "phrase_idf": np.maximum(_sums(idf[of_token], at), 1e-6).astype(np.float32),
    }


def rarity(counts: Array, phrases: int) -> Array:
    """Return 0 for what is in every phrase up to 1 for what is in one, by logarithm."""
    whole = np.log1p(max(phrases, 1))
    shares: Array = 1 - np.log1p(counts) / (whole + np.log(2))
    return shares.astype(np.float32)


def _multisets(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return ways to phrases by their lemmas in any order: all, all but one, the content words alone."""
    at = arrays["token_at"]
    of_token = arrays["word_lemma"][arrays["tokens"]]
    bits = mixed(arrays["lemma_number"])[of_token] if len(of_token) else np.zeros(0, np.uint64)
    whole = _sums(bits, at)
    lengths = np.diff(at)
    phrase_of = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    short = (lengths[phrase_of] <= LESS_WORDS_MAX) & (lengths[phrase_of] > 1)
    less = (whole[phrase_of] - bits)[short]
    content = (arrays["word_grammar"][arrays["tokens"]] & int(Grammar.CONTENT)) > 0
    core = _sums(np.where(content, bits, np.uint64(0)), at)
    has_core = np.flatnonzero(core).astype(np.int32)
    keys = np.concatenate((folded(whole, ALL), folded(less, LESS), folded(core[has_core], CORE)))
    leads = np.concatenate((np.arange(len(lengths), dtype=np.int32), phrase_of[short], has_core))
    return _sorted_pairs("set", keys, leads)


def spread(starts: Array, counts: Array) -> Array:
    """Return the indexes of several runs, one after another: runs begin at ``starts`` and have ``counts`` items."""
    ends = np.cumsum(counts)
    if not len(ends) or not ends[-1]:
        return np.zeros(0, np.int64)
    places: Array = np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)
    return places


def _sums(values: Array, at: Array) -> Array:
    """Return the sum of each run of ``values`` between neighbours in ``at``; of an empty run 0."""
    total = np.zeros(len(values) + 1, np.float64 if values.dtype.kind == "f" else np.uint64)
    np.cumsum(values, out=total[1:])
    return total[at[1:]] - total[at[:-1]]


def _sorted_pairs(name: str, keys: Array, values: Array | None = None) -> dict[str, Array]:
    """Return ``name_key`` in order and ``name_of``: what each key leads to; without ``values``, to its place."""
    order = np.argsort(keys, kind="stable")
    found = order if values is None else values[order]
    return {f"{name}_key": keys[order], f"{name}_of": found.astype(np.int32)}


def _gathered(texts: bytearray, ends: Any, order: Array) -> tuple[Array, Array]:
    """Return texts that lie one after another in another order, and where each begins."""
    at = np.frombuffer(ends, np.int64)
    begins = np.zeros(len(order) + 1, np.int64)
    np.cumsum(np.diff(at)[order], out=begins[1:])
    gathered, view = bytearray(len(texts)), memoryview(texts)
    pairs = zip(begins.tolist(), at[order].tolist(), at[1:][order].tolist(), strict=False)
    for begin, first, last in pairs:
        gathered[begin : begin + last - first] = view[first:last]
    return begins, np.frombuffer(gathered, np.uint8)


def _packed(texts: list[bytes]) -> tuple[Array, Array]:
    at = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=at[1:])
    return at, np.frombuffer(b"".join(texts), np.uint8)


def _int32(values: Any) -> Array:
    return np.frombuffer(values, np.int32).copy() if values else np.zeros(0, np.int32)
