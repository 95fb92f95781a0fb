"""English and mixed talk is understood, too: no rule for Russian gets in its way."""

from __future__ import annotations

import pytest

from db.settings import MatchingSettings
from engine.matching.book import AnswerRow
from engine.matching.build import build_arrays
from engine.matching.inquiry import inquire
from engine.matching.layers import LayeredIndex
from engine.matching.match import Thresholds
from engine.matching.normalise import normalise
from engine.matching.segment import Segment

KNOWN = (
    "hello", "good morning", "good night", "how are you", "what is your name", "where are you from",
    "do you like music", "tell me a joke", "what time is it", "how old are you", "i love you", "do you love me",
    "are you a robot", "who created you", "what is the weather today", "sing me a song", "i am bored", "i am sad",
    "i am hungry", "what are you doing", "can you help me", "thank you very much", "see you tomorrow", "good luck",
    "what is your favourite colour", "do you have friends", "where do you live", "what can you do", "i hate mondays",
    "recommend me a good film", "recommend me a good book", "how do i reset my password", "how do i delete my account",
    "what are your opening hours", "where is your office", "how much does delivery cost", "can i pay by card",
    "i want my money back", "my order has not arrived", "do you ship to germany", "как дела", "привет",
    "спокойной ночи", "какой у вас wifi пароль", "скинь ссылку на discord", "ты играешь в minecraft",
    "turn on the light", "turn off the light", "play some jazz", "stop the music",
)  # fmt: skip
MISSPELT = {
    "helo": "hello", "good mornning": "good morning", "wat is your name": "what is your name",
    "what is yuor name": "what is your name", "tel me a joke": "tell me a joke",
    "thnak you very much": "thank you very much",
    "recomend me a good film": "recommend me a good film", "how do i reset my pasword": "how do i reset my password",
    "where is your ofice": "where is your office", "how much does delivry cost": "how much does delivery cost",
    "what are your openning hours": "what are your opening hours", "see you tommorow": "see you tomorrow",
    "goodnight": "good night", "can i pay by crad": "can i pay by card", "do you have freinds": "do you have friends",
    "скинь ссылку на дискорд": "скинь ссылку на discord", "ты играешь в майнкрафт": "ты играешь в minecraft",
    "скинь ссылку на discrod": "скинь ссылку на discord", "руддщ": "hello", "ghbdtn": "привет",
}  # fmt: skip
SAME = {
    "Hello!!!": "hello", "HOW ARE YOU?": "how are you", "What is your name?!": "what is your name",
    "I'm bored :(": "i am bored", "helloooo": "hello", "Good   Morning ☀": "good morning",
}  # fmt: skip
FOREIGN = (
    "what is your surname", "do you hate me", "turn on the heating", "how do i change my password", "i am happy",
    "recommend me a good restaurant", "who killed you", "i do not love you", "do you ship to france", "sing",
    "the quick brown fox", "what", "good", "you", "цена доставки", "lorem ipsum dolor sit amet", "привет germany",
    "how young are you", "can you hurt me", "what is the plan today",
)  # fmt: skip
THRESHOLDS = Thresholds(MatchingSettings().threshold, MatchingSettings().suggest_threshold)


@pytest.fixture(scope="module")
def index() -> LayeredIndex:
    rows = [AnswerRow(number, normalise(phrase), phrase) for number, phrase in enumerate(KNOWN, 1)]
    return LayeredIndex(Segment(build_arrays(rows)))


def taken_for(said: str, index: LayeredIndex) -> str | None:
    found = inquire(said, index, 0, THRESHOLDS, most=1)
    return found.best.phrase if found.best and found.decision == "answer" else None


def test_what_is_misspelt_is_understood(index: LayeredIndex) -> None:
    missed = {said: taken_for(said, index) for said, meant in MISSPELT.items() if taken_for(said, index) != meant}
    assert len(missed) <= len(MISSPELT) * 0.15, missed


def test_what_is_the_same_is_the_same(index: LayeredIndex) -> None:
    missed = {said: taken_for(said, index) for said, meant in SAME.items() if taken_for(said, index) != meant}
    assert len(missed) <= 1, missed


def test_what_means_something_else_is_left_alone(index: LayeredIndex) -> None:
    answered = {said: taken_for(said, index) for said in FOREIGN if taken_for(said, index)}
    assert len(answered) <= len(FOREIGN) * 0.1, answered
