"""What is believed, what is kept and what is refused, decided from values alone."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.accept import Event
from db.inbox import parse_entry
from engine.message import parse_message
from server.callback.event import BadEvent, parse_envelope, parse_event
from server.callback.verify import NO_CODE, NO_SECRET, NOT_KEPT, SEAL_BROKEN, UNKNOWN_GROUP, Door, Reply, verify
from tests.server.callback_samples import GROUP, IGNORED, KEPT, REFUSED, SECRET, body, event, text_as_json
from tests.server.hostile import mutated

DOOR = Door("anna", GROUP, SECRET.encode(), b"code-anna")
DOORS = {GROUP: DOOR}


def kept(raw: bytes) -> Event:
    found = verify(GROUP, raw, DOORS)
    assert isinstance(found, Event), found
    return found


@pytest.mark.parametrize("raw", KEPT.values(), ids=KEPT)
def test_event_of_a_bots_type_is_kept(raw: bytes) -> None:
    kept(raw)


@pytest.mark.parametrize("raw", IGNORED.values(), ids=IGNORED)
def test_event_that_no_bot_handles_gets_ok_and_is_not_kept(raw: bytes) -> None:
    assert verify(GROUP, raw, DOORS) is NOT_KEPT
    assert NOT_KEPT.body == b"ok"


@pytest.mark.parametrize(("status", "raw"), REFUSED.values(), ids=REFUSED)
def test_bad_body_is_refused(status: int, raw: bytes) -> None:
    if status == 413:
        return  # decided where the body is read
    found = verify(GROUP, raw, DOORS)
    assert isinstance(found, Reply) and found.status == status


def test_kept_message_says_who_wrote_where_and_in_which_place() -> None:
    whole = event()
    found = kept(orjson.dumps(whole))
    inner = whole["object"]["message"]
    assert found == Event(
        GROUP,
        whole["event_id"],
        "message_new",
        2000000001,
        inner["conversation_message_id"],
        173308266,
        found.envelope,
    )
    del whole["secret"]
    assert orjson.loads(found.envelope) == whole


def test_button_has_no_place_among_the_messages() -> None:
    found = kept(body("message_event"))
    assert (found.peer_id, found.cmid, found.from_id) == (2000000001, 0, 5)


def test_secret_is_never_kept() -> None:
    assert SECRET.encode() not in kept(body()).envelope


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (rb'"a\ud83db"', "a\ufffdb"),
        (rb'"\ude42\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ud83d\ude42"', "\ufffd🙂"),
        (rb'"\ud83d \\ud83d \\\ud83d"', "\ufffd \\ud83d \\\ufffd"),
        (rb'"\ud83d\n\"\u0416"', '\ufffd\n"Ж'),
    ],
)
def test_half_characters_are_replaced_and_nothing_else(literal: bytes, text: str) -> None:
    found = orjson.loads(kept(text_as_json(literal)).envelope)
    assert found["object"]["message"]["text"] == text


@given(st.text(st.characters()))  # surrogates too
def test_any_text_that_can_be_written_as_json_is_kept(text: str) -> None:
    import json

    found = orjson.loads(kept(text_as_json(json.dumps(text).encode())).envelope)
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert found["object"]["message"]["text"] == paired


def test_kept_event_fits_into_a_job() -> None:
    deepest = 253
    while isinstance(verify(GROUP, text_as_json(b"[" * deepest + b"]" * deepest), DOORS), Reply):
        deepest -= 1
    envelope = orjson.loads(kept(text_as_json(b"[" * deepest + b"]" * deepest)).envelope)
    orjson.dumps({"job": [{"event": {"event": envelope}}]})
    assert deepest > 200


def test_group_without_a_bot_is_unknown() -> None:
    assert verify(102, body(), DOORS) is UNKNOWN_GROUP


def test_bot_without_a_secret_takes_no_callbacks() -> None:
    doors = {GROUP: Door("anna", GROUP, b"", b"code")}
    assert verify(GROUP, body(secret=""), doors) is NO_SECRET
    assert verify(GROUP, body(), doors) is NO_SECRET


def test_bot_whose_secret_does_not_open_puts_vk_off() -> None:
    assert verify(GROUP, body(), {GROUP: Door("anna", GROUP, None, b"")}) is SEAL_BROKEN
    assert SEAL_BROKEN.status == 503


def test_confirmation_is_answered_with_the_bots_code() -> None:
    found = verify(GROUP, orjson.dumps({"type": "confirmation", "group_id": GROUP, "secret": SECRET}), DOORS)
    assert isinstance(found, Reply) and (found.status, found.body) == (200, b"code-anna")


@pytest.mark.parametrize("code", [b"", b"remove", b"REMOVE", b"version 5.80"])
def test_words_that_vk_obeys_are_never_answered(code: bytes) -> None:
    assert verify(GROUP, body("confirmation"), {GROUP: Door("anna", GROUP, SECRET.encode(), code)}) is NO_CODE


def test_doors_do_not_show_what_they_check_with() -> None:
    assert SECRET not in repr(DOOR) and "code-anna" not in repr(DOOR)
    assert SECRET not in repr(parse_envelope(body()))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KNOWN = st.sampled_from([*event(), "message", "user_id", "peer_id", "from_id", "conversation_message_id"])


@given(
    st.dictionaries(_KNOWN, _JSON, max_size=6),
    st.dictionaries(_KNOWN, _JSON, max_size=4),
    st.sampled_from(["message_new", "message_event", "group_join", "confirmation", "x"]),
)
def test_no_shape_of_json_breaks_the_door(envelope: dict, inner: dict, kind: str) -> None:
    whole = event(kind) | envelope | ({"object": {"message": inner, **inner}} if inner else {})
    found = verify(GROUP, orjson.dumps(whole, option=orjson.OPT_NON_STR_KEYS), DOORS)
    assert isinstance(found, Event) or found.status in (200, 400, 403)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    try:
        parse_event(parse_envelope(raw))
    except BadEvent:
        return


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_hostile_event_is_refused_or_can_be_read_by_lane_and_worker(seed: int) -> None:
    raw = mutated(random.Random(seed))
    found = verify(GROUP, raw, DOORS)
    if isinstance(found, Reply):
        assert found.status in (200, 400, 403)
        return
    fields = {b"e": found.envelope, b"t": found.type.encode(), b"p": b"%d" % found.peer_id, b"a": b"1756381457000"}
    assert parse_entry(b"1-1", fields).peer_id == found.peer_id
    parse_message(orjson.loads(found.envelope))
