"""A reply's parts: cut to VK's length at word borders, each with the number that makes its repeat harmless."""

from __future__ import annotations

from engine.verdict import Part
from engine.vk.random_id import derive_random_id

PART_MAX = 4096  # characters of one message: messages.send, error 914 above
PARTS_MAX = 10  # a longer answer is cut: nobody reads it, and every part costs a slot


def compose_parts(text: str, group_id: int, peer_id: int, cmid: int) -> tuple[Part, ...]:
    """Return the parts of a reply to message ``cmid`` of ``peer_id``, none for a text without anything visible."""
    pieces = split_text(text)[:PARTS_MAX]
    return tuple(Part(piece, derive_random_id(group_id, peer_id, cmid, number)) for number, piece in enumerate(pieces))


def split_text(text: str, most: int = PART_MAX) -> list[str]:
    """Return pieces of at most ``most`` characters, cut at a line's end, else between words, else anywhere.

    A piece is measured in UTF-16 units, the stricter reading of "4096 characters".
    """
    pieces = []
    rest = text.strip()
    while _units(rest) > most:
        cut = _cut(rest, most)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest] if rest else pieces


def _cut(text: str, most: int) -> int:
    """Return where to cut: at the last border in the window's second half, else at its end."""
    end = most
    while _units(text[:end]) > most:
        end -= 1 + (_units(text[:end]) - most - 1) // 2
    for border in ("\n", " "):
        at = text.rfind(border, end // 2, end + 1)
        if at > 0:
            return at
    return end


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)
