"""``/emulator/…``: the interface by which tests and the demo make people act, script faults and read what was sent.

JSON in, JSON out. A senseless order gets 400 with ``{"error": text}``. See ``ROUTES`` for all of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from db.codec import dumps, loads
from db.errors import BadJson
from server.emulator import speech
from server.emulator.core import Core, Sender
from server.emulator.deliveries import Deliveries
from server.emulator.errors import BadOrder, VkError
from server.emulator.events import EVENTS
from server.emulator.log import ENTRIES_MAX
from server.emulator.longpoll import LongPolls
from server.emulator.methods.callbacks import create_server
from server.emulator.orders import each, integers, mapping, positive, string
from server.emulator.transports import Transports
from server.emulator.world import Chat, User

PAGE_MAX = 50_000
BODY_MAX = 16 << 20
WAIT_MAX_S = 60.0
SHARE = 200  # acts of one order after which others get a turn

Query = dict[str, str]
Handler = Callable[["Control", Any, Query], Awaitable[Any]]


class Control:
    """The control interface of one emulated VK."""

    def __init__(self, core: Core, deliveries: Deliveries, polls: LongPolls, transports: Transports) -> None:
        self._core = core
        self._deliveries = deliveries
        self._polls = polls
        self._transports = transports

    async def answer(self, request: web.BaseRequest) -> web.Response:
        handler = ROUTES.get((request.method, request.path.removeprefix("/emulator").rstrip("/")))
        if handler is None:
            orders = {" ".join(route): _told(known) for route, known in ROUTES.items()}
            return _json({"error": "no such order", "known": list(orders), "orders": orders}, 404)
        try:
            body = await request.read()
            return _json(await handler(self, loads(body) if body else {}, dict(request.query)))
        except (BadOrder, BadJson) as error:
            return _json({"error": str(error)}, 400)
        except VkError as error:
            return _json({"error": error.text}, 400)

    async def overview(self, _order: Any, _query: Query) -> Any:
        """Settings, and how much of everything there is."""
        core = self._core
        outcomes: dict[str, int] = {}
        for told in self._deliveries.log.after(0, ENTRIES_MAX):
            outcomes[told["outcome"]] = outcomes.get(told["outcome"], 0) + 1
        return {
            "settings": asdict(core.tuning),
            "communities": sorted(core.world.communities),
            "users": len(core.world.users),
            "chats": len(core.world.chats),
            "sent": core.sent.last,
            "suppressed": core.suppressed,
            "deliveries": self._deliveries.log.last,
            "outcomes": outcomes,
            "calls": dict(core.calls),
        }

    async def settings(self, order: Any, _query: Query) -> Any:
        """Change any of the settings; answers all of them."""
        self._core.tuning = self._core.tuning.changed(mapping(order))
        return asdict(self._core.tuning)

    async def communities(self, order: Any, _query: Query) -> Any:
        """``{group_id, token, screen_name?, name?, confirmation?, manage?}``, or a list of them. Without ``manage``
        (the default is true) its tokens may not set up where its events are posted to.
        """
        return each(order, self._community)

    def _community(self, order: dict[str, Any]) -> dict[str, Any]:
        group_id, token = positive(order, "group_id"), string(order, "token")
        community = self._core.world.add_community(
            group_id, token, string(order, "screen_name", ""), string(order, "name", "")
        )
        community.confirmation = string(order, "confirmation", community.confirmation)
        community.may_manage = bool(order.get("manage", True))
        return {
            "group_id": group_id,
            "screen_name": community.screen_name,
            "name": community.name,
            "confirmation": community.confirmation,
        }

    async def revoke(self, order: Any, _query: Query) -> Any:
        """``{group_id, token?}``: somebody revokes a community's token, or all of them."""
        order = mapping(order)
        community = self._core.world.community(order.get("group_id"))
        return {"revoked": self._core.world.revoke(community, string(order, "token", ""))}

    async def users(self, order: Any, _query: Query) -> Any:
        """``{id, first_name, last_name, screen_name?, deactivated?, …profile fields}``, or a list of them."""
        return each(order, self._user)

    def _user(self, order: dict[str, Any]) -> dict[str, Any]:
        own = {name: string(order, name, "") for name in ("first_name", "last_name", "screen_name", "deactivated")}
        extra = {key: value for key, value in order.items() if key not in ("id", *own)}
        user = User(positive(order, "id"), **own, extra=extra)
        self._core.world.add_user(user)
        return {"id": user.id, "first_name": user.first_name, "last_name": user.last_name}

    async def chats(self, order: Any, _query: Query) -> Any:
        """``{title?, communities: […], users?: […], admins?: […]}``, or ``{chat_id, add?, remove?, admins?}``.
        With both, ``visibility`` is ``mentions`` or ``full`` (the default), for all communities or by group id.
        """
        return each(order, self._chat)

    def _chat(self, order: dict[str, Any]) -> dict[str, Any]:
        """Create or change a chat; members are ids, a community's negative."""
        world, admins = self._core.world, integers(order, "admins")
        if "chat_id" in order:
            chat = world.chat(order["chat_id"])
            for member in integers(order, "add"):
                world.join(chat, member)
            for member in integers(order, "remove"):
                chat.members.pop(member, None)
            chat.admins |= set(admins)
        else:
            communities = [world.community(number).group_id for number in integers(order, "communities")]
            members = [*integers(order, "users"), *(-number for number in communities)]
            chat = world.add_chat(string(order, "title", "Беседа"), members, admins)
        if "visibility" in order:
            _make_visible(chat, order["visibility"])
        peers = {str(community.group_id): peer_id for community, peer_id in world.listeners(chat)}
        return {"chat_id": chat.chat_id, "members": list(chat.members), "peers": peers}

    async def say(self, order: Any, _query: Query) -> Any:
        """``{from_id, text, group_id?, peer?, payload?, reply_to?, forward?, attachments?, action?, date?, raw?,
        extra?, copies?}``, or a list of them: people write, in private or in the chat ``peer``.
        """
        return await self._act(order, speech.say)

    async def press(self, order: Any, _query: Query) -> Any:
        """``{from_id, group_id, peer?, conversation_message_id?, payload?}``: a callback button is pressed."""
        return await self._act(order, speech.press)

    async def allow(self, order: Any, _query: Query) -> Any:
        """``{from_id, group_id, allowed, refusal?}``: somebody forbids or allows messages."""
        return await self._act(order, speech.deny)

    async def join(self, order: Any, _query: Query) -> Any:
        """``{from_id, group_id, joined?, join_type?, self?}``: somebody joins a community, or leaves it."""
        return await self._act(order, speech.join)

    async def event(self, order: Any, _query: Query) -> Any:
        """``{group_id, type, object?}``: any event, as it stands."""
        return await self._act(order, speech.raw_event)

    async def _act(self, order: Any, act: Callable[[Core, Sender, dict[str, Any]], Any]) -> Any:
        if not isinstance(order, list):
            return act(self._core, self._transports, mapping(order))
        made = []
        for number, item in enumerate(order, 1):
            made.append(act(self._core, self._transports, mapping(item)))
            if number % SHARE == 0:
                await asyncio.sleep(0)
        return made

    async def sent(self, _order: Any, query: Query) -> Any:
        """``?after=n&limit=m&wait=seconds``: what bots sent, oldest first; ``wait`` holds until there is something."""
        log = self._core.sent
        after, limit = _number(query, "after", 0), min(_number(query, "limit", 1000), PAGE_MAX)
        await log.wait_after(after, min(_number(query, "wait", 0), WAIT_MAX_S))
        return {"sent": log.after(after, limit), "last": log.last, "suppressed": self._core.suppressed}

    async def answers(self, _order: Any, query: Query) -> Any:
        """``?after=n&limit=m``: how bots answered pressed buttons."""
        log = self._core.answers
        after, limit = _number(query, "after", 0), min(_number(query, "limit", 1000), PAGE_MAX)
        return {"answers": log.after(after, limit), "last": log.last}

    async def deliveries(self, _order: Any, query: Query) -> Any:
        """``?after=n&limit=m&outcome=pending``: events on their way to callback servers, one entry each."""
        log, outcome = self._deliveries.log, query.get("outcome")
        after, limit = _number(query, "after", 0), min(_number(query, "limit", 1000), PAGE_MAX)
        found = log.after(after, PAGE_MAX if outcome else limit)
        if outcome:
            found = [told for told in found if told["outcome"] == outcome][:limit]
        return {"deliveries": found, "last": log.last}

    async def events(self, _order: Any, query: Query) -> Any:
        """``?after=n&limit=m``: every event, how often it went out by callback and long poll, and where it was lost."""
        log = self._transports.log
        after, limit = _number(query, "after", 0), min(_number(query, "limit", 1000), PAGE_MAX)
        return {"events": log.after(after, limit), "last": log.last}

    async def transports(self, order: Any, _query: Query) -> Any:
        """``{group_id, same_ids?, callback_loss?, longpoll_loss?, callback_twice?, longpoll_twice?, seed?}``, or a
        list: how a community's transports differ, and with which probability each loses or repeats an event.
        """
        return each(order, self._transports.order)

    async def longpoll(self, order: Any, _query: Query) -> Any:
        """``{group_id, enabled?, events?, api_version?, expire?, forget?, lose?, stall?, mute?}``, or a list: set up a
        community's long poll, or let it go wrong.
        """
        return each(order, self._polls.order)

    async def callback(self, order: Any, _query: Query) -> Any:
        """``{group_id, url, secret?, events?, api_version?, confirm?, status?}``: set up a server without the API.

        ``confirm`` false takes it for confirmed, or as ``status`` says. An existing server with this URL is changed.
        """
        order = mapping(order)
        community = self._core.world.community(order.get("group_id"))
        url, secret = string(order, "url"), string(order, "secret", "")
        server = next((item for item in community.servers.values() if item.url == url), None)
        server = server or create_server(community, url, "emulator", secret)
        server.secret_key = secret
        server.events = set(order.get("events", EVENTS))
        server.api_version = string(order, "api_version", server.api_version)
        if order.get("confirm", True):
            await self._deliveries.confirm(community, server)
        else:
            self._deliveries.settle(community, server, string(order, "status", "ok"))
        return {"server_id": server.server_id, "status": server.status, "confirmation": community.confirmation}

    async def add_faults(self, order: Any, _query: Query) -> Any:
        """``{kind, method?, peer?, group_id?, nth?, count?, probability?, code?, tail?, status?, ms?, shape?}``, or a
        list: calls (and polls, method ``a_check``) go wrong.
        """
        self._core.faults.add([mapping(item) for item in (order if isinstance(order, list) else [order])])
        return {"faults": self._core.faults.listed()}

    async def faults(self, _order: Any, _query: Query) -> Any:
        """The script, with how often each fault was met (``seen``) and acted out (``fired``)."""
        return {"faults": self._core.faults.listed()}

    async def clear_faults(self, _order: Any, _query: Query) -> Any:
        """Forget the script."""
        self._core.faults.clear()
        return {"faults": []}

    async def rate(self, _order: Any, _query: Query) -> Any:
        """By community: requests in all and by method, most in any second of one token, how many the limit refused."""
        shown: dict[str, dict[str, Any]] = {}
        for token, meter in self._core.meters.items():
            owner = self._core.world.by_token.get(token)
            if owner is None:
                continue  # revoked
            entry = shown.setdefault(str(owner.group_id), {"total": 0, "most": 0, "refused": 0, "methods": Counter()})
            entry["total"] += meter.total
            entry["refused"] += meter.refused
            entry["most"] = max(entry["most"], meter.most)
            entry["methods"] += meter.methods
        return {"tokens": shown, "limit": self._core.tuning.rate_limit}

    async def clear_rate(self, order: Any, query: Query) -> Any:
        """Count requests from here on; answers what was counted so far."""
        counted = await self.rate(order, query)
        for meter in self._core.meters.values():
            meter.forget()
        return counted


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", ""): Control.overview,
    ("POST", "/settings"): Control.settings,
    ("POST", "/communities"): Control.communities,
    ("POST", "/revoke"): Control.revoke,
    ("POST", "/users"): Control.users,
    ("POST", "/chats"): Control.chats,
    ("POST", "/say"): Control.say,
    ("POST", "/press"): Control.press,
    ("POST", "/allow"): Control.allow,
    ("POST", "/join"): Control.join,
    ("POST", "/event"): Control.event,
    ("GET", "/sent"): Control.sent,
    ("GET", "/answers"): Control.answers,
    ("GET", "/deliveries"): Control.deliveries,
    ("GET", "/events"): Control.events,
    ("POST", "/transports"): Control.transports,
    ("POST", "/longpoll"): Control.longpoll,
    ("POST", "/callback"): Control.callback,
    ("GET", "/faults"): Control.faults,
    ("POST", "/faults"): Control.add_faults,
    ("DELETE", "/faults"): Control.clear_faults,
    ("GET", "/rate"): Control.rate,
    ("DELETE", "/rate"): Control.clear_rate,
}


def _told(handler: Handler) -> str:
    """Return an order's first paragraph, in one line."""
    return " ".join((handler.__doc__ or "").partition("\n\n")[0].split())


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=dumps(value), content_type="application/json")


def _make_visible(chat: Chat, wanted: Any) -> None:
    """Set what communities see of ``chat``: one word for all of them, or one for each."""
    by_group = wanted if isinstance(wanted, dict) else {str(-item): wanted for item in chat.members if item < 0}
    for name, mode in by_group.items():
        if mode not in ("mentions", "full") or not name.isdecimal():
            raise BadOrder(f"visibility: {name} = {mode!r}, must be mentions or full, by group id or for all")
        (chat.mentions_only.add if mode == "mentions" else chat.mentions_only.discard)(int(name))


def _number(query: Query, name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isdecimal():
        raise BadOrder(f"{name} = {value}, must be a whole number")
    return int(value)
