"""Sets a bot's callback server up at VK when ``[callback] public_url`` is known, and says how it stands.

Each look makes what is missing and leaves what is right, so that it may end anywhere and be repeated. Other people's
servers are never touched: ours has our address, or our title, our path and the bot's secret, which nobody else knows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.accept import STORED_TYPES
from db.texts import N_
from engine.tickers.desk import TickDesk
from engine.tickers.finding import Finding
from engine.vk.errors import VkError
from engine.vk.version import API_VERSION

TITLE = "salo"  # VK takes 14 letters
SERVERS_MAX = 2000  # VK's error: 10 callback servers are a community's limit
NO_RIGHT = frozenset({7, 15})
SETTLE_S = (0.3, 0.7, 1.5)  # waits for VK, which asks for the code during or just after the call
SELDOM = 10  # looks between two tries that go on failing


@dataclass(frozen=True, slots=True)
class Server:
    """One of the community's callback servers as VK lists it."""

    id: int
    url: str
    title: str
    status: str
    secret: str | None = field(repr=False)  # None: VK did not tell

    def is_at(self, url: str) -> bool:
        """Say whether events posted there come to ``url``."""
        return self.url.rstrip("/").lower() == url.rstrip("/").lower()

    def differs(self, url: str, secret: str) -> bool:
        """Say whether VK posts elsewhere, or with a secret that we refuse."""
        return not self.is_at(url) or (self.secret is not None and self.secret != secret)


def listed(answer: Any) -> list[Server]:
    """Return the servers out of ``groups.getCallbackServers``; what has another form is passed over."""
    items = answer.get("items") if isinstance(answer, dict) else None
    return list(_servers(items if isinstance(items, list) else []))


def _servers(items: Sequence[Any]) -> Iterator[Server]:
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("id"), int):
            secret = item.get("secret_key")
            url, title, status = (str(item.get(name) or "") for name in ("url", "title", "status"))
            yield Server(item["id"], url, title, status, secret if isinstance(secret, str) else None)


def ours(servers: Sequence[Server], url: str, secret: str) -> Server | None:
    """Return the server at our address, else the one that we made for an address that we had before."""
    path = url[url.rindex("/callback/") :]
    here = [one for one in servers if one.is_at(url)]
    made = [one for one in servers if one.title == TITLE and one.secret == secret]
    before = [one for one in made if one.url.endswith(path)]
    return next(iter([*here, *before]), None)


def is_try(wrong: int) -> bool:
    """Say whether to try again after ``wrong`` looks in a row that found something wrong: ever more seldom."""
    return wrong & (wrong - 1) == 0 or wrong % SELDOM == 0


def url_of(desk: TickDesk) -> str:
    """Return the address that VK is to post the bot's events to; empty when it is set up by hand."""
    public_url = desk.stores.settings.callback.public_url
    return f"{public_url.rstrip('/')}/callback/{desk.bot.group_id}" if public_url else ""


def set_up(desk: TickDesk) -> Finding:
    """Let VK post the bot's events to us, and return how that stands. Raises ``VkError``, ``VkUnavailable``."""
    url, secret = url_of(desk), desk.job.secret
    if not secret:
        return Finding("warn", N_("the bot has no callback secret: remove it and add it again"))
    try:
        return _set_up(desk, url, secret)
    except VkError as error:
        if error.code in NO_RIGHT:
            text = N_("the callback server cannot be set up, since the token may not manage the community: issue one "
                      "with that right and replace it (salo bot token {bot} --token-file FILE), or leave [callback] "
                      "public_url empty and set {url} up by hand")  # fmt: skip
            return Finding("warn", text, {"bot": desk.bot.name, "url": url})
        if error.code == SERVERS_MAX:
            text = N_("the community has as many callback servers as VK allows: delete one in its settings to make "
                      "room for {url}")  # fmt: skip
            return Finding("warn", text, {"url": url})
        raise


def _set_up(desk: TickDesk, url: str, secret: str) -> Finding:
    server = ours(_list(desk), url, secret)
    if not is_try(desk.job.wrong):
        return state_of(server, url)
    if server is not None and server.status == "ok" and not server.differs(url, secret):
        _choose(desk, server.id, 1)
        return state_of(server, url)
    placed = _place(desk, server, url, secret)
    _choose(desk, placed.id, 1)
    return state_of(_settled(desk, placed), url)


def state_of(server: Server | None, url: str) -> Finding:
    """Return what VK says of our server."""
    if server is not None and server.status == "ok" and server.is_at(url):
        return Finding("ok")
    status = server.status if server is not None else "-"
    text = N_("VK posts no events to {url} (status: {status}): see that it is reached from outside by HTTPS with a "
              "valid certificate; it is tried again by itself")  # fmt: skip
    return Finding("warn", text, {"url": url, "status": status or "-"})


def _list(desk: TickDesk) -> list[Server]:
    return listed(desk.call_vk("groups.getCallbackServers", group_id=desk.bot.group_id))


def _place(desk: TickDesk, server: Server | None, url: str, secret: str) -> Server:
    """Add our server, or put it where it should be; VK asks it for the code then, again if need be."""
    _keep_code(desk)
    where = {"group_id": desk.bot.group_id, "url": url, "secret_key": secret}
    if server is None:
        answer = desk.call_vk("groups.addCallbackServer", **where, title=TITLE)
        number = int(answer["server_id"]) if isinstance(answer, dict) and "server_id" in answer else 0
    else:
        number = server.id
        desk.call_vk("groups.editCallbackServer", **where, server_id=number, title=server.title or TITLE)
    return Server(number, url, TITLE, "wait", secret)


def _keep_code(desk: TickDesk) -> None:
    """Have the code stored that VK will ask for: it does so before the call that sets the server up has ended."""
    answer = desk.call_vk("groups.getCallbackConfirmationCode", group_id=desk.bot.group_id)
    code = str(answer.get("code") or "") if isinstance(answer, dict) else ""
    if code and code != desk.job.confirmation:
        desk.keep_code(code)


def _settled(desk: TickDesk, server: Server) -> Server:
    """Return the server as VK lists it when it has its answer, or after a while."""
    found = server
    for pause_s in SETTLE_S:
        time.sleep(pause_s)
        found = next((one for one in _list(desk) if one.id == server.id), found)
        if found.status in ("ok", "failed"):
            break
    return found


def _choose(desk: TickDesk, number: int, wanted: int) -> None:
    """Let VK post the events that we handle, or (0) no longer."""
    own = {"group_id": desk.bot.group_id, "server_id": number}
    now = desk.call_vk("groups.getCallbackSettings", **own)
    events = now.get("events") if isinstance(now, dict) else None
    chosen = events if isinstance(events, dict) else {}
    is_right = all(bool(chosen.get(name)) is bool(wanted) for name in STORED_TYPES)
    if is_right and (not wanted or now.get("api_version") == API_VERSION):
        return
    flags = dict.fromkeys(sorted(STORED_TYPES), wanted)
    desk.call_vk("groups.setCallbackSettings", **own, api_version=API_VERSION, **flags)


def switch_off(desk: TickDesk) -> None:
    """Let VK post no more events to us, since they come by long poll: our server stays, without events.

    Deleted with it would be what VK is still repeating. A token that may not look has set nothing up.
    """
    try:
        server = ours(_list(desk), url_of(desk), desk.job.secret)
        if server is not None:
            _choose(desk, server.id, 0)
    except VkError as error:
        if error.code not in NO_RIGHT:
            raise
