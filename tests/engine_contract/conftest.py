"""Fixtures of the contract: a room with our engine's storage, an emulator as VK, and both engines as players."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulation import EmulatorClient, running_emulator
from tests.engine.bench import GROUP, TOKEN, Bench, open_room
from tests.engine.conftest import storage_tables  # noqa: F401
from tests.engine_contract.players import (
    OTHER_GROUP,
    OTHER_TOKEN,
    WHOLE,
    Asks,
    Player,
    our_player,
    perl_player,
    why_no_perl,
)
from tests.services import RedisService


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorClient]:
    with running_emulator(rate_limit=0) as running:
        running.community(GROUP, TOKEN, screen_name="anna_bot")
        running.community(OTHER_GROUP, OTHER_TOKEN, screen_name="boris_bot")
        yield running


@pytest.fixture(scope="module")
def bench(
    redis_service: RedisService,
    emulator: EmulatorClient,
    storage_tables: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """One bench for all tests: they talk in conversations of their own."""
    redis_service.client().flushall()
    with open_room(tmp_path_factory.mktemp("room"), storage_tables, emulator.url) as room:
        bench = room.bench(redis_service.client())
        bench.learn(
            ("Привет", "И тебе привет!"),
            ("длинно", "а" * 4096 + "б" * 100),
            ("как меня зовут", "{user_name}"),
            ("скажи всё", WHOLE),
        )
        yield bench


@pytest.fixture(scope="module")
def asks(bench: Bench, emulator: EmulatorClient) -> Iterator[Asks]:
    with Asks.of(bench, emulator) as asks:
        yield asks


@pytest.fixture(scope="module", params=["ours", "perl"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine that the contract is kept by."""
    if request.param == "perl" and (reason := why_no_perl()):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture(scope="module")
def player(engine: str, bench: Bench, asks: Asks) -> Iterator[Player]:
    """A worker that many tests share."""
    with start(engine, bench, asks) as player:
        yield player


@pytest.fixture
def fresh(engine: str, bench: Bench, asks: Asks) -> Iterator[Player]:
    """A worker of this test alone: it will end."""
    with start(engine, bench, asks) as player:
        yield player


def start(engine: str, bench: Bench, asks: Asks) -> Player:
    """Return a new worker of an engine."""
    return our_player(bench, asks) if engine == "ours" else perl_player(bench, asks)
