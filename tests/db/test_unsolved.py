"""A phrase without an answer gets exactly one decision, whoever decides at the same time; each can be taken back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from db import unsolved, unsolved_edits
from db.base import Base
from db.errors import NotFound, Refused, SaloError, StorageUnavailable
from db.fields import from_ms
from db.models import EVERY_BOT, Answer, History, Network, Unsolved, UnsolvedStatus
from db.unsolved import State, UnsolvedPhrase, Wanted
from db.unsolved_edits import Edited, Editor
from engine.matching.normalise import normalise, phrase_hash
from server.journal.rows import parse_row
from server.journal.tables import write_rows

ANN, BOB = Editor("ann", Network.CONSOLE, "local:ann"), Editor("5", Network.VK, "vk:5")
AT_MS = 1_800_000_000_000


def ask(base: Base, text: str, bot_id: int = 1, at_ms: int = AT_MS) -> UnsolvedPhrase:
    """Let somebody say a phrase, as the journal tells of it, and return it."""
    row = parse_row({"op": "unsolved", "rx": text, "bot_id": bot_id, "time": at_ms})
    assert row is not None
    base.run(lambda: write_rows([row]))
    with base.unit():
        number = Unsolved.get(Unsolved.rx_hash == phrase_hash(normalise(text)), Unsolved.bot_id == bot_id).id
    return unsolved.find(base, number)


def living(base: Base) -> list[tuple[str, str, str, int]]:
    with base.unit():
        rows = Answer.select().where(Answer.deleted.is_null()).order_by(Answer.id)
        return [(row.rx, row.tx, row.author, row.bot_id) for row in rows]


def test_answer_is_stored_with_its_phrase_and_the_phrase_is_closed(base: Base) -> None:
    phrase = ask(base, "Когда доставка?!")
    done = unsolved_edits.answer(base, phrase, "Завтра", ANN)
    assert living(base) == [("Когда доставка?!", "Завтра", "local:ann", EVERY_BOT)]
    assert (done.phrase.status, done.phrase.answer, done.phrase.editor) == (State.ANSWERED, "Завтра", "ann")
    assert done.change is not None and done.phrase.edited_ms is not None
    assert (done.change.op, done.change.rx_norm, done.change.tx) == ("set", "когда доставка", "Завтра")
    with base.unit():
        row = Unsolved.get()
        assert row.status == UnsolvedStatus.PUBLISHED and row.answer_id == done.change.id == Answer.get().id
        assert (row.editor_id, row.editor_network_id) == ("ann", Network.CONSOLE)
        assert Answer.get().rx_hash == phrase.rx_hash and abs(done.phrase.edited_ms / 1000 - time.time()) < 60


def test_second_answer_is_refused_and_tells_the_first(base: Base) -> None:
    phrase = ask(base, "когда")
    unsolved_edits.answer(base, phrase, "Завтра", BOB)
    with pytest.raises(Refused, match=r"main/1 was answered by vk:5 on \d{4}-.*“Завтра”"):
        unsolved_edits.answer(base, phrase, "Никогда", ANN)
    with pytest.raises(Refused, match="answered by vk:5"):
        unsolved_edits.reject(base, phrase, ANN)
    assert [tx for _rx, tx, _author, _bot in living(base)] == ["Завтра"]


def test_of_many_who_answer_at_once_one_wins_and_the_others_are_told(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of them answer the same phrase of another bot, which an answer for every bot closes too."""
    phrases = [ask(base, "когда", 1), ask(base, "Когда?", 2)]
    told: list[str] = []
    publish, inside, crowd = unsolved_edits._publish, list[int](), threading.Event()

    def publish_in_a_crowd(*values: Any) -> Any:
        """Wait for a second one to come as far, which the lock prevents."""
        inside.append(1)
        if len(inside) > 1:
            crowd.set()
        crowd.wait(0.5)
        return publish(*values)

    def run(number: int) -> None:
        try:
            editor = Editor(str(number), Network.CONSOLE, f"local:{number}")
            unsolved_edits.answer(base, phrases[number % 2], f"ответ {number}", editor)
            told.append("won")
        except SaloError as error:
            told.append(str(error))

    monkeypatch.setattr(unsolved_edits, "_publish", publish_in_a_crowd)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = living(base)
    assert told.count("won") == 1 and sum(kept[1] in text for text in told) == 5
    with base.unit():
        assert {(row.status, row.answer) for row in Unsolved.select()} == {(UnsolvedStatus.PUBLISHED, kept[1])}


