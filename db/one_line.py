"""Log records that stay one line each, whatever was typed into them: nobody writes a record of their own."""

from __future__ import annotations

import logging
import re

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def escaped(text: str) -> str:
    r"""Return a text with its line breaks and other controls as ``\n`` and ``\x1b``."""
    return _BREAKS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class OneLine(logging.Formatter):
    """Formats a record's message in one line. What Python says of an error keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escaped(record.message)
        return super().formatMessage(record)


def log_to_stderr(level: str, form: str, *, force: bool = False) -> None:
    """Let all records of this process go to stderr, each in its line."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(form))
    logging.basicConfig(level=level, handlers=[handler], force=force)
