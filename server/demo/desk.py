"""The emulator as the demo and the system tests use it: one method for each order of its control interface."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import aiohttp

from db.codec import dumps, loads
from db.errors import SaloError

API_VERSION = "5.199"
EVENTS = ("message_new", "message_event", "message_allow", "message_deny", "group_join", "group_leave")


class DeskRefused(SaloError):
    """The emulator, or VK's API that it stands for, refused an order."""


class Desk:
    """A client of a running emulator; ``async with`` opens and closes its connections."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Desk:
        timeout = aiohttp.ClientTimeout(total=60)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def order(self, path: str, body: Any) -> Any:
        """Post ``body`` to ``/emulator<path>`` and return the answer."""
        async with self._session.post(f"{self.url}/emulator{path}", data=dumps(body)) as answer:
            return self._checked(path, answer.status, await answer.read())

    async def read(self, path: str, **query: Any) -> Any:
        """Get ``/emulator<path>``."""
        async with self._session.get(f"{self.url}/emulator{path}", params=query) as answer:
            return self._checked(path, answer.status, await answer.read())

    async def call(self, method: str, token: str, **values: Any) -> Any:
        """Call a method of VK's API as a community does."""
        form = {**values, "access_token": token, "v": API_VERSION}
        async with self._session.post(f"{self.url}/method/{method}", data=form) as answer:
            found = loads(await answer.read())
        if "error" in found:
            raise DeskRefused(f"{method}: {found['error']['error_code']} {found['error']['error_msg']}")
        return found["response"]

    async def set_up_callback(self, group_id: int, token: str, url: str, secret: str) -> None:
        """Let a community's events go to ``url``, the way an administrator does it through the API."""
        place = {"url": url, "title": "salo", "secret_key": secret}
        made = await self.call("groups.addCallbackServer", token, group_id=group_id, **place)
        chosen = {"server_id": made["server_id"], "api_version": API_VERSION, **dict.fromkeys(EVENTS, 1)}
        await self.call("groups.setCallbackSettings", token, group_id=group_id, **chosen)

    @staticmethod
    def _checked(path: str, status: int, body: bytes) -> Any:
        if status != 200:
            raise DeskRefused(f"emulator: {path} answered {status}: {body[:200].decode(errors='replace')}")
        return loads(body)
