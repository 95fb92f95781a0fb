"""The script of faults: which calls go wrong, and how. Choosing is pure; the HTTP side acts it out."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, fields
from typing import Any

from server.emulator.errors import BadOrder, VkError
from server.emulator.world import CHAT_PEER_BASE

FAULTS_MAX = 1000
KINDS = ("error", "captcha", "http", "hang", "reset_before", "reset_after", "slow")
REDIRECT = "https://id.vk.ru/not_robot_captcha?domain=vk.com&session_token=emulated&variant=popup"


@dataclass(slots=True)
class Fault:
    """One line of the script. It fires on matching calls number ``nth`` to ``nth + count - 1``, by ``probability``.

    ``kind``: ``error`` (with ``code``), ``captcha`` (``shape`` new, old or both), ``http`` (a ``status`` with an HTML
    page), ``hang`` (never answers), ``reset_before`` and ``reset_after`` (cuts the connection before or after the
    method took effect), ``slow`` (acts after ``ms``). The ``method`` ``a_check`` is a poll of long poll; there an
    ``error`` of ``code`` 1 to 4 is ``failed``.
    """

    kind: str
    method: str = ""  # empty = every method
    peer: int = 0  # 0 = every peer
    group_id: int = 0  # 0 = every community
    nth: int = 1
    count: int = 1  # 0 = for ever
    probability: float = 1.0
    code: int = 10
    tail: str = ""
    status: int = 502
    ms: int = 1000
    shape: str = "both"
    seen: int = 0  # matching calls so far
    fired: int = 0

    def matches(self, method: str, peers: set[str], group_id: int) -> bool:
        return (
            self.method in ("", method)
            and (self.peer == 0 or str(self.peer) in peers)
            and self.group_id in (0, group_id)
        )

    def fires(self, dice: random.Random) -> bool:
        """Count one matching call and tell whether it goes wrong."""
        self.seen += 1
        if self.seen < self.nth or (self.count and self.fired >= self.count):
            return False
        if self.probability < 1.0 and dice.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def error(self) -> VkError:
        """Return what ``error`` and ``captcha`` answer."""
        return _captcha(self.shape) if self.kind == "captcha" else VkError(self.code, self.tail)


class Faults:
    """All faults in the order in which they were scripted; the first that fires wins."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, orders: list[dict[str, Any]]) -> None:
        """Append faults; raises ``BadOrder`` and appends none when one makes no sense."""
        made = [_fault(order) for order in orders]
        if len(self._faults) + len(made) > FAULTS_MAX:
            raise BadOrder(f"faults: more than {FAULTS_MAX}; clear the old ones with DELETE /emulator/faults")
        self._faults.extend(made)

    def clear(self) -> None:
        self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]

    def pick(
        self, method: str, params: dict[str, str], group_id: int, dice: random.Random, *, named: bool = False
    ) -> Fault | None:
        """Return the fault that this call meets, if any; ``named`` passes over faults of every method."""
        if not self._faults:
            return None
        peers = {params.get("peer_id", ""), params.get("user_id", ""), *params.get("peer_ids", "").split(",")}
        if params.get("chat_id", "").isdecimal():
            peers.add(str(CHAT_PEER_BASE + int(params["chat_id"])))
        for fault in self._faults:
            if (fault.method or not named) and fault.matches(method, peers, group_id) and fault.fires(dice):
                return fault
        return None


def _fault(order: dict[str, Any]) -> Fault:
    own = {field.name: field.type for field in fields(Fault) if field.name not in ("seen", "fired")}
    for name, value in order.items():
        if name not in own:
            raise BadOrder(f"faults: {name} is not known; known: {', '.join(own)}")
        expected: Any = {"str": str, "int": int, "float": (int, float)}[str(own[name])]
        if not isinstance(value, expected) or isinstance(value, bool):
            raise BadOrder(f"faults: {name} = {value!r}, must be {own[name]}")
    if order.get("kind") not in KINDS:
        raise BadOrder(f"faults: kind = {order.get('kind')!r}, must be one of {', '.join(KINDS)}")
    if order.get("shape", "both") not in ("new", "old", "both"):
        raise BadOrder(f"faults: shape = {order['shape']!r}, must be new, old or both")
    return Fault(**order)


def _captcha(shape: str) -> VkError:
    """Error 14: the new shape has a redirect and no ``captcha_sid``, the old one the reverse; real ones carry both."""
    extra: dict[str, Any] = {}
    if shape in ("new", "both"):
        extra |= {"redirect_uri": REDIRECT, "remixstlid": 13}
    if shape in ("old", "both"):
        extra |= {
            "captcha_sid": "604170134178",
            "captcha_img": "https://api.vk.ru/captcha.php?sid=604170134178&source=check_user_action",
            "captcha_ts": 1756381457.015,
            "captcha_attempt": 1,
            "captcha_ratio": 2.6,
            "is_refresh_enabled": True,
            "is_sound_captcha_available": True,
        }
    return VkError(14, **extra)
