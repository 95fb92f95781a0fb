"""VK as a recorder: what it was asked for, when, and what people see. It keeps VK's rule of ``random_id``."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.simulation.world import World

SAME_S, SAME_MESSAGES = 3600, 100  # a random_id counts once within both, per dialog (vk/FACTS.md 7.2)


@dataclass(frozen=True)
class Seen:
    """One message of a bot that people see."""

    at_s: float
    group_id: int
    peer_id: int
    random_id: int
    text: str


class Recorder:
    """``take`` is VK's side of one request."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.seen: list[Seen] = []
        self.repeats = 0
        self.requests: dict[int, list[tuple[float, bool]]] = {}  # group -> when, by whose right
        self._dialogs: dict[tuple[int, int], deque[tuple[float, int, int]]] = {}

    def people_wrote(self, group_id: int, peer_id: int) -> None:
        """Let a person's message stand in a dialog."""
        self._dialog(group_id, peer_id).append((self._world.now_s, 0, 0))

    def take(self, group_id: int, method: str, values: dict[str, Any], *, honest: bool) -> Any:
        """Return the answer to one request. ``honest``: its job holds the lane at this moment."""
        self._count(group_id, honest)
        if method == "users.get":
            return [{"first_name": "Anna", "last_name": "K"}]
        return self._send(group_id, values) if method == "messages.send" else 1

    def take_all(self, group_id: int, calls: list[dict[str, Any]], refused: list[int], *, honest: bool) -> list[Any]:
        """Return the answers to the sends of one ``execute``, ``False`` where ``refused`` has a code."""
        self._count(group_id, honest)
        pairs = zip(calls, refused, strict=True)
        return [False if code else self._send(group_id, call) for call, code in pairs]

    def _count(self, group_id: int, honest: bool) -> None:
        self.requests.setdefault(group_id, []).append((self._world.now_s, honest))

    def _send(self, group_id: int, values: dict[str, Any]) -> Any:
        peer_id = values.get("peer_id") or values["peer_ids"]
        number = self._post(group_id, peer_id, values["random_id"], values["message"])
        if "peer_ids" not in values:
            return number
        return [{"peer_id": peer_id, "message_id": 0, "conversation_message_id": number}]

    def _post(self, group_id: int, peer_id: int, random_id: int, text: str) -> int:
        dialog, now_s = self._dialog(group_id, peer_id), self._world.now_s
        for at_s, known, number in dialog:
            if known == random_id and now_s - at_s < SAME_S:
                self.repeats += 1
                return number
        self.seen.append(Seen(now_s, group_id, peer_id, random_id, text))
        dialog.append((now_s, random_id, 1000 + len(self.seen)))
        return 1000 + len(self.seen)

    def _dialog(self, group_id: int, peer_id: int) -> deque[tuple[float, int, int]]:
        return self._dialogs.setdefault((group_id, peer_id), deque(maxlen=SAME_MESSAGES))