def test_own_answer_closes_the_phrase_of_that_bot_alone(base: Base) -> None:
    first, second = ask(base, "когда", 1), ask(base, "когда", 2)
    done = unsolved_edits.answer(base, first, "Завтра", ANN, own=True)
    assert done.others == 0 and living(base)[0][3] == 1
    assert unsolved.find(base, second.id).status is State.OPEN
    assert unsolved_edits.answer(base, second, "Завтра", ANN).change is not None
    assert [bot for *_rest, bot in living(base)] == [1, EVERY_BOT]


def test_answer_for_every_bot_closes_the_phrase_of_all_and_reopening_one_opens_all(base: Base) -> None:
    first, second, other = ask(base, "когда", 1), ask(base, "когда", 2), ask(base, "где", 2)
    assert unsolved_edits.answer(base, first, "Завтра", ANN).others == 1
    assert unsolved.find(base, second.id).answer == "Завтра"
    assert unsolved.find(base, other.id).status is State.OPEN
    done = unsolved_edits.reopen(base, second)
    assert (done.others, done.taken_back) == (1, "Завтра") and living(base) == []
    assert done.change is not None and done.change.op == "del"
    for phrase in (first, second):
        now = unsolved.find(base, phrase.id)
        assert (now.status, now.editor, now.answer, now.edited_ms) == (State.OPEN, "", None, None)


def test_repeat_by_the_same_editor_adds_nothing_and_tells_again(base: Base) -> None:
    phrase = ask(base, "когда")
    first = unsolved_edits.answer(base, phrase, "Завтра", ANN)
    assert unsolved_edits.answer(base, phrase, "Завтра", ANN).change == first.change
    assert len(living(base)) == 1
    with pytest.raises(Refused):
        unsolved_edits.answer(base, phrase, "Завтра", ANN, own=True)
    with pytest.raises(Refused):
        unsolved_edits.answer(base, phrase, "Завтра", BOB)


def test_answer_that_the_base_has_already_is_linked_not_doubled(base: Base) -> None:
    phrase = ask(base, "когда")
    with base.unit():
        known = Answer.create(rx="Когда", rx_norm="когда", rx_hash=phrase.rx_hash, tx="Завтра", weight=7, author="file")
    assert [item.tx for item in unsolved.known_answers(base, phrase)] == ["Завтра"]
    done = unsolved_edits.answer(base, phrase, "Завтра", ANN)
    assert done.change is not None and (done.change.id, done.change.weight) == (known.id, 7)
    assert living(base) == [("Когда", "Завтра", "file", EVERY_BOT)]


def test_answer_taken_back_may_be_given_again(base: Base) -> None:
    phrase = ask(base, "когда")
    unsolved_edits.answer(base, phrase, "Завтра", ANN)
    unsolved_edits.reopen(base, phrase)
    assert unsolved.known_answers(base, phrase) == []
    unsolved_edits.answer(base, phrase, "Завтра", BOB)
    assert [author for _rx, _tx, author, _bot in living(base)] == ["vk:5"]


