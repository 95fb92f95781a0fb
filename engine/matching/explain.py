"""Why a phrase was taken for another, in words: what is misspelt, changed, missing, or means something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from db.texts import N_, _
from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.features import GLUED, LEMMA, NEAR, OWN_NAMES, SAME, TYPO, Alignment, Comparison
from engine.matching.query import analyse
from engine.matching.segment import Segment

_OF_PAIRS = {
    TYPO: N_('typo in "{said}" ({known})'),
    NEAR: N_('"{said}" is nearly "{known}"'),
    LEMMA: N_('"{said}" is a form of "{known}"'),
    GLUED: N_('"{said}" is "{known}", joined or apart'),
}
_OF_FEATURES = {
    "inversions": N_("other word order"),
    "negation_differs": N_("negation differs"),
    "number_differs": N_("another number"),
    "question_differs": N_("another question"),
    "person_differs": N_("another person"),
    "nominative_differs": N_("who does it to whom differs"),
    "mood_differs": N_("another mood or time of the verb"),
}
# Features of two phrases that do not say the same: words that name something are lost, or the meaning is turned.
_TELLING = ("number", "negation", "question", "pronoun", "verb", "noun", "content")
_OTHER_MEANING = (
    *(f"{side}_lost_{kind}" for side in ("query", "phrase") for kind in _TELLING),
    "near_pairs", "person_differs", "negation_differs", "question_differs", "number_differs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that two phrases have in common or not. ``text`` is a source for the catalogue."""

    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """Return it in the language in use."""
        return _(self.text).format(**self.values)


def reasons(said: str, form: str, phrase: str) -> list[Reason]:
    """Return how ``form``, the reading of the normalised ``said`` that was compared, differs from a known phrase."""
    read = [] if form == said else [Reason(N_('read as "{form}"'), {"form": form})]
    if form == phrase:
        return [*read, Reason(N_("the same phrase"))]
    return [*read, *_differences(form, phrase)]


def say_the_same(one: str, other: str) -> bool:
    """Do two normalised phrases have the same words that name something, whatever their forms and order?"""
    _aligned, own = _compared(one, other)
    return bool(own) and not any(own[name] for name in _OTHER_MEANING)


def _compared(form: str, phrase: str) -> tuple[Alignment | None, dict[str, float]]:
    """Return how the words of two phrases go together, and the features of that; nothing where there are no words."""
    segment = Segment(build_arrays([AnswerRow(1, phrase, "")]))
    query = analyse(form)
    if not query.words or not segment.phrases:
        return None, {}
    comparison = Comparison(segment, query, [0])
    return comparison.align(0), dict(zip(OWN_NAMES, comparison.count(0, phrase), strict=True))


def _differences(form: str, phrase: str) -> Iterator[Reason]:
    aligned, own = _compared(form, phrase)
    if aligned is None:
        return
    yield from _of_words(form.split(), aligned)
    yield from (Reason(text) for name, text in _OF_FEATURES.items() if own[name])


def _of_words(words: list[str], aligned: Alignment) -> Iterator[Reason]:
    """Tell of each word that is not the same in both, in the order of what was said."""
    for pair in sorted(aligned.pairs, key=lambda pair: pair.said):
        if pair.grade != SAME:
            known = aligned.words[pair.known].text
            yield Reason(_OF_PAIRS[pair.grade], {"said": words[pair.said], "known": known})
    paired_said, paired_known = {pair.said for pair in aligned.pairs}, {pair.known for pair in aligned.pairs}
    for place, word in enumerate(aligned.words):
        if place not in paired_known:
            yield Reason(N_('missing "{word}"'), {"word": word.text})
    for place, text in enumerate(words):
        if place not in paired_said:
            yield Reason(N_('"{word}" too much'), {"word": text})
