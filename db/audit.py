"""The audit: every command that changed something, with who ran it, from where, and how it ended. Secrets left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from db import keys
from db.protocol import PAGE_MAX

KEPT = 10_000  # records; older ones are trimmed away
TEXT_MAX = 500  # letters of one field


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One changing command. ``line`` is what could be typed again, with ``***`` for secrets."""

    who: str
    face: str
    line: str
    exit_code: int
    error: str = ""
    id: str = ""

    @property
    def at_ms(self) -> int:
        """When it ended, by Redis' clock."""
        return int(self.id.partition("-")[0] or 0)


def write(client: redis.Redis, record: AuditRecord) -> None:
    """Add one record, trimming the oldest."""
    texts = {"who": record.who, "face": record.face, "line": record.line, "error": record.error}
    fields: dict[Any, Any] = {name: text[:TEXT_MAX].encode("utf-8", "replace") for name, text in texts.items()}
    fields["exit_code"] = record.exit_code
    client.xadd(keys.AUDIT, fields, maxlen=KEPT, approximate=True)


def page(client: redis.Redis, before: str = "", size: int = 50) -> list[AuditRecord]:
    """Return up to ``size`` records, newest first, older than the record ``before`` when it is given."""
    found: Any = client.xrevrange(keys.AUDIT, f"({before}" if before else "+", "-", count=min(size, PAGE_MAX))
    return [_record(name, fields) for name, fields in found]


def _record(name: bytes, fields: dict[bytes, bytes]) -> AuditRecord:
    text = {key.decode(): value.decode("utf-8", "replace") for key, value in fields.items()}
    return AuditRecord(
        who=text.get("who", ""),
        face=text.get("face", ""),
        line=text.get("line", ""),
        exit_code=int(text.get("exit_code", 0)),
        error=text.get("error", ""),
        id=name.decode(),
    )
