"""What a sent message's ``attachment`` string becomes: objects with everything that VK's schema requires of them."""

from __future__ import annotations

import copy
import re
from typing import Any

from server.emulator.errors import VkError

STRING_MAX = 9000
_ITEM = re.compile(r"(photo|video|audio|doc|wall|market|poll)(-?\d+)_(\d+)(?:_(\w+))?")
_DATE = 1_700_000_000

# The media do not exist: only what a reader may count on is made up.
_REQUIRED: dict[str, dict[str, Any]] = {
    "photo": {"album_id": -3, "date": _DATE, "has_tags": False, "sizes": []},
    "video": {"title": "Видео", "duration": 60, "date": _DATE},
    "audio": {"artist": "Исполнитель", "title": "Песня", "duration": 60},
    "doc": {"title": "Файл", "size": 1024, "ext": "txt", "date": _DATE, "type": 1},
    "wall": {"date": _DATE, "text": ""},
    "market": {
        "title": "Товар",
        "description": "",
        "availability": 0,
        "category": {"id": 1, "name": "Разное"},
        "price": {"amount": "100", "currency": {"id": 643, "name": "RUB", "title": "₽"}, "text": "1 ₽"},
    },
    "poll": {
        "question": "Да?",
        "answers": [],
        "created": _DATE,
        "end_date": 0,
        "votes": 0,
        "can_vote": True,
        **dict.fromkeys(("multiple", "closed", "is_board", "can_edit", "can_report", "can_share"), False),
        "disable_unvote": False,
    },
}


def parse_attachments(source: str) -> list[dict[str, Any]]:
    """Return the attachments that ``<type><owner_id>_<media_id>[_<access_key>]``, comma-joined, stand for."""
    made = []
    for item in filter(None, (part.strip() for part in source.split(","))):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise VkError(100, f"attachment: {item[:40]} is not an attachment")
        kind, owner, number, access_key = match.groups()
        body = {"id": int(number), "owner_id": int(owner), **copy.deepcopy(_REQUIRED[kind])}
        made.append({"type": kind, kind: body | ({"access_key": access_key} if access_key else {})})
    return made
