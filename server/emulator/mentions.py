"""What VK makes of the mentions that people type: ``@name`` becomes ``[club1|@name]``, unknown names stay."""

from __future__ import annotations

import re

from server.emulator.world import World

# A ready mention is matched first, so that nothing inside it is touched again.
_TYPED = re.compile(r"\[[^\[\]|]+\|[^\[\]]*\]|(?<![\w@])[@*]([A-Za-z][\w.]*)(?:\s\(([^()]{1,100})\))?")
_BY_ID = re.compile(r"(club|public|event|id)(\d+)")


def resolve_mentions(text: str, world: World) -> str:
    """Return ``text`` with every typed mention of somebody known in VK's own form."""
    if "@" not in text and "*" not in text:
        return text
    return _TYPED.sub(lambda match: _resolved(match, world), text)


def _resolved(match: re.Match[str], world: World) -> str:
    name = match[1]
    if name is None:
        return match[0]
    found = world.names.get(name.lower()) or _by_id(name, world)
    if found is None:
        return match[0]
    return f"[{found[0]}{found[1]}|{match[2] or '@' + name}]"


def _by_id(name: str, world: World) -> tuple[str, int] | None:
    match = _BY_ID.fullmatch(name)
    if match is None:
        return None
    kind, number = match[1], int(match[2])
    known = number in (world.users if kind == "id" else world.communities)
    return (kind, number) if known else None
