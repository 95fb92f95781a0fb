"""A running emulator for synchronous tests: in a thread of its own, driven over HTTP as any other program would."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from server.emulator.app import Emulator
from server.emulator.tuning import Tuning


class EmulatorClient:
    """The emulator's control interface, blocking. ``url`` is what ``[vk] api_url`` takes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def order(self, path: str, body: Any) -> Any:
        """POST one order, say ``order("say", {...})``; a refusal fails the test."""
        response = self._session.post(f"{self.url}/emulator/{path}", json=body, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def read(self, path: str, **query: object) -> Any:
        response = self._session.get(
            f"{self.url}/emulator/{path}", params={k: str(v) for k, v in query.items()}, timeout=70
        )
        assert response.status_code == 200, response.text
        return response.json()

    def call(self, method: str, token: str, **params: object) -> Any:
        """Call an API method as a bot would; return the whole answer."""
        values = {"access_token": token, "v": "5.199", **params}
        return self._session.post(f"{self.url}/method/{method}", data=values, timeout=30).json()

    def community(self, group_id: int, token: str, **more: object) -> Any:
        return self.order("communities", {"group_id": group_id, "token": token, **more})

    def say(self, from_id: int, group_id: int, text: str, **more: object) -> Any:
        return self.order("say", {"from_id": from_id, "group_id": group_id, "text": text, **more})

    def sent(self, after: int = 0, **query: object) -> list[dict[str, Any]]:
        """Return what bots sent after number ``after``; ``wait=5`` holds until there is something."""
        found: list[dict[str, Any]] = self.read("sent", after=after, **query)["sent"]
        return found

    def fault(self, **fault: object) -> None:
        self.order("faults", fault)

    def clear_faults(self) -> None:
        self._session.delete(f"{self.url}/emulator/faults", timeout=30).raise_for_status()


@contextmanager
def running_emulator(**tuning: Any) -> Iterator[EmulatorClient]:
    """Run an emulator on a free port until the block ends."""
    loop = asyncio.new_event_loop()
    emulator = Emulator(tuning=Tuning().changed(tuning))
    thread = threading.Thread(target=loop.run_forever, name="emulator", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(10)
    try:
        yield EmulatorClient(emulator.url)
    finally:
        asyncio.run_coroutine_threadsafe(emulator.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
