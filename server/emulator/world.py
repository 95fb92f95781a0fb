"""Who exists in the emulated VK: people, communities, chats, and the threads of messages between them.

Only state and its numbering rules; what may be done with it is decided by the methods and by ``speech``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from server.emulator.errors import BadOrder
from server.emulator.history import LongPoll

CHAT_PEER_BASE = 2_000_000_000
CHAT_ID_MAX = 100_000_000
MESSAGES_KEPT = 200  # of one thread; an older one cannot be fetched, replied to or edited
PRESSES_KEPT = 1000  # unanswered button presses of one community


def is_chat_peer(peer_id: int) -> bool:
    """Tell a chat from a user: new user ids lie above the chats' range."""
    return CHAT_PEER_BASE < peer_id <= CHAT_PEER_BASE + CHAT_ID_MAX


@dataclass(slots=True)
class User:
    """A person. ``extra`` holds profile fields that ``users.get`` gives on request."""

    id: int
    first_name: str
    last_name: str
    screen_name: str = ""
    deactivated: str = ""  # "deleted" or "banned"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Remembered:
    """What one ``random_id`` made, for as long as VK remembers it."""

    at: float
    conversation_message_id: int
    message_id: int
    entry: dict[str, Any]  # the log entry, whose duplicates are counted


@dataclass(slots=True)
class Thread:
    """The numbered messages with one peer: the counter is shared by all who take part."""

    last_cmid: int = 0
    kept: dict[int, dict[str, Any]] = field(default_factory=dict)
    memory: dict[tuple[int, int], Remembered] = field(default_factory=dict)  # (group_id, random_id)

    def add(self, message: dict[str, Any]) -> int:
        """Give ``message`` the next number and keep it; the oldest kept one is forgotten."""
        self.last_cmid += 1
        message["conversation_message_id"] = self.last_cmid
        self.kept[self.last_cmid] = message
        if len(self.kept) > MESSAGES_KEPT:
            del self.kept[next(iter(self.kept))]
        return self.last_cmid


@dataclass(slots=True)
class Dialog:
    """A private conversation of one community with one user. ``refusal`` is the error a send gets, if any."""

    thread: Thread = field(default_factory=Thread)
    allowed: bool = False
    refusal: int = 0


@dataclass(slots=True)
class Chat:
    """A group chat. Its own id is the emulator's; each community knows it by another number.

    Communities in ``mentions_only`` get only messages that mention them or begin with ``/``.
    """

    chat_id: int
    title: str
    members: dict[int, float] = field(default_factory=dict)  # member id -> joined at; communities are negative
    admins: set[int] = field(default_factory=set)
    owner: int = 0
    mentions_only: set[int] = field(default_factory=set)  # group ids
    thread: Thread = field(default_factory=Thread)


@dataclass(slots=True)
class CallbackServer:
    """One address that a community's events are posted to."""

    server_id: int
    url: str
    title: str
    secret_key: str
    status: str = "unconfigured"  # unconfigured, wait, failed, ok
    errors: int = 0  # in a row
    suspended: bool = False  # failed because of them
    suspensions: int = 0
    api_version: str = "5.199"
    events: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Community:
    """A community: what its token opens, its dialogs and its chats by its own numbers."""

    group_id: int
    screen_name: str
    name: str
    tokens: set[str]
    confirmation: str = field(default_factory=lambda: secrets.token_hex(4))
    may_manage: bool = True  # its tokens have that right
    servers: dict[int, CallbackServer] = field(default_factory=dict)
    next_server_id: int = 1
    long_poll: LongPoll = field(default_factory=LongPoll)
    joined: dict[int, bool] = field(default_factory=dict)  # user id -> is a member, for those who joined or left
    dialogs: dict[int, Dialog] = field(default_factory=dict)
    chat_of_peer: dict[int, Chat] = field(default_factory=dict)
    peer_of_chat: dict[int, int] = field(default_factory=dict)
    presses: dict[str, tuple[int, int]] = field(default_factory=dict)  # event_id -> (user_id, peer_id)
    last_message_id: int = 0
    version: int = 10_000_000

    def next_version(self) -> int:
        self.version += 1
        return self.version

    def next_message_id(self) -> int:
        self.last_message_id += 1
        return self.last_message_id

    def dialog(self, user_id: int) -> Dialog:
        found = self.dialogs.get(user_id)
        if found is None:
            found = self.dialogs[user_id] = Dialog()
        return found

    def thread(self, peer_id: int) -> Thread | None:
        """Return the thread that this community knows as ``peer_id``, if it takes part in it."""
        if is_chat_peer(peer_id):
            chat = self.chat_of_peer.get(peer_id)
            return chat.thread if chat and -self.group_id in chat.members else None
        dialog = self.dialogs.get(peer_id)
        return dialog.thread if dialog else None


