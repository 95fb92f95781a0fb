"""Brings every event to both transports, callback and long poll, which may differ, lose and repeat as ordered."""

from __future__ import annotations

import random
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from server.emulator.core import Core
from server.emulator.deliveries import Deliveries
from server.emulator.envelope import message_of, peer_of
from server.emulator.log import Log
from server.emulator.longpoll import LongPolls
from server.emulator.orders import boolean, known, number, share
from server.emulator.world import CallbackServer, Community

EVENTS_MAX = 20_000  # of the log
_SHARES = ("callback_loss", "longpoll_loss", "callback_twice", "longpoll_twice")
NAMES = {"group_id", "same_ids", "seed", *_SHARES}  # of an order


@dataclass(frozen=True, slots=True)
class Twist:
    """How one community's transports differ.

    Whether VK gives an event the same ``event_id`` on both is not documented. A lost event never comes by that
    transport; one that comes ``twice`` has the same ``event_id`` both times.
    """

    same_ids: bool = True
    callback_loss: float = 0.0
    longpoll_loss: float = 0.0
    callback_twice: float = 0.0
    longpoll_twice: float = 0.0

    def copies(self, dice: random.Random, asked: int) -> tuple[int, int]:
        """Return how often an event goes to callback and to long poll; always four throws, so that a seed tells all."""
        lost = dice.random() < self.callback_loss, dice.random() < self.longpoll_loss
        twice = dice.random() < self.callback_twice, dice.random() < self.longpoll_twice
        by_callback, by_poll = (0 if gone else asked + more for gone, more in zip(lost, twice, strict=True))
        return by_callback, by_poll


class Transports:
    """Both ways to all communities; ``log`` tells of every event what became of it."""

    def __init__(self, core: Core, deliveries: Deliveries, polls: LongPolls) -> None:
        self.log = Log(EVENTS_MAX)
        self._core = core
        self._deliveries = deliveries
        self._polls = polls
        self._twists: dict[int, tuple[Twist, random.Random]] = {}

    def emit(self, community: Community, kind: str, content: Any, copies: int = 1) -> str:
        """Send an event on both ways; return its ``event_id``, callback's where the two differ.

        ``copies`` above 1 are deliberate duplicates, which VK warns of.
        """
        event_id = poll_id = secrets.token_hex(20)
        by_callback = by_poll = copies
        if community.group_id in self._twists:
            twist, dice = self._twists[community.group_id]
            by_callback, by_poll = twist.copies(dice, copies)
            poll_id = event_id if twist.same_ids else secrets.token_hex(20)
        message = message_of(content)
        self.log.add(
            {
                "group_id": community.group_id,
                "type": kind,
                "peer_id": peer_of(content),
                "conversation_message_id": message.get("conversation_message_id"),
                "event_id": event_id,
                "longpoll_event_id": poll_id,
                "lost": [name for name, times in (("callback", by_callback), ("longpoll", by_poll)) if not times],
                "callback": self._deliveries.post(community, event_id, kind, content, by_callback),
                "longpoll": self._polls.post(community, poll_id, kind, content, by_poll),
            }
        )
        return event_id

    def confirm_later(self, community: Community, server: CallbackServer) -> None:
        self._deliveries.confirm_later(community, server)

    def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """``{group_id, same_ids?, callback_loss?, longpoll_loss?, callback_twice?, longpoll_twice?, seed?}``.

        What is not named stays as it was; a ``seed`` starts the dice anew.
        """
        known(order, "transports", NAMES)
        group_id = self._core.world.community(order.get("group_id")).group_id
        twist, dice = self._twists.get(group_id) or (Twist(), random.Random(self._core.dice.random()))
        shares = {name: share(order, name, getattr(twist, name)) for name in _SHARES}
        twist = Twist(boolean(order, "same_ids", twist.same_ids), **shares)
        if "seed" in order:
            dice = random.Random(number(order, "seed", 0))
        self._twists[group_id] = (twist, dice)
        return {"group_id": group_id} | asdict(twist)
