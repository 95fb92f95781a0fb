"""What is sent instead of a message that VK refuses for its form: without the part that offends, or in pieces. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.reply import PART_MAX, split_text
from engine.vk.errors import VkError
from engine.vk.random_id import derive_random_id
from engine.vk.table import Action

PIECE_MAX = PART_MAX // 2  # of a message that VK finds too long though it should not be


def mended(values: Mapping[str, Any], error: VkError, group_id: int) -> list[dict[str, Any]]:
    """Return the calls of ``messages.send`` to make in place of the one that failed; none when nothing helps.

    Pieces have numbers of their own, derived from that of the whole, so that their repeat is as harmless as its.
    """
    meaning = error.meaning
    if meaning.action is Action.PLAIN:
        left = {name: value for name, value in values.items() if name not in meaning.leaves_out}
        return [left] if len(left) < len(values) else []
    if meaning.action is Action.SPLIT:
        return _pieces(values, group_id)
    return []


def _pieces(values: Mapping[str, Any], group_id: int) -> list[dict[str, Any]]:
    pieces = split_text(str(values.get("message", "")), PIECE_MAX)
    if len(pieces) < 2:
        return []
    peer = int(values.get("peer_id") or values.get("peer_ids") or 0)
    calls = [dict(values) for _ in pieces]
    for number, (call, piece) in enumerate(zip(calls, pieces, strict=True)):
        call["message"] = piece
        call["random_id"] = derive_random_id(group_id, peer, int(values["random_id"]), number + 1)
        for name in ("forward", "reply_to") if number else ():
            call.pop(name, None)
        for name in ("keyboard", "attachment", "template") if number < len(pieces) - 1 else ():
            call.pop(name, None)
    return calls