def test_rejected_phrase_is_reopened_once(base: Base) -> None:
    phrase = ask(base, "когда")
    assert unsolved_edits.reject(base, phrase, BOB).phrase.status is State.REJECTED
    assert unsolved_edits.reject(base, phrase, BOB).phrase.status is State.REJECTED
    with pytest.raises(Refused, match="rejected by vk:5"):
        unsolved_edits.answer(base, phrase, "Завтра", ANN)
    done = unsolved_edits.reopen(base, phrase)
    assert done.phrase.status is State.OPEN and done.change is None
    with pytest.raises(Refused, match="open already"):
        unsolved_edits.reopen(base, phrase)


@pytest.mark.parametrize("decide", ["answer", "reject"])
def test_phrase_asked_again_is_counted_and_keeps_its_decision(base: Base, decide: str) -> None:
    phrase = ask(base, "когда")
    done = (
        unsolved_edits.answer(base, phrase, "Завтра", ANN)
        if decide == "answer"
        else unsolved_edits.reject(base, phrase, ANN)
    )
    again = ask(base, "Когда!", at_ms=AT_MS + 60_000)
    assert (again.times, again.last_ms, again.phrase) == (2, AT_MS + 60_000, "когда")
    assert (again.status, again.editor, again.answer) == (done.phrase.status, "ann", done.phrase.answer)


def test_answer_whose_commit_was_not_confirmed_is_given_once(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    phrase = ask(base, "когда")
    edits: list[Callable[[], Edited]] = [
        lambda: unsolved_edits.answer(base, phrase, "Завтра", ANN),
        lambda: unsolved_edits.reopen(base, phrase),
    ]
    for edit in edits:
        with monkeypatch.context() as patch:
            patch.setattr(base, "unit", unconfirmed_once(base))
            done = edit()
        assert done.change is not None
    assert living(base) == [] and unsolved.find(base, phrase.id).status is State.OPEN


def unconfirmed_once(base: Base) -> Callable[[], Any]:
    """Return units of which the first takes effect, but seems to have lost its connection."""
    unit, lost = base.unit, iter([True])

    @contextmanager
    def run() -> Any:
        with unit():
            yield
        if next(lost, False):
            raise StorageUnavailable("gone while committing")

    return run


def test_lists_are_newest_first_by_state_and_bot(base: Base) -> None:
    old, new = ask(base, "раз", 1, AT_MS), ask(base, "два", 2, AT_MS + 5)
    gone = ask(base, "три", 1, AT_MS + 9)
    unsolved_edits.reject(base, gone, ANN)

    def listed(wanted: Wanted, limit: int = 9) -> list[int]:
        assert unsolved.count(base, wanted) >= len(unsolved.newest(base, wanted, limit))
        return [number for _at, number in unsolved.newest(base, wanted, limit)]

    assert listed(Wanted()) == [new.id, old.id] and unsolved.count(base, Wanted()) == 2
    assert listed(Wanted(bot_id=1)) == [old.id]
    assert listed(Wanted(State.REJECTED)) == [gone.id]
    assert listed(Wanted(None)) == [gone.id, new.id, old.id] and listed(Wanted(None), 1) == [gone.id]
    assert unsolved.newest(base, Wanted(), 1) == [(AT_MS + 5, new.id)]
    assert set(unsolved.by_ids(base, [old.id, 99])) == {old.id} and unsolved.by_ids(base, []) == {}
    with pytest.raises(NotFound, match="main/99"):
        unsolved.find(base, 99)


def test_who_first_and_last_asked_is_found_in_the_history(base: Base) -> None:
    for at_ms, account in ((AT_MS, "11"), (AT_MS + 5, "12"), (AT_MS + 9, "13")):
        phrase = ask(base, "когда", at_ms=at_ms)
        with base.unit():
            History.create(bot_id=1, peer_id=7, account_id=account, event_id="e", rx="Когда", time=from_ms(at_ms))
    found = [(item.at_ms, item.account, item.text) for item in unsolved.asked(base, phrase)]
    assert found == [(AT_MS + 9, "13", "Когда"), (AT_MS, "11", "Когда")]
