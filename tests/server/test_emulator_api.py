"""How the emulator reads a call, whom it admits, and what it answers to the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.emulator.methods import METHODS
from tests.emulation import EmulatorClient, running_emulator
from tests.services import wait_until

TOKEN = "token-of-seven"


@pytest.fixture(scope="module")
def unlimited() -> Iterator[EmulatorClient]:
    """An emulator without a rate limit, with one community and one chat, shared by this module's tests."""
    with running_emulator(rate_limit=0) as emulator:
        emulator.community(7, TOKEN, screen_name="seven_bot", name="Seven")
        emulator.order("chats", {"communities": [7], "users": [1, 2], "admins": [-7]})
        emulator.say(1, 7, "привет")
        yield emulator


def error_of(answer: Any) -> tuple[int, str]:
    return answer["error"]["error_code"], answer["error"]["error_msg"]


@pytest.mark.parametrize("form", [{}, {"user_ids": "1"}])
def test_query_and_body_are_read_together(unlimited: EmulatorClient, form: dict[str, str]) -> None:
    query = {"access_token": TOKEN, "v": "5.199"} | ({} if form else {"user_ids": "1"})
    answer = requests.post(f"{unlimited.url}/method/users.get", params=query, data=form, timeout=5)
    assert answer.json()["response"][0]["id"] == 1


def test_get_multipart_and_bearer_are_read(unlimited: EmulatorClient) -> None:
    url, bearer = f"{unlimited.url}/method/utils.getServerTime", {"Authorization": f"Bearer {TOKEN}"}
    assert requests.get(url, params={"access_token": TOKEN, "v": "5.199"}, timeout=5).json()["response"] > 0
    assert requests.post(url, headers=bearer, data={"v": "5.199"}, timeout=5).json()["response"] > 0
    multipart = {"v": (None, "5.199"), "access_token": (None, TOKEN)}
    assert requests.post(url, files=multipart, timeout=5).json()["response"] > 0


def test_a_json_body_is_not_read(unlimited: EmulatorClient) -> None:
    body = {"access_token": TOKEN, "v": "5.199"}
    answer = requests.post(f"{unlimited.url}/method/utils.getServerTime", json=body, timeout=5).json()
    assert error_of(answer) == (5, "User authorization failed: no access_token passed.")


def test_refusals_have_vks_codes_and_texts(unlimited: EmulatorClient) -> None:
    assert error_of(unlimited.call("users.get", "wrong")) == (
        5,
        "User authorization failed: invalid access_token (4).",
    )
    assert error_of(unlimited.call("users.get", TOKEN, v=""))[0] == 8
    assert error_of(unlimited.call("users.Get", TOKEN)) == (3, "Unknown method passed")
    assert error_of(unlimited.call("messages.getChat", TOKEN)) == (
        27,
        "Group authorization failed: method is unavailable with group auth.",
    )
    assert error_of(unlimited.call("groups.getLongPollServer", TOKEN, group_id=7)) == (
        100,
        "One of the parameters specified was missing or invalid: longpoll for this group is not enabled.",
    )
    assert error_of(unlimited.call("users.get", TOKEN, user_ids="999"))[0] == 113


def test_an_error_echoes_the_parameters_but_not_the_token(unlimited: EmulatorClient) -> None:
    answer = unlimited.call("messages.send", TOKEN, message="текст")
    echoed = {item["key"]: item["value"] for item in answer["error"]["request_params"]}
    assert echoed == {"method": "messages.send", "oauth": "1", "v": "5.199", "message": "текст"}


def test_an_error_echoes_the_token_when_told_to() -> None:
    with running_emulator(echo_token=True) as emulator:
        emulator.community(7, TOKEN)
        assert TOKEN in str(emulator.call("messages.send", TOKEN))


def test_the_shape_of_get_by_id_depends_on_the_version(unlimited: EmulatorClient) -> None:
    assert unlimited.call("groups.getById", TOKEN, v="5.131")["response"][0]["id"] == 7
    assert unlimited.call("groups.getById", TOKEN)["response"]["groups"][0]["screen_name"] == "seven_bot"


def test_people_and_names_are_found(unlimited: EmulatorClient) -> None:
    unlimited.order("users", {"id": 41, "first_name": "Анна", "last_name": "К", "screen_name": "anna", "sex": 1})
    unlimited.order("users", {"id": 42, "first_name": "Был", "last_name": "Да", "deactivated": "deleted"})
    found = unlimited.call("users.get", TOKEN, user_ids="anna,42,id41", fields="sex,screen_name")["response"]
    assert [user["id"] for user in found] == [41, 42, 41]
    assert found[0]["sex"] == 1
    assert found[0]["screen_name"] == "anna"
    assert found[1]["deactivated"] == "deleted"
    resolved = unlimited.call("utils.resolveScreenName", TOKEN, screen_name="seven_bot")["response"]
    assert resolved == {"type": "group", "object_id": 7}


def test_the_twenty_first_call_in_a_second_is_refused_and_the_meter_shows_it() -> None:
    with running_emulator() as emulator:
        emulator.community(7, TOKEN)
        emulator.community(8, "another")
        answers = [emulator.call("utils.getServerTime", TOKEN) for _ in range(22)]
        assert ["error" in answer for answer in answers] == [False] * 20 + [True] * 2
        assert error_of(answers[-1])[0] == 6
        assert "response" in emulator.call("utils.getServerTime", "another"), "the limit is each token's own"
        assert emulator.read("rate")["tokens"]["7"] == {"total": 22, "most": 22, "refused": 2}


def test_a_refused_client_that_goes_on_asking_gets_on_when_its_second_is_over() -> None:
    with running_emulator(rate_limit=2) as emulator:
        emulator.community(7, TOKEN)
        answers: list[bool] = []

        def is_let_in_again() -> bool:
            answers.append("response" in emulator.call("utils.getServerTime", TOKEN))
            return sum(answers) > 2

        wait_until(is_let_in_again)
        assert answers[:2] == [True, True]
        assert answers.count(False) == emulator.read("rate")["tokens"]["7"]["refused"] > 0


VALUES = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "2000000001", "7", "[]", "{}", "null", '{"buttons":[[{"action":{}}]]}']),
    st.sampled_from(['{"peer_id":null,"conversation_message_ids":[[1]]}', '{"is_reply":1,"cmids":"x"}', "9" * 30]),
    st.text(max_size=20),
)
_NAMES = """
peer_id peer_ids user_id user_ids chat_id domain random_id message attachment keyboard forward reply_to
payload sticker_id template cmid cmids message_ids conversation_message_ids offset count group_id group_ids
server_id server_ids url title secret_key api_version event_id event_data fields type reaction_id member_id code
"""
NAMES = st.sampled_from(_NAMES.split())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(sorted(METHODS)), params=st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_parameters_get_an_answer_of_vks_shape(
    unlimited: EmulatorClient, method: str, params: dict[str, str]
) -> None:
    answer = unlimited.call(method, TOKEN, **params)
    assert ("response" in answer) != ("error" in answer)
