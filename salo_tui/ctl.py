"""``salo ctl``: one command line, run in the running platform, printed, and over."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from db.codec import dumps
from db.protocol import CommandResult
from db.settings import Settings
from salo_tui.client import Client


def run(settings: Settings, words: Sequence[str], *, as_json: bool = False, role: str | None = None) -> int:
    """Run the line that ``words`` make and return its exit code. Raises ``SaloError``."""
    result = asyncio.run(_command(settings, line_of(words), role))
    if as_json:
        sys.stdout.buffer.write(dumps(result.data) + b"\n")
    elif result.text:
        print(result.text)
    return result.exit_code


async def _command(settings: Settings, line: str, role: str | None) -> CommandResult:
    async with await Client.connect(settings.state) as client:
        return await client.command(line, role=role)


def line_of(words: Sequence[str]) -> str:
    """Return the line of a shell's words: what the shell kept together in one word stays so."""
    return words[0] if len(words) == 1 else " ".join(map(_word, words))


def _word(word: str) -> str:
    plain = word and not any(letter.isspace() for letter in word) and word[0] not in "\"'«“"
    return word if plain else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
