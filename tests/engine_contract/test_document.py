"""``docs/engine-protocol.md`` names the fields that the code has, and no others."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from db.bot_config import BotConfig
from db.bots import Bot
from db.inbox import Claim, Entry, Given
from db.marks import Mark
from db.secret import Secret
from db.settings import Settings
from engine.job import Sending
from engine.sending import Draft
from engine.verdict import Match, Part, Reply, Verdict
from engine.vk.random_id import derive_random_id
from server.children import engine_environment
from server.dispatcher.composed import Composed
from server.dispatcher.jobs import answer_job, batch_job, compose_job, event_item
from server.dispatcher.pool import LINES_MAX
from server.dispatcher.saying import BYTES_PER_S
from server.dispatcher.verdicts import OUTCOMES, BadVerdict, parse_verdict
from server.engine_asks import ASKS, ERRORS, draft_of, told_mark
from server.process import child_environment

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "engine-protocol.md").read_text(encoding="utf-8")


def table(head: str, number: int = 0) -> dict[str, str]:
    """Return the rows of the table number ``number`` whose first column is called ``head``: name → the rest."""
    found = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)[number]
    rows = [row.strip("|\n ").split(" | ", 1) for row in found.splitlines()]
    return {name.strip("` "): rest for name, rest in rows}


def job() -> dict[str, Any]:
    """Return a job as the lane makes it."""
    bot = Bot("anna", 7, 123456, "main", 3, True, "Анна", "")
    config = BotConfig(1, Secret("token"), Secret("s"), Secret("c"))
    entry = Entry("1-0", "message_new", 1, 1, 1, "e", 1, 1)
    given = Given(1, b"{}", {}, "0-0")
    claim = Claim("anna", 123456, "main", 3, "value")
    return answer_job(Settings(), claim, bot, config, entry, 1, given, is_repeat=False)


def example(sign: str) -> list[dict[str, Any]]:
    return [json.loads(line[2:]) for line in DOCUMENT.splitlines() if line.startswith(f"{sign} {{")]


def test_the_fields_of_a_job_are_told() -> None:
    assert set(table("field")) == set(job()) == set(example("→")[0])
    assert set(table("field of `bot`")) == set(job()["bot"]) == set(example("→")[0]["bot"])


def test_the_jobs_for_several_messages_are_told() -> None:
    bot = Bot("anna", 7, 123456, "main", 3, True, "Анна", "")
    known = (Settings(), Claim("anna", 123456, "main", 3, "value"), bot, BotConfig(1, *[Secret("s")] * 3))
    entry = Entry("1-0", "message_new", 1, 1, 1, "e", 1, 1)
    item = event_item(entry, 1, Given(1, b"{}", {}, "0-0"), is_repeat=False)
    assert set(table("field of an item of `compose`")) == set(item)
    compose = compose_job(*known, [item], "0-0")
    assert set(compose) == set(job()) - set(item) - {"slot_in_ms"} | {"items"}
    composed = Draft("done", 101, (Part("hi", 5),), Match("hi")).as_json() | {"sent": {}}
    assert set(table("field of `composed`")) == set(composed)
    verdict = {"verdict": "done", "composed": composed}
    sending = Composed(entry, 1, {}, verdict, 1, 0, slots=parse_verdict(verdict)).sending()
    assert set(table("field of an item of `send_batch`")) == set(sending) == {one.name for one in fields(Sending)}
    batch = batch_job(*known, "batch-1", 0, [sending])
    assert set(batch) == set(job()) - {"event", "person", "repeat", "later", "accepted_ms", "base_delta"} | {"items"}


@pytest.mark.parametrize(
    "change",
    [{"outcome": "ignored"}, {"peer_id": "1"}, {"parts": []}, {"parts": [["hi"]]}, {"parts": [[1, 1]]},
     {"sent": {"x": 1}}, {"sent": {"0": "7"}}, {"quote": None}],
)  # fmt: skip
def test_a_composed_reply_that_cannot_be_sent_is_no_verdict(change: dict[str, Any]) -> None:
    composed = Draft("done", 101, (Part("hi", 5),), Match("hi")).as_json() | {"sent": {"0": None}}
    parse_verdict({"verdict": "done", "composed": composed})
    with pytest.raises(BadVerdict):
        parse_verdict({"verdict": "done", "composed": composed | change})
    with pytest.raises(BadVerdict):
        parse_verdict({"verdict": "done", "items": {}})


def test_the_fields_of_a_verdict_are_told() -> None:
    told = table("field", 1)
    assert set(told) == set(Verdict("done").as_message("1"))
    assert all(f"`{outcome}`" in told["verdict"] for outcome in OUTCOMES)
    for name, part in (("reply", Reply), ("reply", Part), ("match", Match)):
        assert all(f"`{field.name}`" in told[name] for field in fields(part)), name


def test_what_may_be_asked_is_told() -> None:
    assert set(table("ask")) == set(ASKS)
    assert set(table("error")) == set(ERRORS)
    assert set(table("field of `mark`")) == set(example("←")[1]["ask"]["mark"])
    draft = draft_of(example("←")[1]["ask"]["mark"], 101)
    assert draft.parts == (Part("И тебе привет!", derive_random_id(123456, 101, 7, 0)),)


def test_the_environment_is_told() -> None:
    settings = Settings(home=Path("/nowhere"))
    ours = engine_environment(settings).keys() - (child_environment(settings).keys() - {"SALO_HOME"})
    assert set(table("variable")) == ours


def test_the_example_and_the_numbers_are_true() -> None:
    assert parse_verdict(example("←")[-1]).outcome == "done"
    for place, number in table("of").items():
        assert derive_random_id(*map(int, place.split(":"))) == int(number)
    assert f"{LINES_MAX:,} lines" in DOCUMENT and f"{BYTES_PER_S >> 10} KiB a second" in DOCUMENT


def test_marks_are_told_as_they_are_asked() -> None:
    draft = draft_of(example("←")[1]["ask"]["mark"], 101)
    told = told_mark(Mark(draft.as_json(), 5, {0: 8}))
    assert set(told) == set(table("field of `mark`"))
    assert told["parts"] == [
        {"text": "И тебе привет!", "random_id": 1387621678, "message_id": 8, "is_sent": True},
    ]