@dataclass(slots=True)
class World:
    """Everything that exists, by id, by token and by screen name."""

    users: dict[int, User] = field(default_factory=dict)
    communities: dict[int, Community] = field(default_factory=dict)
    chats: dict[int, Chat] = field(default_factory=dict)
    by_token: dict[str, Community] = field(default_factory=dict)
    names: dict[str, tuple[str, int]] = field(default_factory=dict)  # screen name -> ("club" or "id", id)

    def add_community(self, group_id: int, token: str, screen_name: str = "", name: str = "") -> Community:
        """Create a community, or give an existing one another token and names."""
        owner = self.by_token.get(token)
        if owner is not None and owner.group_id != group_id:
            raise BadOrder(f"token: belongs to community {owner.group_id} already; give each its own")
        found = self.communities.get(group_id)
        if found is None:
            screen = screen_name or f"club{group_id}"
            found = Community(group_id, screen, name or f"Community {group_id}", set())
            self.communities[group_id] = found
        found.tokens.add(token)
        self.by_token[token] = found
        found.screen_name, found.name = screen_name or found.screen_name, name or found.name
        self.names[found.screen_name.lower()] = ("club", group_id)
        return found

    def revoke(self, community: Community, token: str = "") -> int:
        """Make a community's token worthless, or all of its tokens; return how many those were."""
        gone = community.tokens & {token} if token else set(community.tokens)
        community.tokens -= gone
        for one in gone:
            del self.by_token[one]
        return len(gone)

    def community(self, group_id: object) -> Community:
        if isinstance(group_id, int) and group_id in self.communities:
            return self.communities[group_id]
        raise BadOrder(f"group_id = {group_id!r} is not known; create it with POST /emulator/communities")

    def add_user(self, user: User) -> User:
        self.users[user.id] = user
        if user.screen_name:
            self.names[user.screen_name.lower()] = ("id", user.id)
        return user

    def user(self, user_id: int) -> User:
        """Return a user, created with plain names when nobody introduced them."""
        return self.users.get(user_id) or self.add_user(User(user_id, "Имя", f"Фамилия{user_id}"))

    def chat(self, chat_id: object) -> Chat:
        if isinstance(chat_id, int) and chat_id in self.chats:
            return self.chats[chat_id]
        raise BadOrder(f"chat {chat_id!r} is not known; create it with POST /emulator/chats")

    def add_chat(self, title: str, members: list[int], admins: list[int]) -> Chat:
        chat = Chat(len(self.chats) + 1, title)
        self.chats[chat.chat_id] = chat
        chat.owner = next((member for member in members if member > 0), 0)
        chat.admins = {chat.owner, *admins}
        for member in members:
            self.join(chat, member)
        return chat

    def join(self, chat: Chat, member: int) -> None:
        """Let ``member`` in. A community gives the chat the next of its own numbers."""
        chat.members.setdefault(member, time.time())
        if member > 0:
            self.user(member)
            return
        community = self.community(-member)
        if chat.chat_id not in community.peer_of_chat:
            peer_id = CHAT_PEER_BASE + len(community.peer_of_chat) + 1
            community.peer_of_chat[chat.chat_id] = peer_id
            community.chat_of_peer[peer_id] = chat

    def listeners(self, chat: Chat) -> Iterator[tuple[Community, int]]:
        """Yield each community in ``chat`` with the chat's ``peer_id`` there."""
        for member in chat.members:
            if member < 0:
                community = self.communities[-member]
                yield community, community.peer_of_chat[chat.chat_id]
